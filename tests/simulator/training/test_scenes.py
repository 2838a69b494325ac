"""Scenes repeat by their seed, and their boxes lie where the plates are."""

import numpy as np
import pytest

from simulator.training.canvas import HEIGHT_PX, WIDTH_PX, Canvas
from simulator.training.cars import paint_car
from simulator.training.faces import draw_face
from simulator.training.mounting import mount
from simulator.training.scenes import scene

SEEDS = range(40)


@pytest.mark.parametrize("seed", [0, 7, 1_000_000])
def test_the_same_seed_draws_the_same_scene(seed: int) -> None:
    once, again, other = scene(seed), scene(seed), scene(seed + 1)
    np.testing.assert_array_equal(once.pixels, again.pixels)
    np.testing.assert_array_equal(once.boxes, again.boxes)
    assert (once.pixels != other.pixels).any()


def test_boxes_lie_in_the_picture_and_apart() -> None:
    plates = 0
    for seed in SEEDS:
        drawn = scene(seed)
        assert drawn.pixels.shape == (HEIGHT_PX, WIDTH_PX, 3)
        assert drawn.pixels.dtype == np.uint8
        assert drawn.boxes.shape[1:] == (4,)
        assert (drawn.boxes >= 0).all()
        assert (drawn.boxes <= (WIDTH_PX, HEIGHT_PX, WIDTH_PX, HEIGHT_PX)).all()
        assert (drawn.boxes[:, 2:] > drawn.boxes[:, :2] + 2).all()
        plates += len(drawn.boxes)
    assert plates > len(SEEDS)


def test_scenes_are_spoiled() -> None:
    """As drawn, more than half of the neighbours in any of them are of one colour."""
    shades = [np.diff(scene(seed).pixels.astype(int), axis=1).any(axis=2).mean() for seed in range(8)]
    assert max(shades) > 0.7


def test_plates_are_of_many_sizes_and_some_scenes_have_none() -> None:
    drawn = [scene(seed).boxes for seed in range(150)]
    widths = np.concatenate([boxes[:, 2] - boxes[:, 0] for boxes in drawn])
    assert widths.min() < 25
    assert widths.max() > 200
    assert 0.03 < np.mean([len(boxes) == 0 for boxes in drawn]) < 0.35


def test_a_mounted_plate_changes_what_is_in_its_box() -> None:
    canvas = Canvas(np.random.default_rng(3))
    mount(canvas, (200, 150), 120)
    [(left, top, right, bottom)] = canvas.boxes
    inside = canvas.pixels[int(top) + 3 : int(bottom) - 2, int(left) + 3 : int(right) - 2]
    assert inside.std() > 20


def test_a_plate_never_covers_another_one() -> None:
    canvas = Canvas(np.random.default_rng(3))
    for _ in range(2):
        mount(canvas, (200, 150), 120)
    assert len(canvas.boxes) == 1


def test_a_plate_behind_a_car_is_forgotten() -> None:
    canvas = Canvas(np.random.default_rng(3))
    mount(canvas, (200, 150), 60)
    mount(canvas, (20, 20), 30)
    paint_car(canvas, (200, 150), 200, plate=False)
    [(left, *_)] = canvas.boxes
    assert left < 40


def test_faces_are_of_every_form() -> None:
    rng = np.random.default_rng(5)
    aspects = np.array([face.shape[1] / face.shape[0] for face in (draw_face(rng) for _ in range(150))])
    assert (aspects > 4).any()
    assert ((aspects > 1.9) & (aspects < 2.1)).any()
    assert (aspects < 1.5).any()
