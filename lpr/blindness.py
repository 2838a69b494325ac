"""Why a camera is of no use: what is wrong with its picture, told by single frames and by how they follow each other.

The thresholds were chosen on rendered frames (`simulator/street`), and hold on the development photographs, of which
none is called blind. docs/lpr.md has the figures.
"""

import zlib
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

from lpr.frame import Frame, grey, is_flat

BLACK_MAX = 32
"""The brightest part of a flat picture, of 255, up to which it is black."""

RANGE_MIN = 40
"""Between the darkest and the brightest pixels, of 255: with less, nothing is said of focus, as noise looks sharp."""

SHARP_MIN = 0.1
"""The steepest edges of a picture in focus, see `sharpness`."""

SHAPELESS_MAX = 0.025
"""Up to this nothing in the picture has an edge: out of focus a lens still shows some, covered it shows none."""

FROZEN_MS = 20_000
"""For so long no two pictures of a real sensor are the same to the last bit, whatever a video encoder leaves out."""

_STEPS = 4_096
"""Into so many the range of light in a picture is divided to say how steep an edge is."""

_SIDE_PX = 640
"""Focus is judged on a picture made so small, at which a plate in 1280 px is still read if its edges are sharp."""


class Blindness(Enum):
    """What is wrong."""

    NO_PICTURE = "no picture"  # none comes
    BLACK = "black"  # no light, a cap on the lens, a sensor that is dead
    COVERED = "covered"  # something on the lens: tape, paint, snow, a hand, glare
    DEFOCUSED = "defocused"
    FROZEN = "frozen"  # pictures come, and all of them are the same one


def blindness(frame: Frame) -> Blindness | None:
    """What is wrong with this one frame; None where something can be seen in it.

    Takes 1 ms for 1280 x 720 on a desktop computer's core. Says nothing of pictures that stand still.
    """
    if not frame.size:
        return Blindness.BLACK
    light = _shrunk(grey(frame))
    if is_flat(light):
        return Blindness.BLACK if _brightest(frame) <= BLACK_MAX else Blindness.COVERED
    sharp = _sharpness(light)
    if sharp is None or sharp >= SHARP_MIN:
        return None
    return Blindness.COVERED if sharp <= SHAPELESS_MAX else Blindness.DEFOCUSED


def sharpness(frame: Frame) -> float | None:
    """How steep the steepest edges are: change from pixel to pixel as a share of all the light there is in the picture,
    0.05 to 0.15 where plates cannot be read any more. None where there is too little light between dark and bright.
    """
    return _sharpness(_shrunk(grey(frame)))


def _sharpness(light: Frame) -> float | None:
    smooth = np.asarray(cv2.GaussianBlur(light, (3, 3), 0), np.uint8)
    dark, bright = _levels(smooth, 256, 0.005, 0.995)
    if bright - dark < RANGE_MIN:
        return None
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, dx, 1 - dx, scale=1 / 8) for dx in (1, 0))
    steepness = cv2.magnitude(across, down) * (_STEPS / (bright - dark))
    [steepest] = _levels(steepness.astype(np.uint16), 2 * _STEPS, 0.998)
    return steepest / _STEPS


def _shrunk(light: Frame) -> Frame:
    """To `_SIDE_PX` at most, which what is done next takes far less time for. In grey it takes a third of the time."""
    side = max(light.shape)
    if side <= _SIDE_PX:
        return light
    height, width = (max(round(length * _SIDE_PX / side), 1) for length in light.shape)
    return np.asarray(cv2.resize(light, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _levels(values: NDArray[np.uint8 | np.uint16], end: int, *shares: float) -> list[int]:
    """Which values those shares of them are below or at, what is `end` or more counted as that: percentiles, in a
    fraction of the time that numpy takes for them."""
    below = np.cumsum(cv2.calcHist([values], [0], None, [end], [0, end]), dtype=np.int64)
    return [int(np.searchsorted(below, share * values.size)) for share in shares]


def _brightest(frame: Frame) -> int:
    return int(cv2.resize(frame, (64, 48), interpolation=cv2.INTER_AREA).max())


def fingerprint(frame: Frame) -> int:
    """The same for the same picture, bit by bit; no two pictures that a sensor takes are. Takes a millisecond."""
    return zlib.crc32(np.ascontiguousarray(frame).data)


class Standstill:
    """Whether a camera sends the same picture again and again; add one now and then."""

    def __init__(self) -> None:
        self.picture: int | None = None
        """The fingerprint of the last one."""
        self._since_ms = 0

    def add(self, frame: Frame, mono_ms: int) -> bool:
        """Whether all pictures of the last `FROZEN_MS` were this one; `mono_ms` is when it was taken."""
        picture = fingerprint(frame)
        if picture != self.picture:
            self.picture, self._since_ms = picture, mono_ms
        return mono_ms - self._since_ms >= FROZEN_MS
