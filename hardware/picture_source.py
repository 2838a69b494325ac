"""Where a camera's pictures come from: a V4L2 device, a stream or a file by OpenCV, or the Pi's own camera."""

import math
import os
from pathlib import Path
from typing import Any, Protocol

import cv2
from numpy.typing import NDArray

from hardware.picture import PIXELS_MAX
from hardware.stream import MjpegStream, RtspStream
from hardware.wiring import CameraWiring

# A stream that stammers or is lost would have OpenCV and FFmpeg write a line for each picture, for ever, past the log.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

_MJPEG = cv2.VideoWriter.fourcc(*"MJPG")

_V4L2 = {
    cv2.CAP_PROP_FOURCC: _MJPEG,  # before the size: in raw pictures USB 2 takes 1280 x 720 ten times a second at most
    cv2.CAP_PROP_FPS: 15,
    cv2.CAP_PROP_BUFFERSIZE: 2,  # one being filled while one is with us; a full queue of four holds what is old
}
"""What is asked of a V4L2 device beside its size."""


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
    video = _opened(wiring)
    across, down = (video.get(side) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    if not video.isOpened() or across * down > PIXELS_MAX:  # known before there is room for a picture
        video.release()
        return None
    if wiring.is_stream and int(video.get(cv2.CAP_PROP_FOURCC)) == _MJPEG and video.set(cv2.CAP_PROP_FORMAT, -1):
        return MjpegStream(video)
    if wiring.is_stream and str(wiring.source).startswith("rtsp"):
        return RtspStream(video, wiring.frame_age_ms_max)
    return OpenCvSource(video)


def _opened(wiring: CameraWiring) -> cv2.VideoCapture:
    source = wiring.source
    if isinstance(source, int) or (source.startswith("/dev/") and not Path(source).is_file()):  # one in /dev/shm
        # V4L2 knows no time limit of its own; OpenCV's would be ten seconds. It is read once, with the first camera.
        os.environ["OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT"] = str(math.ceil(wiring.read_ms_max / 1_000))
        device = cv2.VideoCapture(source, cv2.CAP_V4L2)
        size = {cv2.CAP_PROP_FRAME_WIDTH: wiring.width_px, cv2.CAP_PROP_FRAME_HEIGHT: wiring.height_px}
        for setting, value in (_V4L2 | size).items():
            device.set(setting, value)  # what a camera does not have it leaves as it is
        return device
    # Without these limits a stream that stops sending holds the thread for 30 seconds. With more than one thread FFmpeg
    # gives an H.264 picture only once as many later ones have come: on a Pi's four cores, 0.2 s later at 15 a second.
    settings = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, wiring.open_ms_max]
    settings += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, wiring.read_ms_max]
    settings += [cv2.CAP_PROP_N_THREADS, 1]
    return cv2.VideoCapture(source, cv2.CAP_FFMPEG, settings)


class OpenCvSource:
    """A V4L2 device, a video file, or a stream by HTTP that is not MJPEG: its pictures, one after the other."""

    def __init__(self, video: cv2.VideoCapture) -> None:
        self._video = video

    def read(self) -> NDArray[Any] | None:
        taken, pixels = self._video.read()
        return pixels if taken else None

    def release(self) -> None:
        self._video.release()
