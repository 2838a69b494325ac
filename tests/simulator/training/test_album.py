"""Scenes are drawn once, and an example says what is to be found in each cell."""

from pathlib import Path

import numpy as np
import pytest

from simulator.training.album import STRIDE, Album, example
from simulator.training.canvas import HEIGHT_PX, WIDTH_PX
from simulator.training.faces import Pixels

CELLS = (HEIGHT_PX // STRIDE, WIDTH_PX // STRIDE)


@pytest.fixture(scope="module")
def picture() -> Pixels:
    return np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.uint8)


def test_a_plate_is_hot_in_its_middle_and_its_sides_are_known_there(picture: Pixels) -> None:
    shown = example(picture, np.array([[100, 80, 180, 100]], np.float32))
    assert shown.heat.shape == shown.near.shape == shown.counts.shape == CELLS
    row, column = divmod(int(shown.heat.argmax()), CELLS[1])
    assert (row, column) == (11, 17)
    assert shown.heat.max() == 1
    assert shown.near.sum() == pytest.approx(1)
    left, top, right, bottom = shown.sides[:, row, column] * STRIDE
    assert (left, top, right, bottom) == (140 - 100, 92 - 80, 180 - 140, 100 - 92)
    assert shown.counts.min() == 1


def test_each_plate_weighs_the_same_whatever_its_size(picture: Pixels) -> None:
    boxes = np.array([[20, 20, 44, 30], [100, 100, 400, 200]], np.float32)
    shown = example(picture, boxes)
    assert shown.near[:8].sum() == pytest.approx(1)
    assert shown.near[8:].sum() == pytest.approx(1)


@pytest.mark.parametrize("box", [(430, 100, 500, 120), (100, 100, 110, 104)])
def test_what_is_cut_off_or_too_small_is_neither_to_be_found_nor_to_be_passed_over(
    picture: Pixels, box: tuple[int, ...]
) -> None:
    shown = example(picture, np.array([box], np.float32))
    assert shown.heat.max() == 0
    assert shown.near.sum() == 0
    assert shown.counts.min() == 0
    assert shown.counts.mean() > 0.95


def test_no_plate_is_nothing_to_find(picture: Pixels) -> None:
    shown = example(picture, np.zeros((0, 4), np.float32))
    assert (shown.heat.max(), shown.near.max(), shown.counts.min()) == (0, 0, 1)


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Album:
    return Album(tmp_path_factory.mktemp("album"), 6, first_seed=0, workers=1, progress=lambda _: None)


def test_an_example_is_the_same_for_the_same_state_of_chance(album: Album) -> None:
    once, again = (album.example(2, np.random.default_rng(9)) for _ in range(2))
    np.testing.assert_array_equal(once.pixels, again.pixels)
    np.testing.assert_array_equal(once.heat, again.heat)
    assert (once.pixels != album.example(2, np.random.default_rng(10)).pixels).any()


def test_scenes_that_are_there_are_not_drawn_again(album: Album, tmp_path: Path) -> None:
    told: list[int] = []
    Album(tmp_path, 2, first_seed=0, workers=1, progress=told.append)
    assert told == [2]
    Album(tmp_path, 2, first_seed=0, workers=1, progress=told.append)
    assert told == [2]
    pixels, boxes = album.scene(1)
    assert pixels.shape == (HEIGHT_PX, WIDTH_PX, 3)
    assert boxes.shape[1:] == (4,)
