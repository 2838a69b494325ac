"""Whether the lane's camera shows anything: an alarm, in words for attendants, when it has gone blind."""

from domain.now import Now
from gate_firmware.events import Looked, Sight
from gate_firmware.record import Record
from lpr.blindness import Blindness

WORDS = {
    Blindness.NO_PICTURE: "no picture comes from the camera, or all come too late: look at its cable, its power, its "
    "address, and in the log for camera.lost, which says why",
    Blindness.BLACK: "the camera's picture is black: look at the lane's lamp, and for a cap on the lens",
    Blindness.COVERED: "the camera shows nothing but one surface: something covers its lens, or glare",
    Blindness.DEFOCUSED: "the camera is out of focus, no plate can be read: wipe its lens, set its focus",
    Blindness.FROZEN: "the camera's picture stands still: switch it off and on again",
}
"""What is said of each kind."""


class CameraWatch:
    """Raises the alarm once for each way of being blind, until the camera has shown something again.

    Two tell of it: a look at a car, at once, and whoever looks at the camera all the time, once it has lasted.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._told: Blindness | None = None
        self._lasting: Blindness | None = None

    def looked(self, looked: Looked, now: Now) -> None:
        """A look has ended. One that saw something does not contradict what lasts: frames without focus are frames."""
        if looked.sight is Sight.BLIND:
            if self._told is None:
                self._tell(looked.blindness or Blindness.NO_PICTURE, now)
        elif looked.frames > 0 and self._lasting is None:
            self._told = None

    def lasts(self, blindness: Blindness | None, now: Now) -> None:
        """The camera has been blind in this way for some time, or (None) has been seeing for some."""
        self._lasting = blindness
        if blindness is None:
            self._told = None
        elif blindness is not self._told:
            self._tell(blindness, now)

    def _tell(self, blindness: Blindness, now: Now) -> None:
        self._told = blindness
        self._record.alarm(alarm="camera-blind", detail=WORDS[blindness], now=now)
