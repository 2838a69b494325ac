"""Paying queued refunds out: the shell between the ledger and the bank."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from uuid import uuid4

from cloud_sync.central import lease, ledger
from cloud_sync.central.bank import Bank
from cloud_sync.central.database import Database
from cloud_sync.central.journal import Journal
from cloud_sync.central.payment import tell_of
from cloud_sync.central.tables import Movement, Payment
from cloud_sync.link.clock import Clock
from domain.errors import Refused, TryLater
from domain.money import Money

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Order:
    """A refund as the bank is asked for it."""

    lot_id: str
    intent_id: str
    amount: Money
    cause: str


class Refunds:
    """Pays each queued refund out once."""

    def __init__(
        self,
        database: Database,
        *,
        bank: Bank,
        journals: Mapping[str, Journal],
        clock: Clock,
        changed: Callable[[str], None],
        threads: Executor,
    ) -> None:
        """As for `payment.Payments`."""
        self._database = database
        self._bank = bank
        self._journals = journals
        self._clock = clock
        self._changed = changed
        self._threads = threads

    async def work(self, movement_id: str) -> None:
        """Ask the bank once for one refund, and book what it says; without an answer it is asked again later."""
        owner = uuid4().hex
        order = await asyncio.to_thread(self._take, movement_id, owner)
        if order is None:
            return
        loop = asyncio.get_running_loop()
        provider_ref: str | None = None
        refused: Refused | None = None
        try:
            provider_ref = await loop.run_in_executor(
                self._threads, self._bank.refund, order.intent_id, order.amount, order.cause
            )
        except Refused as error:
            refused = error
            log.error("refund.refused", extra={"movement": movement_id, "why": error.code})
        except TryLater as error:
            log.info("refund.in_doubt", extra={"movement": movement_id, "why": error.code})
        await asyncio.to_thread(self._store, movement_id, owner, provider_ref, refused)
        self._changed(order.lot_id)

    def _take(self, movement_id: str, owner: str) -> Order | None:
        with self._database.transaction() as session:
            refund = lease.take(session, Movement, movement_id, owner, self._clock().utc)
            if refund is None:
                return None
            payment = session.get_one(Payment, refund.payment_id)
            assert payment.intent_id is not None, "only captured money is paid back"
            amount = Money(refund.amount_minor, refund.currency)
            return Order(payment.lot_id, payment.intent_id, amount, ledger.cause(refund))

    def _store(self, movement_id: str, owner: str, provider_ref: str | None, refused: Refused | None) -> None:
        now = self._clock()
        with self._database.transaction() as session:
            refund = lease.keep(session, Movement, movement_id, owner)
            if refund is None:
                return
            payment = session.get_one(Payment, refund.payment_id, with_for_update=True)
            if provider_ref is not None:
                ledger.refund_paid(session, payment, refund, provider_ref, now.utc)
                tell_of(session, self._journals[payment.lot_id], payment, now)
                lease.finish(refund)
            elif refused is not None:
                ledger.refund_refused(session, payment, refund, now.utc)
                lease.finish(refund)
            else:
                lease.rest(refund, now.utc)
