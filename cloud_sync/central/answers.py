"""What a hub's answers already say of a reservation, written into central's copy ahead of the facts.

The facts have the last word: each carries a revision, and one that is not older than the copy overwrites it.
"""

from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from cloud_sync.central.tables import AnsweredFact, Booking, CursorRow, ReservationCopy
from cloud_sync.link.v1.messages import WireFact
from domain.money import Money
from domain.reservation import Status


def keep(session: Session, fact: WireFact | None) -> None:
    """Keep the fact that came with an answer until the hub's log has come to it: then its disk may be lost."""
    if fact is None:
        return
    cursor = session.get(CursorRow, fact.unit)
    if cursor is None or (fact.epoch, fact.seq) > (cursor.epoch, cursor.seq):
        session.merge(AnsweredFact(unit=fact.unit, epoch=fact.epoch, seq=fact.seq, fact=fact.model_dump_json()))


def held(session: Session, booking: Booking, price: Money, hold_expires_at: datetime, now: datetime) -> None:
    """The hub keeps the spot. Does nothing where the fact was quicker than the answer."""
    if session.get(ReservationCopy, booking.reservation_id) is not None:
        return
    copy = copy_of(booking, Status.HELD, price, "held", now)
    copy.hold_expires_at = hold_expires_at
    try:
        with session.begin_nested():
            session.add(copy)
    except IntegrityError:
        return  # the fact came in between, through another process


def copy_of(booking: Booking, status: Status, price: Money, cause: str, now: datetime) -> ReservationCopy:
    """What is known of a booking of which no fact has told."""
    return ReservationCopy(
        reservation_id=booking.reservation_id,
        revision=0,
        lot_id=booking.lot_id,
        status=status.value,
        spot_id=booking.spot_id,
        user_id=booking.user_id,
        vehicle_id=booking.vehicle_id,
        start_time=booking.start_time,
        end_time=booking.end_time,
        price_minor=price.amount_minor,
        currency=price.currency,
        cause=cause,
        changed_at=now,
        created_at=now,
    )


def changed(session: Session, reservation_id: str, status: Status, revision: int, now: datetime) -> None:
    """The hub has stepped the reservation on. Does nothing where the copy is as new already."""
    copy = session.get(ReservationCopy, reservation_id, with_for_update=True, populate_existing=True)
    if copy is None or copy.revision >= revision:
        return
    copy.status, copy.revision, copy.changed_at = status.value, revision, now
    copy.hold_expires_at = None
