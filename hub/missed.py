"""Whose car did not come, as the attendants' page shows it: the fees that wait, and who has vouched for whom."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cloud_sync.link.v1.facts import WithdrawalVouched, payload_of
from domain.errors import PeerError
from domain.ids import shown
from domain.now import Now, parse_instant, rfc3339
from hub.lot import Lot

VOUCHED_MAX = 100
"""The latest that managers have vouched for, of which the page shows those that belong to what it lists."""

_MISSED = (
    "status = 'no_show' AND NOT EXISTS (SELECT 1 FROM stay WHERE stay.reservation_id = reservation.reservation_id"
    " AND (conflict = 'after-no-show' OR (entered_at IS NULL AND stay.plate_mark = reservation.plate_mark)))"
)
"""Not who came late after all, or was seen leaving."""


@dataclass(frozen=True, slots=True)
class VouchRow:
    """A manager, `by` name, has vouched that nobody came in by a gate that did not answer."""

    at: datetime
    gate_id: str
    by: str


@dataclass(frozen=True, slots=True)
class NoShowRow:
    """A booking whose car did not come; its spot was given up `at` this instant.

    Whether a fee is due waits for the `silent` gates, which are not on the link.
    """

    at: datetime
    reservation: str
    driver: str
    spot_id: str
    start: datetime
    silent: tuple[str, ...]
    vouched: tuple[VouchRow, ...]


class Missed:
    """Reads no-shows from the lot's database. Changes nothing."""

    def __init__(self, lot: Lot) -> None:
        self._lot = lot
        self._sql = lot.store.connection

    def one(self, reservation_id: str, now: Now) -> NoShowRow | None:
        """One no-show, however old; None where it is none."""
        sql = f"SELECT * FROM reservation WHERE reservation_id = ? AND {_MISSED}"  # noqa: S608  our own SQL
        return next(iter(self._rows(self._sql.execute(sql, (reservation_id,)).fetchall(), now)), None)

    def latest(self, within: timedelta, limit: int, now: Now) -> list[NoShowRow]:
        """Whose fee still waits, whoever is waited for the shortest time still first; behind them who did not come
        `within` this time, newest first."""
        rows = self._sql.execute(
            "SELECT reservation.*, settle_by FROM reservation LEFT JOIN withdrawal"  # noqa: S608  our own SQL
            " ON withdrawal.reservation_id = reservation.reservation_id AND settled_at IS NULL AND complete"
            " WHERE reservation.reservation_id IN"
            # Each by its own index.
            " (SELECT reservation_id FROM reservation WHERE status = 'no_show' AND no_show_at > ?"
            " UNION SELECT reservation_id FROM withdrawal WHERE settled_at IS NULL AND complete)"
            f" AND {_MISSED} ORDER BY settle_by IS NULL, settle_by, no_show_at DESC LIMIT ?",
            (rfc3339(now.utc - within), limit),
        ).fetchall()
        return self._rows(rows, now)

    def _rows(self, rows: Sequence[Mapping[str, Any]], now: Now) -> list[NoShowRow]:
        silent, vouched = self._silent([row["reservation_id"] for row in rows], now), self._vouched()
        return [
            NoShowRow(
                at=parse_instant(row["no_show_at"]),
                reservation=shown(row["reservation_id"]),
                driver=row["driver_name"],
                spot_id=row["spot_id"],
                start=parse_instant(row["start_time"]),
                silent=tuple(silent[row["reservation_id"]]),
                vouched=tuple(vouched[row["reservation_id"]]),
            )
            for row in rows
        ]

    def _silent(self, reservation_ids: Sequence[str], now: Now) -> Mapping[str, list[str]]:
        """The gates whose answer a fee waits for, and that are not there to give it, by reservation."""
        rows = self._sql.execute(
            "SELECT reservation_id, gate_id FROM withdrawal_awaits JOIN withdrawal USING (reservation_id)"
            " WHERE complete AND reservation_id IN (SELECT value FROM json_each(?)) ORDER BY reservation_id, gate_id",
            (json.dumps(reservation_ids),),
        )
        found: defaultdict[str, list[str]] = defaultdict(list)
        for row in rows:
            if self._lot.no_shows.is_silent(row["gate_id"], now):
                found[row["reservation_id"]].append(row["gate_id"])
        return found

    def _vouched(self) -> Mapping[str, list[VouchRow]]:
        """What managers have vouched for lately, by reservation."""
        found: defaultdict[str, list[VouchRow]] = defaultdict(list)
        for fact in self._lot.journal.latest(WithdrawalVouched.kind, VOUCHED_MAX):
            try:
                said = payload_of(fact)
            except PeerError:  # of a newer version of this hub
                continue
            if fact.unit == self._lot.journal.unit and isinstance(said, WithdrawalVouched):
                found[said.reservation_id].insert(0, VouchRow(fact.at, said.gate_id, said.by))
        return found
