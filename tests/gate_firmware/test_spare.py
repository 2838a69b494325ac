"""The store that a gate goes on with in memory: what it is made of, and how it comes home."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cloud_sync.link.journal import Journal
from cloud_sync.link.log import Position
from cloud_sync.link.store import Store, is_failing
from cloud_sync.link.v1.facts import AlarmRaised, GateDecided, LaneModeChanged, Mode
from domain.admission import Evidence
from domain.errors import OperatorError
from gate_firmware import spare
from gate_firmware.record import Record
from gate_firmware.replica import Replica
from gate_firmware.spare import Spare, bring_home, copied, tried
from tests.gate_firmware.gate import KEY_KNOWN, NOW, PLATE, SEAL, Gate, policy, rid, right, spot, stay
from tests.parts import ENTRY, LOT

NEWS = AlarmRaised(alarm="test", detail="")


def tell(journal: Journal, count: int) -> None:
    with journal.transaction():
        for _ in range(count):
            journal.append(NEWS, NOW)


def log_in(store: Store) -> Journal:
    return Journal(store, ENTRY, "boot-1")


def at(gate: Gate) -> Path:
    return gate.folder / "gate.db"


class TestWhatIsCopied:
    def test_is_all_that_a_decision_needs(self, entry: Gate) -> None:
        entry.hub_says(right(), right(2), spot(1), stay(2), KEY_KNOWN, policy(early_s=60))
        with entry.journal.transaction():
            entry.replica.use_ticket("t1", None)
        with closing(copied(at(entry), ENTRY)) as store:
            replica = Replica(store)
            assert replica.rights_of(SEAL.mark(PLATE), NOW) == entry.replica.rights_of(SEAL.mark(PLATE), NOW) != []
            assert replica.expected(NOW) == entry.replica.expected(NOW)
            assert replica.spots.inside() == {rid(2): Evidence.PLATE}
            assert replica.ticket_keys() == entry.replica.ticket_keys() != {}
            assert replica.policy.early_s == 60
            assert replica.is_used("t1")
            assert log_in(store).cursor(LOT) == entry.journal.cursor(LOT)

    def test_is_of_the_log_what_the_hub_has_not_and_the_newest(
        self, entry: Gate, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(spare, "NEWEST", 3)
        tell(entry.journal, 10)
        for acknowledged, first in ((4, 4), (9, 8)):
            entry.journal.acknowledge(LOT, Position(1, acknowledged))
            with closing(copied(at(entry), ENTRY)) as store:
                journal = log_in(store)
                assert journal.after(Position(), 99) == entry.journal.after(Position(1, first - 1), 99)
                assert journal.whole_from() == Position(1, first)
                assert journal.acknowledged(LOT) >= journal.whole_from()

    def test_is_all_of_a_log_that_nobody_has_heard(self, entry: Gate) -> None:
        tell(entry.journal, 150)
        with closing(copied(at(entry), ENTRY)) as store:
            assert log_in(store).after(Position(), 999) == entry.journal.after(Position(), 999)
            assert log_in(store).whole_from() == Position()

    def test_is_no_more_of_it_than_there_is_room_for(self, entry: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(spare, "NEWEST", 2)
        monkeypatch.setattr(spare, "FACTS_MAX", 4)
        tell(entry.journal, 10)
        with closing(copied(at(entry), ENTRY)) as store:
            assert [fact.seq for fact in log_in(store).after(Position(), 99)] == [7, 8, 9, 10]

    def test_is_what_lasts_however_old(self, entry: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(spare, "NEWEST", 2)
        with entry.journal.transaction():
            entry.journal.append(LaneModeChanged(gate_id=ENTRY, mode=Mode.CLOSED, by="Anna"), NOW)
        tell(entry.journal, 10)
        entry.journal.acknowledge(LOT, Position(1, 11))
        with closing(copied(at(entry), ENTRY)) as store:
            journal = log_in(store)
            assert Record(entry.direction, journal, Replica(store)).last_mode() is Mode.CLOSED

    def test_goes_on_where_the_log_ended(self, entry: Gate) -> None:
        tell(entry.journal, 2)
        with closing(copied(at(entry), ENTRY)) as store:
            journal = log_in(store)
            journal.begin_run()
            tell(journal, 1)
            assert journal.marks(2)[0].position == Position(2, 1)

    @pytest.mark.parametrize("payload", ["{}", "[]", "{"])
    def test_is_nothing_of_a_log_that_no_lane_can_begin_with(self, entry: Gate, payload: str) -> None:
        entry.hub_says(right())
        entry.admitted()
        with entry.store.transaction():
            entry.store.connection.execute("UPDATE fact SET payload = ? WHERE kind = ?", (payload, GateDecided.kind))
        for opened in (copied, tried):
            with pytest.raises(sqlite3.DatabaseError, match=rf"the fact {ENTRY} 1/1 .*is damaged") as raised:
                opened(at(entry), ENTRY)
            assert is_failing(raised.value)

    def test_is_nothing_of_a_file_that_cannot_be_read(self, tmp_path: Path) -> None:
        (tmp_path / "gate.db").write_bytes(b"no database " * 999)
        with pytest.raises(sqlite3.DatabaseError):
            copied(tmp_path / "gate.db", ENTRY)
        with pytest.raises(sqlite3.OperationalError):
            copied(tmp_path / "another.db", ENTRY)
        assert not (tmp_path / "another.db").exists()


class TestWhereTheDiskGivesNothing:
    async def test_it_is_what_was_copied_ahead(self, entry: Gate) -> None:
        entry.hub_says(right())
        ahead = Spare(at(entry), ENTRY)
        await ahead._copy_ahead()
        entry.close()
        at(entry).write_bytes(b"no database " * 999)
        store, _ = await ahead.take()
        with closing(store):
            assert Replica(store).right(rid(1)) is not None

    async def test_it_is_empty_where_nothing_was(self, tmp_path: Path) -> None:
        store, has_untold = await Spare(tmp_path / "gate.db", ENTRY).take()
        with closing(store):
            store.claim(ENTRY)
            assert log_in(store).marks(1) == []
        assert not has_untold, "nobody knows what there was"

    @pytest.mark.parametrize("later", [0, 1])
    async def test_it_is_said_whether_this_gate_has_written_more_since_the_copy(self, entry: Gate, later: int) -> None:
        tell(entry.journal, 2)
        ahead = Spare(at(entry), ENTRY)
        await ahead._copy_ahead()
        entry.hub_says(right())  # what others have told is theirs to tell again
        tell(entry.journal, later)
        with pytest.raises(ZeroDivisionError), entry.journal.transaction():
            entry.journal.append(NEWS, NOW)
            raise ZeroDivisionError  # what was never stored has led to nothing
        written = entry.journal.written
        entry.close()
        at(entry).write_bytes(b"no database " * 999)
        store, has_untold = await ahead.take(written)
        store.close()
        assert has_untold is (later == 0)


class TestWhereTheDiskCanBeRead:
    async def test_nothing_is_missing(self, entry: Gate) -> None:
        tell(entry.journal, 200)
        entry.journal.acknowledge(LOT, Position(1, 50))
        store, has_untold = await Spare(at(entry), ENTRY).take(entry.journal.written)
        store.close()
        assert has_untold

    async def test_but_what_there_is_no_room_for(self, entry: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(spare, "NEWEST", 2)
        monkeypatch.setattr(spare, "FACTS_MAX", 4)
        tell(entry.journal, 10)
        entry.journal.acknowledge(LOT, Position(1, 3))
        store, has_untold = await Spare(at(entry), ENTRY).take(entry.journal.written)
        store.close()
        assert not has_untold


class TestComingHome:
    def test_brings_what_was_written_meanwhile(self, entry: Gate) -> None:
        tell(entry.journal, 3)
        entry.journal.settle()
        with closing(copied(at(entry), ENTRY)) as store:
            memory = log_in(store)
            memory.begin_run()
            tell(memory, 2)
            with closing(tried(at(entry), ENTRY)) as disk:
                bring_home(memory, disk)
                home = log_in(disk)
                assert home.after(Position(), 99) == memory.after(Position(), 99)
                assert home.epoch > memory.epoch

    def test_puts_what_the_disk_had_stored_after_all_behind_it(self, entry: Gate) -> None:
        """A commit that failed may be there when the disk is looked at again: nothing has moved because of it."""
        tell(entry.journal, 3)
        entry.journal.settle()
        with closing(copied(at(entry), ENTRY)) as store:
            tell(entry.journal, 1)
            memory = log_in(store)
            memory.begin_run()
            tell(memory, 2)
            with closing(tried(at(entry), ENTRY)) as disk:
                bring_home(memory, disk)
                places = [(fact.epoch, fact.seq) for fact in log_in(disk).after(Position(), 99)]
        assert places == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (4, 1)]

    def test_waits_for_a_store_that_is_whole(self, entry: Gate) -> None:
        tell(entry.journal, 200)
        entry.close()
        whole = at(entry).read_bytes()
        at(entry).write_bytes(whole[: len(whole) // 2] + b"?" * (len(whole) - len(whole) // 2))
        with pytest.raises((OperatorError, sqlite3.DatabaseError)):
            tried(at(entry), ENTRY)
