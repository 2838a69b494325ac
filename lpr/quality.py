"""Whether a frame is worth reading: something can be seen in it, and sharply."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lpr.blindness import Blindness, blindness
from lpr.frame import Frame
from lpr.reader import PlateReader, Sighting
from lpr.stopwatch import Stopwatch


class QualityReader:
    """A PlateReader that reads nothing in a frame that shows nothing, and believes nothing in one that is out of focus.

    What is read there is only worth comparing with the plates that are expected: a car that stands before a lens full
    of dew gets in, and none is turned away for a sign that looked like another.
    """

    def __init__(self, reader: PlateReader, stopwatch: Stopwatch | None = None) -> None:
        """The stopwatch times the stage `quality`."""
        self._reader = reader
        self._stopwatch = stopwatch or Stopwatch()

    def read(self, frame: Frame) -> Sequence[Sighting]:
        """See PlateReader."""
        assert frame.dtype == np.uint8 and frame.shape[2:] == (3,), "a frame is H x W x 3 bytes"  # noqa: PT018
        with self._stopwatch.stage("quality"):
            wrong = blindness(frame)
        if wrong in (Blindness.BLACK, Blindness.COVERED):
            return []
        found = self._reader.read(frame)
        return found if wrong is None else [replace(sighting, typical=False) for sighting in found]
