"""Looking at one car: from camera frames to the one plate that it is, in one thread beside the event loop."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from cloud_sync.link.clock import Clock
from cloud_sync.link.seal import Seal
from domain.errors import BadInput, PeerError
from domain.now import Now
from domain.plate import Plate, SealedPlate
from gate_firmware.events import Looked, Sight
from gate_firmware.replica import Replica
from hardware.camera import Camera, Frame
from lpr.frame import is_blind
from lpr.matching import Decision, Expected, Match, match
from lpr.reader import PlateReader, Sighting, open_read
from lpr.voting import Vote

log = logging.getLogger(__name__)

NEXT_FRAME_S = 0.02
"""How often to ask the camera for a newer frame; it takes some 15 a second."""

BLIND_MS = 1_000
"""Without a frame that shows something for this long, the camera is blind."""

EXPECTED_FOR = timedelta(minutes=10)
"""The plates to expect are gathered anew at least this often: bookings come due without anybody saying so."""

_SIGHTS = {Decision.ACCEPT: Sight.KNOWN, Decision.ASK: Sight.UNSURE, Decision.REFUSE: Sight.STRANGER}


@dataclass(frozen=True, slots=True)
class _Seen:
    """One frame's evidence."""

    match: Match
    sightings: Sequence[Sighting]


class Looker:
    """Looks at the car in the lane, one frame at a time, always the newest."""

    def __init__(
        self,
        camera: Camera,
        reader: Awaitable[PlateReader],
        replica: Replica,
        seal: Seal,
        clock: Clock,
        *,
        look_ms_max: int,
    ) -> None:
        """`reader` may still be loading; a look waits for it. After `look_ms_max` what was seen by then decides."""
        self._camera = camera
        self._reader = asyncio.ensure_future(reader)
        self._replica = replica
        self._seal = seal
        self._clock = clock
        self._look_ms_max = look_ms_max
        self._expected = Expected([])
        self._expected_of: tuple[int, Now] | None = None
        self._broken_seals = 0
        # One thread: a look that was cut short may still be reading, and no reader has promised to bear two at once.
        self._thread = ThreadPoolExecutor(1, "plate reader")

    def close(self) -> None:
        """Read no more. Does not wait for a read that is under way."""
        self._reader.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def look(self, passage_id: str) -> Looked:
        """Read frame after frame until the vote settles, time is up, or nothing has been seen for `BLIND_MS`.

        What goes wrong in the reader is logged and comes out as unsure: a car is waiting.
        """
        until_ms = self._clock().mono_ms + self._look_ms_max
        try:
            return await self._look(passage_id, await asyncio.shield(self._reader), until_ms)
        except Exception:
            log.exception("gate.reader_failed")
            return Looked(passage_id, Sight.UNSURE, None, None, 0)

    async def _look(self, passage_id: str, reader: PlateReader, until_ms: int) -> Looked:
        expected, vote, best_read = self._plates(), Vote(), _BestRead()
        loop = asyncio.get_running_loop()
        last_ms, seen_ms, frames = -1, self._clock().mono_ms, 0
        while True:
            frame = self._camera.newest()
            fresh = frame is not None and frame.mono_ms > last_ms
            if frame is None or not fresh or is_blind(frame.pixels):
                if self._clock().mono_ms - seen_ms >= BLIND_MS:
                    return Looked(passage_id, Sight.BLIND, None, None, frames)
                await asyncio.sleep(NEXT_FRAME_S)
                continue
            last_ms, frames = frame.mono_ms, frames + 1
            seen = await loop.run_in_executor(self._thread, _read, reader, frame, expected)
            seen_ms = self._clock().mono_ms
            best_read.add(seen.sightings)
            settled = vote.add(seen.match) or (vote.close() if seen_ms >= until_ms else None)
            if settled is not None:
                return _looked(passage_id, settled, best_read.plate, frames)

    def _plates(self) -> Expected:
        """The plates to expect now; opened in memory only, and anew when the replica has changed or time has passed."""
        now = self._clock()
        if self._expected_of is None or not self._is_fresh(*self._expected_of, now):
            self._expected_of = self._replica.version, now
            self._expected = Expected(self._opened(self._replica.expected(now)))
        return self._expected

    def _is_fresh(self, version: int, gathered: Now, now: Now) -> bool:
        return version == self._replica.version and timedelta() <= now.utc - gathered.utc < EXPECTED_FOR

    def _opened(self, sealed: Iterable[SealedPlate]) -> list[Plate]:
        """Those that this lot's key opens: one that it does not must not keep all others out."""
        plates, broken = [], 0
        for plate in sealed:
            try:
                plates.append(self._seal.open(plate))
            except PeerError:
                broken += 1
        if broken != self._broken_seals:
            log.error("gate.seals_broken", extra={"plates": broken})
        self._broken_seals = broken
        return plates


class _BestRead:
    """The clearest open read of a passage, for attendants who look for a car that was not recognised."""

    def __init__(self) -> None:
        self.plate: Plate | None = None
        self._confidence = 0.0

    def add(self, sightings: Sequence[Sighting]) -> None:
        best = open_read(sightings)
        if best is None or best.confidence <= self._confidence:
            return
        try:
            self.plate, self._confidence = Plate.parse(best.text), best.confidence
        except BadInput:
            return  # a line of that length is no plate


def _read(reader: PlateReader, frame: Frame, expected: Expected) -> _Seen:
    sightings = reader.read(frame.pixels)
    return _Seen(match(sightings, expected), sightings)


def _looked(passage_id: str, settled: Match, best_read: Plate | None, frames: int) -> Looked:
    known = settled.decision is Decision.ACCEPT
    score = settled.score if math.isfinite(settled.score) else None
    return Looked(passage_id, _SIGHTS[settled.decision], settled.plate if known else best_read, score, frames)
