"""A photograph on disk as a frame."""

from pathlib import Path

import cv2
import numpy as np

from domain.errors import BadInput
from lpr.frame import Frame

cv2.utils.logging.setLogLevel(
    cv2.utils.logging.LOG_LEVEL_SILENT
)  # what OpenCV would print about a broken file, the error below says


def load(path: Path) -> Frame:
    """Read a JPEG, PNG, BMP, WebP or TIFF file whole, turned upright as its EXIF orientation says.

    Raises BadInput for a file that is missing, empty, cut short or no picture: never returns half a picture.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput("image_unreadable", f"{path} cannot be read: {error.strerror}") from error
    if not data:
        raise BadInput("image_empty", f"{path} is empty")
    try:
        frame = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:  # a picture larger than OpenCV takes
        raise BadInput("image_broken", f"{path} is no picture, or too large to read") from error
    if frame is None or not frame.size:
        raise BadInput("image_broken", f"{path} is no picture, or cut short")
    return frame.astype(np.uint8, copy=False)
