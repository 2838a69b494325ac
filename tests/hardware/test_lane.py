"""A lane's devices as one: safe when it ends, also where it could not begin."""

from pathlib import Path

import numpy as np
import pytest
from gpiozero.pins.mock import MockFactory

from hardware import lane as lanes
from hardware.camera import NoCamera, VideoCamera
from hardware.display import Display
from hardware.lane import Lane
from hardware.simulated_lane import SimulatedLane
from hardware.wiring import Wiring
from tests.hardware.conftest import MovedTime

WIRING = Wiring(kind="gpiozero")


@pytest.fixture
def factory(monkeypatch: pytest.MonkeyPatch) -> MockFactory:
    """The pins of the Pi that this machine is not."""
    factory = MockFactory()
    monkeypatch.setattr(lanes, "_raspberry_pi", lambda: factory)
    return factory


def relays(factory: MockFactory) -> list[bool]:
    return [bool(factory.pin(pin).state) for pin in (WIRING.barrier.open_relay, WIRING.barrier.close_relay)]


async def test_the_end_of_the_lane_is_the_end_of_a_pulse(factory: MockFactory, time: MovedTime) -> None:
    async with Lane.from_wiring(WIRING, new_timer=time.new_timer) as lane:
        lane.barrier.raise_arm()
        assert relays(factory) == [True, False]
    assert relays(factory) == [False, False]
    time.pass_ms(5_000)
    assert relays(factory) == [False, False]
    again = Lane.from_wiring(WIRING, new_timer=time.new_timer)  # every pin was let go of
    await again.stop()


async def test_a_lane_that_cannot_begin_lets_go_of_its_pins(
    factory: MockFactory, time: MovedTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(lane: Lane) -> None:
        lane.barrier.raise_arm()
        raise OSError("no thread")

    with monkeypatch.context() as failing:
        failing.setattr(Lane, "start", fails)
        with pytest.raises(OSError, match="no thread"):
            async with Lane.from_wiring(WIRING, new_timer=time.new_timer):
                pass
    assert relays(factory) == [False, False]
    await Lane.from_wiring(WIRING, new_timer=time.new_timer).stop()


@pytest.mark.usefixtures("factory")
async def test_the_wiring_says_which_camera_and_display_there_are(tmp_path: Path) -> None:
    bare = Lane.from_wiring(WIRING)
    assert isinstance(bare.camera, NoCamera)
    assert bare.camera.newest() is None
    assert bare.control_port is None
    await bare.stop()
    source = str(tmp_path / "missing.avi")
    async with Lane.from_wiring(Wiring.model_validate({"kind": "gpiozero", "camera": {"source": source}})) as lane:
        assert isinstance(lane.camera, VideoCamera)
        assert lane.camera._thread.is_alive()
    assert not lane.camera._thread.is_alive()


def test_a_simulated_lane_is_one(time: MovedTime) -> None:
    lane = Lane.from_wiring(Wiring(kind="simulated"), clock=time, new_timer=time.new_timer)
    assert isinstance(lane, SimulatedLane)
    frame = lane.camera.newest()
    assert frame is not None
    assert isinstance(lane.display, Display)
    assert frame.pixels.dtype == np.uint8
