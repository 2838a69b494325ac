"""The buzzer on a mock pin, by the history of that pin."""

import pytest
from gpiozero.pins.mock import MockFactory
from hypothesis import given
from hypothesis import strategies as st

from hardware.buzzer import BEEP_MS, WARNING_MS, Buzzer
from hardware.timer import Timer
from hardware.wiring import BuzzerWiring
from tests.hardware.moved_time import MovedTime
from tests.hardware.pins import Watched

WIRING = BuzzerWiring(pin=18)
BEEP = [(0, True), (100, False)]
WARNING = [(0, True), (260, False), (420, True), (680, False), (840, True), (1_100, False)]  # time moves in ticks of 20


class Bench:
    def __init__(self, time: MovedTime) -> None:
        self.time = time
        self.factory = MockFactory()
        self._watched = Watched(self.factory, {"buzzer": WIRING.pin}, time)
        self.buzzer = Buzzer(WIRING, self.factory, new_timer=time.new_timer)

    @property
    def history(self) -> list[tuple[int, bool]]:
        return [(at, on) for at, _, on in self._watched.history]


@pytest.fixture
def bench(time: MovedTime) -> Bench:
    return Bench(time)


def test_a_beep_is_short(bench: Bench) -> None:
    bench.buzzer.beep()
    bench.time.pass_ms(5_000)
    assert bench.history == BEEP


def test_a_warning_sounds_three_times(bench: Bench) -> None:
    bench.buzzer.warn()
    bench.time.pass_ms(5_000)
    assert bench.history == WARNING


def test_a_beep_does_not_cut_a_warning_and_comes_through_after_it(bench: Bench) -> None:
    bench.buzzer.warn()
    bench.time.pass_ms(300)
    bench.buzzer.beep()
    bench.time.pass_ms(5_000)
    assert bench.history == WARNING
    bench.buzzer.beep()
    assert bench.history[-1] == (5_300, True)


def test_a_warning_cuts_a_beep(bench: Bench) -> None:
    bench.buzzer.beep()
    bench.buzzer.warn()
    bench.time.pass_ms(5_000)
    assert bench.history == [(0, True), (0, False), *WARNING]


def test_a_timer_that_fires_too_late_ends_nothing(bench: Bench) -> None:
    bench.buzzer.beep()
    (first,) = bench.time.calls
    bench.buzzer.warn()
    first.function()
    assert bench.history[-1] == (0, True)


def test_the_end_is_silent(bench: Bench) -> None:
    bench.buzzer.warn()
    bench.buzzer.release()
    bench.time.pass_ms(5_000)
    bench.buzzer.beep()
    bench.buzzer.release()
    assert bench.history == [(0, True), (0, False)]


def test_without_a_timer_it_does_not_sound_and_can_be_asked_again(time: MovedTime) -> None:
    factory, may = MockFactory(), False

    def new_timer(delay_s: float, function: object) -> Timer:
        if not may:
            raise RuntimeError("can't start new thread")
        return time.new_timer(delay_s, lambda: None)

    buzzer = Buzzer(WIRING, factory, new_timer=new_timer)
    with pytest.raises(RuntimeError):
        buzzer.warn()
    assert factory.pin(WIRING.pin).state == 0
    may = True
    buzzer.beep()
    assert factory.pin(WIRING.pin).state == 1


def test_a_lane_without_one_is_silent(time: MovedTime) -> None:
    buzzer = Buzzer(None, MockFactory(), new_timer=time.new_timer)
    buzzer.beep()
    buzzer.warn()
    buzzer.release()
    assert time.calls == []


@given(st.lists(st.sampled_from(["beep", "warn", "20", "140", "260"]), max_size=40))
def test_whatever_is_asked_it_falls_silent(steps: list[str]) -> None:
    bench = Bench(MovedTime())
    for step in steps:
        match step:
            case "beep":
                bench.buzzer.beep()
            case "warn":
                bench.buzzer.warn()
            case _:
                bench.time.pass_ms(int(step))
    bench.time.pass_ms(sum(BEEP_MS) + sum(WARNING_MS) + 200)
    assert not bench.history or bench.history[-1][1] is False
    assert not [call for call in bench.time.calls if call.started and not call.cancelled]
