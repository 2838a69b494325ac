"""What stands between a lane's devices and its core, on mock pins: every input is heard, every command is performed."""

from collections.abc import Callable

import pytest
from gpiozero.pins.mock import MockFactory

from gate_firmware.events import (
    ArmMoved,
    ArrivalLoop,
    Beep,
    CabinetDoor,
    CallButton,
    Event,
    FireAlarm,
    Inputs,
    Look,
    LookAway,
    LookForCode,
    LowerArm,
    Photocell,
    RaiseArm,
    SafetyLoop,
    Tell,
    Warn,
)
from gate_firmware.shell import Shell
from hardware import lane as lanes
from hardware.barrier import Position
from hardware.buzzer import BEEP_MS, WARNING_MS
from hardware.lane import Lane
from hardware.lights import Signal
from hardware.wiring import InputName, Wiring
from tests.gate_firmware.gate import Gate
from tests.gate_firmware.on_pins import Site
from tests.hardware.moved_time import MovedTime

AT_REST = Inputs(arrival=False, safety=False, arm=Position.DOWN)


@pytest.fixture
def factory(monkeypatch: pytest.MonkeyPatch) -> MockFactory:
    factory = MockFactory()
    monkeypatch.setattr(lanes, "_raspberry_pi", lambda: factory)
    return factory


class Watching:
    """A lane's devices and the shell around nothing: what it tells, and what it has the eyes do."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.told: list[Event] = []
        self.looks: list[Look | LookForCode | LookAway] = []
        self.shell = Shell(site.devices, self.looks.append)
        self.inputs = self.shell.listen(self.told.append)


@pytest.fixture
def watching(entry: Gate, factory: MockFactory) -> Callable[..., Watching]:
    def watch(*active: InputName) -> Watching:
        return Watching(Site(entry, factory, MovedTime(), active))

    return watch


@pytest.mark.parametrize(
    ("active", "inputs"),
    [
        (["limit_down"], AT_REST),
        (["limit_up"], Inputs(arrival=False, safety=False, arm=Position.UP)),
        ([], Inputs(arrival=False, safety=False, arm=Position.BETWEEN)),
        (["limit_down", "arrival_loop"], Inputs(arrival=True, safety=False, arm=Position.DOWN)),
        (["limit_down", "safety_loop"], Inputs(arrival=False, safety=True, arm=Position.DOWN)),
        (["limit_down", "photocell"], Inputs(False, False, Position.DOWN, photocell=True)),
        (["limit_down", "fire"], Inputs(False, False, Position.DOWN, fire=True)),
        (["limit_down", "cabinet"], Inputs(False, False, Position.DOWN, cabinet_open=True)),
    ],
)
def test_a_lane_begins_with_its_inputs_as_they_are(
    watching: Callable[..., Watching], active: list[InputName], inputs: Inputs
) -> None:
    assert watching(*active).inputs == inputs


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("arrival_loop", ArrivalLoop),
        ("safety_loop", SafetyLoop),
        ("photocell", Photocell),
        ("fire", FireAlarm),
        ("cabinet", CabinetDoor),
        ("call_button", CallButton),
    ],
)
def test_each_change_is_told(
    watching: Callable[..., Watching], name: InputName, event: Callable[[bool], Event]
) -> None:
    lane = watching("limit_down")
    for active in (True, False):
        lane.site.set(name, active=active)
    assert lane.told == [event(True), event(False)]


def test_so_is_where_the_arm_is(watching: Callable[..., Watching]) -> None:
    lane = watching("limit_down")
    lane.site.set("limit_down", active=False)
    lane.site.set("limit_up", active=True)
    assert lane.told == [ArmMoved(Position.BETWEEN), ArmMoved(Position.UP)]


def test_a_lane_that_has_only_what_each_has_needs_no_more(factory: MockFactory) -> None:
    """Its arm is between the limits, since nothing drives them."""
    time = MovedTime()
    lane = Lane.from_wiring(Wiring(kind="gpiozero"), new_timer=time.new_timer)
    factory.pin(lane.wiring.safety_loop.pin).drive_low()
    time.pass_ms(lane.wiring.safety_loop.hold_ms)
    assert Shell(lane, lambda _: None).listen(lambda _: None) == Inputs(False, False, Position.BETWEEN)


def test_the_arm_moves_the_lights_change_and_the_eyes_look_in_their_order(watching: Callable[..., Watching]) -> None:
    lane = watching("limit_up")
    lane.site.pass_ms(1_000)
    looks: list[Look | LookForCode | LookAway] = [Look("p1"), LookForCode("p1"), LookAway()]
    lane.site.pins.history.clear()
    lane.shell.perform([Tell(Signal.GREEN, "DRIVE", ""), RaiseArm(), *looks])
    assert [name for _, name, on in lane.site.pins.history if on] == ["green", "open_relay"]
    assert lane.looks == looks


@pytest.mark.parametrize(("command", "sounds_ms"), [(Beep(), BEEP_MS), (Warn(), WARNING_MS)])
def test_the_driver_hears_what_they_are_to_hear(
    watching: Callable[..., Watching], command: Beep | Warn, sounds_ms: tuple[int, ...]
) -> None:
    lane = watching("limit_down")
    lane.site.pins.history.clear()
    lane.shell.perform([command])
    lane.site.pass_ms(2_000)
    changes = [(at_ms, on) for at_ms, name, on in lane.site.pins.history if name == "buzzer"]
    assert [on for _, on in changes] == [number % 2 == 0 for number in range(len(sounds_ms) + 1)]
    ends_ms, began_ms = changes[-1][0], changes[0][0]
    assert ends_ms - began_ms == pytest.approx(sum(sounds_ms), abs=50)


def test_a_barrier_that_refuses_to_close_does_not_end_the_gate(
    watching: Callable[..., Watching], caplog: pytest.LogCaptureFixture
) -> None:
    lane = watching("limit_up")
    lane.site.pass_ms(2_000)
    lane.shell.perform([RaiseArm(), LowerArm(), Beep()])
    assert "gate.close_refused" in caplog.text
    assert [name for _, name, on in lane.site.pins.history if on][-1] == "buzzer", "and goes on"
