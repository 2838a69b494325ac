"""The arm as its lane knows it: where it is, what it was asked last and when, and how often it was asked to close.

It is asked to rise for as long as it ought to be up and is not; to close so often. An arm that has not arrived by then
is an alarm, once, until it is seen to arrive. A single-pulse barrier closes by itself, some time after the last command
to open: it is asked again and again to open while it is to stay up, and given its time to close.
"""

from domain.now import Now
from gate_firmware.events import LowerArm, RaiseArm
from gate_firmware.record import Record
from hardware.barrier import Position
from hardware.wiring import BarrierWiring

_WHERE = {
    Position.DOWN: "down",
    Position.UP: "up",
    Position.BETWEEN: "at neither limit, by its switches",
}

CLOSE_TRIES_MAX = 3
"""Close commands before an arm that stays up is a fault."""

CLOSE_AGAIN_MS = 300_000
"""So long after the last command an arm that is a fault is asked to close again: what kept it up may have passed."""


class Arm:
    """One barrier's arm. Moves nothing itself: what is to be asked comes back as commands."""

    def __init__(self, record: Record, barrier: BarrierWiring) -> None:
        self.position = Position.DOWN
        self.motion_ms_max = barrier.motion_ms_max
        self._record = record
        self._closes_after_ms = barrier.closes_after_ms
        self._is_told_stuck = False  # since it was last seen to arrive
        self._asked_up = False  # the last command was to open, and the arm has not been down since
        self._asked_down = False  # it was to close, likewise
        self._close_tries = 0
        self._asked_up_ms: int | None = None
        self._asked_to_close_ms: int | None = None

    @property
    def closes_within_ms(self) -> int:
        """How long it may take to be down, asked to close, or left to close by itself."""
        return self.motion_ms_max + (self._closes_after_ms or 0)

    @property
    def open_again_ms(self) -> int | None:
        """When to ask it to open once more, so that it does not close by itself."""
        if self._closes_after_ms is None or self._asked_up_ms is None:
            return None
        return self._asked_up_ms + self._closes_after_ms // 2

    @property
    def is_up(self) -> bool:
        return self.position is Position.UP

    @property
    def stays_up(self) -> bool:
        """Whether it is up and was not asked to close: one that was may not have left its upper limit yet."""
        return self.is_up and not self._asked_down

    @property
    def is_down(self) -> bool:
        """It may have been asked to rise, and not have begun."""
        return self.position is Position.DOWN

    @property
    def rests(self) -> bool:
        """Whether it is down and will stay there."""
        return self.is_down and not self._asked_up

    @property
    def may_be_asked_to_close(self) -> bool:
        """Whether it has not been asked so often that it is a fault."""
        return self._close_tries < (CLOSE_TRIES_MAX if self._closes_after_ms is None else 1)

    def found(self, position: Position, now: Now) -> None:
        """Where it is at the start. Nobody knows when one that closes by itself was last asked to open: it is due."""
        self.position = position
        if self._closes_after_ms is not None and not self.is_down:
            self._asked_up_ms = now.mono_ms - self._closes_after_ms

    def moved(self, position: Position) -> None:
        self.position = position
        has_arrived = self.is_down or self.stays_up
        self._is_told_stuck = self._is_told_stuck and not has_arrived
        if self.is_down:
            self.forget()

    def was_released(self, now: Now) -> None:
        """Somebody else has opened it: it is as if it had been asked now, and is to be asked to close anew."""
        self._asked_up_ms = now.mono_ms
        self.begin_to_close()

    def forget(self) -> None:
        """It was not asked for anything, or does not do it any more."""
        self._asked_up = self._asked_down = False

    def raised(self, now: Now) -> list[RaiseArm]:
        """Ask it to rise."""
        self._asked_up, self._asked_down = True, False
        self._asked_up_ms = now.mono_ms
        return [RaiseArm()]

    def raised_again(self, now: Now) -> list[RaiseArm]:
        """It ought to be up by now: ask once more where it is not, and call somebody."""
        if self.stays_up:
            return []
        if not self._is_told_stuck:
            self.has_not_arrived(now)
        return self.raised(now)

    def held_up(self, now: Now) -> list[RaiseArm]:
        """It is to stay up over somebody whom nobody has let pass, or go up again; one that is down stays down."""
        if self.is_down or self.stays_up:
            return []
        if self._asked_down or not self._asked_up or self._asked_up_ms is None:
            return self.raised(now)
        return self.raised_again(now) if now.mono_ms - self._asked_up_ms >= self.motion_ms_max else []

    def begin_to_close(self) -> None:
        """Count from here."""
        self._close_tries, self._asked_to_close_ms = 0, None

    def count_anew(self) -> None:
        """Another car has come: it may be asked to close before that one so often again."""
        self._close_tries = 0

    def lowered(self, now: Now, *, under: bool) -> list[LowerArm]:
        """Ask it to close, once more; not while a car is `under` it."""
        self._close_tries += 1
        self._asked_to_close_ms = now.mono_ms
        if under:
            return []
        self._asked_down = True
        return [LowerArm()]

    def kept_down(self, now: Now) -> list[LowerArm]:
        """An arm that is still up from the car before, and over nobody, does not let this one pass."""
        asked_ms = self._asked_to_close_ms
        if self.is_down or (asked_ms is not None and now.mono_ms - asked_ms < self.closes_within_ms):
            return []
        if self.may_be_asked_to_close:
            return self.lowered(now, under=False)
        if not self._is_told_stuck:
            self.has_not_arrived(now)
        return self.lowered_again(now, under=False)

    def lowered_again(self, now: Now, *, under: bool) -> list[LowerArm]:
        """It was asked as often as may be, and stays up: once in a while it is asked again, and no alarm."""
        asked_ms = max(self._asked_up_ms or 0, self._asked_to_close_ms or 0)
        return [] if now.mono_ms - asked_ms < CLOSE_AGAIN_MS else self.lowered(now, under=under)

    def has_not_arrived(self, now: Now) -> None:
        """An alarm: somebody has to look at it."""
        self._is_told_stuck = True
        asked, within_ms = ("close", self.closes_within_ms) if self._asked_down else ("open", self.motion_ms_max)
        detail = f"the arm was to {asked} within {within_ms / 1_000:g} s, and is {_WHERE[self.position]}"
        self._record.alarm("arm-stuck", detail, now)

    def was_not_asked(self, now: Now, passage_id: str = "") -> None:
        """An alarm: it is not down, and nobody has asked it to rise. `passage_id`: the car that is there."""
        detail = f"the arm is {_WHERE[self.position]}, and nobody has asked: key switch, hand release, limit switch?"
        before = f" A car is before it: passage {passage_id}" if passage_id else ""
        self._record.alarm("arm-unasked", detail + before, now)
