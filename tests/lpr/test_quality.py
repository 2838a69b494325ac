"""What is read of a frame, by what can be seen in it."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest

from lpr.blindness import Blindness, blindness
from lpr.frame import Frame
from lpr.quality import QualityReader
from lpr.reader import PlateReader, Sighting, open_read
from lpr.stopwatch import Stopwatch

SHARP: Frame = np.tile(np.repeat(np.array([20, 200], np.uint8), 80), (360, 4))[:, :, None].repeat(3, axis=2)
SOFT: Frame = np.asarray(cv2.GaussianBlur(SHARP, (0, 0), 10), np.uint8)
BLACK: Frame = np.zeros_like(SHARP)
COVERED: Frame = np.full_like(SHARP, 120)


class Engine:
    """Reads a plate in whatever it is shown, and counts."""

    def __init__(self, *seen: Sighting) -> None:
        self.seen = seen
        self.reads = 0

    def read(self, _frame: Frame) -> Sequence[Sighting]:
        self.reads += 1
        return list(self.seen)


def test_the_frames_are_what_they_are_called() -> None:
    wrong = [blindness(frame) for frame in (SHARP, SOFT, BLACK, COVERED)]
    assert wrong == [None, Blindness.DEFOCUSED, Blindness.BLACK, Blindness.COVERED]


def test_a_frame_in_which_everything_can_be_seen_is_read(see: Callable[..., Sighting]) -> None:
    plate, lettering = see("HHAB123"), see("PARKING", typical=False)
    assert QualityReader(Engine(plate, lettering)).read(SHARP) == [plate, lettering]


@pytest.mark.parametrize("frame", [BLACK, COVERED])
def test_where_nothing_can_be_seen_nobody_reads(see: Callable[..., Sighting], frame: Frame) -> None:
    engine = Engine(see("HHAB123"))
    assert QualityReader(engine).read(frame) == []
    assert engine.reads == 0


def test_what_is_read_out_of_focus_is_compared_but_not_believed(see: Callable[..., Sighting]) -> None:
    [sighting] = found = QualityReader(Engine(plate := see("HHAB123"))).read(SOFT)
    assert open_read(found) is None
    assert (sighting.text, sighting.confidence, sighting.box) == (plate.text, plate.confidence, plate.box)
    np.testing.assert_array_equal(sighting.log_probs, plate.log_probs)


def test_it_is_timed(finder: PlateReader) -> None:
    stopwatch = Stopwatch()
    QualityReader(finder, stopwatch).read(COVERED)
    assert list(stopwatch.ms) == ["quality"]
