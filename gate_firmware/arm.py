"""The arm as its lane knows it: where it is, what it was asked last, and how often it was asked to close."""

from gate_firmware.events import LowerArm, RaiseArm
from hardware.barrier import Position

CLOSE_TRIES_MAX = 3
"""Close commands before an arm that stays up is a fault."""


class Arm:
    """One barrier's arm. Asks nothing itself: what is to be asked comes back as commands."""

    def __init__(self) -> None:
        self.position = Position.DOWN
        self.told_stuck = False
        """Somebody was called since it was last seen to arrive."""
        self._asked_up = False  # the last command was to open, and the arm has not been down since
        self._asked_down = False  # it was to close, likewise
        self._close_tries = 0

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
        return self._close_tries < CLOSE_TRIES_MAX

    def moved(self, position: Position) -> None:
        self.position = position
        self.told_stuck = self.told_stuck and position is Position.BETWEEN
        if self.is_down:
            self.forget()

    def forget(self) -> None:
        """It was not asked for anything, or does not do it any more."""
        self._asked_up = self._asked_down = False

    def raised(self) -> list[RaiseArm]:
        """Ask it to rise."""
        self._asked_up, self._asked_down = True, False
        return [RaiseArm()]

    def begin_to_close(self) -> None:
        """Count from here."""
        self._close_tries = 0

    def lowered(self, *, under: bool) -> list[LowerArm]:
        """Ask it to close, once more; not while a car is `under` it."""
        self._close_tries += 1
        return [] if under else self._lowered()

    def kept_down(self, *, under: bool) -> list[LowerArm]:
        """An arm that is still up from the car before does not let this one pass."""
        return [] if self.is_down or under else self._lowered()

    def _lowered(self) -> list[LowerArm]:
        self._asked_down = True
        return [LowerArm()]
