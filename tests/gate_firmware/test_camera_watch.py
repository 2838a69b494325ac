"""The alarm of a camera that has gone blind."""

import pytest

from gate_firmware.camera_watch import CameraWatch
from gate_firmware.events import Looked, Sight
from gate_firmware.record import Record
from tests.gate_firmware.gate import Gate

BLIND, SEES, NO_FRAME = (Sight.BLIND, 0), (Sight.STRANGER, 3), (Sight.UNSURE, 0)


@pytest.mark.parametrize(
    ("looks", "alarms"),
    [
        ([SEES, NO_FRAME], 0),
        ([BLIND], 1),
        ([BLIND, BLIND, NO_FRAME, BLIND], 1),
        ([BLIND, SEES, BLIND, SEES], 2),
    ],
)
def test_once_until_it_sees_again(entry: Gate, looks: list[tuple[Sight, int]], alarms: int) -> None:
    watch = CameraWatch(Record(entry.direction, entry.journal, entry.replica))
    for sight, frames in looks:
        watch.looked(Looked("p1", sight, None, None, frames), entry.now)
    assert entry.alarms == ["camera-blind"] * alarms
