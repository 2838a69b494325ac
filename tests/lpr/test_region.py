"""A part of the picture is read, and nothing else of it."""

import re
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from domain.errors import BadInput
from lpr.frame import Frame
from lpr.reader import PlateReader, Sighting
from lpr.region import Region, RegionReader


def test_its_box_covers_whole_pixels() -> None:
    frame: Frame = np.zeros((101, 203, 3), np.uint8)
    assert Region().box(frame) == (0, 0, 203, 101)
    assert Region(0.1, 0.25, 0.9, 0.5).box(frame) == (20, 25, 163, 26)
    assert Region(0.0, 0.0, 0.1, 0.1).box(np.zeros((1, 1, 3), np.uint8)) == (0, 0, 1, 1)


@pytest.mark.parametrize(
    ("edges", "named"),
    [
        ((0.5, 0, 0.5, 1), "from 0.5 to 0.5"),
        ((0.9, 0, 0.1, 1), "from 0.9 to 0.1"),
        ((0, 0.5, 1, 0.55), "from 0.5 to 0.55"),
        ((-0.1, 0, 1, 1), "from -0.1 to 1"),
        ((0, 0, 1, 1.1), "from 0 to 1.1"),
        ((0, 0, float("nan"), 1), "from 0 to nan"),
    ],
)
def test_what_is_no_region_says_why(edges: tuple[float, float, float, float], named: str) -> None:
    with pytest.raises(BadInput, match=re.escape(named)):
        Region(*edges)


def test_one_from_the_command_line() -> None:
    assert Region.parse("0.1, 0.2,0.9,1") == Region(0.1, 0.2, 0.9, 1.0)
    for text in ("", "0.1,0.2,0.9", "left,top,right,bottom"):
        with pytest.raises(BadInput, match="give left,top,right,bottom"):
            Region.parse(text)


def test_the_reader_gets_the_region_and_boxes_are_of_the_whole_frame(see: Callable[..., Sighting]) -> None:
    frame = np.random.default_rng(1).integers(0, 256, (100, 200, 3), np.uint8)
    seen: list[Frame] = []

    class Reader:
        def read(self, frame: Frame) -> Sequence[Sighting]:
            seen.append(frame)
            return [see("HHAB123"), see("PARKING", typical=False)]

    plate, lettering = RegionReader(Reader(), Region(0.5, 0.2, 1.0, 0.9)).read(frame)
    np.testing.assert_array_equal(seen[0], frame[20:90, 100:])
    assert plate.box == (110, 40, 160, 40), "10, 20 in the region"
    assert (plate.text, plate.typical) == ("HHAB123", True)
    assert (lettering.text, lettering.typical) == ("PARKING", False)


def test_another_car_in_view_is_left_out(rapidocr: PlateReader, draw: Callable[..., Frame]) -> None:
    frame = draw(("B AC 5678", 40, 60, 1.2), ("M XY 4321", 150, 300, 1.4))
    assert [s.text for s in rapidocr.read(frame)] == ["MXY4321", "BAC5678"]
    [plate] = RegionReader(rapidocr, Region(top=0.5)).read(frame)
    assert plate.text == "MXY4321"
    x, y, width, height = plate.box
    assert 130 < x < 170
    assert 280 < y < 320, "in the whole frame"
    assert 150 < width < 330
    assert 25 < height < 70
