"""The worker: what is due is worked on, once at a time, a bounded number at once, whatever fails."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from sqlalchemy.exc import OperationalError

from cloud_sync.central import worker
from cloud_sync.central.database import Database
from cloud_sync.central.lease import LEASE_S, REST_S_MIN, take
from cloud_sync.central.tables import Booking
from cloud_sync.central.worker import AT_ONCE_MAX, Worker
from tests.cloud_sync.central.rows import booking
from tests.cloud_sync.central.street import Watch
from tests.parts import NOON, running, soon


class Hands:
    """What a worker calls: takes the row's lease, and holds on until it is let go."""

    def __init__(self, database: Database, watch: Watch) -> None:
        self.begun: list[str] = []
        self.news = asyncio.Event()
        self.let_go = asyncio.Event()
        self.fails: set[str] = set()
        self._database = database
        self._watch = watch

    async def work(self, key: str) -> None:
        with self._database.transaction() as session:
            take(session, Booking, key, "me", self._watch().utc)
        self.begun.append(key)
        self.news.set()
        if key in self.fails:
            raise RuntimeError("a bug")
        await self.let_go.wait()

    async def have_begun(self, count: int) -> None:
        while len(self.begun) < count:
            self.news.clear()
            await soon(self.news.wait())


@pytest.fixture
def hands(database: Database, watch: Watch) -> Hands:
    return Hands(database, watch)


@pytest.fixture
def bookings(database: Database, watch: Watch, hands: Hands, monkeypatch: pytest.MonkeyPatch) -> Worker:
    monkeypatch.setattr(worker, "POLL_S", 3_600.0)  # rows are looked for when a test says so
    return Worker(database, Booking, hands.work, watch)


def add(database: Database, *keys: str, after_s: int = 0) -> None:
    with database.transaction() as session:
        session.add_all(booking(key, due_at=NOON + timedelta(seconds=after_s)) for key in keys)


@asynccontextmanager
async def looked(bookings: Worker, looks: asyncio.Event) -> AsyncIterator[None]:
    """The worker runs, and has looked once."""
    async with running(bookings.run()):
        await soon(looks.wait())
        yield


@pytest.fixture
def looks(bookings: Worker, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set when the worker has looked for rows."""
    find, done = bookings._find, asyncio.Event()

    async def finds(limit: int) -> list[str]:
        found = await find(limit)
        done.set()
        return found

    monkeypatch.setattr(bookings, "_find", finds)
    return done


async def test_what_is_due_is_begun_and_what_is_not_waits_for_its_time(
    database: Database, watch: Watch, bookings: Worker, hands: Hands
) -> None:
    add(database, "now")
    add(database, "later", after_s=10)
    async with running(bookings.run()):
        await hands.have_begun(1)
        watch.pass_by(timedelta(seconds=10))
        bookings.wake()
        await hands.have_begun(2)
    assert hands.begun == ["now", "later"]


async def test_nobody_wakes_it_and_it_looks_all_the_same(
    database: Database, bookings: Worker, hands: Hands, looks: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "POLL_S", 0.001)
    async with looked(bookings, looks):
        add(database, "a")
        await hands.have_begun(1)


async def test_a_row_that_is_written_is_looked_for_at_once_where_nobody_else_writes(
    database: Database, bookings: Worker, hands: Hands, looks: asyncio.Event
) -> None:
    async with looked(bookings, looks):
        add(database, "a")
        await hands.have_begun(1)
        await asyncio.to_thread(add, database, "b")
        await hands.have_begun(2)


async def test_it_sleeps_until_the_next_row_is_due(
    database: Database, watch: Watch, bookings: Worker, hands: Hands, looks: asyncio.Event
) -> None:
    add(database, "later", after_s=1)
    async with looked(bookings, looks):
        assert bookings._pause_s == 1
        add(database, "later still", after_s=2)
        looks.clear()
        watch.pass_by(timedelta(seconds=1))
        await hands.have_begun(1)
    assert hands.begun == ["later"]


async def test_who_starts_a_row_that_is_under_way_joins(database: Database, bookings: Worker, hands: Hands) -> None:
    add(database, "a")
    first = bookings.start("a")
    assert bookings.start("a") is first
    hands.let_go.set()
    await first
    assert bookings.start("a") is not first, "what has ended can be begun again"
    await bookings.start("a")
    assert hands.begun == ["a", "a"]


async def test_a_bug_on_one_row_stops_no_other_and_is_logged(
    database: Database, watch: Watch, bookings: Worker, hands: Hands, caplog: pytest.LogCaptureFixture
) -> None:
    add(database, "a", "b")
    hands.fails.add("a")
    async with running(bookings.run()):
        await hands.have_begun(2)
        failed_ones = [task for key, task in bookings._under_way.items() if key == "a"]
        await asyncio.gather(*failed_ones, return_exceptions=True)
        watch.pass_by(timedelta(seconds=LEASE_S))
        bookings.wake()
        await hands.have_begun(3)
    assert hands.begun == ["a", "b", "a"]
    failed = [vars(record) for record in caplog.records if record.levelno == logging.ERROR]
    assert {(record["message"], record["table"], record["row"]) for record in failed} == {
        ("work.failed", "bookings", "a")
    }


async def test_rows_that_cannot_even_be_leased_rest_and_starve_nobody(
    database: Database, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "POLL_S", 0.001)
    tried: list[str] = []
    others = asyncio.Event()

    async def work(key: str) -> None:
        tried.append(key)
        if key != "z":
            raise KeyError(key)
        others.set()

    add(database, *(f"{n:02}" for n in range(AT_ONCE_MAX)))
    add(database, "z", after_s=1)
    watch.pass_by(timedelta(seconds=1))
    async with running(Worker(database, Booking, work, watch).run()):
        await soon(others.wait())
    # One that was found due just before it began to rest is tried once more: in vain, where work takes its lease.
    assert set(tried) == {*(f"{n:02}" for n in range(AT_ONCE_MAX)), "z"}
    with database.reading() as session:
        row = session.get_one(Booking, "00")
        assert row.due_at is not None
        assert row.due_at >= NOON + timedelta(seconds=1 + REST_S_MIN)


async def test_a_database_that_is_away_when_work_fails_is_told_of(
    database: Database, watch: Watch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away() -> None:
        raise OperationalError("SELECT", {}, OSError("no"))

    async def work(_key: str) -> None:
        away()

    add(database, "a")
    monkeypatch.setattr(database, "transaction", away)
    with pytest.raises(OperationalError):
        await Worker(database, Booking, work, watch).start("a")
    assert caplog.messages == ["work.no_database", "work.failed"]


async def test_no_more_than_a_bound_are_worked_on_at_once(
    database: Database, bookings: Worker, hands: Hands, looks: asyncio.Event
) -> None:
    add(database, *(f"{n:02}" for n in range(AT_ONCE_MAX + 1)))
    async with running(bookings.run()):
        await hands.have_begun(AT_ONCE_MAX)
        looks.clear()
        bookings.wake()
        await soon(looks.wait())
        assert len(hands.begun) == AT_ONCE_MAX
        hands.let_go.set()
        await asyncio.gather(*bookings._under_way.values())
        bookings.wake()
        await hands.have_begun(AT_ONCE_MAX + 1)


async def test_what_drivers_wait_for_may_exceed_the_bound_and_nothing_else_is_begun_then(
    database: Database, bookings: Worker, hands: Hands, looks: asyncio.Event
) -> None:
    waited_for = [f"{n:02}" for n in range(AT_ONCE_MAX + 2)]
    add(database, *waited_for)
    for key in waited_for:
        bookings.start(key)
    await hands.have_begun(len(waited_for))
    add(database, "z")
    async with looked(bookings, looks):
        assert "z" not in bookings._under_way
        hands.let_go.set()
        await asyncio.gather(*bookings._under_way.values())
        bookings.wake()
        await hands.have_begun(len(waited_for) + 1)


async def test_a_database_that_is_away_for_a_moment_is_asked_again(
    database: Database,
    bookings: Worker,
    hands: Hands,
    looks: asyncio.Event,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    add(database, "a")

    def away() -> None:
        raise OperationalError("SELECT", {}, OSError("no"))

    with monkeypatch.context() as gone:
        gone.setattr(database, "reading", away)
        async with looked(bookings, looks):
            gone.undo()
            bookings.wake()
            await hands.have_begun(1)
    assert set(caplog.messages) == {"work.no_database"}  # once for each look that found it away


async def test_stopped_it_leaves_what_is_under_way_to_its_lease(
    database: Database, bookings: Worker, hands: Hands
) -> None:
    add(database, "a")
    async with running(bookings.run()):
        await hands.have_begun(1)
    with database.reading() as session:
        row = session.get_one(Booking, "a")
        assert (row.lease_owner, row.due_at) == ("me", NOON + timedelta(seconds=LEASE_S))
    hands.let_go.set()
    await bookings.start("a")
