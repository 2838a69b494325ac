"""The plate reader on a plate finder of our own: where it finds plates, PP-OCR's recogniser reads.

Looks at the frame small first, which is enough for most, and large only where nothing was read surely; at what it found
it looks again from near by, and at what it reads from nearer still. Stops at the first sure read, so that what else
hangs in view is not read at all.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from lpr.frame import Box, Frame
from lpr.plate_crop import Way, joined, ways
from lpr.plate_finder import LARGE, NEARER_PX, SMALL, Found, PlateFinder, same
from lpr.plate_line import may_be_plate
from lpr.reader import Sighting
from lpr.recogniser import WIDTH_OF_PLATES, Recogniser
from lpr.stopwatch import Stopwatch

_BELIEVED = 0.8
"""What is read with less confidence is only worth comparing with expected plates: a fence, a sticker or an exhaust pipe
may look like signs. No plate of the development photographs that is read exactly has less."""

_SURE_SIGNS = range(4, 9)
"""A typical plate of so many signs that is believed ends the reading."""

_CLEAR = 0.97
"""A plate that is read with less confidence is read in another way as well."""

_AGAIN, _AGAIN_SIGNS = 0.4, 3
"""What is read with less confidence, or has fewer signs, is not."""

_PLATE_SCORE = 0.6
"""From near by, in both looks; what is surer than this is taken for a plate also where digits alone are on it: a
camera's clock is not."""

_CLOSER_MAX = 3
"""Boxes that are looked at from near by, the surest first."""

_PLATES_MAX = 2
"""Boxes that are read of one look at the frame, the surest from near by first."""

_SCORE_MIN = 0.4
"""From near by; below it hardly anything is a plate."""

_HEIGHT_MIN_PX = 8
"""Lower boxes have no sign that could be read."""


class FinderReader:
    """Reads a frame of 1280 x 720 in about 40 ms on one core of a desktop computer; takes some 200 MB."""

    def __init__(self, threads: int, stopwatch: Stopwatch | None = None) -> None:
        """Load both models, to run on `threads` cores. The stopwatch times the stages `find`, `cut` and
        `read`."""
        self._finder = PlateFinder(threads)
        self._recogniser = Recogniser(threads, WIDTH_OF_PLATES)
        self._stopwatch = stopwatch or Stopwatch()
        for size in (
            SMALL,
            LARGE,
        ):  # what a look takes for ever it takes now, and not when the first car is hard to read
            self._finder.find(np.zeros((min(size), max(size), 3), np.uint8), size)

    def read(self, frame: Frame) -> Sequence[Sighting]:
        """The plates of the frame: typical ones first, then by confidence; only the first sure one if there is one."""
        seen: list[Sighting] = []
        for size in (SMALL, LARGE):
            for found in self._found(frame, size, [sighting.box for sighting in seen]):
                readings = self._read(frame, found)
                if is_sure(readings[0]):
                    return readings
                seen += readings
        return sorted((sighting for sighting in seen if may_be_plate(sighting.text)), key=_promise, reverse=True)

    def _found(self, frame: Frame, size: tuple[int, int], but: Sequence[Box]) -> Sequence[Found]:
        """The plates to be read after a look at the frame and a closer one at what it found, the likeliest first.

        Of two that are as sure the larger one comes first: it is of the nearer car. Not those at the boxes `but`,
        which have been read already.
        """
        with self._stopwatch.stage("find"):
            found = [self._finder.closer(frame, one) for one in self._finder.find(frame, size)[:_CLOSER_MAX]]
        plates: list[Found] = []
        for one in sorted(found, key=lambda one: one.score * math.sqrt(one.box[3]), reverse=True):
            known = (*but, *(plate.box for plate in plates))
            if _is_readable(one) and not any(same(one.box, box) for box in known):
                plates.append(one)
        return plates[:_PLATES_MAX]

    def _read(self, frame: Frame, found: Found) -> Sequence[Sighting]:
        """What stands there: one clear read, or else what each way of reading it gave, the best first.

        What looked like no plate at all at first is not read again.
        """
        with self._stopwatch.stage("find"):
            nearer = self._finder.closer(frame, found, NEARER_PX)
        surer, other = (nearer, found) if nearer.score >= found.score else (found, nearer)
        with self._stopwatch.stage("cut"):
            to_read = list(_ways(frame, surer, other))
        readings: list[Sighting] = []
        for way in to_read:
            readings.append(self._read_rows(frame, way, surer.box, on_a_plate=other.score >= _PLATE_SCORE))
            if is_sure(readings[-1], _CLEAR):
                return readings[-1:]
            if len(way) == 1 and not _worth_another(readings[-1]):
                break
        return sorted(readings, key=_promise, reverse=True)

    def _read_rows(self, frame: Frame, way: Way, box: Box, *, on_a_plate: bool) -> Sighting:
        with self._stopwatch.stage("read"):
            rows = [
                self._recogniser.read(row, frame[y : y + height, x : x + width], on_a_plate=on_a_plate)
                for row in way
                for x, y, width, height in [row]
            ]
        sighting = joined(rows, box)
        return sighting if sighting.confidence >= _BELIEVED else replace(sighting, typical=False)


def _ways(frame: Frame, surer: Found, other: Found) -> Iterator[Way]:
    """The ways of reading one plate of which two looks gave a box each: a box a little off cuts a sign in half."""
    yield from ways(frame, surer.box)
    if other.box != surer.box and _is_readable(other):
        yield ways(frame, other.box)[0]


def _is_readable(found: Found) -> bool:
    return found.score >= _SCORE_MIN and found.box[3] >= _HEIGHT_MIN_PX


def is_sure(sighting: Sighting, confidence: float = _BELIEVED) -> bool:
    """Whether a read is good enough to look no further."""
    return sighting.typical and sighting.confidence >= confidence and len(sighting.text) in _SURE_SIGNS


def _worth_another(sighting: Sighting) -> bool:
    return len(sighting.text) >= _AGAIN_SIGNS and sighting.confidence >= _AGAIN


def _promise(sighting: Sighting) -> tuple[bool, float]:
    return sighting.typical, sighting.confidence
