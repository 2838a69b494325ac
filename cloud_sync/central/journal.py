"""The logs of facts in central's database: one of its own for each lot, and those of the hubs as they came in."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import and_, bindparam, delete, or_, tuple_
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from cloud_sync.central.database import Database
from cloud_sync.central.fact_rows import add_fact, answered_up_to, fact_of
from cloud_sync.central.tables import (
    Acknowledged,
    AnsweredFact,
    CursorRow,
    FactRow,
    GrantRow,
    LatestFact,
    OwnLog,
    Thinned,
)
from cloud_sync.link import tenure
from cloud_sync.link.log import Cursor, Position
from cloud_sync.link.pruning import Kept
from cloud_sync.link.v1.facts import HAPPENED, Payload
from cloud_sync.link.v1.messages import Grant, WireFact
from cloud_sync.link.v1.wire import utc
from domain.fact import GENESIS, Fact, link
from domain.now import Now

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""When the last fact of a log happened that has none."""

NEVER = datetime.max.replace(tzinfo=UTC)
ABOVE_ALL = 2**31 - 1
"""Epochs, as PostgreSQL keeps them."""

# These are asked all the time, and made once: to make a statement costs more than to have it carried out.
_PLACE = tuple_(col(FactRow.epoch), col(FactRow.seq))
_KEPT = (
    select(FactRow)
    .where(col(FactRow.unit) == bindparam("unit"), tuple_(bindparam("epoch"), bindparam("seq")) < _PLACE)
    .order_by(col(FactRow.epoch), col(FactRow.seq))
    .limit(bindparam("limit"))
)
_NEWEST = (
    select(FactRow.epoch, FactRow.seq, FactRow.chain)
    .where(col(FactRow.unit) == bindparam("unit"), col(FactRow.epoch) < bindparam("below"))
    .order_by(col(FactRow.epoch).desc(), col(FactRow.seq).desc())
    .limit(1)
)
_ANSWERED = (
    select(AnsweredFact)
    .where(col(AnsweredFact.unit) == bindparam("unit"))
    .order_by(col(AnsweredFact.epoch), col(AnsweredFact.seq))
)
_CURSOR = (
    select(CursorRow.epoch, CursorRow.seq, CursorRow.chain)
    .where(col(CursorRow.unit) == bindparam("unit"))
    .with_for_update()
)


class Journal:
    """An `Outbox` of `unit` and an `Inbox` for others (`cloud_sync/link/log.py`).

    Calls made within `Database.transaction` of the same thread are part of it.
    """

    def __init__(self, database: Database, unit: str, boot: str) -> None:
        """Open the log of `unit`, and begin one in epoch 1 where there is none; `boot` is this boot's id."""
        self.unit = unit
        self._database = database
        self._boot = boot
        self._state = _state(database)
        with database.transaction() as session:
            if session.get(OwnLog, unit) is None:
                session.add(OwnLog(unit=unit, epoch=1, seq=0, chain=GENESIS))

    @property
    def epoch(self) -> int:
        with self._database.reading() as session:
            return session.get_one(OwnLog, self.unit).epoch

    def transaction(self) -> AbstractContextManager[Session]:
        return self._database.transaction()

    def append(self, payload: Payload, now: Now) -> Fact:
        """Write a fact of this unit. Call it in the transaction of the change that it tells of."""
        assert self._database.in_transaction, "a fact is stored together with its change"
        told = Fact(
            unit=self.unit,
            epoch=0,
            seq=0,
            kind=payload.kind,
            at=utc(now.utc),
            boot=self._boot,
            mono_ms=now.mono_ms,
            trust=now.trust,
            payload=payload.to_json(),
            chain="",
        )
        return self.repeat(told)

    def repeat(self, lost: Fact) -> Fact:
        """Tell what a lost fact told as a new one, with the old one's instant."""
        with self._database.transaction() as session:
            own = session.get_one(OwnLog, self.unit, with_for_update=True)
            fact = replace(lost, epoch=own.epoch, seq=own.seq + 1, chain="")
            fact = replace(fact, chain=link(own.chain, fact))
            own.seq, own.chain = fact.seq, fact.chain
            add_fact(session, fact, None)
        return fact

    def begin(self, epoch: int) -> None:
        with self._database.transaction() as session:
            own = session.get_one(OwnLog, self.unit, with_for_update=True)
            assert epoch > own.epoch, "epochs rise"
            own.epoch, own.seq = epoch, 0

    def settle(self) -> None:
        """It always is."""

    def rise_to(self, epoch: int) -> None:
        raise AssertionError("nothing that central has written is ever numbered anew")

    def take_back(self, facts: Sequence[Fact]) -> tuple[list[Fact], list[Fact]]:
        """Own facts that a hub has: those that are at the end of the log again, and those that cannot be, because this
        log has gone on differently. What is in the log already is in neither list.

        Call it in the transaction of what follows from them, in an epoch in which nothing was written yet.
        """
        inserted: list[Fact] = []
        with self._database.transaction() as session:
            own = session.get_one(OwnLog, self.unit, with_for_update=True)
            news = [fact for fact in facts if self.chain_at(Position(fact.epoch, fact.seq)) != fact.chain]
            for fact in news if own.seq == 0 else []:
                if fact.chain != link(own.chain, fact):
                    break
                own.chain = fact.chain
                add_fact(session, fact, None)
                inserted.append(fact)
        return inserted, [fact for fact in news if fact not in inserted]

    def latest(self, kind: str) -> Fact | None:
        """The newest fact of this kind that this unit has made."""
        found = (
            select(FactRow)
            .where(FactRow.unit == self.unit, FactRow.kind == kind)
            .order_by(col(FactRow.epoch).desc(), col(FactRow.seq).desc())
            .limit(1)
        )
        with self._database.reading() as session:
            row = session.exec(found).first()
            return None if row is None else fact_of(row)

    def after(self, position: Position, limit: int) -> list[Fact]:
        return self.kept(self.unit, position, limit)

    def kept(self, unit: str, after: Position, limit: int) -> list[Fact]:
        said = {"unit": unit, "epoch": after.epoch, "seq": after.seq, "limit": limit}
        with self._database.reading() as session:
            facts = [fact_of(row) for row in session.exec(_KEPT, params=said)]
            if unit != self.unit and len(facts) < limit:
                behind = max(self.cursor(unit).position, after)
                facts += [fact for fact in self._answered(session, unit) if Cursor.at(fact).position > behind]
            return facts[:limit]

    def ahead(self, unit: str) -> Cursor | None:
        place = self.cursor(unit).position
        with self._database.reading() as session:
            answered = [Cursor.at(fact) for fact in self._answered(session, unit)]
        return next((mark for mark in reversed(answered) if mark.position > place), None)

    def _ends(self, unit: str, limit: int) -> list[Cursor]:
        found: list[Cursor] = []
        below = ABOVE_ALL
        with self._database.reading() as session:
            while len(found) < limit:
                row = session.exec(_NEWEST, params={"unit": unit, "below": below}).first()
                if row is None:
                    break
                found.append(Cursor(Position(row[0], row[1]), row[2]))
                below = row[0]
        return found

    def _answered(self, session: Session, unit: str) -> list[Fact]:
        rows = session.exec(_ANSWERED, params={"unit": unit})
        return [WireFact.model_validate_json(row.fact).fact() for row in rows]

    def marks(self, limit: int) -> list[Cursor]:
        return self._ends(self.unit, limit)

    def ends(self, unit: str, limit: int) -> list[Position]:
        return [end.position for end in self._ends(unit, limit)]

    def chain_at(self, position: Position) -> str | None:
        return self.seen(self.unit, position)

    def whole_from(self) -> Position:
        with self._database.reading() as session:
            row = session.get(Thinned, self.unit)
            return Position() if row is None else Position(row.epoch, row.seq)

    def snapshot(self, place: Position, told: Position, since: datetime | None = None) -> tuple[Cursor, list[Fact]]:
        latest = select(LatestFact.epoch, LatestFact.seq).where(LatestFact.unit == self.unit)
        if since is not None:
            latest = latest.where(or_(col(LatestFact.over_at).is_(None), col(LatestFact.over_at) > since))
        place_of = tuple_(col(FactRow.epoch), col(FactRow.seq))
        happened = and_(col(FactRow.kind).in_(HAPPENED), place_of > tuple_(told.epoch, told.seq))
        if since is not None:
            happened = and_(happened, col(FactRow.at) > since)
        found = (
            select(FactRow)
            .where(FactRow.unit == self.unit, or_(place_of.in_(latest), happened))
            .order_by(col(FactRow.epoch), col(FactRow.seq))
        )
        at = next(iter(self.marks(1)), Cursor())
        # What another thread appends meanwhile comes behind the snapshot: in it, it could not be taken in once more.
        up_to_there = place_of <= tuple_(at.position.epoch, at.position.seq)
        with self._database.reading() as session:
            return at, [fact_of(row) for row in session.exec(found.where(up_to_there))]

    def state(self, kind: str, first: str, since: datetime | None, limit: int) -> list[Fact]:
        said = {"unit": self.unit, "kind": kind, "first": first, "since": since or NEVER, "limit": limit}
        with self._database.reading() as session:
            return [fact_of(row) for row in session.exec(self._state, params=said)]

    def acknowledged(self, subscriber: str) -> Position:
        with self._database.reading() as session:
            row = session.get(Acknowledged, (self.unit, subscriber))
            return Position() if row is None else Position(row.epoch, row.seq)

    def acknowledge(self, subscriber: str, position: Position) -> None:
        with self._database.transaction() as session:
            session.merge(Acknowledged(unit=self.unit, subscriber=subscriber, epoch=position.epoch, seq=position.seq))

    def cursor(self, unit: str) -> Cursor:
        """How far `unit` has been applied. Within a transaction its row is locked until the end."""
        with self._database.reading() as session:
            row = session.exec(_CURSOR, params={"unit": unit}).first()
            return Cursor() if row is None else Cursor(Position(row[0], row[1]), row[2])

    def keep(self, fact: Fact, set_aside: str | None) -> None:
        with self._database.transaction() as session:
            add_fact(session, fact, set_aside)
            session.execute(answered_up_to(fact))
            session.merge(CursorRow(unit=fact.unit, epoch=fact.epoch, seq=fact.seq, chain=fact.chain, fact_at=fact.at))

    def seen(self, unit: str, position: Position) -> str | None:
        with self._database.reading() as session:
            row = session.get(FactRow, (unit, position.epoch, position.seq))
            return None if row is None else row.chain

    def keep_part(self, facts: Sequence[Fact]) -> None:
        """Nothing is kept yet: nobody waits for this thread, which keeps them all at the end."""

    def replaced(self, unit: str, at: Cursor, facts: Sequence[Fact]) -> None:
        with self._database.transaction() as session:
            session.execute(delete(LatestFact).where(col(LatestFact.unit) == unit))
            session.execute(delete(FactRow).where(col(FactRow.unit) == unit))
            session.expire_all()
            for fact in facts:
                add_fact(session, fact, None)
            known = session.get(CursorRow, unit)
            fact_at = max((fact.at for fact in facts), default=None) or (known.fact_at if known else EPOCH)
            epoch, seq = at.position.epoch, at.position.seq
            session.merge(CursorRow(unit=unit, epoch=epoch, seq=seq, chain=at.chain, fact_at=fact_at))
            session.merge(Thinned(unit=unit, epoch=epoch, seq=seq))

    def units(self) -> list[str]:
        """The log to a lot's hub, and the one that comes from there."""
        return [self.unit, self.unit.partition(":")[2]]

    def oldest(self, unit: str, at_least: Position, over_at: datetime, limit: int) -> list[Kept]:
        same = and_(
            col(LatestFact.unit) == FactRow.unit,
            col(LatestFact.epoch) == FactRow.epoch,
            col(LatestFact.seq) == FactRow.seq,
            or_(col(LatestFact.over_at).is_(None), col(LatestFact.over_at) > over_at),
        )
        found = (
            select(FactRow.epoch, FactRow.seq, FactRow.at, LatestFact.unit)
            .outerjoin(LatestFact, same)
            .where(FactRow.unit == unit)
            .where(tuple_(col(FactRow.epoch), col(FactRow.seq)) >= tuple_(at_least.epoch, at_least.seq))
            .order_by(col(FactRow.epoch), col(FactRow.seq))
            .limit(limit)
        )
        with self._database.reading() as session:
            return [
                Kept(Position(epoch, seq), at, latest is not None) for epoch, seq, at, latest in session.exec(found)
            ]

    def thin(self, unit: str, gone: Sequence[Position], whole_from: Position) -> None:
        places = [{"at_epoch": place.epoch, "at_seq": place.seq} for place in gone]
        with self._database.transaction() as session:
            for table in (FactRow, LatestFact):
                here = col(table.epoch) == bindparam("at_epoch"), col(table.seq) == bindparam("at_seq")
                session.connection().execute(delete(table).where(col(table.unit) == unit, *here), places)
            session.expire_all()
            known = session.get(Thinned, unit)
            if known is None or (known.epoch, known.seq) < (whole_from.epoch, whole_from.seq):
                session.merge(Thinned(unit=unit, epoch=whole_from.epoch, seq=whole_from.seq))

    def grant(self, unit: str, run: str, epoch: int, *, granted: bool, above: int, last: Grant | None) -> Grant:
        """Of a parent: see `tenure.granted`. Written down before it is answered."""
        with self._database.transaction() as session:
            row = session.get(GrantRow, unit, with_for_update=True, populate_existing=True)
            known = None if row is None else Grant(run=row.run, epoch=row.epoch)
            answer = tenure.granted(known, run, epoch, already=granted, above=above, last=last)
            session.merge(GrantRow(unit=unit, run=answer.run, epoch=answer.epoch))
        return answer


def _state(database: Database) -> SelectOfScalar[FactRow]:
    """What finds the latest facts about subjects of a kind that are not over."""
    subject = database.by_code_points(col(LatestFact.subject))
    over_at = col(LatestFact.over_at)
    same = tuple_(col(FactRow.unit), col(FactRow.epoch), col(FactRow.seq)) == tuple_(
        col(LatestFact.unit), col(LatestFact.epoch), col(LatestFact.seq)
    )
    return (
        select(FactRow)
        .join(LatestFact, same)
        .where(col(LatestFact.unit) == bindparam("unit"), col(LatestFact.kind) == bindparam("kind"))
        .where(subject >= bindparam("first"), or_(over_at.is_(None), over_at > bindparam("since")))
        .order_by(subject)
        .limit(bindparam("limit"))
    )
