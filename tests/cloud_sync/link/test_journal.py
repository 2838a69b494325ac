"""The journal of a gate and a hub. What it shares with central's is in tests/cloud_sync/central/test_journal.py."""

from pathlib import Path

import pytest

from cloud_sync.link.fact_rows import migrations
from cloud_sync.link.journal import Journal
from cloud_sync.link.log import Cursor, Position
from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import AlarmRaised, Payload, SpotChanged
from domain.fact import GENESIS, link
from domain.now import Now, Trust
from domain.spot import SpotKind
from tests.parts import ENTRY, EXIT, LOT, NOON

NOW = Now(1_000, NOON.replace(microsecond=123_999), Trust.RTC)
NEWS = AlarmRaised(alarm="test", detail="Grüße 🚗")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gate.db"


@pytest.fixture
def journal(path: Path) -> Journal:
    return Journal(Store(path), ENTRY, "boot-1")


def append(journal: Journal, *payloads: Payload) -> None:
    for payload in payloads:
        with journal.transaction():
            journal.append(payload, NOW)


def test_facts_are_numbered_without_a_gap_chained_and_cut_to_the_milliseconds_of_the_wire(journal: Journal) -> None:
    append(journal, NEWS, NEWS, NEWS)
    facts = journal.after(Position(), 10)
    assert [(fact.unit, fact.epoch, fact.seq) for fact in facts] == [(ENTRY, 1, 1), (ENTRY, 1, 2), (ENTRY, 1, 3)]
    chain = GENESIS
    for fact in facts:
        chain = link(chain, fact)
        assert fact.chain == chain
    first = facts[0]
    assert (first.at, first.mono_ms, first.trust, first.boot) == (
        NOON.replace(microsecond=123_000),
        1_000,
        Trust.RTC,
        "boot-1",
    )
    assert first.payload == {"alarm": "test", "detail": "Grüße 🚗"}


def test_a_fact_that_is_taken_back_leaves_no_gap(journal: Journal) -> None:
    append(journal, NEWS)
    with pytest.raises(ZeroDivisionError), journal.transaction():
        journal.append(NEWS, NOW)
        _ = 1 // 0
    append(journal, NEWS)
    assert [fact.seq for fact in journal.after(Position(), 10)] == [1, 2]


def test_a_fact_without_a_transaction_is_a_bug(journal: Journal) -> None:
    with pytest.raises(AssertionError, match="together with its change"):
        journal.append(NEWS, NOW)


def test_it_goes_on_where_it_was_when_it_is_opened_again(path: Path, journal: Journal) -> None:
    append(journal, NEWS)
    journal.acknowledge(LOT, Position(1, 1))
    again = Journal(Store(path), ENTRY, "boot-2")
    append(again, NEWS)
    assert [(fact.seq, fact.boot) for fact in again.after(Position(), 10)] == [(1, "boot-1"), (2, "boot-2")]
    assert again.acknowledged(LOT) == Position(1, 1)
    assert again.acknowledged("central") == Position()


def test_a_new_epoch_counts_from_one_and_chains_on(path: Path, journal: Journal) -> None:
    append(journal, NEWS, NEWS)
    store = Store(path)
    store.connection.execute("UPDATE own_epoch SET epoch = 2")
    renewed = Journal(store, ENTRY, "boot-1")
    append(renewed, NEWS)
    *_, last, first = renewed.after(Position(), 10)
    assert (first.epoch, first.seq) == (2, 1)
    assert first.chain == link(last.chain, first)
    assert [fact.epoch for fact in renewed.after(Position(1, 2), 10)] == [2]


def test_facts_after_a_position_come_in_order_and_no_more_than_asked_for(journal: Journal) -> None:
    append(journal, *[NEWS] * 5)
    assert [fact.seq for fact in journal.after(Position(1, 2), 2)] == [3, 4]
    assert journal.after(Position(1, 5), 2) == []


def test_facts_of_others_are_kept_as_they_came_and_their_cursor_moves(tmp_path: Path, journal: Journal) -> None:
    hub = Journal(Store(tmp_path / "hub.db"), LOT, "boot-1")
    append(journal, NEWS, NEWS)
    one, two = journal.after(Position(), 10)
    hub.keep(one, None)
    hub.keep(two, "fact_unknown: unheard of")
    assert hub.cursor(ENTRY) == Cursor(Position(1, 2), two.chain)
    assert hub.cursor(EXIT) == Cursor()
    assert hub.seen(ENTRY, Position(1, 1)) == one.chain
    assert hub.seen(ENTRY, Position(1, 3)) is None
    assert hub.seen(EXIT, Position(1, 1)) is None
    assert hub.after(Position(), 10) == [], "they are not its own"


def test_the_cursor_moves_only_with_the_transaction(tmp_path: Path, journal: Journal) -> None:
    hub = Journal(Store(tmp_path / "hub.db"), LOT, "boot-1")
    append(journal, NEWS)
    (fact,) = journal.after(Position(), 10)
    with pytest.raises(ZeroDivisionError), hub.transaction():
        hub.keep(fact, None)
        _ = 1 // 0
    assert hub.cursor(ENTRY) == Cursor()
    assert hub.seen(ENTRY, Position(1, 1)) is None


def test_its_own_facts_and_others_of_one_kind_are_found_again(tmp_path: Path, journal: Journal) -> None:
    hub = Journal(Store(tmp_path / "hub.db"), LOT, "boot-1")
    spot = SpotChanged(spot_id="riverside.1-042", spot_kind=SpotKind.LARGE, in_service=True)
    append(hub, spot, NEWS)
    append(journal, NEWS)
    hub.keep(journal.after(Position(), 1)[0], None)
    assert {fact.unit for fact in hub.latest(AlarmRaised.kind, 10)} == {LOT, ENTRY}
    assert len(hub.latest(AlarmRaised.kind, 1)) == 1
    last = hub.last_own(AlarmRaised.kind)
    assert last is not None
    assert (last.unit, last.seq) == (LOT, 2)
    assert journal.last_own(SpotChanged.kind) is None


def test_its_tables_and_the_record_of_them_are_one_transaction(tmp_path: Path) -> None:
    """`executescript` of the standard library would have committed between the two, and failed here at once."""
    store = Store(tmp_path / "cut.db")
    said: list[str] = []
    store.connection.set_trace_callback(said.append)
    migrations.apply(store.db)
    begun = said.index("BEGIN", next(place for place, sql in enumerate(said) if "where migration_set" in sql))
    ended = said.index("COMMIT", begun)
    assert any("CREATE TABLE fact" in sql for sql in said[begun:ended])
    assert any("INSERT INTO" in sql and "_sqlite_migrations" in sql for sql in said[begun:ended])
    assert not any("CREATE TABLE fact" in sql for sql in said[ended + 1 :])
