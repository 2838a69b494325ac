"""The money: what was moved, why, and books that balance.

Every movement has a cause (reservation, kind, revision), which the database takes once; the provider's idempotency
key is made of it. Every change of a movement is posted in double entry, debits positive, so that a posting adds up to
zero:

    captured          bank            to  revenue:{lot}
    used, not paid    drivers_owe     to  revenue:{lot}
    refund queued     revenue:{lot}   to  refunds_due
    refund paid out   refunds_due     to  bank
    refund refused    refunds_due     to  revenue:{lot}
    charge queued     drivers_owe     to  revenue:{lot}
    charge paid       bank            to  drivers_owe

A charge to the card on file that is declined stays in `drivers_owe`: a debt. Refundable is what was captured, less what
was paid back, less what is queued to be; a charge to the card on file is a payment of its own there. The payment's row
is locked while that is compared, and the database checks it once more.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import uuid4

from sqlmodel import Session, select
from sqlmodel.sql.expression import SelectOfScalar

from cloud_sync.central import lease
from cloud_sync.central.dues import Kind
from cloud_sync.central.saga import Step
from cloud_sync.central.tables import LedgerEntry, Movement, Payment
from domain.errors import Refused
from domain.money import Money


class MovementState(Enum):
    PENDING = "pending"  # the provider is still to do it
    DONE = "done"
    VOID = "void"  # it did not happen, and will not
    DEBT = "debt"  # the card on file was declined, or there is none: the driver owes it


BANK = "bank"
REFUNDS_DUE = "refunds_due"
DRIVERS_OWE = "drivers_owe"

OWED = frozenset({Kind.OVERSTAY, Kind.DRIVE_UP})
"""What is charged to the card on file after a stay."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why money moves, once: as text it is what the provider is told."""

    reservation_id: str
    kind: Kind
    revision: int

    def __str__(self) -> str:
        return f"{self.reservation_id}:{self.kind.value}:{self.revision}"

    @classmethod
    def parse(cls, text: str) -> "Cause | None":
        """The cause that was told so, or none where it is not one of ours."""
        match text.split(":"):
            case [reservation_id, kind, revision] if kind in _KINDS and revision.isdecimal():
                return cls(reservation_id, Kind(kind), int(revision))
        return None


_KINDS = frozenset(kind.value for kind in Kind)


def cause_of(movement: Movement) -> Cause:
    return Cause(movement.reservation_id, Kind(movement.kind), movement.revision)


def find(session: Session, cause: Cause) -> Movement | None:
    """The movement with this cause."""
    return session.exec(_with(cause)).first()


def is_done(session: Session, cause: Cause) -> bool:
    """Whether the provider is known to have made this movement."""
    movement = find(session, cause)
    return movement is not None and movement.state == MovementState.DONE.value


def open_charge(session: Session, payment: Payment, now: datetime) -> Movement:
    """Write down that a payment is attempted. Its saga does the rest."""
    return _movement(session, payment, payment.amount_minor, now, kind=Kind.CHARGE, revision=payment.attempt)


def captured(session: Session, payment: Payment, now: datetime) -> None:
    """The provider has taken the money of this attempt."""
    charge = charge_of(session, payment)
    charge.state, charge.provider_ref = MovementState.DONE.value, payment.intent_id
    payment.captured_minor = charge.amount_minor
    _post(session, charge, debit=BANK, credit=_revenue(payment), now=now)


def not_charged(session: Session, payment: Payment) -> None:
    """This attempt has failed: no money was taken."""
    charge = charge_of(session, payment)
    if charge.state != MovementState.DEBT.value:
        charge.state = MovementState.VOID.value


def left_unpaid(session: Session, payment: Payment, now: datetime) -> None:
    """This attempt has failed, and the car was inside: the driver goes on owing its money."""
    charge = charge_of(session, payment)
    charge.state = MovementState.DEBT.value
    _post(session, charge, debit=DRIVERS_OWE, credit=_revenue(payment), now=now)


def is_owed(session: Session, payment: Payment) -> bool:
    """Whether the driver goes on owing the money of this attempt."""
    return charge_of(session, payment).state == MovementState.DEBT.value


def queue_refund(
    session: Session, payment: Payment, amount: Money, now: datetime, *, kind: Kind, revision: int = 1
) -> Movement | None:
    """Owe the driver `amount`; a worker pays it out. Does nothing where this cause was queued before, or for nothing.

    `payment` must be locked. Raises Refused for more than is refundable.
    """
    if amount.amount_minor == 0 or find(session, Cause(payment.reservation_id, kind, revision)) is not None:
        return None
    if amount.currency != payment.currency or not 0 < amount.amount_minor <= refundable_minor(payment):
        raise Refused("refund_too_high", f"no more than {Money(refundable_minor(payment), payment.currency)} is left")
    refund = _movement(session, payment, amount.amount_minor, now, kind=kind, revision=revision)
    lease.go_on(refund, now)
    payment.pending_minor += amount.amount_minor
    _post(session, refund, debit=_revenue(payment), credit=REFUNDS_DUE, now=now)
    return refund


def queue_charge(
    session: Session, payment: Payment, amount: Money, now: datetime, *, kind: Kind, revision: int
) -> Movement:
    """The driver owes `amount`; a worker charges it to the card on file. `payment` must be locked."""
    charge = _movement(session, payment, amount.amount_minor, now, kind=kind, revision=revision)
    lease.go_on(charge, now)
    _post(session, charge, debit=DRIVERS_OWE, credit=_revenue(payment), now=now)
    return charge


def charge_paid(session: Session, charge: Movement, provider_ref: str, now: datetime) -> None:
    """The card on file has paid what was owed."""
    charge.state, charge.provider_ref = MovementState.DONE.value, provider_ref
    _post(session, charge, debit=BANK, credit=DRIVERS_OWE, now=now)


def charge_refused(charge: Movement) -> None:
    """The card on file will not pay: the driver goes on owing it."""
    charge.state = MovementState.DEBT.value


def refund_paid(session: Session, payment: Payment, refund: Movement, provider_ref: str, now: datetime) -> None:
    """The provider has paid a queued refund out. `payment` must be locked."""
    refund.state, refund.provider_ref = MovementState.DONE.value, provider_ref
    payment.pending_minor -= refund.amount_minor
    payment.refunded_minor += refund.amount_minor
    _post(session, refund, debit=REFUNDS_DUE, credit=BANK, now=now)


def refund_refused(session: Session, payment: Payment, refund: Movement, now: datetime) -> None:
    """The provider will not pay a queued refund out. `payment` must be locked."""
    refund.state = MovementState.VOID.value
    payment.pending_minor -= refund.amount_minor
    _post(session, refund, debit=REFUNDS_DUE, credit=_revenue(payment), now=now)


def correct(session: Session, payment: Payment, movement: Movement, amount: Money, now: datetime) -> None:
    """Queued as another amount than the provider has moved for this cause: queue it as that. `payment` must be locked.

    Does nothing where both are the same.
    """
    if movement.amount_minor == amount.amount_minor:
        return
    is_refund = Kind(movement.kind) not in OWED
    debit, credit = (_revenue(payment), REFUNDS_DUE) if is_refund else (DRIVERS_OWE, _revenue(payment))
    _post(session, movement, debit=credit, credit=debit, now=now)
    if is_refund and movement.state == MovementState.PENDING.value:
        payment.pending_minor += amount.amount_minor - movement.amount_minor
    movement.amount_minor = amount.amount_minor
    _post(session, movement, debit=debit, credit=credit, now=now)


def refundable_minor(payment: Payment) -> int:
    return payment.captured_minor - payment.refunded_minor - payment.pending_minor


def paid_for(session: Session, reservation_id: str, *, lock: bool = True) -> Payment | None:
    """The payment that was captured for a reservation."""
    found = select(Payment).where(Payment.reservation_id == reservation_id, Payment.step == Step.PAID.value)
    return session.exec(found.with_for_update() if lock else found).first()


def charge_of(session: Session, payment: Payment) -> Movement:
    """The movement that this attempt at paying is."""
    found = select(Movement).where(Movement.payment_id == payment.payment_id, Movement.kind == Kind.CHARGE.value)
    return session.exec(found).one()


def _with(cause: Cause) -> SelectOfScalar[Movement]:
    return select(Movement).where(
        Movement.reservation_id == cause.reservation_id,
        Movement.kind == cause.kind.value,
        Movement.revision == cause.revision,
    )


def _movement(
    session: Session, payment: Payment, amount_minor: int, now: datetime, *, kind: Kind, revision: int
) -> Movement:
    movement = Movement(
        movement_id=f"mov_{uuid4().hex}",
        reservation_id=payment.reservation_id,
        kind=kind.value,
        revision=revision,
        payment_id=payment.payment_id,
        amount_minor=amount_minor,
        currency=payment.currency,
        state=MovementState.PENDING.value,
        created_at=now,
    )
    session.add(movement)
    session.flush()  # the ledger's rows refer to it, and a cause that exists is refused here
    return movement


def _post(session: Session, movement: Movement, *, debit: str, credit: str, now: datetime) -> None:
    if movement.amount_minor == 0:
        return
    posting = uuid4().hex
    for account, amount_minor in ((debit, movement.amount_minor), (credit, -movement.amount_minor)):
        session.add(
            LedgerEntry(
                posting=posting,
                movement_id=movement.movement_id,
                account=account,
                amount_minor=amount_minor,
                currency=movement.currency,
                at=now,
            )
        )


def _revenue(payment: Payment) -> str:
    return f"revenue:{payment.lot_id}"
