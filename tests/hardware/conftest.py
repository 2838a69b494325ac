"""Time that tests move, a barrier on a bench, and a lane on mock pins."""

import pytest

from hardware.simulated_lane import SimulatedLane
from hardware.wiring import Wiring
from tests.hardware.bench import Bench, NoTimer
from tests.hardware.moved_time import MovedTime

MORE = {
    "photocell": {"pin": 5},
    "fire": {"pin": 6},
    "cabinet": {"pin": 12},
    "call_button": {"pin": 13},
    "buzzer": {"pin": 18},
}
"""What a lane may have beside what every lane has."""


@pytest.fixture
def time() -> MovedTime:
    return MovedTime()


@pytest.fixture
def bench(time: MovedTime) -> Bench:
    return Bench(time)


@pytest.fixture
def timers(time: MovedTime) -> NoTimer:
    return NoTimer(time)


@pytest.fixture
def starved(time: MovedTime, timers: NoTimer) -> Bench:
    """A bench whose barrier can start no timer while `timers.may` is not set."""
    return Bench(time, timers)


@pytest.fixture
def lane(time: MovedTime) -> SimulatedLane:
    """A simulated lane on moved time, not started: nothing in it runs by itself."""
    lane = SimulatedLane(Wiring(kind="simulated"), clock=time, new_timer=time.new_timer)
    time.when_ticked = lane.pins.settle
    return lane


@pytest.fixture
def full_lane(time: MovedTime) -> SimulatedLane:
    """The same with everything that a lane may have."""
    lane = SimulatedLane(Wiring.model_validate({"kind": "simulated"} | MORE), clock=time, new_timer=time.new_timer)
    time.when_ticked = lane.pins.settle
    return lane
