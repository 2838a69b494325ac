"""The barrier on gpiozero's mock pins, by the history of its relay pins."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from gpiozero.pins.mock import MockFactory, MockPin
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Refused
from hardware.barrier import Barrier, Position, Timer, TimerFactory
from hardware.loop import Loop
from hardware.wiring import BarrierWiring, ContactWiring
from tests.hardware.conftest import MovedTime

WIRING = BarrierWiring(pulse_ms=400, dead_ms=60)
SAFETY = ContactWiring(pin=27, normally="closed")


class Bench:
    """A barrier with its safety loop on a bench: every change of a relay pin is noted with its millisecond."""

    def __init__(self, time: MovedTime, new_timer: TimerFactory | None = None) -> None:
        self.time = time
        self.factory = MockFactory()
        self.history: list[tuple[int, str, bool]] = []
        for name, number in (("open", WIRING.open_relay), ("close", WIRING.close_relay)):
            self._watch(name, self.factory.pin(number))
        self.loop = Loop(SAFETY, self.factory)
        self.occupy(False)
        self.barrier = Barrier(WIRING, self.loop, self.factory, new_timer=new_timer or time.new_timer)

    def occupy(self, occupied: bool) -> None:
        pin = self.factory.pin(SAFETY.pin)  # normally closed: a car opens the contact, and the pull-up wins
        if occupied:
            pin.drive_high()
        else:
            pin.drive_low()

    def _watch(self, name: str, pin: MockPin) -> None:
        change = pin._change_state

        def noted(value: bool) -> bool:
            changed: bool = change(value)
            if changed:
                assert pin.function == "output", "a relay must be switched, not let go of"
                self.history.append((self.time.now_ms - 1_000_000, name, bool(value)))
            return changed

        pin._change_state = noted


@pytest.fixture
def bench(time: MovedTime) -> Bench:
    return Bench(time)


def test_no_pulse_at_start_and_close(bench: Bench) -> None:
    bench.barrier.close()
    assert bench.history == []


def test_relay_pins_are_pulled_down_before_they_become_outputs(time: MovedTime) -> None:
    steps: list[tuple[str, str]] = []

    class Recorded(MockPin):  # type: ignore[misc]  # gpiozero ships no types
        def _set_function(self, value: str) -> None:
            steps.append((self.info.name, value))
            super()._set_function(value)

        def _set_pull(self, value: str) -> None:
            steps.append((self.info.name, value))
            super()._set_pull(value)

    factory = MockFactory(pin_class=Recorded)
    Barrier(WIRING, Loop(SAFETY, factory), factory, new_timer=time.new_timer)
    relay = [what for name, what in steps if name == f"GPIO{WIRING.open_relay}"]
    assert relay.index("down") < relay.index("output")


def test_close_ends_a_running_pulse(bench: Bench) -> None:
    bench.barrier.raise_arm()
    bench.barrier.close()
    bench.time.pass_ms(1_000)
    assert bench.history == [(0, "open", True), (0, "open", False)]


def test_a_command_is_one_pulse(bench: Bench) -> None:
    bench.barrier.raise_arm()
    bench.time.pass_ms(2_000)
    bench.barrier.lower_arm()
    bench.time.pass_ms(2_000)
    assert bench.history == [
        (0, "open", True),
        (400, "open", False),
        (2_000, "close", True),
        (2_400, "close", False),
    ]


def test_the_same_command_again_makes_the_pulse_longer(bench: Bench) -> None:
    bench.barrier.raise_arm()
    bench.time.pass_ms(200)
    bench.barrier.raise_arm()
    bench.time.pass_ms(1_000)
    assert bench.history == [(0, "open", True), (600, "open", False)]


def test_a_timer_that_fires_too_late_ends_nothing(bench: Bench) -> None:
    bench.barrier.raise_arm()
    (first,) = bench.time.calls
    bench.time.pass_ms(200)
    bench.barrier.raise_arm()
    first.function()  # its thread was already waiting for the barrier's lock when it was cancelled
    assert first.cancelled
    assert bench.history == [(0, "open", True)]


def test_opening_cuts_a_close_pulse_and_waits_the_dead_time(bench: Bench) -> None:
    bench.barrier.lower_arm()
    bench.time.pass_ms(100)
    bench.barrier.raise_arm()
    bench.time.pass_ms(1_000)
    assert bench.history == [
        (0, "close", True),
        (100, "close", False),
        (160, "open", True),
        (560, "open", False),
    ]


def test_closing_during_an_open_pulse_is_refused(bench: Bench) -> None:
    bench.barrier.raise_arm()
    with pytest.raises(Refused, match="another command") as refused:
        bench.barrier.lower_arm()
    assert refused.value.code == "command_running"
    assert bench.history == [(0, "open", True)]


def test_never_lowers_on_an_occupied_loop(bench: Bench) -> None:
    bench.occupy(True)
    with pytest.raises(Refused) as refused:
        bench.barrier.lower_arm()
    assert refused.value.code == "safety_loop_occupied"
    assert bench.history == []


def test_a_cut_safety_cable_reads_as_a_car(time: MovedTime) -> None:
    factory = MockFactory()
    loop = Loop(SAFETY, factory)  # nothing drives the pin, as when its cable is cut
    assert loop.occupied
    with pytest.raises(Refused):
        Barrier(WIRING, loop, factory, new_timer=time.new_timer).lower_arm()


@given(st.lists(st.sampled_from(["raise", "lower", "occupy", "free", "20", "60", "400"]), max_size=60))
def test_whatever_is_asked_the_relays_keep_apart(steps: list[str]) -> None:
    bench = Bench(MovedTime())
    for step in steps:
        before = list(bench.history)
        try:
            match step:
                case "raise":
                    bench.barrier.raise_arm()
                case "lower":
                    bench.barrier.lower_arm()
                case "occupy" | "free":
                    bench.occupy(step == "occupy")
                case _:
                    bench.time.pass_ms(int(step))
        except Refused:
            assert bench.history == before
        if bench.loop.occupied:
            new = bench.history[len(before) :]
            assert all(not on for _, name, on in new if name == "close")
    for (ended, name, on), (begun, other, _) in pairwise(bench.history):
        if on:
            assert other == name, "the other relay moved while this one was on"
        else:
            assert begun - ended >= WIRING.dead_ms


def test_position_and_its_callback(bench: Bench) -> None:
    seen: list[Position] = []
    bench.barrier.when_moved = seen.append
    up, down = bench.factory.pin(WIRING.limit_up.pin), bench.factory.pin(WIRING.limit_down.pin)
    assert bench.barrier.position is Position.BETWEEN
    down.drive_low()
    down.drive_high()
    up.drive_low()
    down.drive_low()  # both at once: a broken switch
    assert seen == [Position.DOWN, Position.BETWEEN, Position.UP, Position.BETWEEN]


class NoTimer:
    """Makes timers as long as it may; stands for a machine that can start no more threads."""

    def __init__(self, time: MovedTime) -> None:
        self.may = True
        self._time = time

    def __call__(self, delay_s: float, function: Callable[[], None]) -> Timer:
        if not self.may:
            raise RuntimeError("can't start new thread")
        return self._time.new_timer(delay_s, function)


@pytest.fixture
def timers(time: MovedTime) -> NoTimer:
    return NoTimer(time)


@pytest.fixture
def starved(time: MovedTime, timers: NoTimer) -> Bench:
    """A bench whose barrier can start no timer while `timers.may` is not set."""
    return Bench(time, timers)


@pytest.mark.parametrize("command", [Barrier.raise_arm, Barrier.lower_arm])
def test_without_a_timer_no_relay_goes_on_and_the_command_can_be_given_again(
    starved: Bench, timers: NoTimer, command: Callable[[Barrier], None]
) -> None:
    timers.may = False
    with pytest.raises(RuntimeError):
        command(starved.barrier)
    assert starved.history == []
    timers.may = True
    command(starved.barrier)
    starved.time.pass_ms(1_000)
    assert [on for _, _, on in starved.history] == [True, False]


def test_a_pulse_that_cannot_be_made_longer_ends_as_it_would_have(starved: Bench, timers: NoTimer) -> None:
    starved.barrier.raise_arm()
    starved.time.pass_ms(200)
    timers.may = False
    with pytest.raises(RuntimeError):
        starved.barrier.raise_arm()
    timers.may = True
    starved.time.pass_ms(1_000)
    assert starved.history == [(0, "open", True), (400, "open", False)]


@pytest.mark.parametrize("fails_ms", [400, 460])
def test_after_a_timer_that_could_not_be_started_the_arm_still_goes_up(
    starved: Bench, timers: NoTimer, fails_ms: int
) -> None:
    """At 400 it is the dead time's timer; at 460 that of the pulse that an open command waits for."""
    starved.barrier.lower_arm()
    starved.time.pass_ms(fails_ms - 20)
    if fails_ms > 400:
        starved.barrier.raise_arm()
    timers.may = False
    with pytest.raises(RuntimeError):
        starved.time.pass_ms(20)
    timers.may = True
    starved.time.pass_ms(40)
    assert starved.history == [(0, "close", True), (400, "close", False)]
    starved.barrier.raise_arm()
    starved.time.pass_ms(1_000)
    assert [(name, on) for _, name, on in starved.history[2:]] == [("open", True), ("open", False)]
    assert starved.history[2][0] - 400 >= WIRING.dead_ms
