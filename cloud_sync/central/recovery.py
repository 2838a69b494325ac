"""Taking back what central has told a hub and has lost: its database was restored from a backup.

Central's log to a lot says what was paid for each reservation, and what the lot promises. What it promises is in the
configuration. Where a payment's fact comes back that this database does not know of, money has moved that the ledger
does not show: that is an alarm, for the operator to compare with the payment provider.
"""

import logging
from collections.abc import Sequence

from sqlmodel import col, select

from cloud_sync.central.database import Database
from cloud_sync.central.journal import Journal
from cloud_sync.central.tables import Payment
from cloud_sync.link.v1.facts import PaymentChanged, payload_of
from domain.errors import GatehouseError
from domain.fact import Fact

log = logging.getLogger(__name__)


class Recovery:
    """Takes back facts of central's own, of one lot."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal

    def take_back(self, facts: Sequence[Fact]) -> None:
        """Take `facts` back into the log, or tell them again behind its end; those that are known do nothing."""
        with self._database.transaction():
            inserted, strays = self._journal.take_back(facts)
            for fact in (*inserted, *strays):
                self._compare(fact)
            for fact in strays:
                if fact.kind == PaymentChanged.kind:
                    self._journal.repeat(fact)

    def _compare(self, fact: Fact) -> None:
        try:
            said = payload_of(fact)
        except GatehouseError:
            return
        if not isinstance(said, PaymentChanged):
            return
        last = (
            select(Payment)
            .where(Payment.reservation_id == said.reservation_id)
            .order_by(col(Payment.attempt).desc())
            .limit(1)
        )
        with self._database.reading() as session:
            payment = session.exec(last).first()
        known = (0, 0) if payment is None else (payment.captured_minor, payment.refunded_minor)
        if known != (said.paid.amount_minor, said.refunded.amount_minor):
            log.error("payment.lost", extra={"reservation": said.reservation_id})
