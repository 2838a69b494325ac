"""The barrier on gpiozero's mock pins, by the history of its relay pins."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from gpiozero.pins.mock import MockFactory, MockPin
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Refused
from hardware.barrier import Barrier, Position
from hardware.fire import FireAlarm
from hardware.loop import Loop
from hardware.photocell import Photocell
from hardware.timer import Timer, TimerFactory
from hardware.wiring import BarrierWiring, ContactWiring, GuardWiring
from tests.hardware.conftest import MovedTime
from tests.hardware.pins import Watched

WIRING = BarrierWiring(pulse_ms=400, dead_ms=60)
SINGLE_PULSE = BarrierWiring(kind="single-pulse", pulse_ms=400, dead_ms=60)
SAFETY, PHOTOCELL, FIRE = GuardWiring(pin=27), GuardWiring(pin=5), GuardWiring(pin=6)
GUARDS = {
    "safety_loop_occupied": SAFETY,
    "photocell_interrupted": PHOTOCELL,
    "fire_alarm": FIRE,
}


class Bench:
    """A barrier with all that guards it on a bench: every change of a relay pin is noted with its millisecond."""

    def __init__(
        self,
        time: MovedTime,
        new_timer: TimerFactory | None = None,
        wiring: BarrierWiring = WIRING,
        *,
        fire: bool = False,
    ) -> None:
        self.time = time
        self.factory = MockFactory()
        relays = {"open": wiring.open_relay, "close": wiring.close_relay}
        watched = {name: pin for name, pin in relays.items() if pin is not None}
        self.history = Watched(self.factory, watched, time).history
        self.loop = Loop(SAFETY, self.factory)
        self.photocell = Photocell(PHOTOCELL, self.factory)
        self.fire = FireAlarm(FIRE, self.factory)
        for guard in (SAFETY, PHOTOCELL, FIRE):
            self.set(guard, active=fire and guard is FIRE)
        self.barrier = Barrier(
            wiring,
            self.loop,
            self.factory,
            photocell=self.photocell,
            fire=self.fire,
            new_timer=new_timer or time.new_timer,
        )

    def set(self, contact: ContactWiring, *, active: bool) -> None:
        """Open or close a contact; one that is open leaves its pin to the pull-up."""
        pin = self.factory.pin(contact.pin)
        if active is (contact.normally == "closed"):
            pin.drive_high()
        else:
            pin.drive_low()

    def occupy(self, occupied: bool) -> None:
        self.set(SAFETY, active=occupied)


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


@given(st.lists(st.sampled_from(["raise", "lower", *GUARDS, "20", "60", "400"]), max_size=60))
def test_whatever_is_asked_the_relays_keep_apart(steps: list[str]) -> None:
    bench = Bench(MovedTime())
    active = dict.fromkeys(GUARDS, False)
    for step in steps:
        before = list(bench.history)
        try:
            match step:
                case "raise":
                    bench.barrier.raise_arm()
                case "lower":
                    bench.barrier.lower_arm()
                case guard if guard in GUARDS:
                    active[guard] = not active[guard]
                    bench.set(GUARDS[guard], active=active[guard])
                case _:
                    bench.time.pass_ms(int(step))
        except Refused:
            assert bench.history == before
        if any(active.values()):
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
    bench.barrier.close()
    assert bench.factory.pin(SINGLE_PULSE.open_relay).state == 0


def test_a_fire_alarm_raises_the_arm_before_anybody_hears_of_it(bench: Bench) -> None:
    heard: list[tuple[bool, int]] = []
    bench.fire.when_changed = lambda alarmed: heard.append((alarmed, len(bench.history)))
    bench.occupy(True)
    bench.set(FIRE, active=True)
    assert bench.history == [(0, "open", True)]
    assert heard == [(True, 1)]


def test_a_fire_alarm_cuts_a_close_pulse(bench: Bench) -> None:
    bench.barrier.lower_arm()
    bench.time.pass_ms(100)
    bench.set(FIRE, active=True)
    bench.time.pass_ms(1_000)
    assert bench.history == [(0, "close", True), (100, "close", False), (160, "open", True), (560, "open", False)]


def test_while_there_is_a_fire_alarm_nothing_closes_and_its_end_moves_nothing(bench: Bench) -> None:
    bench.set(FIRE, active=True)
    bench.time.pass_ms(1_000)
    with pytest.raises(Refused) as refused:
        bench.barrier.lower_arm()
    assert refused.value.code == "fire_alarm"
    bench.set(FIRE, active=False)
    bench.time.pass_ms(10_000)
    assert bench.history == [(0, "open", True), (400, "open", False)]
    bench.barrier.lower_arm()
    assert bench.history[-1] == (11_000, "close", True)


def test_an_alarm_that_is_on_at_the_start_raises_the_arm_then(time: MovedTime) -> None:
    bench = Bench(time, fire=True)
    assert bench.history == []
    bench.barrier.start()
    assert bench.history == [(0, "open", True)]


def test_without_an_alarm_the_start_moves_nothing(bench: Bench) -> None:
    bench.barrier.start()
    bench.time.pass_ms(1_000)
    assert bench.history == []


@pytest.mark.parametrize("alarm", [True, False])
def test_during_a_fire_an_arm_that_comes_down_by_itself_is_raised_again(bench: Bench, alarm: bool) -> None:
    if alarm:
        bench.set(FIRE, active=True)
    bench.set(WIRING.limit_up, active=True)
    bench.time.pass_ms(20_000)
    before = len(bench.history)
    bench.set(WIRING.limit_up, active=False)
    assert bench.history[before:] == ([(20_000, "open", True)] if alarm else [])


def test_an_alarm_that_cannot_raise_the_arm_is_still_heard(
    starved: Bench, timers: NoTimer, caplog: pytest.LogCaptureFixture
) -> None:
    """Who hears of it raises the arm too; an error in the pins' own thread would make every input deaf."""
    heard: list[bool] = []
    starved.fire.when_changed = heard.append
    timers.may = False
    starved.set(FIRE, active=True)
    assert (heard, starved.history) == ([True], [])
    assert "open the barrier by hand" in caplog.text


def test_an_alarm_at_the_very_end_finds_no_relay(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Its thread was waiting for the barrier's lock while the barrier was closed."""
    late = bench.fire.when_alarmed
    bench.barrier.close()
    assert late is not None
    late()
    assert bench.fire.when_alarmed is None
    assert (bench.history, bench.time.calls, caplog.text) == ([], [], "")
