"""What weather does to a picture, each by what a reader would notice of it."""

import numpy as np
import pytest

from hardware.camera import Pixels
from simulator.street.conditions import Conditions
from simulator.street.spoil import spoil

ROAD: Pixels = np.full((360, 640, 3), 60, np.uint8)


def _taken(rain: float) -> Pixels:
    return spoil(ROAD, Conditions(rain=rain), np.random.default_rng(1))


def test_a_dry_day_spoils_nothing() -> None:
    np.testing.assert_array_equal(_taken(0.0), ROAD)


@pytest.mark.parametrize(("less", "more"), [(0.0, 0.3), (0.3, 0.9)])
def test_the_harder_it_rains_the_more_streaks_and_the_thicker_the_veil(less: float, more: float) -> None:
    dry, wet = _taken(less), _taken(more)
    assert np.median(wet) > np.median(dry) + 3
    assert (wet > 120).mean() > (dry > 120).mean() + 0.003
