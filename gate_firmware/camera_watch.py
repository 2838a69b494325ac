"""Whether the lane's camera shows anything: an alarm when it has gone blind."""

from domain.now import Now
from gate_firmware.events import Looked, Sight
from gate_firmware.record import Record


class CameraWatch:
    """Raises the alarm once, until the camera has shown something again."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._is_blind = False

    def looked(self, looked: Looked, now: Now) -> None:
        was_blind = self._is_blind
        if looked.sight is Sight.BLIND:
            self._is_blind = True
        elif looked.frames > 0:
            self._is_blind = False
        if self._is_blind and not was_blind:
            self._record.alarm(alarm="camera-blind", detail="the camera shows nothing", now=now)
