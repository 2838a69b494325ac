"""Drivers' vehicles: one for each plate, sealed with central's key, and with a lot's for its hub."""

import pytest
from sqlmodel import select

from cloud_sync.central.database import Database
from cloud_sync.central.tables import User, Vehicle
from cloud_sync.central.vehicles import Vehicles
from cloud_sync.link.seal import Seal
from domain.errors import NotFound
from domain.plate import Plate
from domain.spot import VehicleType
from tests.cloud_sync.central.street import LOT
from tests.parts import NOON, still

OWN, LOTS = Seal(bytes(32)), {LOT: Seal(bytes([1] * 32)), "hillside": Seal(bytes([2] * 32))}
PLATE = Plate.parse("B-GH 1234")


@pytest.fixture
def vehicles(database: Database) -> Vehicles:
    with database.transaction() as session:
        for name in ("usr_1", "usr_2"):
            session.add(User(user_id=name, email=name, name=name, password_hash="", role="driver", created_at=NOON))
    return Vehicles(database, OWN, LOTS, still())


def test_one_plate_is_one_vehicle_of_a_driver_and_has_the_last_type(database: Database, vehicles: Vehicles) -> None:
    first = vehicles.add("usr_1", PLATE, VehicleType.SUV)
    again = vehicles.add("usr_1", Plate.parse("bgh1234"), VehicleType.EV)
    assert again.vehicle_id == first.vehicle_id
    others = vehicles.add("usr_2", PLATE, VehicleType.SUV)
    vehicles.add("usr_1", Plate.parse("B-GH 1235"), VehicleType.COMPACT)
    with database.reading() as session:
        kept = {row.vehicle_id: (row.user_id, row.vehicle_type) for row in session.exec(select(Vehicle))}
    assert kept[first.vehicle_id] == ("usr_1", "ev")
    assert kept[others.vehicle_id] == ("usr_2", "suv")
    assert len(kept) == 3


def test_each_lot_gets_the_plate_in_a_seal_of_its_own(vehicles: Vehicles) -> None:
    vehicle = vehicles.add("usr_1", PLATE, VehicleType.SUV)
    sealed = {lot: vehicles.plate_for(lot, vehicle) for lot in LOTS}
    assert {lot: seal.open(sealed[lot]) for lot, seal in LOTS.items()} == dict.fromkeys(LOTS, PLATE)
    marks = {vehicle.plate_mark, *(plate.mark for plate in sealed.values())}
    assert len(marks) == 3, "by its mark nobody finds a plate of one lot in another's database"
    assert vehicles.masked(vehicle) == PLATE.masked


def test_a_vehicle_is_its_owners(database: Database, vehicles: Vehicles) -> None:
    vehicle = vehicles.add("usr_1", PLATE, VehicleType.SUV)
    with database.reading() as session:
        assert vehicles.owned(session, "usr_1", vehicle.vehicle_id).vehicle_id == vehicle.vehicle_id
        for user_id, vehicle_id in (("usr_2", vehicle.vehicle_id), ("usr_1", "veh_unknown")):
            with pytest.raises(NotFound):
                vehicles.owned(session, user_id, vehicle_id)


def test_nobody_has_no_vehicle(database: Database, vehicles: Vehicles) -> None:
    with pytest.raises(NotFound):
        vehicles.add("usr_unknown", PLATE, VehicleType.SUV)
    with database.reading() as session:
        assert session.exec(select(Vehicle)).all() == []
