"""What happens at a lane, and what is to be done there: the words between the lane's core and its shell."""

from dataclasses import dataclass
from enum import Enum

from domain.plate import Plate
from hardware.barrier import Position
from hardware.lights import Signal


class Sight(Enum):
    """What looking at the car has come to."""

    KNOWN = "known"  # one of the expected plates, surely
    UNSURE = "unsure"  # not read, or not clearly, or one plate fits half
    STRANGER = "stranger"  # clearly read, and none that is expected
    BLIND = "blind"  # the camera shows nothing


@dataclass(frozen=True, slots=True)
class ArrivalLoop:
    occupied: bool


@dataclass(frozen=True, slots=True)
class SafetyLoop:
    occupied: bool


@dataclass(frozen=True, slots=True)
class ArmMoved:
    position: Position


@dataclass(frozen=True, slots=True)
class Looked:
    """The end of looking at one car: `plate` is the expected plate, or else the best open read if there was one."""

    passage_id: str
    sight: Sight
    plate: Plate | None
    score: float | None
    frames: int


Event = ArrivalLoop | SafetyLoop | ArmMoved | Looked


@dataclass(frozen=True, slots=True)
class Look:
    """Begin to look at the car, and report with `Looked`. Ends a look that has not come to its end."""

    passage_id: str


@dataclass(frozen=True, slots=True)
class LookAway:
    """What the camera sees no longer matters."""


@dataclass(frozen=True, slots=True)
class RaiseArm:
    """One momentary open command."""


@dataclass(frozen=True, slots=True)
class LowerArm:
    """One momentary close command."""


@dataclass(frozen=True, slots=True)
class Tell:
    """What the driver sees: the light, and two lines of 20 signs."""

    signal: Signal
    line1: str
    line2: str


Command = Look | LookAway | RaiseArm | LowerArm | Tell
