"""What waits for the lane: in order, bounded, and without losing how things are."""

import asyncio
import threading
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.link.host import this_machine
from cloud_sync.link.v1.facts import Direction
from domain.errors import TryLater
from domain.now import Trust
from gate_firmware.events import ArmMoved, ArrivalLoop, CodeSeen, DeviceFault, FireAlarm, OpenedBy, SafetyLoop
from gate_firmware.service import GateService
from gate_firmware.waiting import ASKED_MAX, CHANGES_MAX, FAULTS_MAX, LOOKS_MAX, Change, Happening, Probe, Waiting
from hardware.barrier import Position
from tests.gate_firmware.test_service import gate_settings
from tests.parts import soon


@pytest.fixture
async def waiting() -> Waiting:
    waiting = Waiting()
    waiting.begin()
    return waiting


async def taken(waiting: Waiting) -> list[Happening]:
    """All that waits, until the lane is asked whether it is served."""
    probing = asyncio.create_task(waiting.probe())
    found: list[Happening] = []
    await asyncio.sleep(0)
    while not isinstance(happening := await waiting.next(), Probe):
        found.append(happening)
    happening.answered.set_result(None)
    await probing
    return found


class TestInputs:
    async def test_come_in_order_from_whatever_thread(self, waiting: Waiting) -> None:
        first = asyncio.create_task(waiting.next())
        await asyncio.sleep(0)
        changes: list[Change] = [ArrivalLoop(True), SafetyLoop(True), ArrivalLoop(False), FireAlarm(True)]

        def pins() -> None:
            for change in changes:
                waiting.changed(change)

        threading.Thread(target=pins).start()
        assert [await soon(first), *[await soon(waiting.next()) for _ in changes[1:]]] == changes

    async def test_one_that_flickers_is_counted_for_a_while_and_is_as_it_is(self, waiting: Waiting) -> None:
        """Eight cars crossed for sure, and whoever is under the arm now is there."""
        waiting.changed(FireAlarm(True))
        for _ in range(10_000):
            waiting.changed(SafetyLoop(True))
            waiting.changed(SafetyLoop(False))
        waiting.changed(SafetyLoop(True))
        found = await taken(waiting)
        assert found[0] == FireAlarm(True)
        assert found[1:] == [SafetyLoop(bool(number % 2 == 0)) for number in range(CHANGES_MAX - 1)]

    async def test_what_is_dropped_was_taken_back(self, waiting: Waiting) -> None:
        moves = [Position.UP, Position.BETWEEN] * (CHANGES_MAX // 2)
        for position in [*moves, Position.DOWN, Position.BETWEEN, Position.DOWN]:
            waiting.changed(ArmMoved(position))
        assert await taken(waiting) == [ArmMoved(position) for position in [*moves[:-1], Position.DOWN]]

    @given(st.lists(st.sampled_from([ArrivalLoop, SafetyLoop, FireAlarm]), max_size=200))
    def test_whatever_changes_how_it_is_now_comes_last(self, kinds: list[type[ArrivalLoop]]) -> None:
        async def play() -> None:
            waiting, now = Waiting(), dict.fromkeys(kinds, False)
            waiting.begin()
            for kind in kinds:
                now[kind] = not now[kind]
                waiting.changed(kind(now[kind]))
            found = await taken(waiting)
            for kind, is_on in now.items():
                its = [change for change in found if isinstance(change, kind)]
                assert len(its) <= CHANGES_MAX
                assert its[-1] == kind(is_on)
                assert all(one != other for one, other in pairwise(its))

        asyncio.run(play())

    async def test_a_loop_that_hangs_is_called_once(self, waiting: Waiting, monkeypatch: pytest.MonkeyPatch) -> None:
        calls: list[object] = []
        monkeypatch.setattr(asyncio.get_running_loop(), "call_soon_threadsafe", calls.append)
        for _ in range(100):
            waiting.changed(SafetyLoop(True))
            waiting.changed(SafetyLoop(False))
        assert len(calls) == 1


class TestFaults:
    async def test_wait_each_once_in_order_with_the_inputs(self, waiting: Waiting) -> None:
        switch, display = DeviceFault("limit-switch", "stuck"), DeviceFault("display-lost", "dark")

        def devices() -> None:
            waiting.broken(switch)
            waiting.changed(ArmMoved(Position.BETWEEN))
            for _ in range(100):
                waiting.broken(display)
                waiting.broken(switch)

        first = asyncio.create_task(waiting.next())
        await asyncio.sleep(0)
        pins = threading.Thread(target=devices)
        pins.start()
        pins.join()
        assert await soon(first) == switch
        assert await taken(waiting) == [ArmMoved(Position.BETWEEN), display]

    async def test_are_bounded(self, waiting: Waiting) -> None:
        faults = [DeviceFault("limit-switch", f"number {number}") for number in range(2 * FAULTS_MAX)]
        for fault in [*faults, *faults]:
            waiting.broken(fault)
        assert await taken(waiting) == faults[:FAULTS_MAX]


async def test_of_looks_the_last_are_kept(waiting: Waiting) -> None:
    for number in range(2 * LOOKS_MAX):
        waiting.looked(CodeSeen(f"p{number}", "code"))
    kept = await taken(waiting)
    assert kept == [CodeSeen(f"p{number}", "code") for number in range(LOOKS_MAX, 2 * LOOKS_MAX)]


async def test_whoever_asks_of_a_lane_that_does_not_answer_is_told_at_once_when_too_many_do(tmp_path: Path) -> None:
    gate = GateService(gate_settings(tmp_path, Direction.ENTRY), this_machine(Trust.NTP))
    with closing(gate._store):
        asking = [asyncio.create_task(gate._ask(OpenedBy(f"Anna {number}"))) for number in range(ASKED_MAX)]
        await asyncio.sleep(0)
        with pytest.raises(TryLater, match="too many"):
            await soon(gate._ask(OpenedBy("Tom")))
        for one in asking:
            one.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


async def test_whoever_watches_a_lane_that_hangs_leaves_one_question_behind(waiting: Waiting) -> None:
    for _ in range(5):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await waiting.probe()
    assert isinstance(await waiting.next(), Probe)
    assert not waiting._waiting
