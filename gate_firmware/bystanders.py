"""Who else makes themselves heard at a lane: a driver at the call button, somebody at the cabinet, a car at the arm, a
device that is broken."""

from domain.now import Now
from gate_firmware.events import Beep, CabinetDoor, CallButton, Command, DeviceFault, Warn
from gate_firmware.record import Record

CALL_EVERY_MS = 30_000
"""Who makes themselves heard again before that has been heard already: a contact that chatters fills no disk."""


class Bystanders:
    """Raises an alarm for each, and the same one once in a while only."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._heard_ms: dict[tuple[str, str], int] = {}  # of words that are written in the program: a few
        self._is_open = False

    def heard(self, event: CallButton | CabinetDoor | DeviceFault, now: Now) -> list[Command]:
        """What nobody else in the lane has to do with. Who presses the button hears that it works."""
        match event:
            case CallButton(pressed):
                if pressed:
                    self._alarm("call", "a driver has pressed the call button", now)
                    return [Beep()]
            case CabinetDoor(is_open):
                self.cabinet(is_open, now)
            case DeviceFault(alarm, detail):
                self._alarm(alarm, detail, now)
        return []

    def cabinet(self, is_open: bool, now: Now) -> None:
        """The cabinet's door is open or closed."""
        if is_open and not self._is_open:
            self._alarm("cabinet-open", "the door of the gate's cabinet was opened", now)
        self._is_open = is_open

    def uninvited(self, now: Now) -> list[Command]:
        """A car has come to the arm that nobody has let pass."""
        self._alarm("uninvited-car", "a car is on the safety loop before a closed arm", now)
        return [Warn()]

    def fire(self, now: Now) -> None:
        """The fire alarm system has opened the lane."""
        self._alarm("fire", "the fire alarm system has opened the lane", now)

    def unnoticed(self, now: Now) -> None:
        """A car that is to be let out has come to the arm, and the arrival loop has not noticed it."""
        self._alarm("arrival-loop-silent", "a car is at the arm, and the arrival loop has not noticed it", now)

    def _alarm(self, alarm: str, detail: str, now: Now) -> None:
        heard_ms = self._heard_ms.get((alarm, detail))
        if heard_ms is None or now.mono_ms - heard_ms >= CALL_EVERY_MS:
            self._heard_ms[alarm, detail] = now.mono_ms
            self._record.alarm(alarm, detail, now)
