"""A photograph on disk as a frame."""

from pathlib import Path

import cv2
import numpy as np

from domain.errors import BadInput
from domain.picture_header import SCANS_MAX, scans, size_px
from lpr.frame import Frame

BYTES_MAX = 64 * 1024 * 1024
"""Of a file: no camera writes larger ones, and all of it is in memory at once."""

PIXELS_MAX = 51_000_000
"""Of a photograph: what the largest common sensor takes, 150 MB as a frame. 400 KB can say that they are a hundred
times as many."""

cv2.utils.logging.setLogLevel(
    cv2.utils.logging.LOG_LEVEL_SILENT
)  # what OpenCV would print about a broken file, the error below says; libpng and libjpeg have a line of their own


def load(path: Path) -> Frame:
    """Read a JPEG, PNG, BMP, WebP or TIFF file whole, turned upright as its EXIF orientation says.

    Grey, transparent and 16-bit pictures become blue, green and red of 8 bits; of several in a file it is the first.

    Raises BadInput, which names the file, for one that is missing, empty, cut short, no picture, larger than
    `BYTES_MAX` or `PIXELS_MAX`, or in more scans than `SCANS_MAX`: never returns half a picture, and makes no room for
    one that is too large.
    """
    data = _read(path)
    size = size_px(data)
    if size is None:
        raise BadInput("image_broken", f"{path} is no JPEG, PNG, BMP, WebP or TIFF, or cut short")
    width, height = size
    if width * height > PIXELS_MAX:
        raise BadInput(
            "image_too_large",
            f"{path} says that it is {width} x {height} px: more than {PIXELS_MAX // 1_000_000} million are not read",
        )
    if scans(data) > SCANS_MAX:
        raise BadInput("image_too_slow", f"{path} is a JPEG in more than {SCANS_MAX} scans, which is not read")
    try:
        frame = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except (cv2.error, MemoryError):
        frame = None
    if frame is None or not frame.size:
        raise BadInput("image_broken", f"{path} is no whole picture: it is broken, or cut short")
    return frame.astype(np.uint8, copy=False)


def _read(path: Path) -> bytes:
    """The file's bytes; never more than `BYTES_MAX`, whatever the file says of its size."""
    if path.is_fifo():
        raise BadInput("image_unreadable", f"{path} cannot be read: it is a pipe, and would be waited for")
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise BadInput("image_unreadable", f"{path} cannot be read: {error.strerror}") from error
    if not data:
        raise BadInput("image_empty", f"{path} is empty")
    if len(data) > BYTES_MAX:
        raise BadInput("image_too_large", f"{path} is larger than {BYTES_MAX // 1024 // 1024} MB, which is not read")
    return data
