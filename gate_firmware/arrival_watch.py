"""Whether the arrival loop can be believed: an alarm when it stays occupied and nobody drives, or when it chatters."""

from domain.now import Now
from gate_firmware.record import Record

FRUITLESS_MAX = 3
"""Times that the arm goes up for whatever is on the loop, and it is not free after, before the loop is called stuck."""

MOMENT_MS = 1_000
"""No car is on the loop for less."""

MOMENTS_MAX = 20
"""So many of them in a row are a loop that chatters."""


class ArrivalWatch:
    """Raises the alarm once, until the loop was free again."""

    def __init__(self, record: Record, stuck_ms: int) -> None:
        """`stuck_ms`: how long a car that is held back may stand there."""
        self._record = record
        self._stuck_ms = stuck_ms
        self._fruitless = 0
        self._moments = 0
        self._since_ms = 0
        self.is_stuck = False

    def changed(self, occupied: bool, now: Now) -> bool:
        """Somebody has come or gone: it is no stuck loop. Whether that may be a car, and was no moment's chatter."""
        self._fruitless, self.is_stuck = 0, False
        if occupied:
            self._since_ms = now.mono_ms
            return True
        if now.mono_ms - self._since_ms >= MOMENT_MS:
            self._moments = 0
            return True
        self._moments += 1
        if self._moments == MOMENTS_MAX:
            detail = f"the arrival loop was occupied {MOMENTS_MAX} times for less than {MOMENT_MS} ms"
            self._record.alarm("arrival-loop-chatters", detail, now)
        return False

    def held_back(self, since_ms: int, now: Now) -> None:
        """A car has stood there since then, and may not pass."""
        if now.mono_ms - since_ms >= self._stuck_ms:
            self._stuck(f"the arrival loop is occupied for {self._stuck_ms // 60_000} minutes", now)

    def never_free(self, now: Now) -> None:
        """The arm was up for it, and nobody has driven off it: it stands there still, or the loop does not notice."""
        self._fruitless += 1
        if self._fruitless >= FRUITLESS_MAX:
            self._stuck(f"the arm went up {self._fruitless} times, and nobody drove off the arrival loop", now)

    def _stuck(self, detail: str, now: Now) -> None:
        if not self.is_stuck:
            self.is_stuck = True
            self._record.alarm("arrival-loop-stuck", detail, now)
