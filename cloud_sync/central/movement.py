"""Moving queued money: the shell between the ledger and the bank, for refunds and for what is owed afterwards."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from uuid import uuid4

from sqlmodel import Session

from cloud_sync.central import lease, ledger
from cloud_sync.central.bank import Bank, Debt
from cloud_sync.central.database import Database
from cloud_sync.central.dues import Kind
from cloud_sync.central.journal import Journal
from cloud_sync.central.payment import tell_of
from cloud_sync.central.settlement import Settlement
from cloud_sync.central.tables import Booking, Movement, Payment
from cloud_sync.link.clock import Clock
from domain.errors import Refused, TryLater
from domain.money import Money

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund as the bank is asked for it."""

    intent_id: str
    amount: Money
    cause: str
    request_key: str | None


class Movements:
    """Has the bank make each queued movement once."""

    def __init__(
        self,
        database: Database,
        *,
        bank: Bank,
        settlement: Settlement,
        journals: Mapping[str, Journal],
        clock: Clock,
        changed: Callable[[str], None],
        threads: Executor,
        may_move: Callable[[], None],
    ) -> None:
        """As for `payment.Payments`."""
        self._database = database
        self._bank = bank
        self._settlement = settlement
        self._journals = journals
        self._clock = clock
        self._changed = changed
        self._threads = threads
        self._may_move = may_move

    async def work(self, movement_id: str) -> None:
        """Ask the bank once for one movement, and book what it says; without an answer it is asked again later."""
        owner = uuid4().hex
        taken = await asyncio.to_thread(self._take, movement_id, owner)
        if taken is None:
            return
        lot_id, order = taken
        loop = asyncio.get_running_loop()
        provider_ref: str | None = None
        refused: Refused | None = None
        try:
            provider_ref = await loop.run_in_executor(self._threads, self._ask, order)
        except Refused as error:
            refused = error
        except TryLater as error:
            log.info("movement.in_doubt", extra={"movement": movement_id, "why": error.code})
        await asyncio.to_thread(self._store, movement_id, owner, provider_ref, refused)
        self._changed(lot_id)

    def _take(self, movement_id: str, owner: str) -> tuple[str, Refund | Debt | None] | None:
        """The lot, and what to ask the bank for: nothing where there is no card to ask."""
        with self._database.transaction() as session:
            movement = lease.take(session, Movement, movement_id, owner, self._clock().utc)
            if movement is None:
                return None
            payment = session.get_one(Payment, movement.payment_id)
            return payment.lot_id, _order(movement, payment)

    def _ask(self, order: Refund | Debt | None) -> str:
        self._may_move()
        match order:
            case Refund():
                return self._bank.refund(order.intent_id, order.amount, order.cause, order.request_key)
            case Debt():
                return self._bank.charge(order)
            case None:
                raise Refused("no_card", "nothing was paid with a card")

    def _store(self, movement_id: str, owner: str, provider_ref: str | None, refused: Refused | None) -> None:
        now = self._clock()
        with self._database.transaction() as session:
            movement = lease.keep(session, Movement, movement_id, owner)
            if movement is None:
                return
            if provider_ref is not None:
                self._done(session, movement, provider_ref)
                lease.finish(movement)
            elif refused is not None:
                self._refused(session, movement, refused)
                lease.finish(movement)
            else:
                lease.rest(movement, now.utc)

    def _done(self, session: Session, movement: Movement, provider_ref: str) -> None:
        now = self._clock()
        if Kind(movement.kind) in ledger.OWED:
            ledger.charge_paid(session, movement, provider_ref, now.utc)
            return
        payment = _locked(session, movement)
        ledger.refund_paid(session, payment, movement, provider_ref, now.utc)
        tell_of(session, self._journals[payment.lot_id], payment, now)

    def _refused(self, session: Session, movement: Movement, refused: Refused) -> None:
        extra = {"movement": movement.movement_id, "why": refused.code}
        if Kind(movement.kind) in ledger.OWED:
            ledger.charge_refused(movement)
            log.error("charge.debt", extra={**extra, "kind": movement.kind})
            return
        now = self._clock().utc
        ledger.refund_refused(session, _locked(session, movement), movement, now)
        log.error("refund.refused", extra=extra)
        if Kind(movement.kind) is Kind.MANUAL:  # it may have left too little for what the rules give back
            session.flush()
            self._settlement.settle(session, movement.reservation_id, now)


def _locked(session: Session, movement: Movement) -> Payment:
    """The movement's payment; as `settle`, first the booking is locked."""
    session.get(Booking, movement.reservation_id, with_for_update=True)
    return session.get_one(Payment, movement.payment_id, with_for_update=True)


def _order(movement: Movement, payment: Payment) -> Refund | Debt | None:
    amount, cause = Money(movement.amount_minor, movement.currency), str(ledger.cause_of(movement))
    if Kind(movement.kind) not in ledger.OWED:
        assert payment.intent_id is not None, "only captured money is paid back"
        return Refund(payment.intent_id, amount, cause, movement.request_key)
    if payment.customer_id is None or payment.card_id is None:
        return None
    return Debt(cause, amount, payment.customer_id, payment.card_id, payment.lot_id, payment.reservation_id)
