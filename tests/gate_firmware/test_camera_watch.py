"""The alarm of a camera that has gone blind."""

import pytest

from gate_firmware.camera_watch import WORDS, CameraWatch
from gate_firmware.events import Looked, Sight
from gate_firmware.record import Record
from lpr.blindness import Blindness
from tests.gate_firmware.gate import Gate

BLIND, SEES, NO_FRAME = (Sight.BLIND, 0), (Sight.STRANGER, 3), (Sight.UNSURE, 0)


@pytest.fixture
def watch(entry: Gate) -> CameraWatch:
    return CameraWatch(Record(entry.direction, entry.journal, entry.replica))


@pytest.mark.parametrize(
    ("looks", "alarms"),
    [
        ([SEES, NO_FRAME], 0),
        ([BLIND], 1),
        ([BLIND, BLIND, NO_FRAME, BLIND], 1),
        ([BLIND, SEES, BLIND, SEES], 2),
    ],
)
def test_once_until_it_sees_again(entry: Gate, watch: CameraWatch, looks: list[tuple[Sight, int]], alarms: int) -> None:
    for sight, frames in looks:
        watch.looked(Looked("p1", sight, None, None, frames), entry.now)
    assert entry.alarms == ["camera-blind"] * alarms


@pytest.mark.parametrize("kind", Blindness)
def test_says_in_what_way(entry: Gate, watch: CameraWatch, kind: Blindness) -> None:
    watch.looked(Looked("p1", Sight.BLIND, None, None, 0, blindness=kind), entry.now)
    watch.lasts(kind, entry.now)  # the same trouble, told by another
    watch.looked(Looked("p2", Sight.BLIND, None, None, 0, blindness=kind), entry.now)
    assert entry.alarm_details == [WORDS[kind]]
    watch.lasts(None, entry.now)
    watch.lasts(kind, entry.now)
    assert entry.alarm_details == [WORDS[kind]] * 2


def test_another_trouble_that_lasts_is_said_too(entry: Gate, watch: CameraWatch) -> None:
    watch.lasts(Blindness.NO_PICTURE, entry.now)
    watch.lasts(Blindness.DEFOCUSED, entry.now)  # somebody has put it back
    assert entry.alarm_details == [WORDS[Blindness.NO_PICTURE], WORDS[Blindness.DEFOCUSED]]


def test_a_look_that_had_frames_does_not_end_what_lasts(entry: Gate, watch: CameraWatch) -> None:
    watch.lasts(Blindness.DEFOCUSED, entry.now)
    watch.looked(Looked("p1", Sight.UNSURE, None, None, 12), entry.now)
    watch.looked(Looked("p2", Sight.BLIND, None, None, 0, blindness=Blindness.NO_PICTURE), entry.now)
    assert entry.alarm_details == [WORDS[Blindness.DEFOCUSED]]
