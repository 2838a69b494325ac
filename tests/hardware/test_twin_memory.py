"""A gate's process dies, and the lane before it does not."""

import base64
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from domain.errors import OperatorError
from hardware.barrier import Position
from hardware.control_protocol import Arrive
from hardware.simulated_lane import SimulatedLane
from hardware.twin import LaneTwin
from hardware.twin_memory import TwinMemory
from hardware.wiring import SimulatedWiring, Wiring
from tests.hardware.moved_time import MovedTime


def lane_with_memory(folder: Path, time: MovedTime) -> SimulatedLane:
    wiring = Wiring(kind="simulated", simulated=SimulatedWiring(memory=folder))
    lane = SimulatedLane(wiring, clock=time, new_timer=time.new_timer)
    time.when_ticked = lane.pins.settle
    return lane


def test_a_car_drives_on_while_the_process_is_dead(tmp_path: Path, time: MovedTime) -> None:
    before = lane_with_memory(tmp_path, time)
    before.arrive("c1", [], patience_ms=60_000)
    time.pass_ms(5_000)
    before.barrier.raise_arm()
    time.pass_ms(1_000)
    assert before.barrier.position is Position.BETWEEN
    time.when_ticked = lambda: None  # killed
    time.pass_ms(10_000)
    after = lane_with_memory(tmp_path, time)
    assert after.barrier.position is Position.UP
    assert (after.state.passages, after.state.car) == (1, None)


def test_a_car_that_waits_is_still_there(tmp_path: Path, time: MovedTime) -> None:
    before = lane_with_memory(tmp_path, time)
    before.arrive("c1", [], patience_ms=60_000)
    time.pass_ms(5_000)
    time.pass_ms(10_000)
    after = lane_with_memory(tmp_path, time)
    assert after.arrival_loop.occupied
    assert after.state.car == "c1"


def test_what_was_done_and_broken_is_so_still(tmp_path: Path, time: MovedTime) -> None:
    before = LaneTwin(arm_travel_ms=1_500, car_speed_mm_per_s=2_500, now_ms=time(), closes_itself=True)
    before.touch("fire", True, time())
    before.stick("safety_loop", True, time())
    before.jam(True, time())
    before.raise_arm(time())
    TwinMemory(tmp_path).keep(before.snapshot())
    then = TwinMemory(tmp_path).lane(time())
    assert then == before.snapshot()
    after = LaneTwin(arm_travel_ms=1_500, car_speed_mm_per_s=2_500, now_ms=time(), closes_itself=True)
    after.resume(then)
    after.advance(time() + 10_000)
    before.advance(time() + 10_000)
    assert after.snapshot() == before.snapshot()
    assert (after.active("fire"), after.says("safety_loop"), after.arm_up) == (True, True, False)


def test_a_memory_from_before_there_were_photocells_is_good(tmp_path: Path) -> None:
    older = {"now_ms": 5, "raised_ms": 0, "heading": 0, "passages": 3, "broken": [], "car": None}
    (tmp_path / "lane.json").write_text(json.dumps(older), encoding="utf-8")
    then = TwinMemory(tmp_path).lane(10)
    assert then is not None
    assert (then.passages, then.stuck) == (3, {})


def test_pictures_are_those_shown_last(tmp_path: Path) -> None:
    memory = TwinMemory(tmp_path)
    memory.keep_pictures([b"far", b"near", b"at the line"])
    memory.keep_pictures([b"a phone", b"a phone, nearer"])
    assert TwinMemory(tmp_path).pictures() == [b"a phone", b"a phone, nearer"]


def test_killed_while_it_writes_pictures_it_has_those_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = TwinMemory(tmp_path)
    memory.keep_pictures([b"far", b"near"])

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        memory.keep_pictures([b"a phone"])
    assert TwinMemory(tmp_path).pictures() == [b"far", b"near"]


async def test_a_car_is_never_remembered_without_its_pictures(
    tmp_path: Path, time: MovedTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = lane_with_memory(tmp_path, time)
    jpeg = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(TwinMemory, "keep_pictures", killed)
    with pytest.raises(KeyboardInterrupt):
        await lane.perform(Arrive(car="c1", frames=[base64.b64encode(jpeg)]))
    assert lane.state.car is None


def test_what_was_before_a_reboot_is_forgotten(tmp_path: Path) -> None:
    """Monotonic time began anew then."""
    twin = LaneTwin(arm_travel_ms=1_500, car_speed_mm_per_s=2_500, now_ms=9_000)
    TwinMemory(tmp_path).keep(twin.snapshot())
    assert TwinMemory(tmp_path).lane(9_000) == twin.snapshot()
    assert TwinMemory(tmp_path).lane(8_999) is None


def test_a_spoilt_memory_is_none(tmp_path: Path) -> None:
    (tmp_path / "lane.json").write_text('{"now_ms": 1', encoding="utf-8")
    assert TwinMemory(tmp_path).lane(10) is None


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "lane", Path("/proc/lane")):
        with pytest.raises(OperatorError, match=f"memory: {folder} cannot be made"):
            TwinMemory(folder)
