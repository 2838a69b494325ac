"""The logs of facts in a gate's or hub's SQLite store: its own, and those it has taken in."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime

from cloud_sync.link import tenure
from cloud_sync.link.fact_rows import add_fact, fact_of, keep_facts, keep_latest_of, migrations, own_fact_of
from cloud_sync.link.log import Cursor, Position
from cloud_sync.link.pruning import Kept
from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import HAPPENED, Payload
from cloud_sync.link.v1.messages import Grant
from cloud_sync.link.v1.wire import utc
from domain.fact import GENESIS, Fact, FactRef, link
from domain.now import Now, parse_instant, rfc3339

ANOTHER_RUN_MAX = 10_000
"""How far back it is looked for where another run's facts follow on."""

ALL = -1
"""As a limit: what is taken out is written anew, whole, and its disk is what bounds it."""

EPOCH_MAX = 1 << 62

LATER_THAN_ALL = "~"
"""Than every instant, as text."""


class Journal:
    """An `Outbox` of this unit and an `Inbox` for others (`cloud_sync/link/log.py`), in one store."""

    def __init__(self, store: Store, unit: str, boot: str) -> None:
        """Open the log of `unit`, in the epoch that the store was made with; `boot` is this boot's id."""
        migrations.apply(store.db)
        self.unit = unit
        self._store = store
        self._sql = store.connection
        self.boot = boot
        self.when_renumbered: Callable[[Sequence[tuple[FactRef, FactRef]]], None] | None = None
        """Told, in the transaction, which of this unit's facts have other numbers now."""
        self._appended = self._appended_before = Position()
        self._appended_at = store.commits
        with store.transaction():
            self._sql.execute("INSERT OR IGNORE INTO own_epoch (unit, epoch) VALUES (?, 1)", (unit,))
        self.epoch: int = self._sql.execute("SELECT epoch FROM own_epoch WHERE unit = ?", (unit,)).fetchone()[0]

    @property
    def written(self) -> Position:
        """Where this run's own facts end that are sure to be on its disk, or before all where it has written none; also
        once that cannot be read any more. Later than that where a transaction of an earlier one was taken back."""
        return self._appended if self._store.commits > self._appended_at else self._appended_before

    def transaction(self) -> AbstractContextManager[None]:
        return self._store.transaction()

    def append(self, payload: Payload, now: Now) -> Fact:
        """Write a fact of this unit. Call it in the transaction of the change that it tells of."""
        assert self._sql.in_transaction, "a fact is stored together with its change"
        return self._append_as(
            Fact(
                unit=self.unit,
                epoch=self.epoch,
                seq=0,
                kind=payload.kind,
                at=utc(now.utc),
                boot=self.boot,
                mono_ms=now.mono_ms,
                trust=now.trust,
                payload=payload.to_json(),
                chain="",
            )
        )

    def begin_run(self) -> None:
        """Begin an epoch of this run's own, as each start does; see `tenure.py`."""
        end = self._end()
        if end is not None and end.position.epoch >= self.epoch:
            self.begin(end.position.epoch + 1)

    def begin(self, epoch: int) -> None:
        assert epoch > self.epoch, "epochs rise"
        with self._store.transaction():
            self._sql.execute("UPDATE own_epoch SET epoch = ? WHERE unit = ?", (epoch, self.unit))
        self.epoch = epoch

    def settle(self) -> None:
        with self._store.transaction():
            self._settle(self.epoch)

    def rise_to(self, epoch: int) -> None:
        with self._store.transaction():
            written = self._take_out_written()
            self.begin(epoch)
            self._write_anew(written)

    def take_back(
        self, facts: Sequence[Fact], *, insert: bool, from_parent: bool = False
    ) -> tuple[list[Fact], list[Fact]]:
        """Own facts that a peer has: those that are in the log again where they were (only with `insert`, before what
        is not settled), and those that cannot be. What is in the log already is in neither list. Where they come
        `from_parent`, who alone hears this log, what was written here behind the place where they follow on is numbered
        anew too: another run has spoken for the unit since.

        Call it in the transaction of what follows from them.
        """
        assert self._sql.in_transaction, "facts are taken back together with their effects"
        news = [fact for fact in facts if self.chain_at(Position(fact.epoch, fact.seq)) != fact.chain]
        if not news or not insert:
            return [], news
        written = self._take_out_written(self._place_before(news[0]) if from_parent else None)
        inserted = list(_following(self._end(), [fact for fact in news if fact.epoch < self.epoch]))
        for fact in inserted:
            add_fact(self._sql, fact, None)
        if inserted:
            self._settle(inserted[-1].epoch)
        if written and inserted:
            self.begin(self.epoch + 1)  # their hashes are others now
        self._write_anew(written)
        return inserted, [fact for fact in news if fact not in inserted]

    def repeat(self, lost: Fact) -> Fact:
        """Tell what a lost fact told as a new one, with the old one's instant."""
        return self._append_as(lost)

    def tells(self, lost: Fact) -> bool:
        """Whether this log tells what a lost fact told, under whatever number."""
        sql = "SELECT * FROM fact WHERE kind = ? AND at = ? AND unit = ?"
        rows = self._sql.execute(sql, (lost.kind, rfc3339(lost.at), self.unit))
        return any(fact.boot == lost.boot and fact.payload == lost.payload for fact in map(fact_of, rows))

    def after(self, position: Position, limit: int) -> list[Fact]:
        return self.kept(self.unit, position, limit)

    def marks(self, limit: int) -> list[Cursor]:
        return self._ends(self.unit, limit)

    def chain_at(self, position: Position) -> str | None:
        return self.seen(self.unit, position)

    def whole_from(self) -> Position:
        row = self._sql.execute("SELECT epoch, seq FROM thinned WHERE unit = ?", (self.unit,)).fetchone()
        return Position() if row is None else Position(row["epoch"], row["seq"])

    def snapshot(self, place: Position, told: Position, since: datetime | None = None) -> tuple[Cursor, list[Fact]]:
        end = self._end()
        has_state = self._sql.execute("SELECT 1 FROM latest WHERE unit = ? LIMIT 1", (self.unit,)).fetchone()
        if end is None or not has_state:  # a log of what has happened
            return self._beginning(place), []
        rows = self._sql.execute(
            "SELECT fact.* FROM latest JOIN fact USING (unit, epoch, seq) WHERE unit = :unit"
            " AND (over_at IS NULL OR over_at > :since)"
            " UNION ALL SELECT * FROM fact WHERE unit = :unit AND (epoch, seq) > (:epoch, :seq) AND at > :since"
            " AND kind IN (SELECT value FROM json_each(:happened)) ORDER BY epoch, seq",
            {
                "unit": self.unit,
                "since": "" if since is None else rfc3339(since),
                "epoch": told.epoch,
                "seq": told.seq,
                "happened": json.dumps(sorted(HAPPENED)),
            },
        )
        return end, [fact_of(row) for row in rows]

    def state(self, kind: str, first: str, since: datetime | None, limit: int) -> list[Fact]:
        rows = self._sql.execute(
            "SELECT fact.* FROM latest JOIN fact USING (unit, epoch, seq) WHERE unit = ? AND latest.kind = ?"
            " AND subject >= ? AND (over_at IS NULL OR over_at > ?) ORDER BY subject LIMIT ?",
            (self.unit, kind, first, LATER_THAN_ALL if since is None else rfc3339(since), limit),
        )
        return [fact_of(row) for row in rows]

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
            keep_facts(self._sql, [fact], set_aside)
            self._sql.execute(
                "INSERT OR REPLACE INTO applied VALUES (?, ?, ?, ?)", (fact.unit, fact.epoch, fact.seq, fact.chain)
            )

    def seen(self, unit: str, position: Position) -> str | None:
        row = self._sql.execute(
            "SELECT chain FROM kept_fact WHERE unit = ? AND epoch = ? AND seq = ?", (unit, position.epoch, position.seq)
        ).fetchone()
        return None if row is None else str(row["chain"])

    def kept(self, unit: str, after: Position, limit: int) -> list[Fact]:
        rows = self._sql.execute(
            "SELECT * FROM kept_fact WHERE unit = ? AND (epoch, seq) > (?, ?) ORDER BY epoch, seq LIMIT ?",
            (unit, after.epoch, after.seq, limit),
        )
        return [fact_of(row) for row in rows]

    def ahead(self, unit: str) -> Cursor | None:
        return None  # nothing comes here but by logs

    def keep_part(self, facts: Sequence[Fact]) -> None:
        with self._store.transaction():
            keep_facts(self._sql, facts)

    def replaced(self, unit: str, at: Cursor, facts: Sequence[Fact]) -> None:
        with self._store.transaction():
            keep_latest_of(self._sql, unit, facts)
            place = (unit, at.position.epoch, at.position.seq)
            for table in ("fact", "latest"):  # told by a run whose log the unit does not go on with
                sql = f"DELETE FROM {table} WHERE unit = ? AND (epoch, seq) > (?, ?)"  # noqa: S608  our own tables
                self._sql.execute(sql, place)
            self._sql.execute("INSERT OR REPLACE INTO applied VALUES (?, ?, ?, ?)", (*place, at.chain))
            self._sql.execute("INSERT OR REPLACE INTO thinned VALUES (?, ?, ?)", place)

    def units(self) -> list[str]:
        return [self.unit, *(row["unit"] for row in self._sql.execute("SELECT unit FROM applied ORDER BY unit"))]

    def ends(self, unit: str, limit: int) -> list[Position]:
        return [end.position for end in self._ends(unit, limit)]

    def oldest(self, unit: str, at_least: Position, over_at: datetime, limit: int) -> list[Kept]:
        rows = self._sql.execute(
            "SELECT fact.epoch, fact.seq, at, subject IS NOT NULL AND (over_at IS NULL OR over_at > ?) AS lasts,"
            " coalesce((fact.epoch, fact.seq) < (thinned.epoch, thinned.seq), 0) AS is_before_whole"
            " FROM fact LEFT JOIN latest USING (unit, epoch, seq) LEFT JOIN thinned USING (unit)"
            " WHERE fact.unit = ? AND (fact.epoch, fact.seq) >= (?, ?) ORDER BY fact.epoch, fact.seq LIMIT ?",
            (rfc3339(over_at), unit, at_least.epoch, at_least.seq, limit),
        )
        return [
            Kept(
                Position(row["epoch"], row["seq"]),
                parse_instant(row["at"]),
                bool(row["lasts"]),
                bool(row["is_before_whole"]),
            )
            for row in rows
        ]

    def thin(self, unit: str, gone: Sequence[Position], whole_from: Position) -> None:
        places = [(unit, place.epoch, place.seq) for place in gone]
        with self._store.transaction():
            for table in ("fact", "latest"):
                sql = f"DELETE FROM {table} WHERE unit = ? AND epoch = ? AND seq = ?"  # noqa: S608  our own tables
                self._sql.executemany(sql, places)
            self._sql.execute(
                "INSERT INTO thinned VALUES (?1, ?2, ?3) ON CONFLICT (unit) DO UPDATE SET epoch = ?2, seq = ?3"
                " WHERE (epoch, seq) < (?2, ?3)",
                (unit, whole_from.epoch, whole_from.seq),
            )

    def grant(self, unit: str, run: str, epoch: int, *, granted: bool, above: int, last: Grant | None) -> Grant:
        """Of a parent: see `tenure.granted`. Written down before it is answered."""
        with self._store.transaction():
            row = self._sql.execute("SELECT run, epoch FROM granted WHERE unit = ?", (unit,)).fetchone()
            known = None if row is None else Grant(run=row["run"], epoch=row["epoch"])
            answer = tenure.granted(known, run, epoch, already=granted, above=above, last=last)
            self._sql.execute("INSERT OR REPLACE INTO granted VALUES (?, ?, ?)", (unit, answer.run, answer.epoch))
        return answer

    def latest(self, kind: str, limit: int) -> list[Fact]:
        """The newest facts of a kind that this unit has made or taken in, newest first by their own instants."""
        sql = "SELECT * FROM fact WHERE kind = ? ORDER BY at DESC, seq DESC LIMIT ?"
        return [fact_of(row) for row in self._sql.execute(sql, (kind, limit))]

    def about(self, kind: str, subject: str, unit: str | None = None) -> Fact | None:
        """The latest fact of a kind about this subject in this unit's own log, or as another `unit` has told it."""
        found = "latest JOIN fact USING (unit, epoch, seq) WHERE unit = ? AND latest.kind = ? AND subject = ?"
        row = self._sql.execute(f"SELECT fact.* FROM {found}", (unit or self.unit, kind, subject)).fetchone()  # noqa: S608
        if row is None:
            return None
        return own_fact_of(row) if row["unit"] == self.unit else fact_of(row)

    def last_own(self, kind: str) -> Fact | None:
        """The last fact of a kind in this unit's own log."""
        return next(iter(self.own(kind, 1)), None)

    def own(self, kind: str, limit: int) -> list[Fact]:
        """The last facts of a kind in this unit's own log, newest first."""
        sql = "SELECT * FROM fact WHERE unit = ? AND kind = ? ORDER BY epoch DESC, seq DESC LIMIT ?"
        return [own_fact_of(row) for row in self._sql.execute(sql, (self.unit, kind, limit))]

    def _append_as(self, told: Fact) -> Fact:
        """Append what `told` tells, behind the end of the log."""
        end = self._end() or Cursor()
        seq = end.position.seq if end.position.epoch == self.epoch else 0
        fact = replace(told, epoch=self.epoch, seq=seq + 1, chain="")
        fact = replace(fact, chain=link(end.chain, fact))
        add_fact(self._sql, fact, None)
        if self._store.commits > self._appended_at:
            self._appended_before, self._appended_at = self._appended, self._store.commits
        self._appended = Position(fact.epoch, fact.seq)
        return fact

    def _ends(self, unit: str, limit: int) -> list[Cursor]:
        sql = "SELECT epoch, seq, chain FROM fact WHERE unit = ? AND epoch < ? ORDER BY epoch DESC, seq DESC LIMIT 1"
        found: list[Cursor] = []
        epoch = EPOCH_MAX
        while len(found) < limit and (row := self._sql.execute(sql, (unit, epoch)).fetchone()) is not None:
            epoch = row["epoch"]
            found.append(Cursor(Position(epoch, row["seq"]), row["chain"]))
        return found

    def _beginning(self, place: Position) -> Cursor:
        """Where a subscriber goes on that has come to `place`, which is in no log, or was in this one."""
        whole_from = self.whole_from()
        if place < whole_from:
            return Cursor(whole_from, self.chain_at(whole_from) or "")
        # What this run has told is still to be sent.
        return next((mark for mark in self.marks(2) if mark.position.epoch < self.epoch), Cursor())

    def _end(self) -> Cursor | None:
        """Where this unit's own log ends."""
        return next(iter(self.marks(1)), None)

    def _settle(self, epoch: int) -> None:
        self._sql.execute("UPDATE own_epoch SET settled = max(settled, ?) WHERE unit = ?", (epoch, self.unit))

    def _take_out_written(self, behind: Position | None = None) -> list[Fact]:
        """Take what is not settled, of this run and those before it, out of the log, to write it anew; also what is
        `behind` a place."""
        sql = "SELECT settled FROM own_epoch WHERE unit = ?"
        settled = Position(int(self._sql.execute(sql, (self.unit,)).fetchone()["settled"]) + 1)
        place = settled if behind is None else min(behind, settled)
        written = self.after(place, ALL)
        sql = "DELETE FROM fact WHERE unit = ? AND (epoch, seq) > (?, ?)"
        self._sql.execute(sql, (self.unit, place.epoch, place.seq))
        return written

    def _place_before(self, fact: Fact) -> Position | None:
        """The place in this log that a fact which is not in it follows on; none where that is not here either."""
        earlier = self._sql.execute(
            "SELECT epoch, seq, chain FROM fact WHERE unit = ? AND (epoch, seq) < (?, ?) ORDER BY epoch DESC, seq DESC"
            " LIMIT ?",
            (self.unit, fact.epoch, fact.seq, ANOTHER_RUN_MAX),
        )
        places = (Position(row["epoch"], row["seq"]) for row in earlier if link(row["chain"], fact) == fact.chain)
        follows_nothing = link(GENESIS, fact) == fact.chain and self.whole_from() == Position()
        return next(places, Position() if follows_nothing else None)

    def _write_anew(self, written: Sequence[Fact]) -> None:
        renumbered = [(fact.ref, self._append_as(fact).ref) for fact in written]
        if renumbered and self.when_renumbered is not None:
            self.when_renumbered(renumbered)


def _following(end: Cursor | None, facts: Sequence[Fact]) -> Iterator[Fact]:
    """Those of `facts` that go on where the log ends; any, where it is empty."""
    chain = None if end is None else end.chain
    for fact in facts:
        if chain is not None and fact.chain != link(chain, fact):
            return
        yield fact
        chain = fact.chain
