"""Where plates are in a frame, by the network of our own in `lpr/models` (how it was made: its README there).

The network sees the frame shrunk to a few sizes and says, for every 8 pixels, how much a plate's middle it is and how
far the plate's sides are. What it finds still has to be read: lettering on a board may look like a plate to it.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from lpr.frame import Box, Frame
from lpr.model_file import network_in

MODEL = Path(__file__).parent / "models" / "plate_finder.onnx"

SMALL, LARGE = (640, 384), (960, 544)
"""Long and short side that a frame is shrunk into, in pixels; a frame that stands upright is turned in mind."""

_CLOSE = (256, 160)
"""What a second look from near by is shrunk or enlarged into."""

NEAR_PX, NEARER_PX = 70, 100
"""How large it shows the plate: the root of width times height."""

_SAME_MIN = 0.25
"""Overlap (intersection by union) from which on two boxes are of the same plate."""

_INPUT = "frame"

STRIDE = 8
_WHOLE = 32
"""The network halves a picture five times: sides are filled up to multiples of this."""

_ENLARGED_MAX = 3.0
_SCORE_MIN = 0.15
"""Below it, what is found on photographs is hardly ever a plate."""

_FOUND_MAX = 8
_OVERLAP_MAX = 0.4
"""Of two boxes that share more than this (intersection by union), the better one stays."""

_GREY = (114, 114, 114)


@dataclass(frozen=True, slots=True)
class Found:
    """One plate, perhaps: its upright box in pixels of the frame, and how sure the finder is of it, 0..1."""

    box: Box
    score: float


class PlateFinder:
    """Finds plates from about 18 px width on, as shrunk; takes 6 ms for SMALL on one core of a desktop computer."""

    def __init__(self, threads: int, model: Path = MODEL) -> None:
        """Load the network, to run on `threads` cores."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = min(threads, os.cpu_count() or threads)
        options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # frames of many sizes would each keep a plan of their own
        options.log_severity_level = 4
        self._session = network_in(model, options, takes=[_INPUT])

    def find(self, frame: Frame, size: tuple[int, int] = SMALL) -> Sequence[Found]:
        """The plates in `frame`, the surest first, at most a handful; the frame is seen within `size`."""
        assert frame.dtype == np.uint8 and frame.shape[2:] == (3,), "a frame is H x W x 3 bytes"  # noqa: PT018
        height, width = frame.shape[:2]
        scale = min(max(size) / max(height, width), min(size) / min(height, width), _ENLARGED_MAX)
        score, sides = self._session.run(None, {_INPUT: _fitted(frame, scale)[np.newaxis]})
        found = []
        for (left, top, right, bottom), sure in decoded(score[0], sides[0]):
            x, y = max(round(left / scale), 0), max(round(top / scale), 0)
            box = x, y, min(round(right / scale), width) - x, min(round(bottom / scale), height) - y
            if min(box[2:]) > 0:
                found.append(Found(box, sure))
        return found

    def closer(self, frame: Frame, found: Found, plate_px: int = NEAR_PX) -> Found:
        """Another look at what was found, from so near that it is `plate_px` large: a better box and a better score.

        Where nothing is found from near by, the box stays and the score falls to nothing.
        """
        x, y, width, height = found.box
        scale = plate_px / math.sqrt(width * height)
        seen_width, seen_height = (
            max(side / scale, 1.2 * of) for side, of in zip(_CLOSE, (width, height), strict=True)
        )
        left, right = _around(x + width / 2, seen_width, frame.shape[1])
        top, bottom = _around(y + height / 2, seen_height, frame.shape[0])
        again = [
            Found((left + one.box[0], top + one.box[1], *one.box[2:]), one.score)
            for one in self.find(frame[top:bottom, left:right], _CLOSE)
        ]
        at_it = [one for one in again if same(one.box, found.box)]
        return max(at_it, key=lambda one: one.score, default=Found(found.box, 0.0))


def same(a: Box, b: Box) -> bool:
    """Whether two boxes are most likely around the same plate."""
    return overlap(_corners(a), _corners(b)) >= _SAME_MIN


def _around(middle: float, length: float, end: int) -> tuple[int, int]:
    """Where a stretch of that length around `middle` begins and ends within 0 to `end`."""
    return max(int(middle - length / 2), 0), min(int(middle + length / 2) + 1, end)


def _corners(box: Box) -> tuple[int, int, int, int]:
    x, y, width, height = box
    return x, y, x + width, y + height


def _fitted(frame: Frame, scale: float) -> Frame:
    """The frame shrunk by `scale`, with grey to the right and below up to whole cells."""
    height, width = (max(round(side * scale), 1) for side in frame.shape[:2])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    shrunk = cv2.resize(frame, (width, height), interpolation=how)
    below, right = -height % _WHOLE, -width % _WHOLE
    return np.asarray(cv2.copyMakeBorder(shrunk, 0, below, 0, right, cv2.BORDER_CONSTANT, value=_GREY), np.uint8)


def decoded(
    score: NDArray[np.float32], sides: NDArray[np.float32]
) -> list[tuple[tuple[float, float, float, float], float]]:
    """What the network says as boxes (left, top, right, bottom in its pixels) with scores, the best first.

    `score` is rows x columns, `sides` is 4 x rows x columns: pixels from a cell's middle. A cell counts where no
    neighbour has a better score; of boxes that overlap the best one stays.
    """
    peaks = (score >= _SCORE_MIN) & (score >= cv2.dilate(score, np.ones((3, 3), np.uint8)))
    rows, columns = np.nonzero(peaks)
    order = np.argsort(-score[rows, columns], kind="stable")[: 4 * _FOUND_MAX]
    kept: list[tuple[tuple[float, float, float, float], float]] = []
    for row, column in zip(rows[order], columns[order], strict=True):
        x, y = (column + 0.5) * STRIDE, (row + 0.5) * STRIDE
        left, top, right, bottom = (float(side) for side in sides[:, row, column])
        box = (float(x) - left, float(y) - top, float(x) + right, float(y) + bottom)
        if all(overlap(box, better) <= _OVERLAP_MAX for better, _ in kept):
            kept.append((box, float(score[row, column])))
            if len(kept) == _FOUND_MAX:
                break
    return kept


def overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """Intersection by union of two boxes: left, top, right, bottom."""
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return 0.0
    both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - wide * high
    return wide * high / both
