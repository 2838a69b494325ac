"""Moving queued money: one try at a time, booked once, whoever dies or comes back too late."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, select

from cloud_sync.central import lease, ledger
from cloud_sync.central.dues import Kind
from cloud_sync.central.tables import Movement, Payment
from domain.money import Money
from tests.cloud_sync.central.banks import MemoryBank
from tests.cloud_sync.central.rows import RESERVATION, booking, payment
from tests.cloud_sync.central.site import Site
from tests.cloud_sync.central.street import LOT

CAUSE = f"{RESERVATION}:cancel:1"
OWED = {"bank": 800, f"revenue:{LOT}": -500, "refunds_due": -300}
PAID_OUT = {"bank": 500, f"revenue:{LOT}": -500, "refunds_due": 0}


@pytest.fixture
def queued(site: Site) -> str:
    """3.00 of 8.00 EUR are to go back; the movement's id."""
    now = site.watch().utc
    with site.office.database.transaction() as session:
        session.add(booking())
        session.flush()
        row = payment(step="paid")
        session.add(row)
        session.flush()
        ledger.open_charge(session, row, now)
        ledger.captured(session, row, now)
        ledger.queue_refund(session, row, Money(300, "EUR"), now, kind=Kind.CANCEL)
        return _refund(session).movement_id


def _refund(session: Session) -> Movement:
    return session.exec(select(Movement).where(Movement.kind == Kind.CANCEL.value)).one()


async def work(site: Site, movement_id: str) -> None:
    await site.office.moving.start(movement_id)


def told(site: Site) -> list[int]:
    """What the hub is told was paid back in all, fact by fact."""
    log = site.office.journals[LOT]
    latest = log.latest("payment.changed/1")
    return [] if latest is None else [latest.seq, latest.payload["refunded"]["amount_minor"]]


async def test_paid_out_is_booked_told_and_never_asked_again(site: Site, bank: MemoryBank, queued: str) -> None:
    await work(site, queued)
    assert bank.refunds == {CAUSE: 300}
    assert site.balances() == PAID_OUT
    first = told(site)
    assert first[1] == 300
    assert site.nudged == [LOT]
    site.watch.pass_by(timedelta(days=1))
    await work(site, queued)
    assert (bank.calls, told(site), site.nudged) == (["refund"], first, [LOT])


async def test_a_refund_that_is_being_paid_out_is_left_alone(site: Site, bank: MemoryBank, queued: str) -> None:
    with site.office.database.transaction() as session:
        assert lease.take(session, Movement, queued, "another", site.watch().utc) is not None
    await work(site, queued)
    assert (bank.calls, site.nudged) == ([], [])


@pytest.mark.parametrize("says", ["yes", "no", "nothing"])
async def test_whoever_comes_back_after_its_lease_books_nothing(
    site: Site, bank: MemoryBank, queued: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first try hangs in the bank until another process has paid the refund out."""
    plain = bank.refund

    def hangs(*asked: Any) -> str:
        monkeypatch.setattr(bank, "refund", plain)
        site.watch.pass_by(timedelta(seconds=lease.LEASE_S))
        _in_another_process(site, queued)
        if says != "yes":
            bank.silent, bank.refuses = ({"refund"}, {}) if says == "nothing" else (set(), {"refund": "refund_failed"})
        return plain(*asked)

    monkeypatch.setattr(bank, "refund", hangs)
    await work(site, queued)
    assert bank.refunds == {CAUSE: 300}
    assert site.balances() == PAID_OUT
    assert (site.payment().pending_minor, site.payment().refunded_minor) == (0, 300)
    with site.office.database.reading() as session:
        assert _refund(session).due_at is None


def _in_another_process(site: Site, movement_id: str) -> None:
    now = site.watch().utc
    with site.office.database.transaction() as session:
        refund = lease.take(session, Movement, movement_id, "another", now)
        assert refund is not None, "the first one's lease has ended"
        row = session.get_one(Payment, refund.payment_id)
        assert row.intent_id is not None
        reference = site.bank.refund(row.intent_id, Money(300, "EUR"), str(ledger.cause_of(refund)))
        ledger.refund_paid(session, row, refund, reference, now)
        lease.finish(refund)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_dying_while_it_asks_the_next_process_pays_out_once(
    site: Site, bank: MemoryBank, queued: str, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """At the other lines: `test_crashes.py`."""
    with monkeypatch.context() as dying:
        dying.setattr(bank, "refund", _dying(bank.refund, when))
        with pytest.raises(RuntimeError, match="kill -9"):
            await work(site, queued)
    site.restart()
    await site.work()
    assert bank.refunds == {CAUSE: 300}
    assert site.balances() == PAID_OUT
    assert told(site)[1] == 300


def _dying(method: Callable[..., object], when: str) -> Callable[..., object]:
    def dies(*args: object) -> object:
        if when == "after":
            method(*args)
        raise RuntimeError("kill -9")

    return dies


async def test_a_no_is_final_and_told_to_nobody_but_the_operator(
    site: Site, bank: MemoryBank, queued: str, caplog: pytest.LogCaptureFixture
) -> None:
    bank.refuses["refund"] = "refund_failed"
    await work(site, queued)
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert (record.message, vars(record)["movement"], vars(record)["why"]) == (
        "refund.refused",
        queued,
        "refund_failed",
    )
    assert told(site) == [], "the hub hears of money that has moved"
    site.watch.pass_by(timedelta(days=1))
    bank.refuses.clear()
    await site.work()
    assert bank.calls == ["refund"]
    with site.office.database.reading() as session:
        assert _refund(session).state == "void"


async def test_in_doubt_it_stays_owed_and_is_asked_ever_more_slowly_with_one_cause(
    site: Site, bank: MemoryBank, queued: str
) -> None:
    bank.silent.add("refund")
    pauses = []
    for _ in range(8):
        await work(site, queued)
        assert site.balances() == OWED
        with site.office.database.reading() as session:
            due_at = _refund(session).due_at
        assert due_at is not None
        pauses.append((due_at - site.watch().utc).total_seconds())
        await work(site, queued)
        site.watch.pass_by(timedelta(seconds=pauses[-1]))
    assert bank.calls == ["refund"] * 8, "while it rests it is not asked"
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    bank.silent.clear()
    await work(site, queued)
    assert bank.refunds == {CAUSE: 300}
    assert site.balances() == PAID_OUT
