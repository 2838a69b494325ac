from datetime import timedelta

from domain.now import Trust
from simulator.world.clock import MachineClock
from tests.parts import NOON


class TrueTime:
    def __init__(self) -> None:
        self.ms = 0

    def __call__(self) -> int:
        return self.ms


def test_its_monotonic_clock_begins_with_each_boot_and_drifts() -> None:
    true = TrueTime()
    clock = MachineClock(true, NOON)
    clock.is_off(0, drift_ppm=100)
    true.ms = 1_000_000
    assert clock().mono_ms == 1_000_100
    clock.boot()
    true.ms += 10
    assert clock().mono_ms == 10


def test_its_time_of_day_is_off_steps_and_is_put_right() -> None:
    true = TrueTime()
    clock = MachineClock(true, NOON)
    clock.is_off(250, drift_ppm=0)
    assert (clock().utc - NOON, clock().trust) == (timedelta(milliseconds=250), Trust.NTP)
    clock.step(-60_000, Trust.NONE)
    assert (clock().utc - NOON, clock().trust) == (timedelta(seconds=-60), Trust.NONE)
    clock.put_right()
    assert (clock().utc - NOON, clock().trust) == (timedelta(milliseconds=250), Trust.NTP)


def test_it_stands_still_while_monotonic_time_goes_on() -> None:
    true = TrueTime()
    clock = MachineClock(true, NOON)
    true.ms = 1_000
    clock.stand_still(Trust.NONE)
    true.ms = 5_000
    assert (clock().utc - NOON, clock().mono_ms) == (timedelta(seconds=1), 5_000)
