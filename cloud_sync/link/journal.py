"""The logs of facts in a gate's or hub's SQLite store: its own, and those it has taken in."""

import json
import sqlite3
from contextlib import AbstractContextManager
from dataclasses import replace

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from cloud_sync.link.log import Cursor, Position
from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import Payload
from cloud_sync.link.v1.wire import utc
from domain.fact import GENESIS, Fact, link
from domain.now import Now, Trust, parse_instant, rfc3339

migrations = Migrations("journal")


@migrations()
def facts_and_cursors(db: Database) -> None:
    db.conn.executescript("""
        CREATE TABLE fact (
            unit TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
            kind TEXT NOT NULL, at TEXT NOT NULL, boot TEXT NOT NULL, mono_ms INTEGER NOT NULL, trust TEXT NOT NULL,
            payload TEXT NOT NULL, chain TEXT NOT NULL,
            set_aside TEXT,  -- why a fact of another unit could not be applied
            PRIMARY KEY (unit, epoch, seq)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX fact_by_kind ON fact (kind, at);
        CREATE TABLE own_epoch (unit TEXT PRIMARY KEY, epoch INTEGER NOT NULL) STRICT;
        CREATE TABLE applied (  -- how far the log of another unit has been taken in
            unit TEXT PRIMARY KEY, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, chain TEXT NOT NULL
        ) STRICT;
        CREATE TABLE acknowledged (  -- how far a subscriber has taken in this unit's log
            subscriber TEXT PRIMARY KEY, epoch INTEGER NOT NULL, seq INTEGER NOT NULL
        ) STRICT;
    """)


class Journal:
    """An `Outbox` of this unit and an `Inbox` for others (`cloud_sync/link/log.py`), in one store."""

    def __init__(self, store: Store, unit: str, boot: str) -> None:
        """Open the log of `unit`, in the epoch that the store was made with; `boot` is this boot's id."""
        migrations.apply(store.db)
        self.unit = unit
        self._store = store
        self._sql = store.connection
        self._boot = boot
        with store.transaction():
            self._sql.execute("INSERT OR IGNORE INTO own_epoch VALUES (?, 1)", (unit,))
        self.epoch: int = self._sql.execute("SELECT epoch FROM own_epoch WHERE unit = ?", (unit,)).fetchone()[0]

    def transaction(self) -> AbstractContextManager[None]:
        return self._store.transaction()

    def append(self, payload: Payload, now: Now) -> Fact:
        """Write a fact of this unit. Call it in the transaction of the change that it tells of."""
        assert self._sql.in_transaction, "a fact is stored together with its change"
        row = self._sql.execute(
            "SELECT epoch, seq, chain FROM fact WHERE unit = ? ORDER BY epoch DESC, seq DESC LIMIT 1", (self.unit,)
        ).fetchone()
        seq, chain = (0, GENESIS) if row is None else (row["seq"], row["chain"])
        if row is not None and row["epoch"] != self.epoch:
            seq = 0
        fact = Fact(
            unit=self.unit,
            epoch=self.epoch,
            seq=seq + 1,
            kind=payload.kind,
            at=utc(now.utc),
            boot=self._boot,
            mono_ms=now.mono_ms,
            trust=now.trust,
            payload=payload.to_json(),
            chain="",
        )
        fact = replace(fact, chain=link(chain, fact))
        self._insert(fact, None)
        return fact

    def after(self, position: Position, limit: int) -> list[Fact]:
        rows = self._sql.execute(
            "SELECT * FROM fact WHERE unit = ? AND (epoch, seq) > (?, ?) ORDER BY epoch, seq LIMIT ?",
            (self.unit, position.epoch, position.seq, limit),
        )
        return [_fact(row) for row in rows]

    def acknowledged(self, subscriber: str) -> Position:
        row = self._sql.execute("SELECT epoch, seq FROM acknowledged WHERE subscriber = ?", (subscriber,)).fetchone()
        return Position() if row is None else Position(row["epoch"], row["seq"])

    def acknowledge(self, subscriber: str, position: Position) -> None:
        with self._store.transaction():
            self._sql.execute(
                "INSERT OR REPLACE INTO acknowledged VALUES (?, ?, ?)", (subscriber, position.epoch, position.seq)
            )

    def cursor(self, unit: str) -> Cursor:
        row = self._sql.execute("SELECT epoch, seq, chain FROM applied WHERE unit = ?", (unit,)).fetchone()
        return Cursor() if row is None else Cursor(Position(row["epoch"], row["seq"]), row["chain"])

    def keep(self, fact: Fact, set_aside: str | None) -> None:
        with self._store.transaction():
            self._insert(fact, set_aside)
            self._sql.execute(
                "INSERT OR REPLACE INTO applied VALUES (?, ?, ?, ?)", (fact.unit, fact.epoch, fact.seq, fact.chain)
            )

    def seen(self, unit: str, position: Position) -> str | None:
        row = self._sql.execute(
            "SELECT chain FROM fact WHERE unit = ? AND epoch = ? AND seq = ?", (unit, position.epoch, position.seq)
        ).fetchone()
        return None if row is None else str(row["chain"])

    def latest(self, kind: str, limit: int) -> list[Fact]:
        """The newest facts of a kind that this unit has made or taken in, newest first by their own instants."""
        sql = "SELECT * FROM fact WHERE kind = ? ORDER BY at DESC, seq DESC LIMIT ?"
        return [_fact(row) for row in self._sql.execute(sql, (kind, limit))]

    def last_own(self, kind: str) -> Fact | None:
        """The last fact of a kind in this unit's own log."""
        sql = "SELECT * FROM fact WHERE unit = ? AND kind = ? ORDER BY epoch DESC, seq DESC LIMIT 1"
        row = self._sql.execute(sql, (self.unit, kind)).fetchone()
        return None if row is None else _fact(row)

    def _insert(self, fact: Fact, set_aside: str | None) -> None:
        self._sql.execute(
            "INSERT INTO fact VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                fact.unit,
                fact.epoch,
                fact.seq,
                fact.kind,
                rfc3339(fact.at),
                fact.boot,
                fact.mono_ms,
                fact.trust.value,
                json.dumps(fact.payload),
                fact.chain,
                set_aside,
            ),
        )


def _fact(row: sqlite3.Row) -> Fact:
    return Fact(
        row["unit"],
        row["epoch"],
        row["seq"],
        row["kind"],
        parse_instant(row["at"]),
        row["boot"],
        row["mono_ms"],
        Trust(row["trust"]),
        json.loads(row["payload"]),
        row["chain"],
    )
