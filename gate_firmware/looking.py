"""Looking at one car: from camera frames to the one plate that it is, and to the code on the driver's phone.

Reading is done in one thread beside the event loop.
"""

import asyncio
import logging
import math
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from cloud_sync.link.clock import Clock
from cloud_sync.link.seal import Seal
from cloud_sync.link.ticket import looks_like_ticket
from domain.errors import BadInput, PeerError
from domain.now import Now
from domain.plate import Plate, SealedPlate
from gate_firmware.events import CodeSeen, Looked, Sight
from gate_firmware.replica import Replica
from hardware.camera import Camera, Frame
from lpr.blindness import Blindness, blindness, fingerprint
from lpr.frame import is_blind
from lpr.matching import Decision, Expected, Match, match, scored
from lpr.qr import Code, QrFinder
from lpr.reader import PlateReader, Sighting, open_read
from lpr.voting import Vote

log = logging.getLogger(__name__)

NEXT_FRAME_S = 0.02
"""How often to ask the camera for a newer frame; it takes some 15 a second."""

FAILED_S = 1.0
"""A pause after a frame on which reading codes has failed: it is logged each time."""

BLIND_MS = 1_000
"""Without a frame that shows something for this long, the camera is blind."""

CODE_SETTLE_MS = 1_000
"""Once a code is found, the plate's vote has this long to settle: who holds one up waits for an answer."""

EXPECTED_FOR = timedelta(minutes=10)
"""The plates to expect are gathered anew at least this often: bookings come due without anybody saying so."""

_SIGHTS = {Decision.ACCEPT: Sight.KNOWN, Decision.ASK: Sight.UNSURE, Decision.REFUSE: Sight.STRANGER}


FRAMES_KEPT = 2
"""Of a look: the last that were read, on which its outcome rests."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """One frame's evidence."""

    match: Match
    sightings: Sequence[Sighting]
    codes: Sequence[Code]


class Looker:
    """Looks at the car in the lane, one frame at a time, always the newest."""

    def __init__(
        self,
        camera: Camera,
        reader: Awaitable[PlateReader],
        codes: QrFinder,
        replica: Replica,
        seal: Seal,
        clock: Clock,
        *,
        look_ms_max: int,
        one_will_do: bool = False,
        picture: Callable[[], int | None] = lambda: None,
    ) -> None:
        """`reader` may still be loading: until it is there, a look reads codes alone. After `look_ms_max` what was seen
        by then decides; `one_will_do` as for `lpr.voting.Vote`. `picture` gives the fingerprint of a picture that was
        there a moment ago, if it is known: of a camera that stands still all show the car before."""
        self._camera = camera
        self._picture = picture
        self._before: int | None = None
        self._reader = asyncio.ensure_future(reader)
        self._codes = codes
        self._replica = replica
        self._seal = seal
        self._clock = clock
        self._look_ms_max = look_ms_max
        self._one_will_do = one_will_do
        self._expected = Expected([])
        self._expected_of: tuple[int, Now] | None = None
        self._broken_seals = 0
        self._reader_fails = False
        self._looked_at: tuple[str, deque[Frame]] = "", deque(maxlen=FRAMES_KEPT)
        self._code_frame: Frame | None = None
        # One thread: a look that was cut short may still be reading, and no reader has promised to bear two at once.
        self._thread = ThreadPoolExecutor(1, "plate reader")

    def close(self) -> None:
        """Read no more. Does not wait for a read that is under way; the reader is as it was for who looks next."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def frames_of(self, passage_id: str) -> list[Frame]:
        """The frames that what was seen of this passage rests on: the last that were read, before them the one with the
        code that the driver held up."""
        looked_at, frames = self._looked_at
        if looked_at != passage_id:
            return []
        code = [] if self._code_frame is None or self._code_frame in frames else [self._code_frame]
        return [*code, *frames]

    async def look(self, passage_id: str) -> Looked:
        """Read frame after frame until the vote settles, time is up, or nothing has been seen for `BLIND_MS`.

        A code that looks like a ticket cuts the time to `CODE_SETTLE_MS`, and comes along with what was seen. While the
        reader is loading no time is up, and a code comes at once and alone: nobody knows when there will be a plate.
        What goes wrong in the reader comes out as unsure, since a car is waiting; until it reads again, once is logged.
        """
        until_ms = self._clock().mono_ms + self._look_ms_max
        try:
            self._begin(passage_id)
            if (seen := await self._look_while_loading(passage_id)) is not None:
                return seen
            if self._reader.exception() is not None:
                return Looked(passage_id, Sight.UNSURE, None, None, 0)  # it is missing, which was said once
            seen = await self._look(passage_id, self._reader.result(), until_ms)
        except sqlite3.DatabaseError:
            raise  # it is not the reader: the gate goes on with another store
        except Exception:
            if not self._reader_fails:
                log.exception("gate.reader_failed")
            self._reader_fails = True
            return Looked(passage_id, Sight.UNSURE, None, None, 0)
        if self._reader_fails and seen.frames:
            log.info("gate.reader_reads_again")
            self._reader_fails = False
        return seen

    async def look_for_code(self, passage_id: str, but: Collection[str] = ()) -> CodeSeen:
        """Look, without end, for a code that looks like a ticket and is none of `but`. Reads no plates."""
        last_ms, loop = -1, asyncio.get_running_loop()
        self._begin(passage_id)
        while True:
            frame = self._newest()
            if frame is None or frame.mono_ms <= last_ms:
                await asyncio.sleep(NEXT_FRAME_S)
                continue
            last_ms = frame.mono_ms
            try:
                code = await loop.run_in_executor(self._thread, _read_code, self._codes, frame, but)
            except Exception:
                log.exception("gate.code_reader_failed")
                await asyncio.sleep(FAILED_S)
                continue
            if code is not None:
                self._code_frame = frame
                return CodeSeen(passage_id, code)

    async def _look_while_loading(self, passage_id: str) -> Looked | None:
        """What is seen until the reader is there: a code, or nothing for `BLIND_MS`. None once it is there, or never
        will be."""
        loop = asyncio.get_running_loop()
        last_ms, seen_ms, frames = -1, self._clock().mono_ms, 0
        while not self._reader.done():
            frame = self._newest()
            fresh = frame is not None and frame.mono_ms > last_ms
            if frame is None or not fresh or is_blind(frame.pixels):
                if self._clock().mono_ms - seen_ms >= BLIND_MS:
                    return Looked(passage_id, Sight.BLIND, None, None, frames)
                await asyncio.wait((self._reader,), timeout=NEXT_FRAME_S)
                continue
            last_ms, frames = frame.mono_ms, frames + 1
            code = await loop.run_in_executor(self._thread, _read_code, self._codes, frame, ())
            seen_ms = self._clock().mono_ms
            if code is not None:
                self._code_frame = frame
                return Looked(passage_id, Sight.UNSURE, None, None, frames, code)
        return None

    async def _look(self, passage_id: str, reader: PlateReader, until_ms: int) -> Looked:
        expected, vote, best_read = self._plates(), Vote(one_will_do=self._one_will_do), _BestRead()
        loop = asyncio.get_running_loop()
        last_ms, seen_ms, frames = -1, self._clock().mono_ms, 0
        code: str | None = None
        codes: Sequence[Code] = ()
        while True:
            frame = self._newest()
            fresh = frame is not None and frame.mono_ms > last_ms
            if frame is None or not fresh or is_blind(frame.pixels):
                if self._clock().mono_ms - seen_ms >= BLIND_MS:
                    return Looked(passage_id, Sight.BLIND, None, None, frames, code, _why_blind(frame, fresh))
                await asyncio.sleep(NEXT_FRAME_S)
                continue
            last_ms, frames = frame.mono_ms, frames + 1
            seen = await loop.run_in_executor(self._thread, _read, reader, self._codes, frame, expected, codes)
            seen_ms, codes = self._clock().mono_ms, seen.codes
            self._looked_at[1].append(frame)
            best_read.add(seen.sightings)
            found = next((found.text for found in codes if looks_like_ticket(found.text)), None)
            if code is None and found is not None:
                code, until_ms = found, min(until_ms, seen_ms + CODE_SETTLE_MS)
                self._code_frame = frame
            settled = vote.add(seen.match) or (vote.close() if seen_ms >= until_ms else None)
            if settled is not None:
                return _looked(passage_id, settled, best_read.plate, frames, code)

    def _begin(self, passage_id: str) -> None:
        if self._looked_at[0] != passage_id:
            self._looked_at, self._code_frame = (passage_id, deque(maxlen=FRAMES_KEPT)), None
            self._before = self._picture()

    def _newest(self) -> Frame | None:
        """The camera's newest frame; none while it is the very picture that was there before this car came."""
        frame = self._camera.newest()
        if frame is not None and self._before is not None:
            if fingerprint(frame.pixels) == self._before:
                return None
            self._before = None  # the camera moves
        return frame

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


def _read(
    reader: PlateReader, finder: QrFinder, frame: Frame, expected: Expected, codes_before: Sequence[Code]
) -> _Seen:
    """Codes and plates in one frame; where no code is seen now, it is most likely where it was in the frame before.

    What is surely no ticket is passed over: a sticker beside a plate takes no plate away.
    """
    found = finder.find(frame.pixels, looks_like_ticket)
    codes = [code for code in found if not code.text or looks_like_ticket(code.text)] or codes_before
    sightings = [each for each in reader.read(frame.pixels) if not any(_is_around(code, each) for code in codes)]
    return _Seen(match(scored(sightings, expected)), sightings, codes)


def _is_around(code: Code, sighting: Sighting) -> bool:
    """Whether a line stands on the code's phone or sheet, where the spot and the reservation are written: no plate."""
    x, y, width, height = code.box
    left, top, across, down = sighting.box
    middle_x, middle_y = left + across / 2, top + down / 2
    return x - width <= middle_x <= x + 2 * width and y - height <= middle_y <= y + 2 * height


def _why_blind(frame: Frame | None, fresh: bool) -> Blindness:
    if frame is None or not fresh:
        return Blindness.NO_PICTURE
    return blindness(frame.pixels) or Blindness.COVERED


def _read_code(finder: QrFinder, frame: Frame, but: Collection[str]) -> str | None:
    def is_sought(text: str) -> bool:
        return looks_like_ticket(text) and text not in but

    return next((code.text for code in finder.find(frame.pixels, is_sought) if is_sought(code.text)), None)


def _looked(passage_id: str, settled: Match, best_read: Plate | None, frames: int, code: str | None) -> Looked:
    known = settled.decision is Decision.ACCEPT
    score = settled.score if math.isfinite(settled.score) else None
    return Looked(passage_id, _SIGHTS[settled.decision], settled.plate if known else best_read, score, frames, code)
