"""Requests that share a commit: each has its own outcome, and nobody hears of one before it is on disk."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from shutil import copytree
from sqlite3 import IntegrityError

import pytest

from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import ReservationChanged
from cloud_sync.link.v1.messages import ConfirmRequest, HoldRequest, Reply
from domain.errors import Refused, TryLater
from domain.reservation import Status
from hub.commit import TOGETHER_MAX, GroupCommit
from tests.hub.riverside import HOUR_MS, NOW, OTHER_SPOT, SPOT, Riverside, hold_request, rid


class Group:
    """The group commit of a lot, and what is seen of it from outside."""

    def __init__(self, riverside: Riverside, folder: Path) -> None:
        self.riverside = riverside
        self.stored = 0
        self.statements: list[str] = []
        self._folder = folder
        self._commits = GroupCommit(riverside.store, self._stored)
        riverside.store.connection.set_trace_callback(self.statements.append)

    @property
    def commits(self) -> int:
        return self.statements.count("COMMIT")

    def hold(self, request: HoldRequest | None = None) -> Awaitable[Reply]:
        return self._commits.carry_out(lambda: self._ask("hold", request or hold_request()))

    def confirm(self, number: int) -> Awaitable[Reply]:
        return self._commits.carry_out(
            lambda: self._ask("confirm", ConfirmRequest(reservation_id=rid(number)), HOUR_MS)
        )

    def does(self, act: Callable[[], object]) -> Awaitable[object]:
        return self._commits.carry_out(act)

    def on_disk(self) -> list[str]:
        """The reservations that a hub would find if it were killed now and started again."""
        copy = self._folder / f"copy-{len(list(self._folder.iterdir()))}"
        copytree(self._folder, copy, ignore=lambda *_: [path.name for path in self._folder.glob("copy-*")])
        with closing(Store(copy / "riverside.db")) as store:
            rows = store.connection.execute("SELECT reservation_id FROM reservation ORDER BY rowid")
            return [row["reservation_id"] for row in rows]

    def _ask(self, name: str, message: HoldRequest | ConfirmRequest, later_ms: int = 0) -> Reply:
        return self.riverside.lot.request(name, message.encode(), NOW.later(later_ms))

    def _stored(self) -> None:
        self.stored += 1


@pytest.fixture
def group(riverside: Riverside, tmp_path: Path) -> Iterator[Group]:
    group = Group(riverside, tmp_path)
    yield group
    riverside.store.connection.set_trace_callback(None)


async def all_of(*asked: Awaitable[object]) -> list[object]:
    """What became of requests that came together."""
    return await asyncio.gather(*asked, return_exceptions=True)


def on(number: int) -> HoldRequest:
    """A hold that is in nobody's way."""
    return hold_request(number, start=number, end=number + 1)


async def test_many_requests_one_commit(group: Group) -> None:
    answers = await all_of(*(group.hold(on(number)) for number in range(1, 51)))
    assert all(isinstance(answer, Reply) and answer.ok for answer in answers)
    assert (group.commits, group.stored) == (1, 1)
    assert group.on_disk() == [rid(number) for number in range(1, 51)]
    assert [told.reservation_id for told in group.riverside.told(ReservationChanged)] == group.on_disk()


async def test_also_those_that_come_one_a_turn_of_the_loop(group: Group) -> None:
    """As they do from a socket."""
    asked = []
    for number in range(1, 6):
        asked.append(asyncio.ensure_future(group.hold(on(number))))
        await asyncio.sleep(0)
    await all_of(*asked)
    assert group.commits == 1


async def test_one_alone_does_not_wait_for_company(group: Group) -> None:
    asked = asyncio.ensure_future(group.hold())
    for _ in range(4):
        await asyncio.sleep(0)
    assert asked.done()


async def test_a_group_is_bounded_and_the_rest_follows(group: Group) -> None:
    answers = await all_of(*(group.hold(on(number)) for number in range(1, TOGETHER_MAX + 4)))
    assert all(isinstance(answer, Reply) and answer.ok for answer in answers)
    assert group.commits == 2


async def test_a_refused_one_undoes_only_itself(group: Group) -> None:
    first, refused, last = await all_of(
        group.hold(), group.hold(hold_request(2)), group.hold(hold_request(3, spot_id=OTHER_SPOT))
    )
    assert isinstance(first, Reply)
    assert isinstance(refused, Refused)
    assert refused.code == "spot_taken"
    assert isinstance(last, Reply)
    assert (group.commits, group.on_disk()) == (1, [rid(1), rid(3)])


async def test_what_a_refused_one_had_found_out_stands(group: Group) -> None:
    """A hold that has run out expires, also where the request that came too late for it is refused."""
    await group.hold()
    [refused] = await all_of(group.confirm(1))
    assert isinstance(refused, Refused)
    assert group.riverside.status() is Status.EXPIRED


async def test_the_database_refuses_an_overlap_within_a_group(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the code above it believes."""
    monkeypatch.setattr(group.riverside.lot.spots, "is_granted", lambda *_: False)
    first, overlapping, last = await all_of(
        group.hold(), group.hold(hold_request(2)), group.hold(hold_request(3, spot_id=OTHER_SPOT))
    )
    assert isinstance(overlapping, IntegrityError)
    assert isinstance(first, Reply)
    assert isinstance(last, Reply)
    assert group.on_disk() == [rid(1), rid(3)]
    assert [told.reservation_id for told in group.riverside.told(ReservationChanged)] == [rid(1), rid(3)]


async def test_nobody_is_answered_before_the_commit(group: Group) -> None:
    """Not even with a refusal: it may rest on what is not on disk."""
    asked = [asyncio.ensure_future(group.hold(request)) for request in (on(1), hold_request(2, start=1, end=2))]
    seen: list[tuple[list[str], bool]] = []

    def look() -> None:
        assert group.riverside.status(1) is Status.HELD
        seen.append((group.on_disk(), any(answer.done() for answer in asked)))

    await all_of(*asked, group.does(look))
    assert seen == [([], False)]
    assert [type(answer.exception()) for answer in asked] == [type(None), Refused]
    assert group.on_disk() == [rid(1)]


async def test_killed_before_the_commit_nothing_was_and_after_it_all_is(group: Group) -> None:
    """Who was not answered asks again, and gets what the first request would have got."""
    before: list[str] = []
    answers = await all_of(group.hold(on(1)), group.hold(on(2)), group.does(lambda: before.extend(group.on_disk())))
    assert before == []
    assert group.on_disk() == [rid(1), rid(2)]
    assert await all_of(group.hold(on(1)), group.hold(on(2))) == answers[:2]


def break_the_commit(group: Group) -> None:
    """The group's COMMIT fails: a stay stands on a spot that there is not."""
    connection = group.riverside.store.connection
    connection.execute("PRAGMA defer_foreign_keys = ON")
    connection.execute("INSERT INTO stay (stay_id, spot_id) VALUES ('s', 'nowhere')")


async def test_a_commit_that_fails_leaves_everybody_in_doubt(group: Group) -> None:
    answers = await all_of(group.hold(), group.hold(hold_request(2)), group.does(lambda: break_the_commit(group)))
    assert [type(answer) for answer in answers] == [TryLater] * 3
    assert {answer.code for answer in answers if isinstance(answer, TryLater)} == {"not_stored"}
    assert group.on_disk() == []
    assert group.stored == 1
    assert isinstance(await group.hold(), Reply)
    assert group.on_disk() == [rid(1)]


async def test_nothing_follows_where_sqlite_has_given_up_the_group(group: Group) -> None:
    """Such as for a full disk; what followed would be a transaction of its own, before the others are told."""
    group.riverside.store.connection.execute(
        "CREATE TEMP TRIGGER full BEFORE INSERT ON reservation WHEN NEW.user_id = 'full'"
        " BEGIN SELECT RAISE(ROLLBACK, 'disk full'); END"
    )
    answers = await all_of(group.hold(on(1)), group.hold(hold_request(2, user_id="full")), group.hold(on(3)))
    assert [type(answer) for answer in answers] == [TryLater] * 3
    assert group.on_disk() == []
    assert isinstance(await group.hold(on(3)), Reply)


async def test_who_has_gone_keeps_nobody_from_an_answer(group: Group) -> None:
    gone = asyncio.ensure_future(group.hold(on(1)))
    await asyncio.sleep(0)
    gone.cancel()
    assert isinstance(await group.hold(on(2)), Reply)
    assert gone.cancelled()
    assert group.on_disk() == [rid(1), rid(2)]


async def test_a_bug_in_one_is_told_to_who_asked_for_it(group: Group) -> None:
    def bug() -> None:
        raise KeyError(SPOT)

    failed, held = await all_of(group.does(bug), group.hold())
    assert isinstance(failed, KeyError)
    assert isinstance(held, Reply)
