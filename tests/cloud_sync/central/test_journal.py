"""What every log of facts keeps to: central's here, and the one that gates and hubs have."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from cloud_sync.central.database import Database
from cloud_sync.central.journal import Journal
from cloud_sync.link import journal as gate_and_hub
from cloud_sync.link.log import Cursor, Position
from cloud_sync.link.receiving import Receiver
from cloud_sync.link.sending import Sender
from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import AlarmRaised, PaymentChanged
from cloud_sync.link.v1.messages import Ack, AckState
from domain.errors import PeerError
from domain.fact import GENESIS, Fact, link
from domain.money import Money
from domain.now import Now
from tests.cloud_sync.central.street import LOT
from tests.parts import NOON

NOW = Now(17, NOON)
Open = Callable[[str], Journal | gate_and_hub.Journal]


@pytest.fixture(params=["central", "gate and hub"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the log of a unit; each unit has a store of its own."""
    closing: list[Callable[[], None]] = []

    def open_log(unit: str) -> Journal | gate_and_hub.Journal:
        if request.param == "central":
            database = Database(make_url(f"sqlite:///{tmp_path}/{unit}.db"))
            closing.append(database.close)
            return Journal(database, unit, "boot")
        store = Store(tmp_path / f"{unit}.db")
        closing.append(store.close)
        return gate_and_hub.Journal(store, unit, "boot")

    yield open_log
    for close in closing:
        close()


def told(journal: Journal | gate_and_hub.Journal, *alarms: str) -> list[Fact]:
    facts = []
    for alarm in alarms:
        with journal.transaction():
            facts.append(journal.append(AlarmRaised(alarm=alarm, detail=""), NOW))
    return facts


def fail_after(journal: Journal | gate_and_hub.Journal, change: Callable[[], object]) -> None:
    with journal.transaction():
        change()
        raise RuntimeError


def paid(journal: Journal, number: int) -> None:
    payment = PaymentChanged(reservation_id=f"R{number}", paid=Money(100, "EUR"), refunded=Money(0, "EUR"))
    with journal.transaction():
        journal.append(payment, NOW)


def test_a_snapshot_holds_nothing_that_is_told_behind_it(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Payments go on beside the link: what they tell meanwhile is sent after it, and taken in once."""
    journal = Journal(database, f"central:{LOT}", "boot")
    paid(journal, 1)
    marks = journal.marks

    def and_meanwhile(limit: int) -> list[Cursor]:
        found = marks(limit)
        paid(journal, 2)
        return found

    monkeypatch.setattr(journal, "marks", and_meanwhile)
    at, facts = journal.snapshot(Position(), Position())
    assert [Cursor.at(fact) for fact in facts] == [at]
    assert [fact.payload["reservation_id"] for fact in journal.after(at.position, 10)] == ["R2"]


def test_facts_are_numbered_without_gaps_chained_and_kept_as_they_were(opened: Open) -> None:
    journal = opened("a")
    facts = told(journal, "one", "two", "three")
    assert [(fact.epoch, fact.seq) for fact in facts] == [(1, 1), (1, 2), (1, 3)]
    assert journal.after(Position(), 10) == facts
    assert journal.after(Position(1, 1), 1) == facts[1:2]
    chain = GENESIS
    for fact in facts:
        chain = link(chain, fact)
        assert fact.chain == chain


def test_a_fact_goes_with_its_change(opened: Open) -> None:
    journal = opened("a")
    with pytest.raises(RuntimeError):
        fail_after(journal, lambda: journal.append(AlarmRaised(alarm="one", detail=""), NOW))
    assert journal.after(Position(), 10) == []
    assert told(journal, "two")[0].seq == 1
    with pytest.raises(AssertionError):
        journal.append(AlarmRaised(alarm="outside", detail=""), NOW)


def test_an_acknowledgement_is_remembered_for_each_subscriber(opened: Open) -> None:
    journal = opened("a")
    assert journal.acknowledged("b") == Position()
    journal.acknowledge("b", Position(1, 2))
    journal.acknowledge("b", Position(1, 3))
    assert (journal.acknowledged("b"), journal.acknowledged("c")) == (Position(1, 3), Position())


def test_a_cursor_moves_with_the_fact_that_is_kept(opened: Open) -> None:
    source, journal = opened("a"), opened("b")
    one, two = told(source, "one", "two")
    assert journal.cursor("a") == Cursor()
    journal.keep(one, None)
    with pytest.raises(RuntimeError):
        fail_after(journal, lambda: journal.keep(two, "not understood"))
    assert journal.cursor("a") == Cursor(Position(1, 1), one.chain)
    journal.keep(two, "not understood")
    assert journal.cursor("a") == Cursor(Position(1, 2), two.chain)
    assert journal.seen("a", Position(1, 1)) == one.chain
    assert journal.seen("a", Position(1, 3)) is None


def test_a_log_is_brought_over_exactly_once(opened: Open) -> None:
    source, journal = opened("a"), opened("b")
    facts = told(source, "one", "two", "three")
    applied: list[Fact] = []

    def apply(fact: Fact) -> None:
        applied.append(fact)
        if fact.seq == 2:
            raise PeerError("junk", "this one makes no sense")

    receiver, sender = Receiver("a", journal, apply), Sender(source, "b")
    (asked,) = sender.connected(NOW)
    (batch,) = sender.acked(receiver.heard(asked), NOW)
    for _ in range(2):
        ack = receiver.heard(batch)
    assert ack == Ack(unit="a", epoch=1, seq=3, chain=facts[2].chain, state=AckState.OK)
    assert applied == facts
    sender.acked(ack, NOW)
    assert source.acknowledged("b") == Position(1, 3)
    assert journal.seen("a", Position(1, 2)) == facts[1].chain, "set aside, and kept"


def test_what_a_failed_application_wrote_is_undone_and_the_cursor_stands(opened: Open) -> None:
    source, journal = opened("a"), opened("b")
    facts = told(source, "one")

    def apply(fact: Fact) -> None:
        journal.append(AlarmRaised(alarm="followed", detail=""), NOW)
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError):
        Receiver("a", journal, apply).receive(facts)
    assert journal.cursor("a") == Cursor()
    assert journal.after(Position(), 10) == []


def test_a_log_is_the_same_after_a_restart(tmp_path: Path) -> None:
    url = make_url(f"sqlite:///{tmp_path}/central.db")
    database = Database(url)
    told(Journal(database, "a", "boot"), "one")
    database.close()
    database = Database(url)
    journal = Journal(database, "a", "another boot")
    (two,) = told(journal, "two")
    assert (two.seq, journal.epoch) == (2, 1)
    assert [fact.seq for fact in journal.after(Position(), 10)] == [1, 2]
    assert journal.latest(AlarmRaised.kind) == two
    assert journal.latest("other/1") is None
    database.close()
