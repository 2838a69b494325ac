"""What is under the arm, by the safety loop and, where the lane has one, the photocell; what came of a car there."""

from enum import Enum

from gate_firmware.lane_states import Input

UNNOTICED_MAX = 3
"""Cars in a row that leave an open arm and come onto no loop, before the safety loop is called silent."""


class Crossing(Enum):
    """What has become of a car that was on the safety loop and is not there any more."""

    CROSSED = "crossed"  # a car has left the arrival loop, and the arm was not down
    PERHAPS = (
        "perhaps"  # the arm was up, and the arrival loop never free: it went back, or the next one is close behind
    )
    NOT_CROSSED = "not_crossed"  # a car came as far as the loop and went back: the arm had not risen


class UnderArm:
    """The arm stays up while either is occupied. Only the loop tells a car from a pedestrian, and so who has crossed:
    whoever stands in the photocell meanwhile changes nothing about that."""

    def __init__(self) -> None:
        self.loop = self.photocell = False
        self._has_noticed = False  # the loop, since the photocell was interrupted
        self._has_left_arrival = self._arm_had_risen = self._arm_was_up = False
        self._unnoticed = 0
        self.was_for_everyone = False
        """Whether the arm was up whoever came, while a car was on the loop last."""
        self._has_next = False
        self.followed = 0
        """Cars that have come up behind whatever is on the loop, and have left the arrival loop: back, or across."""

    @property
    def occupied(self) -> bool:
        return self.loop or self.photocell

    @property
    def crossing(self) -> Crossing:
        """What came of the car that was on the loop last."""
        if self._has_left_arrival:
            return Crossing.CROSSED if self._arm_had_risen else Crossing.NOT_CROSSED
        return Crossing.PERHAPS if self._arm_was_up else Crossing.NOT_CROSSED

    @property
    def arm_had_risen(self) -> bool:
        """Whether the arm was not down all the time while a car was on the loop last."""
        return self._arm_had_risen

    @property
    def is_unnoticed(self) -> bool:
        """Whether somebody is in the photocell, and the loop has noticed nobody meanwhile: on foot, or in a car where
        it is silent."""
        return self.photocell and not self._has_noticed

    @property
    def is_silent(self) -> bool:
        """Whether the safety loop does not notice cars any more."""
        return self._unnoticed >= UNNOTICED_MAX

    def loop_is(self, occupied: bool) -> Input | None:
        """What has become of it, if anything."""
        was_occupied, self.loop = self.loop, occupied
        if not occupied:
            return Input.CAR_CLEAR if was_occupied else None
        self._unnoticed, self._has_noticed = 0, True
        if not was_occupied:
            self._has_left_arrival = self._arm_had_risen = self._arm_was_up = self.was_for_everyone = False
            self._has_next, self.followed = False, 0
        return Input.CAR_UNDER

    def photocell_is(self, interrupted: bool) -> None:
        """Somebody has come into it, or has left it."""
        if interrupted and not self.photocell:
            self._has_noticed = self.loop
        self.photocell = interrupted

    def while_there(self, *, arrival: bool, arm_is_down: bool, arm_is_up: bool, for_everyone: bool) -> None:
        """How the rest of the lane is meanwhile; told at every change."""
        if self.loop:
            self.was_for_everyone = self.was_for_everyone or for_everyone
            self._has_left_arrival = self._has_left_arrival or not arrival
            self._arm_had_risen = self._arm_had_risen or not arm_is_down
            self._arm_was_up = self._arm_was_up or arm_is_up

    def next_came(self) -> None:
        """Another car has come onto the arrival loop, behind the one that is on the safety loop."""
        self._has_next = True

    def next_went(self, *, is_car: bool) -> None:
        """It has left the arrival loop, unless that was a moment's chatter."""
        if self._has_next and is_car:
            self._has_next, self.followed = False, self.followed + 1

    def left_unnoticed(self) -> int:
        """A car has left an arm that was up for it, and has not come onto the loop: back, or across. How many now."""
        self._unnoticed += 1
        return self._unnoticed
