"""Where a camera's pictures come from: a V4L2 device, a stream or a file by OpenCV, or the Pi's own camera."""

import os
from typing import Any, Protocol

import cv2
from numpy.typing import NDArray

from hardware.picture import PIXELS_MAX
from hardware.wiring import CameraWiring

# A stream that stammers or is lost would have OpenCV and FFmpeg write a line for each picture, for ever, past the log.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


MEMORY = "/dev/shm/"  # noqa: S108  nothing is made there
"""The only place among the devices where files lie."""


class PictureSource(Protocol):
    """An open camera. Both methods may raise anything: drivers do."""

    def read(self) -> NDArray[Any] | None:
        """The next picture, waited for, in whatever form the driver has it; None where none comes any more."""

    def release(self) -> None:
        """Let the camera go."""


def open_source(wiring: CameraWiring) -> PictureSource | None:
    """Open the camera that the wiring names, within `open_ms_max`; None where there is none.

    Raises OperatorError where the library that it needs is not installed, and whatever its driver raises.
    """
    if wiring.pi_camera is not None:
        from hardware.pi_camera import PiCamera  # noqa: PLC0415  only a Pi has what it needs

        return PiCamera(wiring.pi_camera, wiring)
    source = OpenCvSource(wiring)
    if source.is_open:
        return source
    source.release()
    return None


class OpenCvSource:
    """A V4L2 device, or by FFmpeg a stream or a video file. One of more than `PIXELS_MAX` counts as none."""

    def __init__(self, wiring: CameraWiring) -> None:
        source = wiring.source
        if isinstance(source, int) or (source.startswith("/dev/") and not source.startswith(MEMORY)):
            self._video = cv2.VideoCapture(source, cv2.CAP_V4L2)
            self._video.set(cv2.CAP_PROP_FRAME_WIDTH, wiring.width_px)
            self._video.set(cv2.CAP_PROP_FRAME_HEIGHT, wiring.height_px)
        else:
            # Without these limits a stream that stops sending holds the thread for 30 seconds.
            limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, wiring.open_ms_max]
            limits += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, wiring.read_ms_max]
            self._video = cv2.VideoCapture(source, cv2.CAP_FFMPEG, limits)

    @property
    def is_open(self) -> bool:
        """Whether it was opened; the size of its pictures is known before there is room for one."""
        across, down = (self._video.get(side) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        return self._video.isOpened() and across * down <= PIXELS_MAX

    def read(self) -> NDArray[Any] | None:
        taken, pixels = self._video.read()
        return pixels if taken else None

    def release(self) -> None:
        self._video.release()
