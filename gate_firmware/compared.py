"""What this gate's copy of the hub's log amounts to, to be compared with it (`cloud_sync/link/digest.py`).

A lane's own notes, of whom it let in or out before the hub could know, are no part of the copy.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from cloud_sync.link.digest import Row
from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import (
    PlateListed,
    PolicyChanged,
    ReservationChanged,
    SpotChanged,
    StayChanged,
    TicketKeyPublished,
)
from domain.now import rfc3339

_ROWS: Mapping[str, str] = {
    ReservationChanged.kind: "SELECT reservation_id AS subject, revision, status, spot_id, vehicle_type,"
    " plate_mark AS 'plate.mark', start_time, end_time FROM rights"
    " WHERE subject >= :first AND subject < :until AND (status = 'checked_in' OR end_time > :since)",
    StayChanged.kind: "SELECT stay_id AS subject, reservation_id, spot_id FROM open_stay"
    " WHERE subject >= :first AND subject < :until AND is_the_hubs",
    SpotChanged.kind: "SELECT spot_id AS subject, kind AS spot_kind, in_service FROM spot"
    " WHERE subject >= :first AND subject < :until",
    PlateListed.kind: "SELECT mark AS subject, listing, mark AS 'plate.mark', until FROM listed"
    " WHERE subject >= :first AND subject < :until AND (until IS NULL OR until > :since)",
    TicketKeyPublished.kind: "SELECT key_id AS subject, public_key FROM ticket_key"
    " WHERE subject >= :first AND subject < :until",
    PolicyChanged.kind: "SELECT '' AS subject, policy FROM policy",
}


class ComparedReplica:
    """The replica as a `Copy`. Changes nothing."""

    def __init__(self, store: Store) -> None:
        self._sql = store.connection

    def rows(self, kind: str, first: str, until: str, since: datetime) -> Iterator[Row] | None:
        """As `Copy.rows`."""
        if kind not in _ROWS:
            return None
        asked = {"first": first, "until": until, "since": rfc3339(since)}
        return (_row(row) for row in self._sql.execute(_ROWS[kind], asked))


def _row(row: sqlite3.Row) -> Row:
    values: dict[str, Any] = dict(row)
    subject = str(values.pop("subject"))
    if "in_service" in values:
        values["in_service"] = bool(values["in_service"])
    if "policy" in values:
        values["policy"] = json.loads(values["policy"])
    return subject, values
