"""Whether the arrival loop can be believed: an alarm when it stays occupied and nobody drives, or when it chatters; and
whether who has come was there before, and the loop had lost them for a moment."""

from domain.now import Now
from gate_firmware.record import Record

FRUITLESS_MAX = 3
"""Times that the arm goes up for whatever is on the loop, and it is not free after, before the loop is called stuck."""

MOMENT_MS = 1_000
"""No car is on the loop for less."""

MOMENTS_MAX = 20
"""So many of them in a row are a loop that chatters, and so is one that was free so often for no longer."""


class ArrivalWatch:
    """Raises the alarm once, until the loop was free again."""

    def __init__(self, record: Record, stuck_ms: int) -> None:
        """`stuck_ms`: how long a car that is held back may stand there."""
        self._record = record
        self._stuck_ms = stuck_ms
        self._fruitless = 0
        self._moments = self._drop_outs = 0
        self.occupied = False
        """Whether a car stands on it, or so it says."""
        self._changed_ms = -MOMENT_MS
        self._undecided: tuple[int, int] | None = None  # since when one stood there, and when it was gone
        self.is_stuck = False
        self.dropped_out = False
        """Whether the loop had only lost whoever is there, for a moment."""

    @property
    def chatters(self) -> bool:
        """Whether what it says of who comes and goes is not to be believed any more."""
        return max(self._moments, self._drop_outs) >= MOMENTS_MAX

    def changed(self, occupied: bool, now: Now) -> bool:
        """Somebody has come or gone: it is no stuck loop. Whether that may be a car, and was no moment's chatter."""
        if occupied == self.occupied:
            return occupied
        self.occupied = occupied
        self._fruitless, self.is_stuck = 0, False
        is_moment = now.mono_ms - self._changed_ms < MOMENT_MS
        self._changed_ms = now.mono_ms
        chattered = self.chatters
        self.dropped_out = occupied and is_moment
        if occupied:
            self._drop_outs = self._drop_outs + 1 if is_moment else 0
        else:
            self._moments = self._moments + 1 if is_moment else 0
        if self.chatters and not chattered:
            how = "free" if occupied else "occupied"
            detail = f"the arrival loop was {how} {MOMENTS_MAX} times for less than {MOMENT_MS} ms"
            self._record.alarm("arrival-loop-chatters", detail, now)
        return occupied or not (is_moment or self.chatters)

    def went_undecided(self, since_ms: int, now: Now) -> None:
        """Whoever has stood there since then is not there any more, and nothing was decided on them."""
        self._undecided = since_ms, now.mono_ms

    def waits_since_ms(self, now: Now) -> int:
        """Since when whoever has come just now has waited: one whom the loop has lost for a moment was there before."""
        since_ms, gone_ms = self._undecided or (now.mono_ms, now.mono_ms)
        return since_ms if now.mono_ms - gone_ms < MOMENT_MS else now.mono_ms

    def held_back(self, since_ms: int, now: Now) -> None:
        """A car has stood there since then, and may not pass."""
        if now.mono_ms - since_ms >= self._stuck_ms:
            self._stuck(f"the arrival loop is occupied for {self._stuck_ms // 60_000} minutes", now)

    def never_free(self, now: Now) -> None:
        """The arm was up for it, and nobody has driven off it: it stands there still, or the loop does not notice."""
        self._fruitless += 1
        if self._fruitless >= FRUITLESS_MAX:
            self._stuck(f"the arm went up {self._fruitless} times, and nobody drove off the arrival loop", now)

    def another_came(self) -> None:
        """Another car stands there than before: cars that follow each other closely are no stuck loop."""
        self._fruitless = 0

    def _stuck(self, detail: str, now: Now) -> None:
        if not self.is_stuck:
            self.is_stuck = True
            self._record.alarm("arrival-loop-stuck", detail, now)
