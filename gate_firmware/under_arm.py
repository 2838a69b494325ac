"""What is under the arm, by the safety loop and, where the lane has one, the photocell."""

from gate_firmware.lane_states import Input


class UnderArm:
    """Both inputs as one: the arm stays up while either is occupied, and only a loop tells a car from a pedestrian."""

    def __init__(self) -> None:
        self.loop = self.photocell = False
        self.is_car = False
        """Whether the loop has been occupied since nothing was under the arm."""

    @property
    def occupied(self) -> bool:
        return self.loop or self.photocell

    def loop_is(self, occupied: bool) -> Input | None:
        """What has become of it, if anything."""
        self.loop = occupied
        self.is_car = self.is_car or occupied
        return Input.CAR_UNDER if occupied else self._clear()

    def photocell_is(self, interrupted: bool) -> Input | None:
        """What has become of it, if anything."""
        was_occupied, self.photocell = self.occupied, interrupted
        if not interrupted:
            return self._clear() if was_occupied else None
        return None if was_occupied else Input.CAR_UNDER

    def forget(self) -> None:
        """Whatever was there has been dealt with."""
        self.is_car = self.loop

    def _clear(self) -> Input | None:
        return None if self.occupied else Input.CAR_CLEAR
