"""Lines of lettering by contrast: where they are, and that nothing else costs much."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from lpr.frame import Box, Frame
from lpr.text_lines import LINES_MAX, shared_px, text_lines


def _holds(box: Box, x: int, y: int, width: int, height: int) -> bool:
    left, top, across, down = box
    return left <= x and top <= y and left + across >= x + width and top + down >= y + height


@pytest.mark.parametrize("size", [0.8, 1.2, 1.6, 2.4])
def test_a_plate_is_one_line_with_its_words_together(size: float, draw: Callable[..., Frame]) -> None:
    frame = draw(("HH AB 1234", 60, 200, size))
    x, y, width, height = cv2.boundingRect((frame[:, :, 0] < 60).astype(np.uint8))
    box, *words = text_lines(frame)
    assert _holds(box, x, y, width, height)
    assert box[2] < 1.4 * width
    assert box[3] < 2.0 * height
    assert all(2 * shared_px(word, box) > word[2] * word[3] for word in words)


def test_of_several_the_tallest_comes_first(draw: Callable[..., Frame]) -> None:
    boxes = text_lines(draw(("B AC 5678", 40, 60, 1.0), ("M XY 4321", 150, 300, 2.2)))
    assert [box[3] for box in boxes] == sorted((box[3] for box in boxes), reverse=True)
    assert boxes[0][1] > 240
    assert any(box[1] < 80 and box[2] > 150 for box in boxes)


def test_light_on_dark_is_a_line_too(draw: Callable[..., Frame]) -> None:
    frame = draw(("HH AB 1234", 180, 200, 1.6))
    assert text_lines(255 - frame) == text_lines(frame)


def test_in_a_large_photograph_boxes_are_in_its_own_pixels(draw: Callable[..., Frame]) -> None:
    frame = draw(("HH AB 1234", 180, 200, 1.6))
    small, large = text_lines(frame)[0], text_lines(frame.repeat(4, axis=0).repeat(4, axis=1))[0]
    assert large == pytest.approx([4 * side for side in small], abs=30)


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 1), (8, 2000), (480, 640)])
def test_in_one_colour_there_is_none(shape: tuple[int, int]) -> None:
    assert text_lines(np.full((*shape, 3), 200, np.uint8)) == []


def test_in_noise_they_are_bounded_and_inside_the_frame() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (480, 640, 3), np.uint8)
    stripes: Frame = np.zeros((480, 640, 3), np.uint8)
    stripes[:, ::8] = 255
    for frame in (noise, stripes, stripes[::20].repeat(20, axis=0)):
        boxes = text_lines(frame)
        assert len(boxes) <= LINES_MAX
        for x, y, width, height in boxes:
            assert 0 <= x < x + width <= 640
            assert 0 <= y < y + height <= 480
