"""What is still to be done about a booking, by its row: the one that works on it is found here."""

import asyncio
from collections.abc import Callable
from enum import Enum
from uuid import uuid4

from cloud_sync.central import lease, tickets
from cloud_sync.central.booking import UNANSWERED, Bookings, State
from cloud_sync.central.cancellation import Cancellations
from cloud_sync.central.database import Database
from cloud_sync.central.settlement import Settlement
from cloud_sync.central.tables import Booking
from cloud_sync.central.tickets import Tickets
from cloud_sync.link.clock import Clock


class Deed(Enum):
    RELEASE = "release"  # give up a hold whose answer was lost
    CANCEL = "cancel"  # bring the driver's wish to the lot
    TICKET = "ticket"  # fetch a new ticket for the new spot
    SETTLE = "settle"  # the window has ended: what waited for facts is settled without them


def deed(booking: Booking) -> Deed:
    """What a row that is due is due for."""
    if booking.state in UNANSWERED:
        return Deed.RELEASE
    if booking.state == State.CANCELLING.value:
        return Deed.CANCEL
    if booking.state == State.HELD.value and tickets.is_stale(booking):
        return Deed.TICKET
    return Deed.SETTLE


class FollowUp:
    """Works on bookings that are due."""

    def __init__(
        self,
        database: Database,
        *,
        bookings: Bookings,
        cancellations: Cancellations,
        renewals: Tickets,
        settlement: Settlement,
        clock: Clock,
        refund_queued: Callable[[], None],
    ) -> None:
        self._database = database
        self._bookings = bookings
        self._cancellations = cancellations
        self._renewals = renewals
        self._settlement = settlement
        self._clock = clock
        self._refund_queued = refund_queued

    async def work(self, reservation_id: str) -> None:
        """Do what the row is due for, once; it takes the row's lease."""
        booking = await asyncio.to_thread(self._look, reservation_id)
        if booking is None:
            return
        match deed(booking):
            case Deed.RELEASE:
                await self._bookings.work(reservation_id, booking.lot_id)
            case Deed.CANCEL:
                await self._cancellations.work(reservation_id)
            case Deed.TICKET:
                await self._renewals.work(reservation_id)
            case Deed.SETTLE:
                await asyncio.to_thread(self._settle, reservation_id)
                self._refund_queued()

    def _look(self, reservation_id: str) -> Booking | None:
        with self._database.reading() as session:
            return session.get(Booking, reservation_id)

    def _settle(self, reservation_id: str) -> None:
        now = self._clock().utc
        with self._database.transaction() as session:
            booking = lease.take(session, Booking, reservation_id, uuid4().hex, now)
            if booking is None:
                return
            if deed(booking) is not Deed.SETTLE:
                lease.go_on(booking, now)
            else:
                lease.finish(booking)
                self._settlement.settle(session, reservation_id, now)
