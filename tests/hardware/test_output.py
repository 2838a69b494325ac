"""One output line on a mock pin."""

import pytest
from gpiozero.pins.mock import MockFactory, MockPin

from hardware.output import Output
from tests.hardware.moved_time import MovedTime
from tests.hardware.pins import Watched

PIN = 22


def test_it_is_switched_off_before_it_is_let_go_of_and_pulled_down_then(time: MovedTime) -> None:
    factory = MockFactory()
    watched = Watched(factory, {"relay": PIN}, time)
    output = Output(PIN, factory)
    output.on()
    output.release()
    output.release()
    assert watched.history == [(0, "relay", True), (0, "relay", False)]
    line = factory.pin(PIN)
    assert (line.function, line.pull) == ("input", "down")


def test_it_stays_pulled_down_where_letting_go_of_a_pin_lets_go_of_its_pull() -> None:
    """As lgpio does, on a Pi. What hangs there would float, or be pulled up by a relay board."""

    class Freed(MockPin):  # type: ignore[misc]  # gpiozero ships no types
        def close(self) -> None:
            super().close()
            self.pull = "floating"

    factory = MockFactory(pin_class=Freed)
    output = Output(PIN, factory)
    output.on()
    output.release()
    assert factory.pin(PIN).pull == "down"


@pytest.mark.parametrize("left", ["floating", "up", "down"])
def test_it_is_low_at_once_whatever_it_was_before(time: MovedTime, left: str) -> None:
    factory = MockFactory()
    line = factory.pin(PIN)
    line.pull = left
    before = bool(line.state)
    watched = Watched(factory, {"relay": PIN}, time)
    Output(PIN, factory)
    assert watched.history == ([(0, "relay", False)] if before else [])
