"""It rains now and then."""

import cv2
import numpy as np

from simulator.training.faces import Pixels
from simulator.training.weather import spoiled

ROAD: Pixels = np.full((96, 160, 3), 60, np.uint8)


def _streaks(seed: int) -> int:
    """Patches that are brighter than all else: lamps make a few, noise none."""
    grey = cv2.cvtColor(spoiled(ROAD, np.random.default_rng(seed)), cv2.COLOR_BGR2GRAY)
    count, _ = cv2.connectedComponents((grey > np.median(grey) + 30).astype(np.uint8))
    return int(count) - 1


def test_it_rains_in_a_few_of_a_hundred_pictures() -> None:
    counts = [_streaks(seed) for seed in range(100)]
    assert 2 <= sum(count > 15 for count in counts) <= 16
