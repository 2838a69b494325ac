"""Whether something stays in the photocell: dirt, a bag, somebody who talks to a driver. The arm stays up meanwhile;
cars are decided on and counted as ever, by the loops."""

from domain.now import Now
from gate_firmware.record import Record
from gate_firmware.under_arm import UnderArm


class PhotocellWatch:
    """Raises an alarm once it has been interrupted for `limit_ms`: once before a closed arm, once under an open one.

    None while the safety loop is occupied: a car stands there, and `Blockage` tells of it.
    """

    def __init__(self, record: Record, under: UnderArm, limit_ms: int) -> None:
        self._record = record
        self._under = under
        self._limit_ms = limit_ms
        self._was_down = False
        self._told: set[bool] = set()  # whether the arm was down
        self.due_ms: int | None = None
        """When to call somebody."""

    def watch(self, now: Now, *, arm_is_down: bool) -> None:
        """Somebody has come into it or has left it, or the arm has moved: its time begins anew as that leaves the lower
        limit, or is there."""
        if not self._under.photocell:
            self.due_ms = None
            self._told.clear()
        elif arm_is_down in self._told:
            self.due_ms = None
        elif self.due_ms is None or arm_is_down is not self._was_down:
            self.due_ms = now.mono_ms + self._limit_ms
        self._was_down = arm_is_down

    def call(self, now: Now) -> None:
        """Call somebody, if it is time."""
        if self.due_ms is None or now.mono_ms < self.due_ms:
            return
        if self._under.loop:
            self.due_ms = now.mono_ms + self._limit_ms
            return
        self.due_ms = None
        self._told.add(self._was_down)
        then = "the arm would stay up after the next car that may pass" if self._was_down else "the arm stays up"
        detail = f"something is in the photocell for {self._limit_ms / 1_000:g} s: {then}"
        self._record.alarm("lane-blocked", detail, now)
