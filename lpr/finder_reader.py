"""The plate reader on a plate finder of our own: where it finds plates, PP-OCR's recogniser reads.

Looks at the frame small first, which is enough for most, and large only where nothing was read surely; at what it found
it looks again from near by. Stops at the first sure read, so that what else hangs in view is not read at all.
"""

from collections.abc import Sequence

from lpr.frame import Box, Frame
from lpr.plate_crop import Way, joined, ways
from lpr.plate_finder import LARGE, SMALL, Found, PlateFinder
from lpr.plate_line import may_be_plate
from lpr.reader import Sighting
from lpr.recogniser import Recogniser
from lpr.stopwatch import Stopwatch

_SURE = 0.85
_SURE_SIGNS = range(4, 9)
"""A typical plate of so many signs, read with at least this confidence, ends the reading."""

_CLEAR = 0.97
"""A plate that is read with less confidence is read in another way as well."""

_CLOSER_MAX = 5
"""Boxes that are looked at from near by, the surest first."""

_PLATES_MAX = 3
"""Boxes that are read of one look at the frame, the surest from near by first."""

_SCORE_MIN = 0.2
"""From near by; below it hardly anything is a plate."""

_HEIGHT_MIN_PX = 8
"""Lower boxes have no sign that could be read."""


class FinderReader:
    """Reads a frame of 1280 x 720 in about 40 ms on one core of a desktop computer; takes some 200 MB."""

    def __init__(self, threads: int, stopwatch: Stopwatch | None = None) -> None:
        """Load both models, to run on `threads` cores. The stopwatch times the stages `find` and `read`."""
        self._finder = PlateFinder(threads)
        self._recogniser = Recogniser(threads)
        self._stopwatch = stopwatch or Stopwatch()

    def read(self, frame: Frame) -> Sequence[Sighting]:
        """The plates of the frame: typical ones first, then by confidence; only the first sure one if there is one."""
        seen: list[Sighting] = []
        for size in (SMALL, LARGE):
            for found in self._found(frame, size):
                best = self._read(frame, found.box)
                if is_sure(best):
                    return [best]
                if may_be_plate(best.text):
                    seen.append(best)
        return sorted(seen, key=_promise, reverse=True)

    def _found(self, frame: Frame, size: tuple[int, int]) -> Sequence[Found]:
        """The plates to be read after a look at the frame and a closer one at what it found, the surest first."""
        with self._stopwatch.stage("find"):
            found = [self._finder.closer(frame, one) for one in self._finder.find(frame, size)[:_CLOSER_MAX]]
        worth_it = [one for one in found if one.score >= _SCORE_MIN and one.box[3] >= _HEIGHT_MIN_PX]
        return sorted(worth_it, key=lambda one: one.score, reverse=True)[:_PLATES_MAX]

    def _read(self, frame: Frame, box: Box) -> Sighting:
        """What stands at `box`, read in one way after the other until a read is clear; else the best of them."""
        readings = []
        for way in ways(frame, box):
            readings.append(self._read_rows(frame, way, box))
            if is_sure(readings[-1], _CLEAR):
                break
        return max(readings, key=_promise)

    def _read_rows(self, frame: Frame, way: Way, box: Box) -> Sighting:
        with self._stopwatch.stage("read"):
            rows = [
                self._recogniser.read(row, frame[row[1] : row[1] + row[3], row[0] : row[0] + row[2]]) for row in way
            ]
        return joined(rows, box)


def is_sure(sighting: Sighting, confidence: float = _SURE) -> bool:
    """Whether a read is good enough to look no further."""
    return sighting.typical and sighting.confidence >= confidence and len(sighting.text) in _SURE_SIGNS


def _promise(sighting: Sighting) -> tuple[bool, float]:
    return sighting.typical, sighting.confidence
