"""Cancelling a reservation: its driver's instant is kept, the lot is told as soon as it answers, the refund follows.

The wish is stored before the lot is asked, and the row is due until the lot has answered: it waits behind a payment
that is under way, survives a restart, and ends with the window, when there is nothing left to give back but money.
What the driver wished in time counts, also where the lot took them for a no-show meanwhile. Only a car that came in is
stronger: the lot refuses, and the wish is dropped.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlmodel import Session, col, select

from cloud_sync.central import answers, lease, tickets
from cloud_sync.central.booking import State
from cloud_sync.central.database import Database
from cloud_sync.central.hubs import Hubs
from cloud_sync.central.recovery import DRIVER
from cloud_sync.central.saga import ENDED
from cloud_sync.central.settlement import Settlement, is_cancelled
from cloud_sync.central.tables import Booking, Payment, ReservationCopy
from cloud_sync.link.clock import Clock
from cloud_sync.link.v1.messages import CancelAnswer, CancelRequest
from cloud_sync.link.v1.wire import utc
from domain import reservation as rights
from domain.errors import NotFound, Refused, TryLater
from domain.reservation import Status

log = logging.getLogger(__name__)

_ALREADY_ENDED_AS = f"reservation_{Status.NO_SHOW.value}"
"""The hub's refusal of a wish that came in time, and reached it after it had given the spot up."""


@dataclass(frozen=True, slots=True)
class _Wish:
    lot_id: str
    requested_at: datetime


class Cancellations:
    """Ends reservations at their driver's wish."""

    def __init__(
        self,
        database: Database,
        *,
        hubs: Hubs,
        settlement: Settlement,
        clock: Clock,
        refund_queued: Callable[[], None],
    ) -> None:
        self._database = database
        self._hubs = hubs
        self._settlement = settlement
        self._clock = clock
        self._refund_queued = refund_queued

    def request(self, reservation_id: str) -> None:
        """Write the wish down: the row is due from now on. Does nothing where that was done, or it is cancelled.

        Raises NotFound for what was not booked here, Refused once the window has begun and where the reservation has
        ended otherwise.
        """
        now = self._clock().utc
        with self._database.transaction() as session:
            booking = session.get(Booking, reservation_id, with_for_update=True)
            reservation = session.get(ReservationCopy, reservation_id)
            if reservation is None or booking is None:
                raise NotFound("reservation_unknown", "there is no such reservation")
            status = Status(reservation.status)
            if booking.state == State.CANCELLING.value or is_cancelled(booking, status):
                return
            rights.step(status, rights.Step.CANCEL)
            if now >= reservation.start_time:
                raise Refused("window_started", "a reservation can be cancelled until it starts")
            booking.state, booking.cancel_refusal = State.CANCELLING.value, None
            booking.cancel_requested_at = utc(now)
            lease.go_on(booking, now)

    def refusal(self, reservation_id: str) -> Refused | None:
        """Why the last wish came to nothing; none where it did not, or is not decided."""
        with self._database.reading() as session:
            code = session.get_one(Booking, reservation_id).cancel_refusal
        return None if code is None else Refused(code, "the lot no longer cancels this reservation; see its status")

    async def work(self, reservation_id: str) -> None:
        """Ask the lot once, if it is time to; without an answer it is asked again later."""
        owner = uuid4().hex
        wish = await asyncio.to_thread(self._take, reservation_id, owner)
        if wish is None:
            self._refund_queued()  # the window may have ended
            return
        request = CancelRequest(reservation_id=reservation_id, cause=DRIVER, requested_at=wish.requested_at)
        try:
            answer = await self._hubs.ask(wish.lot_id, "cancel", request, CancelAnswer)
        except TryLater as error:
            log.info("cancel.in_doubt", extra={"reservation": reservation_id, "why": error.code})
            await asyncio.to_thread(self._rest, reservation_id, owner)
        except Refused as error:
            log.info("cancel.refused", extra={"reservation": reservation_id, "why": error.code})
            await asyncio.to_thread(self._refused, reservation_id, owner, error.code)
        else:
            await asyncio.to_thread(self._cancelled, reservation_id, owner, answer)
        self._refund_queued()

    def _take(self, reservation_id: str, owner: str) -> _Wish | None:
        """What to ask the hub for; none where it is another's turn, or a payment's, or it is too late to ask."""
        now = self._clock().utc
        with self._database.transaction() as session:
            booking = lease.take(session, Booking, reservation_id, owner, now)
            if booking is None:
                return None
            if booking.state != State.CANCELLING.value:
                lease.go_on(booking, now)  # it is due for something else by now
                return None
            assert booking.cancel_requested_at is not None, "a wish has its instant"
            if now >= booking.end_time:
                self._end(session, booking, now)
                return None
            if _is_paying(session, reservation_id):
                lease.rest(booking, now)  # the payment's end hurries it
                return None
            return _Wish(booking.lot_id, booking.cancel_requested_at)

    def _rest(self, reservation_id: str, owner: str) -> None:
        with self._database.transaction() as session:
            booking = lease.keep(session, Booking, reservation_id, owner)
            if booking is not None:
                lease.rest(booking, self._clock().utc)

    def _refused(self, reservation_id: str, owner: str, code: str) -> None:
        now = self._clock().utc
        with self._database.transaction() as session:
            booking = lease.keep(session, Booking, reservation_id, owner)
            if booking is None:
                return
            if code in (_ALREADY_ENDED_AS, tickets.FORGOTTEN):  # nothing is left to cancel; the money follows
                self._end(session, booking, now)
                return
            booking.state, booking.cancel_requested_at, booking.cancel_refusal = State.HELD.value, None, code
            lease.finish(booking)
            tickets.hurry_if_stale(booking, now)  # it was not fetched while the wish was pending
            session.flush()
            self._settlement.settle(session, reservation_id, now)

    def _cancelled(self, reservation_id: str, owner: str, answer: CancelAnswer) -> None:
        now = self._clock().utc
        with self._database.transaction() as session:
            booking = lease.keep(session, Booking, reservation_id, owner)
            if booking is None:
                return
            answers.keep(session, answer.fact)
            answers.changed(session, reservation_id, Status.CANCELLED, answer.revision, now)
            self._end(session, booking, now)

    def _end(self, session: Session, booking: Booking, now: datetime) -> None:
        booking.state = State.CANCELLED.value
        lease.finish(booking)
        session.flush()
        self._settlement.settle(session, booking.reservation_id, now)


def _is_paying(session: Session, reservation_id: str) -> bool:
    ended = [step.value for step in ENDED]
    found = select(Payment).where(Payment.reservation_id == reservation_id, col(Payment.step).not_in(ended))
    return session.exec(found).first() is not None
