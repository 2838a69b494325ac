"""The real devices on the twin's pins, on moved time."""

from functools import partial

import numpy as np
import pytest

from domain.errors import Refused
from hardware.barrier import Position
from hardware.simulated_lane import SimulatedLane
from hardware.wiring import Wiring
from tests.hardware.conftest import MORE
from tests.hardware.moved_time import MovedTime


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


def through_and_standing_under(lane: SimulatedLane, time: MovedTime) -> None:
    lane.barrier.raise_arm()
    time.pass_ms(2_000)
    lane.arrive("c1", [], patience_ms=60_000, dwell_ms=20_000)
    time.pass_ms(6_000)


def test_the_photocell_keeps_the_arm_up_where_the_safety_loop_says_nothing(
    full_lane: SimulatedLane, time: MovedTime
) -> None:
    full_lane.pins.act(partial(full_lane.twin.stick, "safety_loop", False))
    through_and_standing_under(full_lane, time)
    assert not full_lane.safety_loop.occupied
    with pytest.raises(Refused) as refused:
        full_lane.barrier.lower_arm()
    assert refused.value.code == "photocell_interrupted"
    assert full_lane.state.collisions == 0


def test_a_person_under_the_arm_keeps_it_up(full_lane: SimulatedLane, time: MovedTime) -> None:
    full_lane.barrier.raise_arm()
    time.pass_ms(2_000)
    full_lane.pins.act(partial(full_lane.twin.touch, "photocell", True))
    with pytest.raises(Refused, match="something is under the arm"):
        full_lane.barrier.lower_arm()
    full_lane.pins.act(partial(full_lane.twin.touch, "photocell", False))
    full_lane.barrier.lower_arm()
    time.pass_ms(2_000)
    assert (full_lane.barrier.position, full_lane.state.collisions) == (Position.DOWN, 0)


def test_a_fire_opens_the_lane_and_keeps_it_open(full_lane: SimulatedLane, time: MovedTime) -> None:
    full_lane.pins.act(partial(full_lane.twin.touch, "fire", True))
    time.pass_ms(2_000)
    assert full_lane.state.fire
    assert full_lane.barrier.position is Position.UP
    with pytest.raises(Refused) as refused:
        full_lane.barrier.lower_arm()
    assert refused.value.code == "fire_alarm"
    full_lane.pins.act(partial(full_lane.twin.touch, "fire", False))
    time.pass_ms(10_000)
    assert full_lane.barrier.position is Position.UP


@pytest.mark.parametrize("fire", [True, False])
def test_a_barrier_that_closes_itself_does_so_but_not_for_long_in_a_fire(time: MovedTime, fire: bool) -> None:
    lane = SimulatedLane(
        Wiring.model_validate({"kind": "simulated", "barrier": {"kind": "single-pulse"}} | MORE),
        clock=time,
        new_timer=time.new_timer,
    )
    time.when_ticked = lane.pins.settle
    assert lane.barrier.closes_itself
    through_and_standing_under(lane, time)
    if fire:
        lane.pins.act(partial(lane.twin.touch, "fire", True))
    lowest: list[Position] = []
    lane.barrier.when_moved = lowest.append
    time.pass_ms(200_000)
    assert (lane.state.passages, lane.state.collisions) == (1, 0)
    assert (Position.DOWN in lowest) is not fire
    assert (lane.barrier.position is Position.DOWN) is not fire
    if not fire:
        lane.barrier.lower_arm()  # gives no command, and is not refused


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
