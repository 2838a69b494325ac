"""A booking that was paid for and that its lot has forgotten: hub and central have lost it both.

Central knows it from the payment provider (`books.py`). The gates may still have it, and give it back to their hub; so
may its driver, who comes with the ticket. Where neither has come in time the spot is asked for anew, under the same
id; where that is not to be had, or nobody knows any more for which car, all of the money goes back.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

from sqlmodel import Session

from cloud_sync.central import answers, ledger
from cloud_sync.central.database import Database
from cloud_sync.central.hubs import Hubs
from cloud_sync.central.settlement import Settlement
from cloud_sync.central.tables import Booking, ReservationCopy, User, Vehicle
from cloud_sync.central.vehicles import Vehicles
from cloud_sync.link.clock import Clock
from cloud_sync.link.v1.messages import HoldAnswer, HoldRequest
from cloud_sync.link.v1.wire import utc
from domain.errors import Refused
from domain.money import Money
from domain.reservation import Status
from domain.spot import VehicleType

log = logging.getLogger(__name__)

LOST = "lost"
"""The cause of a cancellation by the lot: it has forgotten the booking, and cannot keep it any more."""


class Rebookings:
    """Books again what a lot has forgotten."""

    def __init__(
        self,
        database: Database,
        *,
        hubs: Hubs,
        vehicles: Vehicles,
        settlement: Settlement,
        answer_s: float,
        clock: Clock,
        refund_queued: Callable[[], None],
    ) -> None:
        self._database = database
        self._hubs = hubs
        self._vehicles = vehicles
        self._settlement = settlement
        self._answer = timedelta(seconds=answer_s)
        self._clock = clock
        self._refund_queued = refund_queued

    async def again(self, reservation_id: str) -> bool:
        """Ask the lot for the spot once more; whether it keeps it. If not, the money goes back. Raises TryLater."""
        request = await asyncio.to_thread(self._request, reservation_id)
        why = "vehicle_lost"
        if request is not None:
            try:
                await self._hubs.ask(request.spot_id.partition(".")[0], "hold", request, HoldAnswer)
            except Refused as refused:
                why = refused.code
            else:
                log.warning("booking.again", extra={"reservation": reservation_id})
                return True
        log.error("booking.lost", extra={"reservation": reservation_id, "why": why})
        await asyncio.to_thread(self._give_up, reservation_id)
        self._refund_queued()
        return False

    def _request(self, reservation_id: str) -> HoldRequest | None:
        """The same hold as before; none where it is not known for which car."""
        with self._database.reading() as session:
            booking = session.get_one(Booking, reservation_id)
            user, vehicle = session.get(User, booking.user_id), session.get(Vehicle, booking.vehicle_id)
            if user is None or vehicle is None:
                return None
            return HoldRequest(
                reservation_id=reservation_id,
                spot_id=booking.spot_id,
                user_id=user.user_id,
                vehicle_id=vehicle.vehicle_id,
                driver_name=user.name,
                vehicle_type=VehicleType(vehicle.vehicle_type),
                plate=self._vehicles.plate_for(booking.lot_id, vehicle),
                start_time=booking.start_time,
                end_time=booking.end_time,
                price=_price(session, reservation_id),
                answer_by=utc(self._clock().utc + self._answer),
            )

    def _give_up(self, reservation_id: str) -> None:
        now = self._clock().utc
        with self._database.transaction() as session:
            booking = session.get_one(Booking, reservation_id, with_for_update=True)
            known = session.get(ReservationCopy, reservation_id)
            if known is not None and Status(known.status) not in (Status.HELD, Status.CONFIRMED):
                return  # its money was settled by what the lot told of it
            given_up = answers.copy_of(booking, Status.CANCELLED, _price(session, reservation_id), LOST, now)
            given_up.revision, given_up.created_at = 0 if known is None else known.revision, booking.asked_at
            session.merge(given_up)
            session.flush()
            self._settlement.settle(session, reservation_id, now)


def _price(session: Session, reservation_id: str) -> Money:
    payment = ledger.paid_for(session, reservation_id, lock=False)
    assert payment is not None, "only what was paid for is booked again"
    return Money(payment.amount_minor, payment.currency)
