"""What a bench says of a machine that it was not run on."""

import pytest

from simulator.bench.gate import loop_figure
from simulator.bench.one_core import PI5_GFLOPS, Car, measured, on_a_pi5


def test_waiting_takes_as_long_there_and_reading_as_much_longer_as_its_core_is_slower() -> None:
    cars = [Car(took_ms=300, reading_ms=200), Car(took_ms=100, reading_ms=0)]
    assert on_a_pi5(cars, 2 * PI5_GFLOPS) == [500, 100]
    assert on_a_pi5(cars, PI5_GFLOPS / 2) == [200, 100]


def test_this_machine_does_multiply() -> None:
    assert 0.1 < measured() < 10_000


@pytest.mark.parametrize(("asked", "p95"), [(0, 200), (1, 200), (3, 6_000)])
def test_a_car_that_is_asked_for_a_code_is_as_slow_as_the_limit(asked: int, p95: float) -> None:
    """Where more than one in twenty is, so is the figure."""
    figure = loop_figure([Car(200, 100)] * (30 - asked), [Car(6_000, 0)] * asked, PI5_GFLOPS)
    assert figure.value == pytest.approx(p95)
    assert f"{asked} asked for a code" in figure.note
    assert "an estimate and no measurement" in figure.note
