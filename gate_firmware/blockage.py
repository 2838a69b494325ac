"""Whatever has been on the safety loop for longer than a car needs: an arm that is up stays there, and nobody knows any
more whom it lets pass, as the loop tells of nobody; one that is down would after the next car."""

from domain.now import Now
from gate_firmware.record import Record


class Blockage:
    """Raises an alarm once the loop has been occupied for `limit_ms`, and keeps in mind since when."""

    def __init__(self, record: Record, limit_ms: int) -> None:
        self._record = record
        self._limit_ms = limit_ms
        self._since_ms: int | None = None
        self._is_told_at_rest = False
        self.due_ms: int | None = None
        """When to call it one."""

    @property
    def is_there(self) -> bool:
        """Whether it was called one, and is there still."""
        return self._since_ms is not None

    def watch(self, now: Now) -> None:
        """Something is on the loop, since now or before."""
        if self.due_ms is None and not self.is_there:
            self.due_ms = now.mono_ms + self._limit_ms

    def call(self, now: Now, *, arm_is_down: bool) -> bool:
        """Call it one, if it is time; whether the arm lets whoever comes pass from now on.

        An arm that is down lets nobody pass, whatever is under it: that is told once.
        """
        if self.due_ms is None or now.mono_ms < self.due_ms:
            return False
        self.due_ms, is_told = None, arm_is_down and self._is_told_at_rest
        self._since_ms, self._is_told_at_rest = (None, True) if arm_is_down else (now.mono_ms, False)
        if not is_told:
            then = "the next car that may pass opens the lane for good" if arm_is_down else "the arm stays up"
            detail = f"the safety loop is occupied for {self._limit_ms / 1_000:g} s: {then}"
            self._record.alarm("lane-blocked", detail, now)
        return not arm_is_down

    def came_since(self, since_ms: int) -> bool:
        """Whether a car that came then has come past the arm that was up for what was under it."""
        return self._since_ms is not None and since_ms >= self._since_ms

    def anew(self, now: Now) -> None:
        """The arm goes up over it, or is not up for it any more: its time begins here."""
        self.due_ms = self._since_ms = None
        self.watch(now)

    def end(self) -> None:
        """Nothing is on the loop any more."""
        self.due_ms = self._since_ms = None
        self._is_told_at_rest = False
