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


UNDER_ARM = ["safety_loop_occupied", "photocell_interrupted"]


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


SWITCHES = {"limit_up": WIRING.limit_up, "limit_down": WIRING.limit_down}


class Welded(Bench):
    """A bench whose arm is down; one of its limit switches says the same whatever becomes of the arm."""

    def __init__(self, stuck: str, *, active: bool, arm: Position = Position.DOWN) -> None:
        super().__init__(MovedTime())
        self._stuck = stuck
        self.set(SWITCHES[stuck], active=active)
        self.told: list[str] = []
        self.barrier.when_faulty = self.told.append
        self.goes(arm)

    def goes(self, to: Position) -> None:
        """The arm is there."""
        for name, at in (("limit_up", Position.UP), ("limit_down", Position.DOWN)):
            if name != self._stuck:
                self.set(SWITCHES[name], active=at is to)

    def is_mended(self, *, active: bool) -> None:
        self.set(SWITCHES[self._stuck], active=active)

    def opened(self) -> int:
        """How often the arm was asked to rise."""
        return sum(name == "open" and on for _, name, on in self.history)

    def rises(self, *, as_far_as: Position = Position.UP) -> None:
        self.barrier.raise_arm()
        self.goes(Position.BETWEEN)
        self.goes(as_far_as)
        self.time.pass_ms(1_000)

    def falls(self, *, as_far_as: Position = Position.BETWEEN) -> None:
        self.barrier.lower_arm()
        self.goes(Position.BETWEEN)
        self.goes(as_far_as)
        self.time.pass_ms(1_000)


STUCK = [(name, active) for name in SWITCHES for active in (True, False)]


@pytest.mark.parametrize("guard", UNDER_ARM)
@pytest.mark.parametrize(("stuck", "active"), STUCK)
@pytest.mark.parametrize("as_far_as", [Position.UP, Position.BETWEEN])
def test_a_limit_switch_that_is_stuck_or_cut_keeps_nobody_from_raising_a_falling_arm(
    stuck: str, active: bool, as_far_as: Position, guard: str
) -> None:
    """Also one that was stopped on its way up, which no switch tells."""
    bench = Welded(stuck, active=active)
    bench.rises(as_far_as=as_far_as)
    bench.falls()
    assert bench.opened() == 1
    bench.set(GUARDS[guard], active=True)
    assert bench.opened() == 2


@pytest.mark.parametrize(
    ("stuck", "says", "opposite"),
    [("limit_up", Position.UP, Position.DOWN), ("limit_down", Position.DOWN, Position.UP)],
)
def test_a_welded_limit_switch_is_not_believed_until_it_opens_and_told_once(
    stuck: str, says: Position, opposite: Position
) -> None:
    """Nor is the other one while both are closed."""
    bench = Welded(stuck, active=True, arm=opposite)
    for place in (opposite, Position.BETWEEN, says, Position.BETWEEN, opposite, Position.BETWEEN):
        bench.goes(place)
        assert bench.barrier.position is Position.BETWEEN
    (told,) = bench.told
    assert told.startswith(f"{stuck} has not opened")
    assert bench.barrier.fault == told
    bench.is_mended(active=False)
    assert bench.barrier.fault is None
    bench.is_mended(active=True)
    assert bench.barrier.position is says
    bench.goes(opposite)
    assert bench.told == [told, told], "it is stuck anew"


def test_the_other_switch_is_believed_again_once_it_opens() -> None:
    bench = Welded("limit_down", active=True)
    bench.goes(Position.UP)
    bench.goes(Position.BETWEEN)
    bench.is_mended(active=False)
    bench.goes(Position.UP)
    assert bench.barrier.position is Position.UP


def test_a_limit_switch_that_chatters_is_told_once(bench: Bench) -> None:
    """It may be the other one: what is told names the one that has not opened, and both."""
    told: list[str] = []
    bench.barrier.when_faulty = told.append
    bench.set(WIRING.limit_up, active=True)
    for _ in range(10):
        bench.set(WIRING.limit_down, active=True)
        bench.set(WIRING.limit_down, active=False)
        assert bench.barrier.position is Position.BETWEEN
    assert len(told) == 1
    assert "limit_up" in told[0]
    assert "limit_down" in told[0]


def with_closed(*contacts: ContactWiring) -> MockFactory:
    """Pins of which some hang on contacts that are closed, whoever takes the pin and pulls at it."""

    class Wired(MockPin):  # type: ignore[misc]  # gpiozero ships no types
        def _set_pull(self, value: str) -> None:
            super()._set_pull(value)
            if self.info.name in {f"GPIO{contact.pin}" for contact in contacts}:
                self.drive_low()

    return MockFactory(pin_class=Wired)


def test_of_an_arm_that_was_not_seen_to_move_nobody_knows_that_it_is_down(time: MovedTime) -> None:
    """The gate has started with the arm half-way, and its lower limit switch is stuck."""
    factory = with_closed(WIRING.limit_down, SAFETY)
    open_relay = Watched(factory, {"open": WIRING.open_relay}, time)
    barrier = Barrier(WIRING, Loop(SAFETY, factory), factory, new_timer=time.new_timer)
    barrier.lower_arm()
    time.pass_ms(1_000)
    factory.pin(SAFETY.pin).drive_high()
    assert open_relay.history == [(1_000, "open", True)]


def test_two_closed_limit_switches_at_the_start_are_a_fault_from_there_on(time: MovedTime) -> None:
    factory = with_closed(WIRING.limit_up, WIRING.limit_down, SAFETY)
    barrier = Barrier(WIRING, Loop(SAFETY, factory), factory, new_timer=time.new_timer)
    assert barrier.position is Position.BETWEEN
    assert barrier.fault is not None
    assert barrier.fault.startswith("limit_up and limit_down are both closed")
    factory.pin(WIRING.limit_up.pin).drive_high()
    assert barrier.position is Position.BETWEEN, "the arm was up, or the switch was stuck"
    factory.pin(WIRING.limit_down.pin).drive_high()
    assert barrier.fault is None
    factory.pin(WIRING.limit_down.pin).drive_low()
    assert barrier.position is Position.DOWN


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
    """Its thread was waiting for the barrier's lock while the barrier was released."""
    guards = (bench.fire, bench.loop, bench.photocell)
    late = [guard.when_activated for guard in guards]
    bench.set(WIRING.limit_up, active=True)
    bench.set(WIRING.limit_up, active=False)
    bench.barrier.release()
    for raises in late:
        assert raises is not None
        raises()
    assert [guard.when_activated for guard in guards] == [None] * 3
    assert (bench.history, bench.time.calls, caplog.text) == ([], [], "")
