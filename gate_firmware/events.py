"""What happens at a lane, and what is to be done there: the words between the lane's core and its shell."""

from dataclasses import dataclass
from enum import Enum

from cloud_sync.link.v1.facts import Mode
from domain.plate import Plate, SealedPlate
from hardware.barrier import Position
from hardware.lights import Signal
from lpr.blindness import Blindness


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
class Photocell:
    interrupted: bool


@dataclass(frozen=True, slots=True)
class FireAlarm:
    alarmed: bool


@dataclass(frozen=True, slots=True)
class CallButton:
    pressed: bool


@dataclass(frozen=True, slots=True)
class CabinetDoor:
    is_open: bool


@dataclass(frozen=True, slots=True)
class Inputs:
    """How a lane is when its gate starts."""

    arrival: bool
    safety: bool
    arm: Position
    photocell: bool = False
    fire: bool = False
    cabinet_open: bool = False


@dataclass(frozen=True, slots=True)
class ArmMoved:
    position: Position


@dataclass(frozen=True, slots=True)
class DeviceFault:
    """A device has found itself, or what hangs on it, broken: an alarm, in words for attendants."""

    alarm: str
    detail: str


@dataclass(frozen=True, slots=True)
class Looked:
    """The end of looking at one car: `plate` is the expected plate, or else the best open read if there was one.

    `code` is the text of a code in view that looks like a ticket; `blindness` says of a blind camera in what way it is.
    """

    passage_id: str
    sight: Sight
    plate: Plate | None
    score: float | None
    frames: int
    code: str | None = None
    blindness: Blindness | None = None

    @property
    def is_sure(self) -> bool:
        """Whether it says which plate this car has, or surely has not."""
        return self.sight in (Sight.KNOWN, Sight.STRANGER)


@dataclass(frozen=True, slots=True)
class CodeSeen:
    """A driver has held a code up that looks like a ticket."""

    passage_id: str
    code: str


@dataclass(frozen=True, slots=True)
class ByTicket:
    """The car has this ticket: the text of its code."""

    text: str


@dataclass(frozen=True, slots=True)
class ById:
    """The car is here on this reservation, somebody says."""

    reservation_id: str


@dataclass(frozen=True, slots=True)
class ByPlate:
    """The car has this plate, somebody says who knows."""

    plate: SealedPlate


Credential = ByTicket | ById | ByPlate


@dataclass(frozen=True, slots=True)
class Identified:
    """Somebody asks to decide on the car in the lane by what they know of it. `car_required`: only if one is there."""

    by: Credential
    car_required: bool = True


@dataclass(frozen=True, slots=True)
class OpenedBy:
    """Somebody of the lot, `by` name, lets the car in the lane pass, or the one that is about to come."""

    by: str
    reservation_id: str | None = None


@dataclass(frozen=True, slots=True)
class ModeSet:
    """Somebody of the lot, `by` name, wants the lane to work so from now on."""

    mode: Mode
    by: str


Said = Identified | OpenedBy | ModeSet
"""What somebody asks of the lane, and may be refused."""

Event = (
    ArrivalLoop
    | SafetyLoop
    | Photocell
    | FireAlarm
    | CallButton
    | CabinetDoor
    | ArmMoved
    | DeviceFault
    | Looked
    | CodeSeen
    | Said
)


@dataclass(frozen=True, slots=True)
class Look:
    """Begin to look at the car, and report with `Looked`. Ends a look that has not come to its end."""

    passage_id: str


@dataclass(frozen=True, slots=True)
class LookForCode:
    """Look for a code that may be a ticket and is none of `but`, and report with `CodeSeen`. Ends any other look."""

    passage_id: str
    but: frozenset[str] = frozenset()


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


@dataclass(frozen=True, slots=True)
class Beep:
    """The driver at the post hears that the button works."""


@dataclass(frozen=True, slots=True)
class Warn:
    """The driver is told off."""


Command = Look | LookForCode | LookAway | RaiseArm | LowerArm | Tell | Beep | Warn
