"""Recall counts what is found where a plate is, and what is found where none is."""

from pathlib import Path

import numpy as np
import pytest

from lpr.plate_finder import MODEL
from simulator.training.album import Album
from simulator.training.faces import Pixels
from simulator.training.recall import WIDTH_MIN_PX, recall
from simulator.training.scenes import Boxes

SCENES = 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("album")


class Elsewhere(Album):
    """The same pictures, with plates said to be where none is."""

    def scene(self, i: int) -> tuple[Pixels, Boxes]:
        pixels, boxes = super().scene(i)
        return pixels, boxes + np.float32(1_000)


def _of(album: type[Album], folder: Path) -> Album:
    return album(folder, SCENES, first_seed=7_000_000, workers=1, progress=lambda _: None)


def test_plates_wide_enough_are_found_and_little_else(folder: Path) -> None:
    album = _of(Album, folder)
    boxes = np.concatenate([album.scene(i)[1] for i in range(SCENES)])
    seen = recall(MODEL, album)
    assert seen.plates == (boxes[:, 2] - boxes[:, 0] >= WIDTH_MIN_PX).sum() < len(boxes)
    assert seen.found > 0.8
    assert seen.false_a_scene < 0.3


def test_what_is_found_where_no_plate_is_counts_as_false(folder: Path) -> None:
    seen = recall(MODEL, _of(Elsewhere, folder))
    assert seen.found == 0
    assert seen.false_a_scene > 0.8
