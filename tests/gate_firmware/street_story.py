"""What has happened on a street, in lines that can be read."""

from gate_firmware.events import (
    ArmMoved,
    ArrivalLoop,
    CodeSeen,
    Command,
    Event,
    FireAlarm,
    Look,
    Looked,
    LookForCode,
    ModeSet,
    Photocell,
    SafetyLoop,
    Tell,
)
from gate_firmware.lane import Lane


class Story:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def says(self, line: str, now_ms: int) -> None:
        self.lines.append(f"{now_ms / 1_000:8.2f} s  {line}")

    def tells(self, what: str, lane: Lane, commands: list[Command], now_ms: int) -> None:
        """What the lane has made of it: its state, whose passage it is in, behind whose, and what is to be done."""
        at = f"{lane.state.value} {lane._passage.passage_id}".strip()
        before = lane._car.before
        behind = "" if before is None else f" behind {before.passage_id}"
        said = ", ".join(in_short(command) for command in commands)
        self.says(f"{what:<32} -> {at}{behind}: {said}", now_ms)


def in_short(said: Event | Command) -> str:
    """For the story; without plates."""
    what = ""
    match said:
        case Looked():
            what = f"{said.passage_id}: {said.sight.value}{'' if said.code is None else ', and a ticket'}"
        case Look() | LookForCode() | CodeSeen():
            what = said.passage_id
        case Tell():
            what = f"{said.signal.value} {said.line1!r}"
        case ArrivalLoop(on) | SafetyLoop(on) | Photocell(on) | FireAlarm(on):
            what = "on" if on else "off"
        case ArmMoved():
            what = said.position.value
        case ModeSet():
            what = said.mode.value
    return f"{type(said).__name__} {what}".strip()
