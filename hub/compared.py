"""What this hub's copy of central's log amounts to, to be compared with it (`cloud_sync/link/digest.py`)."""

import json
from collections.abc import Iterator
from datetime import datetime

from cloud_sync.link.digest import Row
from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import PaymentChanged, PolicyChanged
from domain.now import rfc3339


class ComparedPayments:
    """What the lot promises, and what was paid, as a `Copy`."""

    def __init__(self, store: Store) -> None:
        self._sql = store.connection

    def rows(self, kind: str, first: str, until: str, since: datetime) -> Iterator[Row] | None:
        """As `Copy.rows`."""
        match kind:
            case PolicyChanged.kind:
                return self._promise()
            case PaymentChanged.kind:
                return self._payments(first, until, since)
        return None

    def forget(self, kind: str, subject: str) -> None:
        """Forget what was paid, where a snapshot does not tell of it. What the lot promises it keeps: each tells it."""
        if kind == PaymentChanged.kind:
            self._sql.execute(
                "UPDATE reservation SET paid_minor = 0, refunded_minor = 0 WHERE reservation_id = ?", (subject,)
            )

    def _promise(self) -> Iterator[Row]:
        for row in self._sql.execute("SELECT policy, tariff FROM promise"):
            yield "", {"policy": json.loads(row["policy"]), "tariff": json.loads(row["tariff"])}

    def _payments(self, first: str, until: str, since: datetime) -> Iterator[Row]:
        rows = self._sql.execute(
            "SELECT reservation_id, paid_minor, refunded_minor, currency FROM reservation"
            " WHERE reservation_id >= ? AND reservation_id < ? AND paid_minor > 0 AND end_time > ?",
            (first, until, rfc3339(since)),
        )
        for row in rows:
            currency = row["currency"]
            paid = {"amount_minor": row["paid_minor"], "currency": currency}
            yield (
                row["reservation_id"],
                {
                    "paid": paid,
                    "refunded": {"amount_minor": row["refunded_minor"], "currency": currency},
                },
            )
