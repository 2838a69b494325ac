"""Whether the lane's camera sees, looked after all the time, not only when a car comes."""

import asyncio
import logging
from collections.abc import Callable

from hardware.camera import Camera, Frame
from lpr.blindness import Blindness, Standstill, blindness

log = logging.getLogger(__name__)

CHECK_EVERY_S = 1.0
"""How often its newest frame is judged, which takes some milliseconds."""

SETTLE_MS = 10_000
"""How long it has to be blind, or to see again, before that is said: a van may fill the picture."""


class CameraSight:
    """The lane's camera, watched. As a camera it gives no frame that stands still: it may show the car before.

    `clock` gives monotonic milliseconds; frames carry their own.
    """

    def __init__(self, camera: Camera, clock: Callable[[], int]) -> None:
        self._camera = camera
        self._clock = clock
        self._standstill = Standstill()
        self._is_frozen = False
        self._seen: Blindness | None = None
        self._since_ms = clock()
        self._lasting: Blindness | None = None

    def newest(self) -> Frame | None:
        """See `hardware.camera.Camera`; None while it stands still."""
        return None if self._is_frozen else self._camera.newest()

    @property
    def picture(self) -> int | None:
        """The fingerprint of the picture that was judged last, up to `CHECK_EVERY_S` ago; None before the first."""
        return self._standstill.picture

    def check(self) -> Blindness | None:
        """Judge the newest frame: in what way the camera has been blind for `SETTLE_MS` or more, None where it sees."""
        now_ms, seen = self._clock(), self._judged(self._camera.newest())
        if (seen is None) is not (self._seen is None):
            self._since_ms = now_ms
        self._seen = seen
        if seen is Blindness.FROZEN or now_ms - self._since_ms >= SETTLE_MS:
            self._lasting = seen
        return self._lasting

    def _judged(self, frame: Frame | None) -> Blindness | None:
        if frame is None:
            return Blindness.NO_PICTURE
        wrong = blindness(frame.pixels)
        self._is_frozen = self._standstill.add(frame.pixels, frame.mono_ms) and wrong is not Blindness.BLACK
        return Blindness.FROZEN if self._is_frozen else wrong

    async def run(self, lasts: Callable[[Blindness | None], None]) -> None:
        """Judge it without end; call `lasts`, in the event loop, with each change of what lasts."""
        told: Blindness | None = None
        while True:
            lasting = await asyncio.to_thread(self.check)
            if lasting is not told:
                told = lasting
                lasts(lasting)
            await asyncio.sleep(CHECK_EVERY_S)
