"""Taking back what central has lost: its database was restored from a backup, or is new.

What a booking is, its lot's hub tells in its facts, and the provider with the payment for it; the ticket is fetched
anew. What was paid is put together in `books.py`. Central's own log to a lot comes back from its hub: it says what was
paid, and where that has changed since, the hub is told how it is now. What the lot promises is in the configuration.

Accounts, vehicles, and a wish to cancel that no hub has heard of yet, are nowhere else.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from cloud_sync.central import lease, ledger, tickets
from cloud_sync.central.bank import Booked
from cloud_sync.central.booking import UNANSWERED, State
from cloud_sync.central.database import Database
from cloud_sync.central.journal import Journal
from cloud_sync.central.payment import tell_of
from cloud_sync.central.tables import Booking, Payment
from cloud_sync.link.clock import Clock
from cloud_sync.link.v1.facts import PaymentChanged, ReservationChanged
from domain.fact import Fact
from domain.money import Money
from domain.reservation import Status

DRIVER = "driver"
"""The cause of a hub's fact that its driver's wish to cancel led to."""

_GIVEN_UP = (*UNANSWERED, State.RELEASED.value)
"""States of a booking that what it was promised is stronger than: a release does nothing to that."""


class Recovery:
    """Takes back facts of central's own, of one lot."""

    def __init__(self, database: Database, journal: Journal, clock: Clock) -> None:
        self._database = database
        self._journal = journal
        self._clock = clock

    def take_back(self, facts: Sequence[Fact]) -> None:
        """Take `facts` back into the log; those that are known do nothing.

        Of those that cannot go back, because the log has gone on, the hub is told how it is now.
        """
        with self._database.transaction() as session:
            _, strays = self._journal.take_back(facts)
            told = {fact.payload.get("reservation_id"): fact for fact in strays if fact.kind == PaymentChanged.kind}
            for reservation_id, last in told.items():
                self._tell(session, reservation_id, last)

    def _tell(self, session: Session, reservation_id: object, last: Fact) -> None:
        payment = ledger.paid_for(session, str(reservation_id), lock=False)
        if payment is None:  # the provider has not answered yet
            self._journal.repeat(last)
        else:
            tell_of(session, self._journal, payment, self._clock())


def booked(session: Session, known: Booked, at: datetime) -> Booking:
    """The row of a booking that only the provider knows of."""
    booking = _row(known, known.lot_id, at)
    session.add(booking)
    session.flush()
    return booking


def paid(booking: Booking, now: datetime) -> None:
    """The provider knows that this booking was paid for: it is held, and has a ticket."""
    _is_held(booking, _GIVEN_UP)
    if booking.ticket is None:
        tickets.was_lost(booking, now)


def told(session: Session, said: ReservationChanged, lot_id: str, at: datetime, now: datetime) -> None:
    """The lot's hub tells of a reservation at `at`: what central has lost of it is made good. Before copies are."""
    booking = session.get(Booking, said.reservation_id, with_for_update=True)
    if booking is None:
        forgotten = _row(said, lot_id, at)
        if said.ticket_revision is not None:
            tickets.was_lost(forgotten, now)
        booking = _added(session, forgotten)
    if said.status is Status.HELD:
        _is_held(booking, (State.ASKED.value,))  # as good as the answer, which may be late, or lost with a disk
    elif said.status not in (Status.EXPIRED, Status.CANCELLED):
        _is_held(booking, _GIVEN_UP)
    if said.cause == DRIVER and booking.cancel_requested_at is None:
        booking.state, booking.cancel_requested_at = State.CANCELLED.value, said.cancel_requested_at
        lease.finish(booking)


def _row(known: Booked | ReservationChanged, lot_id: str, at: datetime) -> Booking:
    return Booking(
        reservation_id=known.reservation_id,
        lot_id=lot_id,
        user_id=known.user_id,
        vehicle_id=known.vehicle_id,
        spot_id=known.spot_id,
        start_time=known.start_time,
        end_time=known.end_time,
        state=State.HELD.value,
        asked_at=at,
    )


def _added(session: Session, booking: Booking) -> Booking:
    try:
        with session.begin_nested():
            session.add(booking)
    except IntegrityError:  # another process has found it in the provider's record just now
        return session.get_one(Booking, booking.reservation_id, with_for_update=True)
    return booking


def completed(session: Session, said: ReservationChanged) -> ReservationChanged:
    """The lot knows a reservation from its ticket only: who booked it, and for how much, is known here, or nowhere."""
    booking = session.get_one(Booking, said.reservation_id)
    payments = (
        select(Payment).where(Payment.reservation_id == said.reservation_id).order_by(col(Payment.attempt).desc())
    )
    payment = session.exec(payments.limit(1)).first()
    price = said.price if payment is None else Money(payment.amount_minor, payment.currency)
    whose = {"user_id": booking.user_id, "vehicle_id": booking.vehicle_id}
    return said.model_copy(update={**whose, "price": price})


def _is_held(booking: Booking, until_now: Collection[str]) -> None:
    if booking.state in until_now:
        booking.state = State.HELD.value
        lease.finish(booking)
