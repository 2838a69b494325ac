"""The simulated arm and its controller: it takes time to move, may jam half-way, and may close by itself.

A controller of two contacts has no protection of its own and obeys. One that closes by itself comes down
`CLOSE_PAUSE_MS` after whatever was under the arm has left, or `CLOSE_WAIT_MS` after it was opened where nothing came,
and goes up again from whatever it meets on its way down.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hardware.twin_events import Happening

TICK_MS = 20
CLOSE_PAUSE_MS = 1_000
CLOSE_WAIT_MS = 45_000


@dataclass(slots=True)
class ArmTwin:
    """One arm; `raised_ms` is how far it is up, in milliseconds of its travel. It moves by `tick` alone."""

    travel_ms: int
    closes_itself: bool
    note: Callable[[Happening], None]
    raised_ms: int = 0
    heading: int = 0  # 1 up, -1 down, 0 at rest
    jammed: bool = False
    closes_at: int | None = None  # by itself

    @property
    def up(self) -> bool:
        """Whether it is at its upper limit."""
        return self.raised_ms == self.travel_ms

    @property
    def down(self) -> bool:
        """Whether it is at its lower limit."""
        return self.raised_ms == 0

    def head(self, heading: int, now_ms: int) -> None:
        """Begin to go up (1) or down (-1), or go on; at that limit already only a wait begins anew."""
        if self.up and heading > 0 and self.closes_at is not None:
            self.closes_at = now_ms + CLOSE_WAIT_MS
        if (self.up and heading > 0) or (self.down and heading < 0):
            return
        if self.heading != heading:
            self.heading = heading
            self.note(Happening.ARM_MOVING)

    def tick(self, now_ms: int, *, under: bool) -> None:
        """Move on for one tick, then sense what is under the arm."""
        if self.heading:
            self._move()
        self.sense(now_ms, under=under)

    def sense(self, now_ms: int, *, under: bool) -> None:
        """The controller's own loop and photocell say whether something is under the arm."""
        if not self.closes_itself:
            return
        if not self.up:
            self.closes_at = None
            if under and self.heading < 0:
                self.head(1, now_ms)
        elif under:
            self.closes_at = now_ms + CLOSE_PAUSE_MS
        elif self.closes_at is None:
            self.closes_at = now_ms + CLOSE_WAIT_MS
        elif now_ms >= self.closes_at:
            self.closes_at = None
            self.head(-1, now_ms)

    def _move(self) -> None:
        before, middle = self.raised_ms, self.travel_ms // 2
        self.raised_ms = min(max(before + self.heading * TICK_MS, 0), self.travel_ms)
        if self.jammed and (before - middle) * (self.raised_ms - middle) <= 0:
            self.raised_ms, self.heading = middle, 0
            self.note(Happening.ARM_STUCK)
        elif self.up or self.down:
            self.heading = 0
            self.note(Happening.ARM_UP if self.up else Happening.ARM_DOWN)
