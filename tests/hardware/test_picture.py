"""What a driver gives, as a picture."""

import numpy as np
import pytest

from hardware.picture import PIXELS_MAX, coloured


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1), (4, 6, 3), (4, 6, 4)])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_grey_colour_and_a_fourth_channel(shape: tuple[int, ...], depth: type[np.unsignedinteger]) -> None:
    level = 200 if depth is np.uint8 else 200 * 257
    pixels = coloured(np.full(shape, level, depth))
    assert pixels is not None
    assert pixels.shape == (4, 6, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert (pixels == 200).all()


def test_blue_stays_blue() -> None:
    pixels = coloured(np.array([[[200, 100, 50, 0]]], np.uint8))
    assert pixels is not None
    assert pixels.tolist() == [[[200, 100, 50]]]


@pytest.mark.parametrize("raw", [np.zeros((0, 0, 3), np.uint8), np.zeros(5, np.uint8), np.zeros((4, 6, 2), np.uint8)])
def test_what_is_no_picture(raw: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    assert coloured(raw) is None


def test_what_is_of_no_depth_that_is_known() -> None:
    assert coloured(np.zeros((4, 6, 3), np.float32)) is None


def test_what_is_too_large() -> None:
    one = np.zeros((1, 1), np.uint8)
    assert coloured(np.broadcast_to(one, (PIXELS_MAX + 1, 1))) is None
