"""Somebody on site has opened the lane without a computer: by the key switch beside the barrier, or by hand.

An arm that was at rest, and leaves its lower limit although nobody has asked, is left up for the car that stands there,
or comes, until that has crossed or for as long as for one that was let pass. That somebody let it in is an alarm: once
the arm is up, or a car under it, or it has not come down again in time; a limit switch that bounces is none.
"""

from domain.now import Now
from gate_firmware.arm import Arm


class LocalRelease:
    """Whether there is one, and until when it counts. Moves nothing."""

    def __init__(self, arm: Arm, limit_ms: int) -> None:
        """`limit_ms`: how long an arm that is up stays up for a car that does not drive."""
        self._arm = arm
        self._limit_ms = limit_ms
        self._told_by_ms: int | None = None
        self._ends_ms: int | None = None

    @property
    def lasts(self) -> bool:
        return self._ends_ms is not None

    @property
    def due_ms(self) -> int | None:
        """When to call `over`."""
        return min((ms for ms in (self._told_by_ms, self._ends_ms) if ms is not None), default=None)

    def begin(self, now: Now) -> None:
        """The arm has left its lower limit, where it was at rest."""
        self._arm.was_released(now)
        self._told_by_ms = now.mono_ms + self._arm.motion_ms_max
        self._ends_ms = now.mono_ms + self._limit_ms

    def is_up(self, passage_id: str, now: Now) -> None:
        """The arm has arrived: the car's time counts from here."""
        self._ends_ms = now.mono_ms + self._limit_ms
        self.tell(passage_id, now)

    def tell(self, passage_id: str, now: Now) -> None:
        """An alarm, once: somebody has let this car in."""
        if self._told_by_ms is not None:
            self._told_by_ms = None
            self._arm.was_not_asked(now, passage_id)

    def over(self, passage_id: str, now: Now) -> bool:
        """Whether the car has not driven in time, by now. Until then an arm that is not down again is told."""
        if self.due_ms is None or now.mono_ms < self.due_ms:
            return False
        self.tell(passage_id, now)
        if self._ends_ms is not None and now.mono_ms >= self._ends_ms:
            self.end()
        return not self.lasts

    def end(self) -> None:
        """A car has crossed, or may; or the arm is down again, or up for another reason."""
        self._told_by_ms = self._ends_ms = None
