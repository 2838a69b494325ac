"""What a line is made into before the network reads it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lpr.recogniser import _HEIGHT, ASPECT_MAX, _normal


def _span(batch: NDArray[np.float32], columns: int) -> float:
    """From the darkest to the brightest of what is read, but for its rim; 2 is from black to white."""
    return float(np.ptp(batch[0, :, 4:-4, 4 : columns - 4]))


@pytest.mark.parametrize("height", [20, 28, 48, 150])
def test_what_is_finer_than_strokes_is_gone_and_strokes_stay(height: int) -> None:
    width = 4 * height
    chequered = (np.indices((height, width)).sum(axis=0) % 2 * 255).astype(np.uint8)
    assert _span(_normal(np.dstack([chequered] * 3), 0), 4 * _HEIGHT) < 0.4
    stroke = max(height // 8, 3)
    striped = (np.indices((height, width))[1] // stroke % 2 * 255).astype(np.uint8)
    assert _span(_normal(np.dstack([striped] * 3), 0), 4 * _HEIGHT) > 1.6


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1), (27, 5), (29, 5), (48, 240), (300, 9_000)])
def test_a_line_of_any_size_is_as_high_as_the_network_reads(shape: tuple[int, int]) -> None:
    batch = _normal(np.full((*shape, 3), 200, np.uint8), 240)
    assert batch.shape[:3] == (1, 3, _HEIGHT)
    assert 240 <= batch.shape[3] <= ASPECT_MAX * _HEIGHT
    assert batch[0, :, :, 0] == pytest.approx(200 / 127.5 - 1)
