"""What is owed once a reservation has ended: to the driver, or by them.

Decided from the rows alone (`dues.py`), so that it does not matter which comes first, the end of the reservation or
the capture of its money: after each of them `settle` is called, in the same transaction. A decision is a total; what
of it was not moved yet is queued, with a cause that the ledger takes once.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from cloud_sync.central import lease, ledger
from cloud_sync.central.booking import State
from cloud_sync.central.dues import Case, Ending, Kind, Visit, Withdrawal, dues, waits_for_the_end
from cloud_sync.central.ledger import MovementState
from cloud_sync.central.saga import Step
from cloud_sync.central.tables import Booking, Movement, Payment, ReservationCopy, StayCopy, WithdrawalCopy
from domain.money import Money
from domain.policy import Policy, Tariff
from domain.reservation import Status
from domain.stay import OUTCOMES, Conflict, MoneyOutcome
from domain.window import Window

log = logging.getLogger(__name__)

UNPAID = "unpaid"
"""The cause that central itself cancels with when the money cannot be had."""

_DECIDED = (Kind.EARLY_EXIT, Kind.CANCEL, Kind.NO_SHOW, Kind.FEE_BACK)
"""Refunds that are decided here; what an operator gives back comes on top."""

_MATTERS = {
    Ending.USED: (),
    Ending.UNPAID: (),
    Ending.CANCELLED: (MoneyOutcome.DRIVE_UP, MoneyOutcome.FEE_BACK),
    Ending.BY_LOT: (MoneyOutcome.DRIVE_UP,),
    Ending.NO_SHOW: (MoneyOutcome.FEE_BACK,),
}
"""What a stay in conflict can still mean for the money, by how the reservation ended."""

_COUNTS = {
    ending: (None, *(conflict.value for conflict, outcome in OUTCOMES.items() if outcome.money in matters))
    for ending, matters in _MATTERS.items()
}
"""The conflicts of stays that are this reservation's; the others are somebody else's car, or nobody knows whose."""


class Settlement:
    """Settles reservations by the policy and the tariff of their lot."""

    def __init__(self, policies: Mapping[str, Policy], tariffs: Mapping[str, Tariff]) -> None:
        self._policies = policies
        self._tariffs = tariffs

    def settle(self, session: Session, reservation_id: str, now: datetime) -> None:
        """Queue the refund and the charge that a paid reservation comes to by now, if any.

        Nothing while its driver's wish to cancel waits for the lot: `cancellation.py` calls again after it.
        """
        booking = session.get(Booking, reservation_id, with_for_update=True)
        reservation = session.get(ReservationCopy, reservation_id)
        if reservation is None or _cancel_is_pending(booking, reservation):
            return
        payment = ledger.paid_for(session, reservation_id)
        if payment is None:
            _left_unpaid(session, reservation, now)
            return
        case = _case(session, booking, reservation, payment)
        due = dues(case, self._policies[payment.lot_id], self._tariffs[payment.lot_id], now)
        _pay_back(session, payment, due.refund, due.back_minor - case.back_minor, now)
        _charge(session, payment, due.debt, due.owed_minor, now)
        if booking is not None and booking.due_at is None and waits_for_the_end(case, now):
            booking.due_at = case.window.end


def _left_unpaid(session: Session, reservation: ReservationCopy, now: datetime) -> None:
    """Its car has come and gone, and its money could not be had while the lot did not answer: the driver owes it."""
    if Status(reservation.status) is not Status.COMPLETED:
        return
    tried = select(Payment).where(Payment.reservation_id == reservation.reservation_id)
    last = session.exec(tried.order_by(col(Payment.attempt).desc()).limit(1).with_for_update()).first()
    if last is None or last.step != Step.FAILED.value or ledger.is_owed(session, last):
        return
    ledger.left_unpaid(session, last, now)
    log.error("payment.debt", extra={"payment": last.payment_id, "why": "lot_silent"})


def is_cancelled(booking: Booking | None, status: Status) -> bool:
    """Whether the reservation has ended by cancelling, for its driver and their money.

    Also where the lot could not be told in time: the instant at which central heard of it counts.
    """
    if status is Status.CANCELLED:
        return True
    return booking is not None and booking.state == State.CANCELLED.value


def _cancel_is_pending(booking: Booking | None, reservation: ReservationCopy) -> bool:
    if booking is None or booking.state != State.CANCELLING.value:
        return False
    if Status(reservation.status) is not Status.CANCELLED:
        return True
    booking.state = State.CANCELLED.value  # the fact was quicker than the answer
    lease.finish(booking)
    return False


def _case(session: Session, booking: Booking | None, reservation: ReservationCopy, payment: Payment) -> Case:
    ending = _ending(booking, reservation)
    known = session.get(WithdrawalCopy, reservation.reservation_id)
    withdrawal = _withdrawal(known, reservation.revision)
    stays = session.exec(select(StayCopy).where(StayCopy.reservation_id == reservation.reservation_id)).all()
    back = select(Movement.amount_minor).where(
        Movement.payment_id == payment.payment_id,
        col(Movement.kind).in_([kind.value for kind in _DECIDED]),
        Movement.state != MovementState.VOID.value,
    )
    return Case(
        paid=Money(payment.captured_minor, payment.currency),
        back_minor=sum(session.exec(back).all()),
        window=Window(reservation.start_time, reservation.end_time),
        ending=ending,
        cancelled_at=None if booking is None else booking.cancel_requested_at,
        # Who went out had come in, though nobody knows when: no fee for not coming.
        withdrawal=Withdrawal.UNSURE if ending is Ending.NO_SHOW and _was_inside(stays) else withdrawal,
        visits=tuple(Visit(stay.entered_at, stay.left_at) for stay in stays if stay.conflict in _COUNTS[ending]),
    )


def _was_inside(stays: Sequence[StayCopy]) -> bool:
    return any(stay.conflict == Conflict.EXIT_WITHOUT_ENTRY.value for stay in stays)


def _ending(booking: Booking | None, reservation: ReservationCopy) -> Ending:
    status = Status(reservation.status)
    if is_cancelled(booking, status):
        if booking is not None and booking.cancel_requested_at is not None:
            return Ending.CANCELLED
        return Ending.UNPAID if reservation.cause == UNPAID else Ending.BY_LOT
    return Ending.NO_SHOW if status is Status.NO_SHOW else Ending.USED


def _withdrawal(known: WithdrawalCopy | None, revision: int) -> Withdrawal:
    if known is None or known.revision < revision:  # a no-show that was cancelled after all is withdrawn anew
        return Withdrawal.OPEN
    return Withdrawal.COMPLETE if known.complete else Withdrawal.UNSURE


def _pay_back(session: Session, payment: Payment, kind: Kind, missing_minor: int, now: datetime) -> None:
    amount_minor = min(missing_minor, ledger.refundable_minor(payment))  # an operator may have given some of it back
    moved = _moved(session, payment, kind)
    if amount_minor <= 0 or (moved and moved[-1].state == MovementState.VOID.value):
        return  # what the bank would not pay out is for an operator to look at
    amount = Money(amount_minor, payment.currency)
    ledger.queue_refund(session, payment, amount, now, kind=kind, revision=len(moved) + 1)


def _charge(session: Session, payment: Payment, kind: Kind, owed_minor: int, now: datetime) -> None:
    charged = [movement for owed in ledger.OWED for movement in _moved(session, payment, owed)]
    amount_minor = owed_minor - sum(movement.amount_minor for movement in charged)
    if amount_minor <= 0:
        return
    amount = Money(amount_minor, payment.currency)
    revision = sum(movement.kind == kind.value for movement in charged) + 1
    ledger.queue_charge(session, payment, amount, now, kind=kind, revision=revision)


def _moved(session: Session, payment: Payment, kind: Kind) -> list[Movement]:
    found = select(Movement).where(Movement.payment_id == payment.payment_id, Movement.kind == kind.value)
    return list(session.exec(found.order_by(col(Movement.revision))).all())
