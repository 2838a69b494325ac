"""Scenes to train a plate finder on: cars, streets and lettering of simple shapes, with plates whose boxes are known.

What a finder has to tell apart is drawn with care (plates of every size, and lettering that is none), and what it has
to ignore is not. The same seed draws the same scene.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.training.canvas import HEIGHT_PX, WIDTH_PX, Canvas
from simulator.training.cars import paint_car
from simulator.training.faces import Pixels
from simulator.training.ground import paint_background, paint_obstacles
from simulator.training.lettering import paint_lettering
from simulator.training.mounting import PLATE_PX_MAX, PLATE_PX_MIN, mount
from simulator.training.weather import spoiled

Boxes = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture of WIDTH_PX x HEIGHT_PX and the upright boxes of its plates: n x 4, left, top, right, bottom."""

    pixels: Pixels
    boxes: Boxes


def scene(seed: int) -> Scene:
    """Any scene: traffic, one car close by, plates on anything at all, or no plate anywhere."""
    canvas = Canvas(np.random.default_rng(seed))
    kinds: tuple[tuple[float, Callable[[Canvas], None]], ...] = (
        (0.50, _traffic),
        (0.16, _close_up),
        (0.26, _scattered),
        (0.08, _no_plate),
    )
    drawn = kinds[int(canvas.rng.choice(len(kinds), p=[share for share, _ in kinds]))][1]
    paint_background(canvas)
    drawn(canvas)
    paint_obstacles(canvas)
    boxes = np.array(canvas.boxes, np.float32).reshape(-1, 4)
    return Scene(spoiled(canvas.pixels, canvas.rng), boxes)


def _traffic(canvas: Canvas) -> None:
    """One to three cars of any size, and what else there is to read in a street."""
    paint_lettering(canvas, canvas.whole(0, 4))
    for width in sorted(canvas.between(90, 330) for _ in range(canvas.whole(1, 3.6))):
        centre = (canvas.between(0.1, 0.9) * WIDTH_PX, canvas.between(0.35, 0.95) * HEIGHT_PX)
        paint_car(canvas, centre, width, plate=canvas.likely(0.9))


def _close_up(canvas: Canvas) -> None:
    """One car that fills the view and more."""
    width = canvas.between(400, 1_300)
    paint_car(canvas, (canvas.between(0.35, 0.65) * WIDTH_PX, canvas.between(0.3, 0.9) * HEIGHT_PX), width, plate=True)


def _scattered(canvas: Canvas) -> None:
    """Plates of any size anywhere, most of them small."""
    paint_lettering(canvas, canvas.whole(0, 5))
    for _ in range(canvas.whole(1, 5)):
        width = PLATE_PX_MIN * (180 / PLATE_PX_MIN) ** canvas.between(0, 1)
        if canvas.likely(0.1):
            width = canvas.between(150, PLATE_PX_MAX)
        mount(canvas, (canvas.between(0, WIDTH_PX), canvas.between(0, HEIGHT_PX)), width)


def _no_plate(canvas: Canvas) -> None:
    paint_lettering(canvas, canvas.whole(2, 9))
    for _ in range(canvas.whole(0, 3)):
        paint_car(
            canvas, (canvas.between(0, WIDTH_PX), canvas.between(100, 260)), canvas.between(100, 400), plate=False
        )
