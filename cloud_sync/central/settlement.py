"""What is owed back once a reservation has ended: it was cancelled, or its car left early.

Decided from the rows alone, so that it does not matter which comes first, the end of the reservation or the capture
of its money: after each of them `settle` is called, in the same transaction, and the ledger takes each cause once.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlmodel import Session, col, select

from cloud_sync.central.ledger import Kind, queue_refund
from cloud_sync.central.saga import Step
from cloud_sync.central.tables import Booking, Payment, ReservationCopy, StayCopy
from domain.money import Money
from domain.policy import Policy, cancel_refund, early_exit_refund
from domain.reservation import Status
from domain.window import Window

UNPAID = "unpaid"
"""The cause that central itself cancels with when the money cannot be had."""


class Settlement:
    """Settles reservations by the policy of their lot."""

    def __init__(self, policies: Mapping[str, Policy]) -> None:
        self._policies = policies

    def settle(self, session: Session, reservation_id: str, now: datetime) -> None:
        """Queue the refund that a paid reservation is owed by now, if any."""
        paid = select(Payment).where(Payment.reservation_id == reservation_id, Payment.step == Step.PAID.value)
        payment = session.exec(paid.with_for_update()).first()
        reservation = session.get(ReservationCopy, reservation_id)
        if payment is None or reservation is None:
            return
        policy = self._policies[payment.lot_id]
        money = Money(payment.captured_minor, payment.currency)
        window = Window(reservation.start_time, reservation.end_time)
        if Status(reservation.status) is Status.CANCELLED:
            owed = _after_cancel(session, reservation, money, window, policy)
            queue_refund(session, payment, owed, now, kind=Kind.CANCEL)
        elif (left_at := _left_at(session, reservation_id)) is not None:
            owed = early_exit_refund(money, window, left_at, policy)
            queue_refund(session, payment, owed, now, kind=Kind.EARLY_EXIT)


def _after_cancel(session: Session, reservation: ReservationCopy, paid: Money, window: Window, policy: Policy) -> Money:
    booking = session.get(Booking, reservation.reservation_id)
    if booking is not None and booking.cancel_requested_at is not None:
        return cancel_refund(paid, window, booking.cancel_requested_at, policy)
    return Money(0, paid.currency) if reservation.cause == UNPAID else paid  # the lot's doing: all of it


def _left_at(session: Session, reservation_id: str) -> datetime | None:
    """When the car left whose stay agrees with the reservation."""
    found = select(StayCopy.left_at).where(
        StayCopy.reservation_id == reservation_id, col(StayCopy.conflict).is_(None), col(StayCopy.left_at).is_not(None)
    )
    return session.exec(found).first()
