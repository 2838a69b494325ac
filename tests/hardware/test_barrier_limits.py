"""What a barrier makes of its limit switches, also of broken ones."""

import pytest
from gpiozero.pins.mock import MockFactory, MockPin

from hardware.barrier import Barrier, Position
from hardware.loop import Loop
from hardware.wiring import ContactWiring
from tests.hardware.bench import GUARDS, SAFETY, UNDER_ARM, WIRING, Bench
from tests.hardware.moved_time import MovedTime
from tests.hardware.pins import Watched


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
