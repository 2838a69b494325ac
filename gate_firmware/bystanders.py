"""Who else makes themselves heard at a lane: a driver at the call button, somebody at the cabinet."""

from domain.now import Now
from gate_firmware.events import Beep, Command
from gate_firmware.record import Record

CALL_EVERY_MS = 30_000
"""Who presses again before that has been heard already."""


class Bystanders:
    """Raises an alarm for each call, and each time that the cabinet is opened."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._called_ms: int | None = None
        self._is_open = False

    def called(self, pressed: bool, now: Now) -> list[Command]:
        """The button is pressed or let go; who presses it hears that it works."""
        if not pressed:
            return []
        if self._called_ms is None or now.mono_ms - self._called_ms >= CALL_EVERY_MS:
            self._called_ms = now.mono_ms
            self._record.alarm("call", "a driver has pressed the call button", now)
        return [Beep()]

    def cabinet(self, is_open: bool, now: Now) -> list[Command]:
        """The cabinet's door is open or closed."""
        if is_open and not self._is_open:
            self._record.alarm("cabinet-open", "the door of the gate's cabinet was opened", now)
        self._is_open = is_open
        return []
