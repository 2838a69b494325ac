"""What of the logs in a store is kept: in central's, and in a gate's or hub's."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url

from cloud_sync.central import journal as central
from cloud_sync.central.database import Database
from cloud_sync.link import pruning
from cloud_sync.link.journal import Journal
from cloud_sync.link.log import Cursor, Position
from cloud_sync.link.pruning import Limits, Pruning
from cloud_sync.link.receiving import Receiver
from cloud_sync.link.sending import Sender
from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import AlarmRaised, Payload, PolicyChanged
from cloud_sync.link.v1.messages import Facts, Part
from domain.fact import link
from domain.now import Now, Trust
from domain.policy import Policy, Tariff
from domain.reservation import Status
from tests.cloud_sync.link.copies import spot, stay
from tests.cloud_sync.link.ends import GATE, Ends
from tests.gate_firmware.gate import right
from tests.parts import ENTRY, EXIT, LOT, NOON, running, soon

KEEP = timedelta(days=7)
UNIT, OTHER = f"central:{LOT}", LOT
NEWS = AlarmRaised(alarm="test", detail="")
Shelf = Journal | central.Journal
Open = Callable[[str, str], Shelf]


@pytest.fixture(params=["central", "gate and hub"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the log of a unit in a file."""
    closing: list[Callable[[], None]] = []

    def open_log(unit: str, name: str) -> Shelf:
        if request.param == "central":
            database = Database(make_url(f"sqlite:///{tmp_path}/{name}.db"))
            closing.append(database.close)
            return central.Journal(database, unit, "boot")
        store = Store(tmp_path / f"{name}.db")
        closing.append(store.close)
        return Journal(store, unit, "boot")

    yield open_log
    for close in closing:
        close()


@pytest.fixture
def shelf(opened: Open) -> Shelf:
    return opened(UNIT, "a")


def on(day: float, trust: Trust = Trust.NTP) -> Now:
    return Now(int(day * 86_400_000), NOON + timedelta(days=day), trust)


def tell(shelf: Shelf, day: float, *payloads: Payload) -> None:
    with shelf.transaction():
        for payload in payloads:
            shelf.append(payload, on(day))


def prune(shelf: Shelf, day: float, *subscribers: str, trust: Trust = Trust.NTP) -> None:
    keeper = Pruning(shelf, KEEP, subscribers or [OTHER], lambda: on(day, trust))
    for unit in shelf.units():
        place: Position | None = Position()
        while place is not None:
            place = keeper.prune(unit, place, on(day, trust))


def count(shelf: Shelf, facts_max: int, day: float = 1, *, trust: Trust = Trust.NTP, untold_too: bool = False) -> int:
    """Prune by number; how often it was told that something was lost."""
    lost: list[None] = []
    limits = Limits(KEEP, facts_max, untold_too=untold_too)
    keeper = Pruning(shelf, KEEP, [OTHER], lambda: on(day), own=limits, others=limits, lost=lambda: lost.append(None))
    for unit in shelf.units():
        keeper.prune(unit, Position(), on(day, trust))
    return len(lost)


def seqs(shelf: Shelf, unit: str = UNIT) -> list[int]:
    return [fact.seq for fact in shelf.kept(unit, Position(), 1_000)]


class TestOwnFacts:
    def test_that_everybody_has_go_once_they_are_old(self, shelf: Shelf) -> None:
        for day in range(5):
            tell(shelf, day, NEWS)
        shelf.acknowledge(OTHER, Position(1, 5))
        prune(shelf, 7)
        assert seqs(shelf) == [1, 2, 3, 4, 5]
        prune(shelf, 9.5)
        assert seqs(shelf) == [3, 4, 5], "the place that it is whole from is kept too"
        assert shelf.whole_from() == Position(1, 3)

    def test_that_somebody_has_not_stay(self, shelf: Shelf) -> None:
        tell(shelf, 0, *[NEWS] * 6)
        shelf.acknowledge(OTHER, Position(1, 6))
        shelf.acknowledge("slow", Position(1, 2))
        prune(shelf, 30, OTHER, "slow")
        assert seqs(shelf) == [2, 3, 4, 5, 6]
        prune(shelf, 30, OTHER, "slow", "never heard of")
        assert seqs(shelf) == [2, 3, 4, 5, 6]
        prune(shelf, 30, OTHER)
        assert seqs(shelf) == [6], "who was taken out of the lot is not waited for"

    def test_that_tell_how_something_is_stay_until_it_is_over(self, shelf: Shelf) -> None:
        policy = PolicyChanged(policy=Policy(), tariff=Tariff("EUR", 30, 250))
        tell(shelf, 0, policy, policy, spot(1), spot(2), spot(1), right(1), right(2, end=24 * 20), stay(1), stay(2))
        tell(shelf, 1, stay(2, left_at=NOON), right(3, Status.CHECKED_IN), NEWS, NEWS)
        shelf.acknowledge(OTHER, Position(1, 13))
        prune(shelf, 9)
        assert seqs(shelf) == [2, 4, 5, 7, 8, 11, 13]
        assert [fact.seq for fact in shelf.snapshot(Position(), Position(1, 13))[1]] == [2, 4, 5, 7, 8, 11]
        tell(shelf, 10, spot(2), stay(1, left_at=NOON))
        shelf.acknowledge(OTHER, Position(1, 15))
        prune(shelf, 30)
        assert seqs(shelf) == [2, 5, 11, 14, 15], "what was said anew, or is over, goes later"

    def test_are_gone_on_with(self, shelf: Shelf) -> None:
        tell(shelf, 0, *[NEWS] * 3)
        shelf.acknowledge(OTHER, Position(1, 3))
        prune(shelf, 30)
        tell(shelf, 30, NEWS)
        last, following = shelf.after(Position(), 10)
        assert (following.seq, following.chain) == (4, link(last.chain, following))
        assert shelf.marks(1)[0].position == Position(1, 4)

    def test_stay_by_a_clock_that_nobody_trusts(self, shelf: Shelf) -> None:
        tell(shelf, 0, *[NEWS] * 3)
        shelf.acknowledge(OTHER, Position(1, 3))
        prune(shelf, 30, trust=Trust.NONE)
        assert seqs(shelf) == [1, 2, 3]

    def test_that_a_wrong_clock_has_dated_ahead_are_in_nobodys_way(self, shelf: Shelf) -> None:
        tell(shelf, 0, NEWS)
        tell(shelf, 3_650, NEWS)
        tell(shelf, 1, NEWS, NEWS)
        shelf.acknowledge(OTHER, Position(1, 4))
        prune(shelf, 9)
        assert seqs(shelf) == [4]

    def test_go_in_small_batches_and_a_crash_between_two_is_harmless(
        self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pruning, "LOOKED_AT_MAX", 3)
        tell(shelf, 0, *[spot(1), NEWS] * 5)
        shelf.acknowledge(OTHER, Position(1, 10))
        keeper = Pruning(shelf, KEEP, [OTHER], lambda: on(9))
        assert keeper.prune(UNIT, Position(), on(9)) == Position(1, 3)
        assert (seqs(shelf), shelf.whole_from()) == ([*range(3, 11)], Position(1, 3))
        prune(shelf, 9)
        assert (seqs(shelf), shelf.whole_from()) == ([9, 10], Position(1, 9))


class TestMoreThanMayBe:
    def test_go_the_oldest_first_however_new_they_are(self, shelf: Shelf) -> None:
        tell(shelf, 0, *[NEWS] * 6)
        shelf.acknowledge(OTHER, Position(1, 6))
        assert count(shelf, 3) == 0
        assert seqs(shelf) == [3, 4, 5, 6], "and the place that it is whole from"
        count(shelf, 3)
        assert seqs(shelf) == [3, 4, 5, 6]

    def test_go_by_no_clock(self, shelf: Shelf) -> None:
        tell(shelf, 0, *[NEWS] * 6)
        shelf.acknowledge(OTHER, Position(1, 6))
        count(shelf, 3, trust=Trust.NONE)
        assert seqs(shelf) == [3, 4, 5, 6]

    def test_are_counted_through_all_epochs(self, shelf: Shelf) -> None:
        for epoch in (1, 2, 3):
            tell(shelf, 0, NEWS, NEWS, NEWS)
            if epoch < 3:
                shelf.begin(epoch + 1)
        shelf.acknowledge(OTHER, Position(3, 3))
        count(shelf, 4)
        assert [(fact.epoch, fact.seq) for fact in shelf.kept(UNIT, Position(), 99)] == [
            (2, 2),
            (2, 3),
            (3, 1),
            (3, 2),
            (3, 3),
        ]

    def test_stay_where_somebody_has_not_heard_them(self, shelf: Shelf) -> None:
        tell(shelf, 0, *[NEWS] * 6)
        shelf.acknowledge(OTHER, Position(1, 2))
        assert count(shelf, 3) == 0
        assert seqs(shelf) == [2, 3, 4, 5, 6]

    def test_but_not_where_there_is_no_room_and_that_is_told(self, shelf: Shelf) -> None:
        tell(shelf, 0, *[NEWS] * 6)
        shelf.acknowledge(OTHER, Position(1, 2))
        assert count(shelf, 2, untold_too=True) == 1
        assert seqs(shelf) == [4, 5, 6]
        assert count(shelf, 4, 30, untold_too=True) == 0
        assert seqs(shelf) == [4, 5, 6], "what is only old is kept for who has not heard it"

    def test_of_others_too(self, opened: Open) -> None:
        source, shelf = opened(OTHER, "b"), opened(UNIT, "a")
        tell(source, 0, *[NEWS] * 6)
        for fact in source.after(Position(), 9):
            shelf.keep(fact, None)
        count(shelf, 3)
        assert seqs(shelf, OTHER) == [3, 4, 5, 6]


class TestFactsOfOthers:
    def test_go_too_and_their_cursor_stays(self, opened: Open) -> None:
        source, shelf = opened(OTHER, "b"), opened(UNIT, "a")
        tell(source, 0, spot(1), NEWS, NEWS)
        tell(source, 8, NEWS)
        facts = source.after(Position(), 9)
        for fact in facts:
            shelf.keep(fact, None)
        prune(shelf, 9)
        assert seqs(shelf, OTHER) == [1, 3, 4]
        assert shelf.cursor(OTHER).chain == facts[-1].chain
        prune(shelf, 90)
        assert seqs(shelf, OTHER) == [1, 4], "so that the unit can have its end back"


class TestWhatASnapshotHasReplaced:
    """At a gate, whose lane would wait for it: it counts for nothing from the start, and goes little by little."""

    @pytest.fixture
    def copy(self, tmp_path: Path) -> Journal:
        source, copy = (Journal(Store(tmp_path / f"{unit}.db"), unit, "boot") for unit in (OTHER, UNIT))
        tell(source, 0, spot(1), NEWS, spot(2), spot(1), NEWS, spot(1))
        receiver = Receiver(OTHER, copy, lambda _fact: None)
        facts = source.after(Position(), 9)
        receiver.receive(facts[:4])
        at = source.marks(1)[0].wire()
        for number, fact in enumerate((facts[2], facts[5]), start=1):
            receiver.part(Part(at=at, number=number, of=2), [fact])
        return copy

    def test_is_not_handed_back_any_more(self, copy: Journal) -> None:
        assert [fact.seq for fact in copy.kept(OTHER, Position(), 9)] == [3, 6]
        assert copy.seen(OTHER, Position(1, 4)) is None

    def test_is_deleted_however_new_it_is(self, copy: Journal) -> None:
        def seqs_stored() -> list[int]:
            return [kept.position.seq for kept in copy.oldest(OTHER, Position(), NOON, 99)]

        assert seqs_stored() == [1, 2, 3, 4, 6]
        prune(copy, 0.1)
        assert seqs_stored() == [3, 4, 6], "the last is where it goes on the next time"

    def test_comes_again_where_a_snapshot_broke_off(self, tmp_path: Path) -> None:
        source, copy = (Journal(Store(tmp_path / f"{unit}.db"), unit, "boot") for unit in (OTHER, UNIT))
        tell(source, 0, spot(1), NEWS, spot(1))
        receiver = Receiver(OTHER, copy, lambda _fact: None)
        facts = source.after(Position(), 9)
        receiver.part(Part(at=source.marks(1)[0].wire(), number=1, of=2), [facts[2]])
        assert receiver.receive(facts).seq == 3
        assert seqs(copy, OTHER) == [1, 2, 3]


class TestASubscriber:
    def test_that_was_told_by_another_run_forgets_what_came_behind_a_snapshot(self, opened: Open) -> None:
        """The unit goes on without that: it must not be handed back to it as its own."""
        source, copy = opened(OTHER, "b"), opened(UNIT, "a")
        receiver = Receiver(OTHER, copy, lambda _fact: None)
        tell(source, 0, spot(1), spot(2), spot(3), NEWS)
        *facts, behind, _ = source.after(Position(), 9)
        receiver.receive([*facts, behind])
        receiver.part(Part(at=Cursor(Position(1, 2), facts[1].chain).wire(), number=1, of=1), facts)
        assert [fact.seq for fact in copy.kept(OTHER, Position(), 9)] == [1, 2]
        assert copy.seen(OTHER, Position(1, 3)) is None

    def test_that_is_before_what_is_kept_gets_a_snapshot(self, opened: Open) -> None:
        source, shelf = opened(OTHER, "b"), opened(UNIT, "a")
        tell(source, 0, spot(1), NEWS, spot(1), NEWS)
        source.acknowledge("another", Position(1, 4))
        prune(source, 9, "another")
        applied = list[int]()
        deliver(Sender(source, UNIT), Receiver(OTHER, shelf, lambda fact: applied.append(fact.seq)))
        assert applied == [3, 4], "how things are, and what has happened since it was there"
        assert shelf.cursor(OTHER) == source.marks(1)[0]

    @pytest.mark.parametrize(
        ("forgets", "behind", "taken"),
        [(None, 4, [2, 3, 4, 5]), (timedelta(days=1), 3, [3, 4, 5]), (timedelta(days=1), 4, [4])],
    )
    def test_that_is_far_behind_gets_one_too_if_it_need_not_have_all(
        self, opened: Open, monkeypatch: pytest.MonkeyPatch, forgets: timedelta | None, behind: int, taken: list[int]
    ) -> None:
        monkeypatch.setattr("cloud_sync.link.sending.BEHIND_MAX", 3)
        source, shelf = opened(OTHER, "b"), opened(UNIT, "a")
        tell(source, 0, spot(1), NEWS, spot(1), spot(1), NEWS)
        applied = list[int]()
        receiver = Receiver(OTHER, shelf, lambda fact: applied.append(fact.seq))
        receiver.receive(source.after(Position(), 5 - behind))
        applied.clear()
        deliver(Sender(source, UNIT, forgets=forgets), receiver)
        assert applied == taken
        assert shelf.cursor(OTHER) == source.marks(1)[0]

    def test_of_a_log_without_a_state_goes_on_where_it_is_whole(self, opened: Open, tmp_path: Path) -> None:
        """A gate's; central's always has a policy."""
        source, shelf = Journal(Store(tmp_path / "gate.db"), OTHER, "boot"), opened(UNIT, "a")
        tell(source, 0, *[NEWS] * 4)
        tell(source, 8, NEWS, NEWS)
        source.acknowledge("another", Position(1, 6))
        prune(source, 9, "another")
        applied = list[int]()
        deliver(Sender(source, UNIT), Receiver(OTHER, shelf, lambda fact: applied.append(fact.seq)))
        assert applied == [5, 6]
        assert shelf.cursor(OTHER) == source.marks(1)[0]


def deliver(sender: Sender, receiver: Receiver) -> None:
    """Both ends meet; all messages are carried to and fro."""
    waiting: list[Facts] = sender.connected(on(9))
    for _ in range(100):
        if not waiting:
            return
        waiting += sender.acked(receiver.heard(waiting.pop(0)), on(9))
    raise AssertionError("they do not come to rest")


async def test_it_goes_by_itself_now_and_then(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "PRUNE_PAUSE_S", 0)
    monkeypatch.setattr(pruning, "PRUNE_EVERY_S", 0)
    tell(shelf, 0, *[NEWS] * 3)
    shelf.acknowledge(OTHER, Position(1, 3))
    done, steps = asyncio.Event(), list[Position | None]()

    async def call(step: pruning.Step) -> Position | None:
        steps.append(step())
        if len(steps) == 3 * len(shelf.units()):
            done.set()
        return steps[-1]

    async with running(Pruning(shelf, KEEP, [OTHER], lambda: on(30), call).run()):
        await soon(done.wait())
    assert seqs(shelf) == [3]


class TestADiskThatIsOlderThanWhatIsKept:
    """A unit is set back further than its peers can give back: it has what is still of use, and they agree again."""

    @pytest.mark.parametrize("has_state", [True, False])
    @pytest.mark.parametrize("writes", [True, False])
    def test_ends_in_one_log_again(self, tmp_path: Path, *, has_state: bool, writes: bool) -> None:
        ends = Ends(tmp_path)
        say = (spot(1), NEWS) if has_state else (NEWS, NEWS)
        self._lives(ends.gate, 0, *say)
        ends.deliver(ends.connect())
        ends.gate_store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (tmp_path / "old.db").write_bytes((tmp_path / "gate.db").read_bytes())
        for day in (1, 2, 30):
            ends.begin()
            self._lives(ends.gate, day, *say, *say)
            ends.deliver(ends.connect())
        before = ends.hub.cursor(GATE)
        Pruning(ends.hub, KEEP, [], lambda: on(60)).prune(GATE, Position(), on(60))
        assert len(ends.hub.kept(GATE, Position(), 99)) < 3
        ends.gate_store = Store(tmp_path / "old.db")
        ends.begin()
        if writes:
            self._lives(ends.gate, 60, NEWS)
        ends.deliver(ends.connect())
        assert ends.hub.cursor(GATE) == ends.gate.marks(1)[0]
        assert before.position.epoch <= ends.gate.epoch
        self._lives(ends.gate, 61, NEWS)
        ends.deliver(ends.sender.appended(on(61)))
        assert ends.hub.cursor(GATE) == ends.gate.marks(1)[0]
        ends.gate_store.close()
        ends.hub_store.close()

    def _lives(self, journal: Journal, day: float, *payloads: Payload) -> None:
        with journal.transaction():
            for payload in payloads:
                journal.append(payload, on(day))


def test_what_a_gate_is_called_is_no_matter(tmp_path: Path) -> None:
    """A hub prunes what it has taken in of a gate that is no longer in its lot."""
    hub, gate = Journal(Store(tmp_path / "hub.db"), LOT, "boot"), Journal(Store(tmp_path / "gate.db"), EXIT, "boot")
    tell(gate, 0, NEWS, NEWS)
    for fact in gate.after(Position(), 9):
        hub.keep(fact, None)
    prune(hub, 9, ENTRY)
    assert seqs(hub, EXIT) == [2]
