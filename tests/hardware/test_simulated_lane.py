"""The real devices on the twin's pins, on moved time."""

import numpy as np
import pytest

from domain.errors import Refused
from hardware.barrier import Position
from hardware.simulated_lane import SimulatedLane
from tests.hardware.conftest import MovedTime


def test_at_rest(lane: SimulatedLane) -> None:
    assert lane.barrier.position is Position.DOWN
    assert not lane.arrival_loop.occupied
    assert not lane.safety_loop.occupied
    assert lane.state.collisions == 0


def test_a_whole_entry(lane: SimulatedLane, time: MovedTime) -> None:
    seen: list[object] = []
    lane.arrival_loop.when_changed = lambda on: seen.append(("arrival", on))
    lane.safety_loop.when_changed = lambda on: seen.append(("safety", on))
    lane.barrier.when_moved = seen.append
    lane.arrive("c1", [], patience_ms=60_000)
    time.pass_ms(5_000)
    lane.barrier.raise_arm()
    time.pass_ms(2_500)
    with pytest.raises(Refused, match="under the arm"):
        lane.barrier.lower_arm()
    time.pass_ms(5_000)
    lane.barrier.lower_arm()
    time.pass_ms(2_000)
    assert seen == [
        ("arrival", True),
        Position.BETWEEN,
        Position.UP,
        ("safety", True),
        ("arrival", False),
        ("safety", False),
        Position.BETWEEN,
        Position.DOWN,
    ]
    assert (lane.state.passages, lane.state.collisions) == (1, 0)


def test_the_twin_tells_when_a_lane_closes_on_a_car(lane: SimulatedLane, time: MovedTime) -> None:
    """The checker bites: a barrier whose guard was taken out breaks the invariant."""
    lane.barrier.raise_arm()
    time.pass_ms(2_000)
    lane.arrive("c1", [], patience_ms=60_000, dwell_ms=20_000)
    time.pass_ms(6_000)
    assert lane.barrier._close_relay is not None
    lane.barrier._close_relay.on()
    time.pass_ms(3_000)
    assert lane.state.collisions == 2


def test_the_camera_follows_the_car(lane: SimulatedLane, time: MovedTime) -> None:
    frames = [np.full((4, 4, 3), shade, np.uint8) for shade in (10, 20, 30)]
    seen: list[int] = []

    def look() -> None:
        lane.pins.settle()
        frame = lane.camera.newest()
        assert frame is not None
        if not seen or seen[-1] != int(frame.pixels[0, 0, 0]):
            seen.append(int(frame.pixels[0, 0, 0]))

    time.when_ticked = look
    lane.arrive("c1", frames, patience_ms=3_000)
    time.pass_ms(15_000)
    assert seen == [10, 20, 30, 20, 10, 96]  # there, and backing out again
