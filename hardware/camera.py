"""The lane's camera: only the newest frame, never a queue of old ones, never an error into the gate.

OpenCV buffers what nobody reads, so a thread reads on without end and keeps the last frame. A camera that is lost is
opened again, ever more slowly up to `BACKOFF_MS_MAX`, and is logged once when lost and once when back.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.wiring import CameraWiring

Pixels = NDArray[np.uint8]
"""A picture: height x width x 3, blue, green, red."""

BACKOFF_MS_FIRST = 250
BACKOFF_MS_MAX = 8_000
STOP_MS_MAX = 1_000

log = logging.getLogger(__name__)


def monotonic_ms() -> int:
    """The monotonic clock of this machine in milliseconds."""
    return time.monotonic_ns() // 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A picture and the monotonic millisecond it was taken at; a later `mono_ms` is a newer frame."""

    pixels: Pixels
    mono_ms: int


class Camera(Protocol):
    """What the gate asks of a camera."""

    def newest(self) -> Frame | None:
        """The newest frame, or None while there is none or only an old one. Never blocks, never raises."""
        ...


class NoCamera:
    """A lane without a camera: no frame, ever."""

    def newest(self) -> Frame | None:
        """None."""
        return None


class VideoCamera:
    """A camera that OpenCV can open; reads from `start` to `stop` in a thread of its own.

    `clock` gives monotonic milliseconds and stamps each frame when it has been read.
    """

    def __init__(self, wiring: CameraWiring, *, clock: Callable[[], int] = monotonic_ms) -> None:
        self._wiring = wiring
        self._clock = clock
        self._frame: Frame | None = None
        self._video: cv2.VideoCapture | None = None
        self._backoff_ms = 0
        self._lost = False
        self._stopping = threading.Event()
        # A daemon: a driver that hangs in a read cannot be interrupted and must not keep the process alive.
        self._thread = threading.Thread(target=self._read_on, name="camera", daemon=True)

    def newest(self) -> Frame | None:
        """The newest frame, or None where the last one is older than `frame_age_ms_max`."""
        frame = self._frame
        if frame is None or self._clock() - frame.mono_ms > self._wiring.frame_age_ms_max:
            return None
        return frame

    def start(self) -> None:
        """Begin reading; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End reading and release the camera; waits at most `STOP_MS_MAX` for a read that hangs."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_MS_MAX / 1_000)

    def step(self) -> int:
        """Read one frame, or try once to open the camera; returns the milliseconds to wait before the next step.

        The thread calls nothing else; a test calls it by hand.
        """
        if self._video is None:
            self._video = self._open()
        taken, pixels = self._video.read() if self._video is not None else (False, None)
        if not taken or pixels is None:
            return self._lose()
        self._frame = Frame(np.asarray(pixels, dtype=np.uint8), self._clock())
        self._backoff_ms = 0
        if self._lost:
            self._lost = False
            log.info("camera back")
        return 0

    def _read_on(self) -> None:
        while not self._stopping.wait(self.step() / 1_000):
            pass
        if self._video is not None:
            self._video.release()

    def _open(self) -> cv2.VideoCapture | None:
        source = self._wiring.source
        if isinstance(source, int) or source.startswith("/dev/"):
            video = cv2.VideoCapture(source, cv2.CAP_V4L2)
            video.set(cv2.CAP_PROP_FRAME_WIDTH, self._wiring.width_px)
            video.set(cv2.CAP_PROP_FRAME_HEIGHT, self._wiring.height_px)
        else:
            # Without these limits a stream that stops sending holds the thread for 30 seconds.
            limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, self._wiring.open_ms_max]
            limits += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, self._wiring.read_ms_max]
            video = cv2.VideoCapture(source, cv2.CAP_FFMPEG, limits)
        return video if video.isOpened() else None

    def _lose(self) -> int:
        if self._video is not None:
            self._video.release()
            self._video = None
        if not self._lost:
            self._lost = True
            log.warning("camera lost: no picture; check its cable, power and address")
        self._backoff_ms = min(max(BACKOFF_MS_FIRST, self._backoff_ms * 2), BACKOFF_MS_MAX)
        return self._backoff_ms
