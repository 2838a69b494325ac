"""The logs of facts in central's database: one of its own for each lot, and those of the hubs as they came in."""

import json
from contextlib import AbstractContextManager
from dataclasses import replace

from sqlalchemy import tuple_
from sqlmodel import Session, col, select

from cloud_sync.central.database import Database
from cloud_sync.central.tables import Acknowledged, CursorRow, FactRow, OwnLog
from cloud_sync.link.log import Cursor, Position
from cloud_sync.link.v1.facts import Payload
from cloud_sync.link.v1.wire import utc
from domain.fact import GENESIS, Fact, link
from domain.now import Now, Trust


class Journal:
    """An `Outbox` of `unit` and an `Inbox` for others (`cloud_sync/link/log.py`).

    Calls made within `Database.transaction` of the same thread are part of it.
    """

    def __init__(self, database: Database, unit: str, boot: str) -> None:
        """Open the log of `unit`, and begin one in epoch 1 where there is none; `boot` is this boot's id."""
        self.unit = unit
        self._database = database
        self._boot = boot
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
        with self._database.transaction() as session:
            own = session.get_one(OwnLog, self.unit, with_for_update=True)
            fact = Fact(
                unit=self.unit,
                epoch=own.epoch,
                seq=own.seq + 1,
                kind=payload.kind,
                at=utc(now.utc),
                boot=self._boot,
                mono_ms=now.mono_ms,
                trust=now.trust,
                payload=payload.to_json(),
                chain="",
            )
            fact = replace(fact, chain=link(own.chain, fact))
            own.seq, own.chain = fact.seq, fact.chain
            session.add(_row(fact, None))
        return fact

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
            return None if row is None else _fact(row)

    def after(self, position: Position, limit: int) -> list[Fact]:
        later = tuple_(col(FactRow.epoch), col(FactRow.seq)) > tuple_(position.epoch, position.seq)
        found = (
            select(FactRow)
            .where(FactRow.unit == self.unit, later)
            .order_by(col(FactRow.epoch), col(FactRow.seq))
            .limit(limit)
        )
        with self._database.reading() as session:
            return [_fact(row) for row in session.exec(found)]

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
            row = session.get(CursorRow, unit, with_for_update=True, populate_existing=True)
            return Cursor() if row is None else Cursor(Position(row.epoch, row.seq), row.chain)

    def keep(self, fact: Fact, set_aside: str | None) -> None:
        with self._database.transaction() as session:
            session.add(_row(fact, set_aside))
            session.merge(CursorRow(unit=fact.unit, epoch=fact.epoch, seq=fact.seq, chain=fact.chain, fact_at=fact.at))

    def seen(self, unit: str, position: Position) -> str | None:
        with self._database.reading() as session:
            row = session.get(FactRow, (unit, position.epoch, position.seq))
            return None if row is None else row.chain


def _row(fact: Fact, set_aside: str | None) -> FactRow:
    return FactRow(
        unit=fact.unit,
        epoch=fact.epoch,
        seq=fact.seq,
        kind=fact.kind,
        at=fact.at,
        boot=fact.boot,
        mono_ms=fact.mono_ms,
        trust=fact.trust.value,
        payload=json.dumps(fact.payload),
        chain=fact.chain,
        set_aside=set_aside,
    )


def _fact(row: FactRow) -> Fact:
    return Fact(
        row.unit, row.epoch, row.seq, row.kind, row.at, row.boot, row.mono_ms, Trust(row.trust),
        json.loads(row.payload), row.chain,
    )  # fmt: skip
