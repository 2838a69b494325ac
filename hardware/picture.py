"""A camera's picture in memory."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from domain.errors import BadInput
from domain.picture_header import SCANS_MAX, scans, size_px

Pixels = NDArray[np.uint8]
"""A picture: height x width x 3, blue, green, red."""

PIXELS_MAX = 4096 * 4096
"""Of a camera's picture: nothing larger is asked for, shown or read."""

_CODES = {1: cv2.COLOR_GRAY2BGR, 4: cv2.COLOR_BGRA2BGR}


def coloured(raw: NDArray[Any]) -> Pixels | None:
    """What a driver gave as a picture: grey, with a fourth channel or of 16 bits a channel too.

    None for what is no picture, has no pixels or more than `PIXELS_MAX`.
    """
    if raw.ndim == 2:
        raw = raw[:, :, np.newaxis]
    if raw.ndim != 3 or raw.shape[2] not in (1, 3, 4) or not 0 < raw.shape[0] * raw.shape[1] <= PIXELS_MAX:
        return None
    if raw.dtype == np.uint16:
        raw = (raw >> 8).astype(np.uint8)
    if raw.dtype != np.uint8:
        return None
    pixels = raw if raw.shape[2] == 3 else cv2.cvtColor(raw, _CODES[raw.shape[2]])
    return np.ascontiguousarray(pixels)


def decoded(data: bytes) -> Pixels:
    """A JPEG or PNG as pixels. Raises BadInput (`picture_invalid`), also for more than `PIXELS_MAX` or `SCANS_MAX`."""
    width, height = size_px(data) or (0, 0)
    try:
        decodes = 0 < width * height <= PIXELS_MAX and scans(data) <= SCANS_MAX
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if decodes else None
    except cv2.error:
        pixels = None
    if pixels is None:
        raise BadInput("picture_invalid", f"{len(data)} bytes are no picture that can be decoded; send a JPEG")
    return np.asarray(pixels, dtype=np.uint8)
