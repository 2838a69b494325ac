"""The barrier on gpiozero's mock pins, by the history of its relay pins."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from gpiozero.pins.mock import MockFactory, MockPin
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Refused
from hardware.barrier import Barrier
from hardware.loop import Loop
from hardware.wiring import BarrierWiring
from tests.hardware.bench import GUARDS, SAFETY, SINGLE_PULSE, UNDER_ARM, WIRING, Bench, NoTimer
from tests.hardware.moved_time import MovedTime


def test_no_pulse_at_start_and_release(bench: Bench) -> None:
    bench.barrier.release()
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


def test_release_ends_a_running_pulse(bench: Bench) -> None:
    bench.barrier.raise_arm()
    bench.barrier.release()
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


@pytest.mark.parametrize("wiring", [WIRING, SINGLE_PULSE])
@pytest.mark.parametrize("code", ["safety_loop_occupied", "photocell_interrupted"])
def test_never_lowers_on_what_is_under_the_arm_and_always_raises(
    time: MovedTime, wiring: BarrierWiring, code: str
) -> None:
    bench = Bench(time, wiring=wiring)
    bench.set(GUARDS[code], active=True)
    with pytest.raises(Refused) as refused:
        bench.barrier.lower_arm()
    assert refused.value.code == code
    assert bench.history == []
    bench.barrier.raise_arm()
    assert bench.history == [(0, "open", True)]


def test_a_cut_safety_cable_reads_as_a_car(time: MovedTime) -> None:
    factory = MockFactory()
    loop = Loop(SAFETY, factory)  # nothing drives the pin, as when its cable is cut
    assert loop.occupied
    with pytest.raises(Refused):
        Barrier(WIRING, loop, factory, new_timer=time.new_timer).lower_arm()


@pytest.fixture
def falling(bench: Bench) -> Bench:
    """The arm has left its upper limit after a close command, whose pulse is over."""
    bench.set(WIRING.limit_up, active=True)
    bench.barrier.lower_arm()
    bench.time.pass_ms(200)
    bench.set(WIRING.limit_up, active=False)
    bench.time.pass_ms(800)
    return bench


@pytest.mark.parametrize("guard", UNDER_ARM)
def test_what_comes_under_the_arm_cuts_a_close_pulse_and_raises_it_before_anybody_hears_of_it(
    bench: Bench, guard: str
) -> None:
    """In the thread of the pin change: there is no event loop here."""
    heard: list[int] = []
    bench.loop.when_changed = bench.photocell.when_changed = lambda _: heard.append(len(bench.history))
    bench.barrier.lower_arm()
    bench.time.pass_ms(100)
    bench.set(GUARDS[guard], active=True)
    assert (bench.history, heard) == ([(0, "close", True), (100, "close", False)], [2])
    bench.time.pass_ms(1_000)
    assert bench.history[2:] == [(160, "open", True), (560, "open", False)]


@pytest.mark.parametrize("guard", UNDER_ARM)
def test_so_it_does_on_the_rest_of_the_way_down_and_once(falling: Bench, guard: str) -> None:
    for active in (True, False, True):
        falling.set(GUARDS[guard], active=active)
    falling.time.pass_ms(1_000)
    assert falling.history[2:] == [(1_000, "open", True), (1_400, "open", False)]


@pytest.mark.parametrize("guard", UNDER_ARM)
def test_an_arm_that_a_controller_lowers_by_itself_is_raised_too(time: MovedTime, guard: str) -> None:
    bench = Bench(time, wiring=SINGLE_PULSE)
    bench.set(SINGLE_PULSE.limit_up, active=True)
    bench.set(SINGLE_PULSE.limit_up, active=False)
    bench.set(GUARDS[guard], active=True)
    assert bench.history == [(0, "open", True)]


@pytest.mark.parametrize("guard", UNDER_ARM)
@pytest.mark.parametrize("where", ["never moved", "up", "rising", "down"])
def test_an_arm_that_does_not_come_down_is_left_as_it_is(falling: Bench, guard: str, where: str) -> None:
    """No car opens a closed barrier by driving up to it."""
    match where:
        case "never moved":
            falling = Bench(MovedTime())
        case "up":
            falling.set(WIRING.limit_up, active=True)
        case "rising":
            falling.barrier.raise_arm()
        case "down":
            falling.set(WIRING.limit_down, active=True)
            falling.barrier.lower_arm()
            falling.time.pass_ms(1_000)
    before = list(falling.history)
    falling.set(GUARDS[guard], active=True)
    assert falling.history == before


@given(st.lists(st.sampled_from(["raise", "lower", *GUARDS, "up", "down", "20", "60", "400"]), max_size=60))
def test_whatever_is_asked_the_relays_keep_apart(steps: list[str]) -> None:
    bench = Bench(MovedTime())
    limits = {"up": WIRING.limit_up, "down": WIRING.limit_down}
    active = dict.fromkeys((*GUARDS, *limits), False)
    is_surely_down = False
    for step in steps:
        before = list(bench.history)
        try:
            match step:
                case "raise":
                    bench.barrier.raise_arm()
                case "lower":
                    bench.barrier.lower_arm()
                case contact if contact in active:
                    active[contact] = not active[contact]
                    bench.set((GUARDS | limits)[contact], active=active[contact])
                case _:
                    bench.time.pass_ms(int(step))
        except Refused:
            assert bench.history == before
        if any(active[guard] for guard in GUARDS):
            assert not bench.factory.pin(WIRING.close_relay).state, "a close pulse goes on with something there"
        if step in ("down", "up", "raise", "fire_alarm"):
            is_surely_down = (is_surely_down or step == "down") and step != "raise" and not active["fire_alarm"]
            is_surely_down = is_surely_down and active["down"] and not active["up"]
        if step in UNDER_ARM and is_surely_down:
            opened = [name for _, name, on in bench.history[len(before) :] if on]
            assert opened == [], "an arm that is down is opened by who stands before it"
    for (ended, name, on), (begun, other, _) in pairwise(bench.history):
        if on:
            assert other == name, "the other relay moved while this one was on"
        else:
            assert begun - ended >= WIRING.dead_ms


def test_a_close_pulse_ends_for_what_is_under_the_arm_also_where_the_arm_cannot_be_raised(
    starved: Bench, timers: NoTimer, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[bool] = []
    starved.loop.when_changed = heard.append
    starved.barrier.lower_arm()
    starved.time.pass_ms(100)
    timers.may = False
    starved.occupy(True)
    assert (heard, starved.history) == ([True], [(0, "close", True), (100, "close", False)])
    assert "something is under the arm" in caplog.text
    timers.may = True
    starved.barrier.raise_arm()
    starved.time.pass_ms(1_000)
    assert [(name, on) for _, name, on in starved.history[2:]] == [("open", True), ("open", False)]


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


def test_a_single_pulse_controller_is_never_asked_to_close(time: MovedTime) -> None:
    bench = Bench(time, wiring=SINGLE_PULSE)
    assert bench.barrier.closes_itself
    assert not Bench(time).barrier.closes_itself
    bench.barrier.raise_arm()
    bench.barrier.lower_arm()  # not even during the pulse is there anything to refuse
    bench.time.pass_ms(5_000)
    bench.barrier.lower_arm()
    bench.time.pass_ms(5_000)
    assert bench.history == [(0, "open", True), (400, "open", False)]
    bench.barrier.release()
    assert bench.factory.pin(SINGLE_PULSE.open_relay).state == 0
