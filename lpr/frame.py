"""A frame from the camera, and whether it shows anything at all."""

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Frame: TypeAlias = NDArray[np.uint8]
"""H x W x 3, blue-green-red, 0..255."""

Box: TypeAlias = tuple[int, int, int, int]
"""x, y, width, height in pixels of the frame."""

_CONTRAST_MIN = 24
"""Least difference, of 255, between the brightest and the darkest part of a picture that shows something."""

_PARTS = (64, 48)
"""Parts across and down: averaging over each of them removes the noise of a sensor in the dark, not a lit plate."""


def is_blind(frame: Frame) -> bool:
    """Whether the frame shows nothing: no light, glare, a covered lens, a camera that sends one colour.

    A gate with a blind camera asks; it must not conclude that no car is there. Does not judge focus.
    """
    return not frame.size or is_flat(grey(frame))


def grey(frame: Frame) -> Frame:
    """How light it is at each pixel: H x W."""
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8)


def is_flat(light: Frame) -> bool:
    """Whether nothing shows in a grey picture, H x W: `is_blind` for who has one already."""
    while all(side >= 4 * parts for side, parts in zip(light.shape, reversed(_PARTS), strict=True)):
        light = _halved(light)
    parts = cv2.resize(light, _PARTS, interpolation=cv2.INTER_AREA)
    return int(parts.max()) - int(parts.min()) < _CONTRAST_MIN


def _halved(light: Frame) -> Frame:
    """OpenCV averages 2 x 2 pixels in a tenth of the time that it takes for any other number of them."""
    height, width = (side // 2 for side in light.shape)
    whole = light[: 2 * height, : 2 * width]
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
