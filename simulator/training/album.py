"""Drawn scenes on disk, and how one of them becomes an example: enlarged or shrunk, shifted, and what is to be found.

Drawing costs more than training does, so every scene is drawn once and shown in another size and place each time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from simulator.training.canvas import HEIGHT_PX, WIDTH_PX
from simulator.training.faces import Pixels
from simulator.training.scenes import Boxes, scene

STRIDE = 8
"""Pixels from one cell of the network's output to the next."""

SCALE_MAX = 1.6
"""A scene is shown up to so many times larger or smaller."""

_LEAST_PX = (13.0, 6.0)
"""A smaller plate is neither to be found nor to be passed over."""

_JPEG_QUALITY = 95
_BATCH = 50


@dataclass(frozen=True, slots=True)
class Example:
    """A picture and what the network is to say of it, in cells of STRIDE pixels.

    `heat` is 1 in the cell of a plate's middle and falls off around it. `near` is the weight with which a cell's
    `sides` count (left, top, right, bottom of its plate, in cells from the cell's middle), 1 in all for each plate.
    `counts` is 0 where it does not matter what is found.
    """

    pixels: Pixels
    heat: NDArray[np.float32]
    near: NDArray[np.float32]
    sides: NDArray[np.float32]
    counts: NDArray[np.float32]


class Album:
    """`scenes` scenes in a folder: draws those that are missing, with seeds from `first_seed` on."""

    def __init__(
        self, folder: Path, scenes: int, *, first_seed: int, workers: int, progress: Callable[[int], None]
    ) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        starts = [i for i in range(0, scenes, _BATCH) if not (folder / f"{i:06}.npz").exists()]
        jobs = [(folder, first_seed, start, min(_BATCH, scenes - start)) for start in starts]
        self.scenes = scenes
        if not jobs:
            return
        with get_context("spawn").Pool(workers) as pool:
            for done, _ in enumerate(pool.imap_unordered(_draw, jobs), start=1):
                progress(scenes - (len(jobs) - done) * _BATCH)

    def scene(self, i: int) -> tuple[Pixels, Boxes]:
        """Scene `i` as it was drawn."""
        boxes = np.load(self._folder / f"{i // _BATCH * _BATCH:06}.npz")[str(i)]
        pixels = cv2.imread(str(self._folder / f"{i:06}.jpg"))
        assert pixels is not None, "drawn by __init__"
        return np.asarray(pixels, np.uint8), boxes

    def example(self, i: int, rng: np.random.Generator) -> Example:
        """Scene `i` in another size, place and light."""
        pixels, boxes = self.scene(i)
        scale = SCALE_MAX ** float(rng.uniform(-1, 1))
        room = np.array((WIDTH_PX, HEIGHT_PX)) * (1 - scale)
        if scale > 1 and len(boxes):  # at least one plate stays in view
            box = boxes[rng.integers(len(boxes))]
            middle = np.array((box[0] + box[2], box[1] + box[3])) / 2
            wanted = np.array((WIDTH_PX, HEIGHT_PX)) * rng.uniform(0.2, 0.8, 2) - middle * scale
            shift = np.clip(wanted, room, 0)
        else:
            shift = room * rng.uniform(0, 1, 2)
        transform = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        grey = (float(rng.uniform(0, 255)),) * 3
        shown = cv2.warpAffine(pixels, transform, (WIDTH_PX, HEIGHT_PX), flags=how, borderValue=grey)
        if rng.random() < 0.5:
            shown = cv2.convertScaleAbs(shown, alpha=float(rng.uniform(0.75, 1.3)), beta=float(rng.uniform(-15, 15)))
        moved = boxes * scale + np.tile(shift, 2).astype(np.float32)
        return example(np.asarray(shown, np.uint8), moved)


def _draw(job: tuple[Path, int, int, int]) -> None:
    folder, first_seed, start, count = job
    cv2.setNumThreads(1)
    boxes = {}
    for i in range(start, start + count):
        drawn = scene(first_seed + i)
        boxes[str(i)] = drawn.boxes
        cv2.imwrite(str(folder / f"{i:06}.jpg"), drawn.pixels, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    part = folder / f"{start:06}.part.npz"
    np.savez(part, allow_pickle=False, **boxes)
    part.rename(folder / f"{start:06}.npz")


def example(pixels: Pixels, boxes: Boxes) -> Example:
    """What is to be found in a picture whose plates are at `boxes`; cut off or too small ones do not matter."""
    rows, columns = pixels.shape[0] // STRIDE, pixels.shape[1] // STRIDE
    heat = np.zeros((rows, columns), np.float32)
    near = np.zeros((rows, columns), np.float32)
    sides = np.zeros((4, rows, columns), np.float32)
    counts = np.ones((rows, columns), np.float32)
    y, x = np.mgrid[:rows, :columns].astype(np.float32) + np.float32(0.5)
    for box in boxes:
        clipped = np.clip(box, 0, (pixels.shape[1], pixels.shape[0]) * 2)
        size = clipped[2:] - clipped[:2]
        if (size <= 0).any():
            continue
        left, top, right, bottom = clipped / STRIDE
        whole = np.prod(size) >= 0.8 * np.prod(box[2:] - box[:2])
        if not whole or (size < _LEAST_PX).any():
            counts[int(top) : int(bottom) + 1, int(left) : int(right) + 1] = 0
            continue
        middle = ((left + right) / 2, (top + bottom) / 2)
        sigma = (0.35 + 0.13 * (right - left), 0.35 + 0.13 * (bottom - top))
        bump = np.exp(-((x - middle[0]) ** 2 / sigma[0] ** 2 + (y - middle[1]) ** 2 / sigma[1] ** 2) / 2)
        peak = min(int(middle[1]), rows - 1), min(int(middle[0]), columns - 1)
        bump[peak] = 1
        weight = np.where(bump >= 0.4, bump, 0)
        weight[(x < left) | (x > right) | (y < top) | (y > bottom)] = 0
        weight[peak] = 1
        weight /= weight.sum()
        mine = weight > near
        sides[:, mine] = np.stack([x - left, y - top, right - x, bottom - y])[:, mine]
        near[mine] = weight[mine]
        heat = np.maximum(heat, bump)
    counts[heat == 1] = 1
    return Example(pixels, heat, near, sides, counts)
