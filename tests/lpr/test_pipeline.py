"""The parts around an engine, in their order."""

from collections.abc import Callable, Sequence

import numpy as np

from lpr.frame import Frame
from lpr.pipeline import pipeline
from lpr.plate_formats import PlateFormats
from lpr.reader import Sighting
from lpr.region import Region
from lpr.stopwatch import Stopwatch


def test_each_part_that_is_wanted_has_its_turn_and_is_timed(see: Callable[..., Sighting]) -> None:
    stopwatch = Stopwatch()

    class Engine:
        def read(self, frame: Frame) -> Sequence[Sighting]:
            assert list(stopwatch.ms) == ["quality", "region"]
            assert frame.shape == (50, 200, 3), "the frame is judged whole and read in part"
            with stopwatch.stage("find"):
                return [see("RK896A0")]

    frame: Frame = np.zeros((100, 200, 3), np.uint8)
    frame[:50, 100:] = 200
    region, formats = Region(top=0.5), PlateFormats(["sk"])
    [plate] = pipeline(Engine(), region=region, formats=formats, stopwatch=stopwatch).read(frame)
    assert (plate.text, plate.box[1]) == ("RK896AO", 70)
    assert list(stopwatch.ms) == ["quality", "region", "find", "formats"]


def test_without_wishes_only_quality_is_judged(see: Callable[..., Sighting]) -> None:
    stopwatch = Stopwatch()
    plate = see("RK896A0")

    class Engine:
        def read(self, frame: Frame) -> Sequence[Sighting]:
            assert frame.shape == (100, 200, 3)
            return [plate]

    frame: Frame = np.zeros((100, 200, 3), np.uint8)
    frame[:, 100:] = 200
    assert pipeline(Engine(), stopwatch=stopwatch).read(frame) == [plate]
    assert list(stopwatch.ms) == ["quality"]
