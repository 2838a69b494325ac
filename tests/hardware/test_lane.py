"""A lane's devices as one: safe when it ends, also where it could not begin."""

import threading
from pathlib import Path

import numpy as np
import pytest
from gpiozero.pins.mock import MockFactory

from domain.errors import Refused
from hardware import lane as lanes
from hardware.camera import NoCamera, VideoCamera
from hardware.contact import Contact
from hardware.display import Display
from hardware.lane import Lane
from hardware.lights import Signal
from hardware.simulated_lane import SimulatedLane
from hardware.wiring import InputName, Wiring
from tests.hardware.conftest import MORE
from tests.hardware.moved_time import MovedTime
from tests.hardware.pins import Watched

WIRING = Wiring(kind="gpiozero")
EVERYTHING = Wiring.model_validate({"kind": "gpiozero"} | MORE)


@pytest.fixture
def factory(monkeypatch: pytest.MonkeyPatch) -> MockFactory:
    """The pins of the Pi that this machine is not."""
    factory = MockFactory()
    monkeypatch.setattr(lanes, "_raspberry_pi", lambda: factory)
    return factory


def set_contact(factory: MockFactory, wiring: Wiring, name: InputName, *, active: bool) -> None:
    """Open or close one contact from outside."""
    contact = wiring.inputs[name]
    pin = factory.pin(contact.pin)
    if active is (contact.normally == "closed"):
        pin.drive_high()
    else:
        pin.drive_low()


def made(factory: MockFactory, time: MovedTime) -> Lane:
    """A lane with everything, with nothing in it and all cables whole."""
    lane = Lane.from_wiring(EVERYTHING, new_timer=time.new_timer)
    for name in EVERYTHING.inputs:
        set_contact(factory, EVERYTHING, name, active=False)
    return lane


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


class TestNoOutputMovesBut:
    """Boot, crash, restart and update: what an output does is what it was asked to do by the process that has it."""

    @pytest.fixture
    def watched(self, factory: MockFactory, time: MovedTime) -> Watched:
        return Watched(factory, EVERYTHING.outputs, time)

    async def test_never_as_a_lane_is_made_and_ends_and_is_made_again(
        self, factory: MockFactory, watched: Watched, time: MovedTime
    ) -> None:
        for _ in range(3):
            async with made(factory, time):
                time.pass_ms(1_000)
        assert watched.history == []
        for pin in EVERYTHING.outputs.values():
            line = factory.pin(pin)
            assert (line.function, line.pull) == ("input", "down"), "so that whatever hangs there stays off"

    async def test_down_where_a_lane_ends_in_the_middle_of_everything(
        self, factory: MockFactory, watched: Watched, time: MovedTime
    ) -> None:
        async with made(factory, time) as lane:
            lane.barrier.raise_arm()
            lane.lights.show(Signal.GREEN)
            lane.buzzer.warn()
            on = watched.history.copy()
        off = watched.history[len(on) :]
        assert {name for _, name, is_on in on if is_on} == {name for _, name, _ in off}
        assert not any(is_on for _, _, is_on in off)
        time.pass_ms(10_000)
        async with made(factory, time):
            time.pass_ms(10_000)
        assert watched.history == on + off

    async def test_down_where_the_process_before_died_with_all_of_them_on(
        self, factory: MockFactory, time: MovedTime
    ) -> None:
        """As a kernel leaves them that lets outputs persist, which that of Raspberry Pi OS does."""
        for pin in EVERYTHING.outputs.values():
            line = factory.pin(pin)
            line.function, line.state = "output", True
        watched = Watched(factory, EVERYTHING.outputs, time)
        lane = made(factory, time)
        assert sorted(watched.history) == sorted((0, name, False) for name in EVERYTHING.outputs)
        time.pass_ms(10_000)
        await lane.stop()
        assert len(watched.history) == len(EVERYTHING.outputs)

    async def test_up_for_a_fire_which_is_asked_for_at_the_start(
        self, factory: MockFactory, watched: Watched, time: MovedTime
    ) -> None:
        lane = Lane.from_wiring(EVERYTHING, new_timer=time.new_timer)
        assert watched.history == []
        async with lane:  # nothing holds the fire contact closed
            assert watched.history == [(0, "open_relay", True)]
            assert lane.fire is not None
            assert lane.fire.alarmed
        assert watched.history == [(0, "open_relay", True), (0, "open_relay", False)]


@pytest.mark.parametrize("guard", ["safety_loop", "photocell"])
async def test_what_comes_under_a_falling_arm_raises_it_while_the_event_loop_waits(
    factory: MockFactory, time: MovedTime, guard: InputName
) -> None:
    async with made(factory, time) as lane:
        lane.barrier.lower_arm()
        pins = threading.Thread(target=set_contact, args=(factory, EVERYTHING, guard), kwargs={"active": True})
        pins.start()
        pins.join()  # nothing else runs in this thread, as while it commits
        assert relays(factory) == [False, False]
        time.pass_ms(EVERYTHING.barrier.dead_ms)
        assert relays(factory) == [True, False]


async def test_a_safety_loop_that_loses_a_car_for_a_moment_closes_nothing_on_it(
    factory: MockFactory, time: MovedTime
) -> None:
    async with made(factory, time) as lane:
        seen: list[bool] = []
        lane.safety_loop.when_changed = seen.append
        set_contact(factory, EVERYTHING, "safety_loop", active=True)
        set_contact(factory, EVERYTHING, "safety_loop", active=False)
        time.pass_ms(EVERYTHING.safety_loop.hold_ms - 50)
        assert lane.safety_loop.occupied
        with pytest.raises(Refused, match="under the arm"):
            lane.barrier.lower_arm()
        set_contact(factory, EVERYTHING, "safety_loop", active=True)
        time.pass_ms(EVERYTHING.safety_loop.hold_ms)
        assert seen == [True]
        set_contact(factory, EVERYTHING, "safety_loop", active=False)
        time.pass_ms(EVERYTHING.safety_loop.hold_ms)
        assert seen == [True, False]
        assert not lane.safety_loop.occupied
        lane.barrier.lower_arm()


async def test_one_that_was_lost_as_the_gate_ends_calls_nobody(factory: MockFactory, time: MovedTime) -> None:
    seen: list[bool] = []
    async with made(factory, time) as lane:
        lane.safety_loop.when_changed = seen.append
        set_contact(factory, EVERYTHING, "safety_loop", active=True)
        set_contact(factory, EVERYTHING, "safety_loop", active=False)
    time.pass_ms(EVERYTHING.safety_loop.hold_ms)
    assert seen == [True]


async def test_a_lane_offers_what_is_wired_and_none_for_the_rest(factory: MockFactory, time: MovedTime) -> None:
    bare = Lane.from_wiring(WIRING, new_timer=time.new_timer)
    assert [bare.photocell, bare.fire, bare.cabinet, bare.call_button] == [None] * 4
    bare.buzzer.warn()
    await bare.stop()
    lane = made(factory, time)
    contacts: dict[InputName, Contact | None] = {
        "photocell": lane.photocell,
        "fire": lane.fire,
        "cabinet": lane.cabinet,
        "call_button": lane.call_button,
    }
    for name, contact in contacts.items():
        assert contact is not None
        assert not contact.active
        seen: list[bool] = []
        contact.when_changed = seen.append
        set_contact(factory, EVERYTHING, name, active=True)
        assert seen == [True]
    await lane.stop()


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
