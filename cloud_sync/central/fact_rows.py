"""Facts as rows of central's database."""

import json

from sqlalchemy import Delete, delete
from sqlmodel import Session, col

from cloud_sync.central.tables import AnsweredFact, FactRow, LatestFact
from cloud_sync.link.v1.facts import subject_of
from domain.fact import Fact
from domain.now import Trust


def answered_up_to(fact: Fact) -> Delete:
    """That fact where it came with an answer; with the first of an epoch, all before: the hub has told them anew."""
    rows = delete(AnsweredFact).where(col(AnsweredFact.unit) == fact.unit)
    if fact.seq == 1:
        return rows.where(col(AnsweredFact.epoch) < fact.epoch)
    return rows.where(col(AnsweredFact.epoch) == fact.epoch, col(AnsweredFact.seq) == fact.seq)


def add_fact(session: Session, fact: Fact, set_aside: str | None) -> None:
    session.add(_row(fact, set_aside))
    subject = subject_of(fact)
    if subject is not None:
        name, over_at = subject
        session.merge(
            LatestFact(
                unit=fact.unit,
                kind=fact.kind,
                subject=name,
                epoch=fact.epoch,
                seq=fact.seq,
                over_at=over_at,
            )
        )


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


def fact_of(row: FactRow) -> Fact:
    return Fact(
        row.unit, row.epoch, row.seq, row.kind, row.at, row.boot, row.mono_ms, Trust(row.trust),
        json.loads(row.payload), row.chain,
    )  # fmt: skip
