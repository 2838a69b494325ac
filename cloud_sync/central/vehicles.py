"""Drivers' vehicles. A plate is open in memory only: sealed with central's key at rest, with the lot's for its hub."""

from collections.abc import Mapping
from uuid import uuid4

from sqlmodel import Session, select

from cloud_sync.central.database import Database
from cloud_sync.central.tables import User, Vehicle
from cloud_sync.link.clock import Clock
from cloud_sync.link.seal import Seal
from domain.errors import NotFound
from domain.plate import Plate, SealedPlate
from domain.spot import VehicleType


class Vehicles:
    """Keeps vehicles, and seals their plates for the lots."""

    def __init__(self, database: Database, own: Seal, lots: Mapping[str, Seal], clock: Clock) -> None:
        self._database = database
        self._own = own
        self._lots = lots
        self._clock = clock

    def add(self, user_id: str, plate: Plate, vehicle_type: VehicleType) -> Vehicle:
        """The driver's vehicle with this plate; it is one vehicle however often it is added, and has the last type.

        Raises NotFound for an unknown user.
        """
        sealed = self._own.seal(plate)
        with self._database.transaction() as session:
            if session.get(User, user_id, with_for_update=True) is None:
                raise NotFound("user_unknown", "there is no such user")
            known = select(Vehicle).where(Vehicle.user_id == user_id, Vehicle.plate_mark == sealed.mark)
            vehicle = session.exec(known).first() or Vehicle(
                vehicle_id=f"veh_{uuid4().hex}",
                user_id=user_id,
                vehicle_type=vehicle_type.value,
                plate_box=sealed.box,
                plate_mark=sealed.mark,
                created_at=self._clock().utc,
            )
            vehicle.vehicle_type = vehicle_type.value
            session.add(vehicle)
        return vehicle

    def owned(self, session: Session, user_id: str, vehicle_id: str) -> Vehicle:
        """Raises NotFound for one that is not this user's."""
        vehicle = session.get(Vehicle, vehicle_id)
        if vehicle is None or vehicle.user_id != user_id:
            raise NotFound("vehicle_unknown", "there is no such vehicle")
        return vehicle

    def plate_for(self, lot_id: str, vehicle: Vehicle) -> SealedPlate:
        """The vehicle's plate, sealed with the key of a lot."""
        return self.sealed_for(lot_id, self._open(vehicle))

    def sealed_for(self, lot_id: str, plate: Plate) -> SealedPlate:
        """A plate, sealed with the key of a lot."""
        return self._lots[lot_id].seal(plate)

    def named(self, session: Session, user_id: str, plate: Plate) -> Vehicle:
        """This user's vehicle with this plate. Raises NotFound where they have none."""
        known = select(Vehicle).where(Vehicle.user_id == user_id, Vehicle.plate_mark == self._own.mark(plate))
        vehicle = session.exec(known).first()
        if vehicle is None:
            raise NotFound("vehicle_unknown", "there is no such vehicle")
        return vehicle

    def masked(self, vehicle: Vehicle) -> str:
        """The plate as its owner is shown it."""
        return self._open(vehicle).masked

    def _open(self, vehicle: Vehicle) -> Plate:
        return self._own.open(SealedPlate(vehicle.plate_box, vehicle.plate_mark))
