"""The lane's camera: only the newest frame, never a queue of old ones, never an error into the gate.

Drivers buffer what nobody reads, so a thread reads on without end and keeps the last frame. A camera that is lost is
opened again, ever more slowly up to `BACKOFF_MS_MAX`, and is logged once when lost, and once when its pictures
have come for `STEADY_MS` again. Those that come before are shown all the same.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from domain.errors import OperatorError
from hardware import picture
from hardware.picture_source import PictureSource, open_source
from hardware.wiring import CameraWiring

Pixels = picture.Pixels

BACKOFF_MS_FIRST = 250
BACKOFF_MS_MAX = 8_000
STEADY_MS = 5_000
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
    """A camera that can be opened; reads from `start` to `stop` in a thread of its own.

    `clock` gives monotonic milliseconds and stamps each frame when it has been read; `open_source` is what opens it.
    """

    def __init__(
        self,
        wiring: CameraWiring,
        *,
        clock: Callable[[], int] = monotonic_ms,
        open_source: Callable[[CameraWiring], PictureSource | None] = open_source,
    ) -> None:
        self._wiring = wiring
        self._clock = clock
        self._open_source = open_source
        self._frame: Frame | None = None
        self._source: PictureSource | None = None
        self._backoff_ms = 0
        self._lost = False
        self._comes_since_ms: int | None = None
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

        The thread calls nothing else; a test calls it by hand. Whatever a driver raises, the camera is lost by it, and
        is opened anew.
        """
        try:
            if self._source is None:
                self._source = self._open_source(self._wiring)
            raw = None if self._source is None else self._source.read()
            pixels = None if raw is None else picture.coloured(raw)
        except OperatorError as error:
            return self._lose(error.message)
        except Exception as error:
            return self._lose(f"its driver failed with {type(error).__name__}")  # what it says may name the address
        if pixels is None:
            return self._lose("no picture; check its cable, power and address")
        now_ms = self._clock()
        self._frame = Frame(pixels, now_ms)
        if self._comes_since_ms is None:
            self._comes_since_ms = now_ms
        if now_ms - self._comes_since_ms >= STEADY_MS:
            self._is_steady()
        return 0

    def _is_steady(self) -> None:
        self._backoff_ms = 0
        if self._lost:
            self._lost = False
            log.info("camera.back")

    def _read_on(self) -> None:
        while not self._stopping.wait(self.step() / 1_000):
            pass
        self._release()

    def _release(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            with suppress(Exception):  # a camera that was unplugged may not even be let go
                source.release()

    def _lose(self, why: str) -> int:
        self._release()
        self._comes_since_ms = None
        if not self._lost:
            self._lost = True
            log.warning("camera.lost", extra={"why": why})
        self._backoff_ms = min(max(BACKOFF_MS_FIRST, self._backoff_ms * 2), BACKOFF_MS_MAX)
        return self._backoff_ms
