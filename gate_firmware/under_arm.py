"""What is under the arm, by the safety loop and, where the lane has one, the photocell; and what came of it."""

from enum import Enum

from gate_firmware.lane_states import Input

UNNOTICED_MAX = 3
"""Cars in a row that leave an open arm and come onto no loop, before the safety loop is called silent."""


class Crossing(Enum):
    """What has become of whatever was under the arm and is not there any more."""

    CROSSED = "crossed"  # a car has left the arrival loop, and the arm was not down
    PERHAPS = (
        "perhaps"  # the arm was up, and the arrival loop never free: it went back, or the next one is close behind
    )
    NOT_CROSSED = "not_crossed"  # a car came as far as the loop and went back: the arm had not risen
    ON_FOOT = "on_foot"  # the photocell alone


class UnderArm:
    """Both inputs as one: the arm stays up while either is occupied, and only a loop tells a car from a pedestrian."""

    def __init__(self) -> None:
        self.loop = self.photocell = False
        self._is_car = False
        self._has_left_arrival = self._arm_had_risen = self._arm_was_up = False
        self._unnoticed = 0
        self.was_for_everyone = False
        """Whether the arm was up whoever came, while something was under it last."""

    @property
    def occupied(self) -> bool:
        return self.loop or self.photocell

    @property
    def crossing(self) -> Crossing:
        """What came of whatever was under the arm last."""
        if not self._is_car:
            return Crossing.ON_FOOT
        if self._has_left_arrival:
            return Crossing.CROSSED if self._arm_had_risen else Crossing.NOT_CROSSED
        return Crossing.PERHAPS if self._arm_was_up else Crossing.NOT_CROSSED

    @property
    def arm_had_risen(self) -> bool:
        """Whether the arm was not down all the time while something was under it last."""
        return self._arm_had_risen

    @property
    def is_silent(self) -> bool:
        """Whether the safety loop does not notice cars any more."""
        return self._unnoticed >= UNNOTICED_MAX

    def loop_is(self, occupied: bool) -> Input | None:
        """What has become of it, if anything."""
        was_occupied, self.loop = self.occupied, occupied
        if not occupied:
            return self._clear()
        self._unnoticed = 0
        if not was_occupied:
            self._begin()
        self._is_car = True
        return Input.CAR_UNDER

    def photocell_is(self, interrupted: bool) -> Input | None:
        """What has become of it, if anything."""
        was_occupied, self.photocell = self.occupied, interrupted
        if not interrupted:
            return self._clear() if was_occupied else None
        if was_occupied:
            return None
        self._begin()
        return Input.CAR_UNDER

    def while_there(self, *, arrival: bool, arm_is_down: bool, arm_is_up: bool, for_everyone: bool) -> None:
        """How the rest of the lane is meanwhile; told at every change."""
        if self.occupied:
            self.was_for_everyone = self.was_for_everyone or for_everyone
            self._has_left_arrival = self._has_left_arrival or not arrival
            self._arm_had_risen = self._arm_had_risen or not arm_is_down
            self._arm_was_up = self._arm_was_up or arm_is_up

    def left_unnoticed(self) -> int:
        """A car has left an arm that was up for it, and has not come onto the loop: back, or across. How many now."""
        self._unnoticed += 1
        return self._unnoticed

    def _begin(self) -> None:
        self._is_car = self._has_left_arrival = self._arm_had_risen = self._arm_was_up = False
        self.was_for_everyone = False

    def _clear(self) -> Input | None:
        return None if self.occupied else Input.CAR_CLEAR
