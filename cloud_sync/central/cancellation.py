"""Cancelling a reservation: the driver's instant is kept, the hub is asked, the refund follows from its answer."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from cloud_sync.central import answers
from cloud_sync.central.database import Database
from cloud_sync.central.hubs import Hubs, hub_offline
from cloud_sync.central.saga import ENDED
from cloud_sync.central.settlement import Settlement
from cloud_sync.central.tables import Booking, Payment, ReservationCopy
from cloud_sync.link.clock import Clock
from cloud_sync.link.v1.messages import CancelAnswer, CancelRequest
from cloud_sync.link.v1.wire import utc
from domain import reservation as rights
from domain.errors import NotFound, Refused
from domain.reservation import Status

DRIVER = "driver"
"""The cause that the hub is told."""


@dataclass(frozen=True, slots=True)
class _Plan:
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

    async def cancel(self, reservation_id: str) -> None:
        """Give the spot back and queue what is to be refunded. Does nothing where it is cancelled already.

        Raises Refused once the window has begun, while a payment is under way, and where the reservation has ended
        otherwise; TryLater where the hub cannot be reached. The instant of the first try counts.
        """
        plan = await asyncio.to_thread(self._plan, reservation_id)
        if plan is None:
            return
        requested_at = await asyncio.to_thread(self._remember, reservation_id, plan.requested_at)
        if not self._hubs.online(plan.lot_id):
            raise hub_offline(plan.lot_id)
        request = CancelRequest(reservation_id=reservation_id, cause=DRIVER, requested_at=requested_at)
        try:
            answer = await self._hubs.ask(plan.lot_id, "cancel", request, CancelAnswer)
        except Refused:
            await asyncio.to_thread(self._forget, reservation_id)
            raise
        await asyncio.to_thread(self._cancelled, reservation_id, answer)
        self._refund_queued()

    def _plan(self, reservation_id: str) -> _Plan | None:
        now = self._clock().utc
        with self._database.reading() as session:
            reservation = session.get(ReservationCopy, reservation_id)
            if reservation is None or session.get(Booking, reservation_id) is None:
                raise NotFound("reservation_unknown", "there is no such reservation")
            if Status(reservation.status) is Status.CANCELLED:
                return None
            rights.step(Status(reservation.status), rights.Step.CANCEL)
            if now >= reservation.start_time:
                raise Refused("window_started", "a reservation can be cancelled until it starts")
            if _is_paying(session, reservation_id):
                raise Refused("payment_processing", "a payment is under way; cancel when it is decided")
            return _Plan(reservation.lot_id, utc(now))

    def _remember(self, reservation_id: str, now: datetime) -> datetime:
        with self._database.transaction() as session:
            booking = session.get_one(Booking, reservation_id, with_for_update=True)
            booking.cancel_requested_at = booking.cancel_requested_at or now
            return booking.cancel_requested_at

    def _forget(self, reservation_id: str) -> None:
        with self._database.transaction() as session:
            session.get_one(Booking, reservation_id, with_for_update=True).cancel_requested_at = None

    def _cancelled(self, reservation_id: str, answer: CancelAnswer) -> None:
        now = self._clock().utc
        with self._database.transaction() as session:
            answers.changed(session, reservation_id, Status.CANCELLED, answer.revision, now)
            session.flush()
            self._settlement.settle(session, reservation_id, now)


def _is_paying(session: Session, reservation_id: str) -> bool:
    ended = [step.value for step in ENDED]
    found = select(Payment).where(Payment.reservation_id == reservation_id, col(Payment.step).not_in(ended))
    return session.exec(found).first() is not None
