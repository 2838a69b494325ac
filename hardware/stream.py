"""A network camera's stream, by OpenCV's FFmpeg: always the newest of its pictures.

Pictures that come faster than they are decoded wait in the camera and on the way, and grow older and older. So:

* MJPEG, in which each picture is whole: all are taken as they come, and of those that wait the newest alone is decoded.
* Everything else by RTSP: each picture needs those before it, and is decoded; while they come late most are not
  converted to colour, which takes longer than that. How late they are, the stream's own clock tells. If it is more than
  `late_ms_max` all the same, there is an error, and a new connection begins with what is new.
"""

import math
import threading
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from domain.errors import BadInput, OperatorError
from hardware.picture import Pixels, decoded

BROKEN_MAX = 15
"""Pictures in a row that cannot be decoded, until the stream counts as one without any."""

RELEASE_MS_MAX = 500

LATE_MS = 200
"""From so much on pictures count as late: it is more than a network delays one of them now and then."""

SKIPPED_MAX = 4
"""Of late pictures, those that are not converted before one is."""

BEGUN_MAX = 300
"""Pictures that are passed over where a stream begins: what came while it was being opened."""

IN_TIME = 3
"""So many pictures in a row that are no prompter than those before, by `PROMPTER_MS`, and none is waiting any more."""

PROMPTER_MS = 5

DRIFT_MAX = 0.005
"""A camera's clock may be slower than ours by this share, and its pictures are none the later."""


class MjpegStream:
    """A `hardware.picture_source.PictureSource`: a thread takes what comes, and keeps the newest until it is read."""

    def __init__(self, video: cv2.VideoCapture) -> None:
        """`video` is an MJPEG stream that gives its pictures as they come (`CAP_PROP_FORMAT` is -1)."""
        self._video = video
        self._jpeg: NDArray[np.uint8] | None = None
        self._has_ended = False
        self._is_released = False
        self._changed = threading.Condition()
        # A daemon, as the camera's own thread is: nobody can interrupt a driver that hangs.
        self._thread = threading.Thread(target=self._take, name="camera stream", daemon=True)
        self._thread.start()

    def read(self) -> Pixels | None:
        """The newest picture that has not been read, waited for; None once the stream has ended or stalled."""
        for _ in range(BROKEN_MAX):
            with self._changed:
                self._changed.wait_for(lambda: self._jpeg is not None or self._has_ended)
                jpeg, self._jpeg = self._jpeg, None
            if jpeg is None:
                return None
            try:
                return decoded(jpeg.tobytes())
            except BadInput:
                continue
        return None

    def release(self) -> None:
        """Let the stream go; waits at most `RELEASE_MS_MAX` for the picture that is under way."""
        self._is_released = True
        self._thread.join(RELEASE_MS_MAX / 1_000)

    def _take(self) -> None:
        try:
            while not self._is_released and self._video.grab():
                _, jpeg = self._video.retrieve()
                with self._changed:
                    self._jpeg = np.asarray(jpeg, np.uint8)
                    self._changed.notify()
        finally:
            self._video.release()
            with self._changed:
                self._has_ended = True
                self._changed.notify()


class Lateness:
    """By how much later than the promptest one before it each picture of a stream comes.

    What delays all of them alike, in the camera or on the way, it cannot know.
    """

    def __init__(self) -> None:
        self._least_ms = math.inf
        self._taken_ms, self._came_ms = -math.inf, 0.0

    def of(self, taken_ms: float, came_ms: float) -> float:
        """Of the next picture, in milliseconds; it was taken by the stream's clock, and came by ours.

        Less than nothing for one that is prompter than all before, as the first is.
        """
        delay_ms = came_ms - taken_ms
        if taken_ms <= self._taken_ms:  # the stream has no clock, or it was set back
            self._least_ms = delay_ms
        late_ms = delay_ms - self._least_ms - DRIFT_MAX * (came_ms - self._came_ms)
        self._least_ms = delay_ms - max(late_ms, 0)
        self._taken_ms, self._came_ms = taken_ms, came_ms
        return late_ms


class RtspStream:
    """A `hardware.picture_source.PictureSource`: none of its pictures is later than `late_ms_max`."""

    def __init__(self, video: cv2.VideoCapture, late_ms_max: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives monotonic seconds."""
        self._video = video
        self._late_ms_max = late_ms_max
        self._clock = clock
        self._lateness = Lateness()
        self._has_begun = False

    def read(self) -> NDArray[Any] | None:
        """The next picture, waited for, or where they are late the next but `SKIPPED_MAX`; None where none comes.

        Raises OperatorError (`stream_late`).
        """
        if not self._has_begun:
            self._begin()
        for _ in range(1 + SKIPPED_MAX):
            late_ms = self._next_late_ms()
            if late_ms is None:
                return None
            if late_ms > self._late_ms_max:
                raise OperatorError(
                    "stream_late",
                    f"its pictures come {late_ms / 1_000:.1f} s late: the unit or the network is too slow for the "
                    "stream; take a smaller one, or MJPEG",
                )
            if late_ms <= LATE_MS:
                break
        taken, pixels = self._video.retrieve()
        return pixels if taken else None

    def release(self) -> None:
        self._video.release()

    def _begin(self) -> None:
        """Pass over what was waiting already: of that each picture comes prompter than the one before."""
        in_time = 0
        for _ in range(BEGUN_MAX):
            late_ms = self._next_late_ms()
            in_time = in_time + 1 if late_ms is not None and late_ms > -PROMPTER_MS else 0
            if late_ms is None or in_time == IN_TIME:
                break
        self._has_begun = True

    def _next_late_ms(self) -> float | None:
        """Of the next picture, decoded; None where none comes."""
        if not self._video.grab():
            return None
        return self._lateness.of(self._video.get(cv2.CAP_PROP_POS_MSEC), self._clock() * 1_000)
