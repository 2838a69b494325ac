"""Facts as rows of a gate's or hub's SQLite store."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from cloud_sync.link.store import damaged
from cloud_sync.link.v1.facts import payload_of, subject_of
from domain.errors import PeerError
from domain.fact import Fact
from domain.now import Trust, parse_instant, rfc3339

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


@migrations()
def subjects_grants_and_what_is_not_kept(db: Database) -> None:
    db.conn.executescript("""
        CREATE TABLE latest (  -- the newest fact about each subject, which is kept until that is over
            unit TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
            epoch INTEGER NOT NULL, seq INTEGER NOT NULL, over_at TEXT,
            PRIMARY KEY (unit, kind, subject)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE thinned (  -- of older facts only the latest are kept
            unit TEXT PRIMARY KEY, epoch INTEGER NOT NULL, seq INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE granted (unit TEXT PRIMARY KEY, run TEXT NOT NULL, epoch INTEGER NOT NULL) STRICT;
        ALTER TABLE own_epoch ADD COLUMN settled INTEGER NOT NULL DEFAULT 0;  -- the last one that others know as ours
        UPDATE own_epoch SET settled = epoch;
    """)
    for row in db.conn.execute("SELECT * FROM fact ORDER BY unit, epoch, seq").fetchall():
        if (latest := _latest(fact_of(row))) is not None:
            db.conn.execute(_ADD_LATEST, latest)


@migrations()
def what_is_kept_for_long(db: Database) -> None:
    db.conn.executescript("CREATE UNIQUE INDEX latest_by_place ON latest (unit, epoch, seq);")


@migrations()
def what_a_snapshot_has_replaced(db: Database) -> None:
    """It is deleted little by little, and counts for nothing from the start."""
    db.conn.executescript("""
        CREATE VIEW kept_fact AS SELECT * FROM fact
        WHERE NOT EXISTS (
            SELECT 1 FROM thinned
            WHERE thinned.unit = fact.unit AND (fact.epoch, fact.seq) < (thinned.epoch, thinned.seq)
        ) OR EXISTS (
            SELECT 1 FROM latest
            WHERE latest.unit = fact.unit AND latest.epoch = fact.epoch AND latest.seq = fact.seq
        );
    """)


def add_fact(sql: sqlite3.Connection, fact: Fact, set_aside: str | None) -> None:
    """Store a fact, and that it is the latest about its subject."""
    sql.execute(_ADD_FACT, _values(fact, set_aside))
    if (latest := _latest(fact)) is not None:
        sql.execute(_ADD_LATEST, latest)


def keep_facts(sql: sqlite3.Connection, facts: Sequence[Fact], set_aside: str | None = None) -> None:
    """Store facts of others, which may be there from a snapshot that broke off, and that they are the latest."""
    sql.executemany(_KEEP_FACT, (_values(fact, set_aside) for fact in facts))
    sql.executemany(_ADD_LATEST, (latest for fact in facts if (latest := _latest(fact)) is not None))


def keep_latest_of(sql: sqlite3.Connection, unit: str, facts: Sequence[Fact]) -> None:
    """Of a unit's facts none but `facts` is the latest about anything that is not over."""
    kept = {(fact.epoch, fact.seq) for fact in facts}
    now = max((rfc3339(fact.at) for fact in facts), default="")
    not_over = "SELECT epoch, seq FROM latest WHERE unit = ? AND (over_at IS NULL OR over_at > ?)"
    places = [tuple(row) for row in sql.execute(not_over, (unit, now))]
    sql.executemany(
        "DELETE FROM latest WHERE unit = ? AND epoch = ? AND seq = ?",
        ((unit, *place) for place in places if place not in kept),
    )


def fact_of(row: sqlite3.Row) -> Fact:
    """The fact in a row. Raises sqlite3.DatabaseError, as of a damaged file, where there is none in it."""
    try:
        at, trust, payload = parse_instant(row["at"]), Trust(row["trust"]), json.loads(row["payload"])
    except ValueError:  # whose words would show what stands there
        payload = None
    if not isinstance(payload, dict):
        raise damaged(f"the fact {row['unit']} {row['epoch']}/{row['seq']} ({row['kind']}) is damaged")
    return Fact(
        row["unit"],
        row["epoch"],
        row["seq"],
        row["kind"],
        at,
        row["boot"],
        row["mono_ms"],
        trust,
        payload,
        row["chain"],
    )


def own_fact_of(row: sqlite3.Row) -> Fact:
    """As `fact_of` one of this unit's own, of a kind that it knows: it has never written one that says nothing."""
    fact = fact_of(row)
    try:
        payload_of(fact)
    except PeerError as error:
        raise damaged(f"the fact {fact.unit} {fact.epoch}/{fact.seq} is damaged: {error.message}") from error
    return fact


_ADD_FACT = "INSERT INTO fact VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_KEEP_FACT = "INSERT OR REPLACE INTO fact VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ADD_LATEST = "INSERT OR REPLACE INTO latest VALUES (?, ?, ?, ?, ?, ?)"


def _values(fact: Fact, set_aside: str | None) -> tuple[Any, ...]:
    return (
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
    )


def _latest(fact: Fact) -> tuple[Any, ...] | None:
    """None of a fact that tells the state of nothing."""
    subject = subject_of(fact)
    if subject is None:
        return None
    name, over_at = subject
    return fact.unit, fact.kind, name, fact.epoch, fact.seq, over_at and rfc3339(over_at)
