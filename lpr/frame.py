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
    if not frame.size:
        return True
    parts = cv2.resize(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), _PARTS, interpolation=cv2.INTER_AREA)
    return int(parts.max()) - int(parts.min()) < _CONTRAST_MIN
