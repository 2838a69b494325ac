"""Facts as rows of a gate's or hub's SQLite store."""

import json
import sqlite3

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from cloud_sync.link.v1.facts import subject_of
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
        _note_latest(db.conn, fact_of(row))


@migrations()
def what_is_kept_for_long(db: Database) -> None:
    db.conn.executescript("CREATE UNIQUE INDEX latest_by_place ON latest (unit, epoch, seq);")


def add_fact(sql: sqlite3.Connection, fact: Fact, set_aside: str | None) -> None:
    """Store a fact, and that it is the latest about its subject."""
    sql.execute(
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
    _note_latest(sql, fact)


def fact_of(row: sqlite3.Row) -> Fact:
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


def _note_latest(sql: sqlite3.Connection, fact: Fact) -> None:
    subject = subject_of(fact)
    if subject is not None:
        name, over_at = subject
        values = (fact.unit, fact.kind, name, fact.epoch, fact.seq, over_at and rfc3339(over_at))
        sql.execute("INSERT OR REPLACE INTO latest VALUES (?, ?, ?, ?, ?, ?)", values)
