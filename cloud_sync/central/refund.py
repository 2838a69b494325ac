"""Refunds by hand: an operator gives back what no rule does, and says why."""

from collections.abc import Callable
from hashlib import sha256

from sqlmodel import Session, func, select

from cloud_sync.central import ledger
from cloud_sync.central.accounts import Caller
from cloud_sync.central.database import Database
from cloud_sync.central.dues import Kind
from cloud_sync.central.ledger import MovementState
from cloud_sync.central.saga import Step
from cloud_sync.central.tables import Booking, Movement, Payment
from cloud_sync.link.clock import Clock
from domain.errors import BadInput, NotFound, Refused
from domain.money import Money


class Refunds:
    """Queues what operators give back. Each is a movement of its own: without a key the same one twice goes back twice.

    The movement carries the key, since the answer to a request is kept after its money was queued: who asks again
    after a crash between the two gets the movement that there is. So does the provider's record of it: who asks again
    after central was set back to a backup gets the refund that was made. Hashed, since it says who the operator is.
    """

    def __init__(self, database: Database, clock: Clock, may_move: Callable[[], None]) -> None:
        """As for `payment.Payments`."""
        self._database = database
        self._clock = clock
        self._may_move = may_move

    def queue(self, payment_id: str, amount: Money, reason: str, by: Caller, key: str | None = None) -> str:
        """Owe the driver `amount`; returns the movement to work on: the known one for a `key` that came before.

        Raises NotFound for an unknown payment, Refused for one that was not captured and for more than is left of it,
        BadInput for another currency, and for a key that came with another payment or amount before; TryLater while
        no money is to be moved: what was paid back before may not be known yet.
        """
        self._may_move()
        request_key = None if key is None else sha256(f"{by.user_id}:{key}".encode()).hexdigest()
        with self._database.transaction() as session:
            payment = _locked(session, payment_id)
            if request_key is not None and (known := _known(session, request_key)) is not None:
                if (known.payment_id, Money(known.amount_minor, known.currency)) != (payment_id, amount):
                    raise BadInput("idempotency_key_reused", "this Idempotency-Key came with another refund before")
                return known.movement_id
            if Step(payment.step) is not Step.PAID:
                raise Refused("payment_not_captured", "no money was taken by this payment; there is nothing to refund")
            if amount.currency != payment.currency:
                raise BadInput("currency_differs", f"this payment was made in {payment.currency}")
            refund = ledger.queue_refund(
                session,
                payment,
                amount,
                self._clock().utc,
                kind=Kind.MANUAL,
                revision=_revisions(session, payment.reservation_id) + 1,
            )
            assert refund is not None, "its cause is new, and its amount is not zero"
            refund.reason, refund.kept_by, refund.request_key = reason, by.user_id, request_key
            return refund.movement_id

    def state(self, movement_id: str) -> MovementState:
        """How far a refund is."""
        with self._database.reading() as session:
            return MovementState(session.get_one(Movement, movement_id).state)


def _locked(session: Session, payment_id: str) -> Payment:
    payment = session.get(Payment, payment_id)
    if payment is None:
        raise NotFound("payment_unknown", "there is no such payment")
    session.get_one(Booking, payment.reservation_id, with_for_update=True)  # as `settle`: first the booking
    return session.get_one(Payment, payment_id, with_for_update=True, populate_existing=True)


def _known(session: Session, request_key: str) -> Movement | None:
    return session.exec(select(Movement).where(Movement.request_key == request_key)).first()


def _revisions(session: Session, reservation_id: str) -> int:
    found = select(func.max(Movement.revision)).where(
        Movement.reservation_id == reservation_id, Movement.kind == Kind.MANUAL.value
    )
    return session.exec(found).one() or 0
