from collections.abc import Callable

import numpy as np
import pytest

from lpr.frame import Frame, is_blind


@pytest.mark.parametrize("level", [0, 8, 128, 255])
def test_one_flat_colour_is_blind(level: int) -> None:
    assert is_blind(np.full((480, 640, 3), level, np.uint8))


def test_sensor_noise_in_the_dark_is_blind() -> None:
    noise = np.random.default_rng(1).normal(6, 8, (480, 640, 3))
    assert is_blind(noise.clip(0, 255).astype(np.uint8))


def test_a_lit_plate_in_the_night_is_not_blind(draw: Callable[..., Frame]) -> None:
    night = (draw(("HH AB 123", 300, 300, 0.6)) * 0.5).astype(np.uint8)
    assert not is_blind(night)


@pytest.mark.parametrize("shape", [(0, 0, 3), (0, 640, 3), (1, 1, 3)])
def test_a_frame_of_no_size_is_blind(shape: tuple[int, int, int]) -> None:
    assert is_blind(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("size", [(720, 1280), (719, 1279), (1632, 918), (331, 450), (48, 4_000), (5, 7)])
def test_large_frames_and_small_ones_show_something_from_the_same_contrast_on(size: tuple[int, int]) -> None:
    frame: Frame = np.full((*size, 3), 100, np.uint8)
    frame[:, : size[1] // 2] = 123
    assert is_blind(frame)
    frame[:, : size[1] // 2] = 124
    assert not is_blind(frame)
