"""Central's copy of the tickets that hubs sign, and fetching a new one when the lot has moved a booking.

A ticket names a spot. Once the hub tells of another spot, the old ticket is not shown any more; the hub's answer to the
same confirm is the new one.
"""

import asyncio
import logging
from datetime import datetime
from uuid import uuid4

from sqlmodel import Session

from cloud_sync.central import answers, lease
from cloud_sync.central.booking import State
from cloud_sync.central.database import Database
from cloud_sync.central.hubs import Hubs
from cloud_sync.central.rebooking import Rebookings
from cloud_sync.central.tables import Booking
from cloud_sync.link.clock import Clock
from cloud_sync.link.v1.messages import ConfirmAnswer, ConfirmRequest
from domain.errors import Refused, TryLater

log = logging.getLogger(__name__)


FORGOTTEN = "reservation_unknown"
"""The hub's answer to what it has lost, or never heard of."""

FORGOTTEN_TRIES_MAX = 12
"""How often a hub is asked for the ticket of a booking that it has forgotten until the spot is asked for anew: it may
still get it back from its gates. Some minutes (`lease.rest`)."""

LOST = -1
"""The revision of a ticket that was signed and that central has lost."""


def is_stale(booking: Booking) -> bool:
    """Whether the ticket that central has is for a spot that the booking has left, or was lost."""
    is_signed = booking.ticket is not None or booking.ticket_revision == LOST
    return is_signed and booking.ticket_revision < booking.ticket_revision_min


def was_lost(booking: Booking, now: datetime) -> None:
    """There is a ticket, and it is not here: have it fetched."""
    booking.ticket_revision = LOST
    hurry_if_stale(booking, now)


def take_in(booking: Booking, confirmed: ConfirmAnswer, now: datetime) -> None:
    """Keep the hub's ticket, unless a newer one is there already."""
    if booking.ticket is None or confirmed.revision >= booking.ticket_revision:
        booking.ticket, booking.ticket_revision = confirmed.ticket, confirmed.revision
    hurry_if_stale(booking, now)


def moved(session: Session, reservation_id: str, spot_id: str, revision: int, now: datetime) -> None:
    """The lot has given the booking another spot by this revision: an older ticket is worth nothing."""
    booking = session.get(Booking, reservation_id, with_for_update=True)
    if booking is not None and revision > booking.ticket_revision_min:
        booking.spot_id, booking.ticket_revision_min = spot_id, revision
        hurry_if_stale(booking, now)


def hurry_if_stale(booking: Booking, now: datetime) -> None:
    """Have a new ticket fetched at once where that is needed; not while a wish to cancel is pending."""
    if booking.state == State.HELD.value and is_stale(booking):
        lease.go_on(booking, now)


class Tickets:
    """Fetches new tickets for bookings that were moved."""

    def __init__(self, database: Database, hubs: Hubs, rebookings: Rebookings, clock: Clock) -> None:
        self._database = database
        self._hubs = hubs
        self._rebookings = rebookings
        self._clock = clock

    async def work(self, reservation_id: str) -> None:
        """Ask the hub once for the current ticket; without an answer it is asked again, until the window ends."""
        owner = uuid4().hex
        booking = await asyncio.to_thread(self._take, reservation_id, owner)
        if booking is None:
            return
        confirmed: ConfirmAnswer | None = None
        try:
            request = ConfirmRequest(reservation_id=reservation_id)
            confirmed = await self._hubs.ask(booking.lot_id, "confirm", request, ConfirmAnswer)
        except TryLater as error:
            log.info("ticket.in_doubt", extra={"reservation": reservation_id, "why": error.code})
            await asyncio.to_thread(self._rest, reservation_id, owner)
        except Refused as error:
            log.info("ticket.refused", extra={"reservation": reservation_id, "why": error.code})
            await self._refused(booking, owner, error.code)
        else:
            await asyncio.to_thread(self._store, reservation_id, owner, confirmed)

    async def _refused(self, booking: Booking, owner: str, code: str) -> None:
        """There is no ticket to be had; of a booking that the lot has forgotten there may be yet."""
        reservation_id = booking.reservation_id
        if code != FORGOTTEN or booking.ticket is not None:
            await asyncio.to_thread(self._store, reservation_id, owner, None)
        elif self._may_be_remembered(booking) or await self._is_booked_again(reservation_id):
            await asyncio.to_thread(self._rest, reservation_id, owner)
        else:
            await asyncio.to_thread(self._store, reservation_id, owner, None)

    def _may_be_remembered(self, booking: Booking) -> bool:
        return booking.tries < FORGOTTEN_TRIES_MAX and self._clock().utc < booking.end_time

    async def _is_booked_again(self, reservation_id: str) -> bool:
        try:
            return await self._rebookings.again(reservation_id)
        except TryLater:
            return True  # perhaps: the next try finds out

    def _take(self, reservation_id: str, owner: str) -> Booking | None:
        now = self._clock().utc
        with self._database.transaction() as session:
            booking = lease.take(session, Booking, reservation_id, owner, now)
            if booking is None:
                return None
            if booking.state != State.HELD.value or not is_stale(booking):
                lease.go_on(booking, now)  # it is due for something else by now
                return None
            return booking

    def _store(self, reservation_id: str, owner: str, confirmed: ConfirmAnswer | None) -> None:
        now = self._clock().utc
        with self._database.transaction() as session:
            booking = lease.keep(session, Booking, reservation_id, owner)
            if booking is None:
                return
            lease.finish(booking)
            if confirmed is not None:
                answers.keep(session, confirmed.fact)
                take_in(booking, confirmed, now)
                if is_stale(booking):  # the hub answers with an older one: not at once again
                    _rest(booking, now)

    def _rest(self, reservation_id: str, owner: str) -> None:
        now = self._clock().utc
        with self._database.transaction() as session:
            booking = lease.keep(session, Booking, reservation_id, owner)
            if booking is not None:
                _rest(booking, now)


def _rest(booking: Booking, now: datetime) -> None:
    lease.rest(booking, now)
    if now >= booking.end_time and booking.ticket_revision != LOST:  # no gate would take it
        lease.finish(booking)
