"""Whether the arrival loop can be believed: an alarm when it stays occupied and nobody drives."""

from domain.now import Now
from gate_firmware.record import Record

FRUITLESS_MAX = 3
"""Times that the arm goes up for whatever is on the loop, and nothing drives, before the loop is called stuck."""


class ArrivalWatch:
    """Raises the alarm once, until the loop was free again."""

    def __init__(self, record: Record, stuck_ms: int) -> None:
        """`stuck_ms`: how long a car that is held back may stand there."""
        self._record = record
        self._stuck_ms = stuck_ms
        self._fruitless = 0
        self.is_stuck = False

    def changed(self) -> None:
        """Somebody has come or gone: it is no stuck loop."""
        self._fruitless, self.is_stuck = 0, False

    def held_back(self, since_ms: int, now: Now) -> None:
        """A car has stood there since then, and may not pass."""
        if now.mono_ms - since_ms >= self._stuck_ms:
            self._stuck(f"the arrival loop is occupied for {self._stuck_ms // 60_000} minutes", now)

    def not_driven(self, now: Now) -> None:
        """The arm was up for it, and it has not moved."""
        self._fruitless += 1
        if self._fruitless >= FRUITLESS_MAX:
            self._stuck(f"the arm went up {self._fruitless} times, and nobody drove off the arrival loop", now)

    def _stuck(self, detail: str, now: Now) -> None:
        if not self.is_stuck:
            self.is_stuck = True
            self._record.alarm("arrival-loop-stuck", detail, now)
