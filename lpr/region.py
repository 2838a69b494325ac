"""The part of the picture in which a lane's cars have their plates: what is outside it is read by nobody."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from domain.errors import BadInput
from lpr.frame import Box, Frame
from lpr.reader import PlateReader, Sighting
from lpr.stopwatch import Stopwatch

SIDE_MIN = 0.1
"""Of the frame: a narrower region shows no whole plate."""


@dataclass(frozen=True, slots=True)
class Region:
    """Its edges as fractions of the frame, from the left and from the top. Raises BadInput where it is none."""

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0

    def __post_init__(self) -> None:
        for low, high in ((self.left, self.right), (self.top, self.bottom)):
            if not 0 <= low < high <= 1 or high - low < SIDE_MIN - 1e-9:
                raise BadInput(
                    "region_invalid",
                    f"no region is from {low:g} to {high:g}: its edges are fractions of the picture from 0 to 1, left "
                    f"before right, top before bottom, {SIDE_MIN:g} apart or more",
                )

    @classmethod
    def parse(cls, text: str) -> "Region":
        """`left,top,right,bottom`. Raises BadInput."""
        try:
            left, top, right, bottom = map(float, text.split(","))
        except ValueError:
            raise BadInput("region_invalid", f"{text!r} is no region: give left,top,right,bottom") from None
        return cls(left, top, right, bottom)

    def box(self, frame: Frame) -> Box:
        """It in pixels of this frame; a pixel that it covers a part of is in it."""
        height, width = frame.shape[:2]
        x, y = int(self.left * width), int(self.top * height)
        return x, y, math.ceil(self.right * width) - x, math.ceil(self.bottom * height) - y


class RegionReader:
    """A PlateReader that reads the region alone; its boxes are in pixels of the whole frame."""

    def __init__(self, reader: PlateReader, region: Region, stopwatch: Stopwatch | None = None) -> None:
        """The stopwatch times the stage `region`."""
        self._reader = reader
        self._region = region
        self._stopwatch = stopwatch or Stopwatch()

    def read(self, frame: Frame) -> Sequence[Sighting]:
        """See PlateReader."""
        with self._stopwatch.stage("region"):
            x, y, width, height = self._region.box(frame)
            part = frame[y : y + height, x : x + width]
        found = self._reader.read(part)
        with self._stopwatch.stage("region"):
            return [replace(sighting, box=_moved(sighting.box, x, y)) for sighting in found]


def _moved(box: Box, right: int, down: int) -> Box:
    x, y, width, height = box
    return x + right, y + down, width, height
