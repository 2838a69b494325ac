"""What an onlooker outside all units has seen of a run: the street, the drivers, the bank, the disks, the faults.

Checkers judge a run by this and by the units' stores, never by a unit's own opinion. All instants are true time, in
milliseconds since the run began; no unit knows it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path

from cloud_sync.link.v1.facts import Direction
from domain.plate import Plate
from domain.policy import Policy, Tariff
from domain.spot import SpotKind

SECOND_RUN = "~"
"""In the name of a machine that runs from the copy of a unit's disk, and so in the ids of its boots."""


@dataclass(frozen=True, slots=True)
class LotPlan:
    """A lot as it was built."""

    lot_id: str
    spots: Mapping[str, SpotKind]
    gates: Mapping[str, Direction]
    policy: Policy
    tariff: Tariff
    plate_key: str = ""
    """In hexadecimal, as its hub, its gates and central have it: what an onlooker finds a booking's car by."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A unit's store as it was at the end, or when the disk was lost: for good, set back to an older backup, or taken
    away as one too many."""

    unit: str
    """`central`, a lot's id or a gate's id."""
    path: Path
    lost_at_ms: int | None = None


class At(Enum):
    """Where a car is."""

    LOOP = "loop"  # on the arrival loop
    UNDER_ARM = "under_arm"  # on the safety loop
    THROUGH = "through"  # off the safety loop, on the far side
    GONE = "gone"  # backed out, off the arrival loop


@dataclass(frozen=True, slots=True)
class CarMoved:
    at_ms: int
    gate_id: str
    car: str
    """Named after its driver: the `driver` of `DriverTold`; a dash and a number follow where it is another car."""
    plate: Plate
    to: At


class Arm(Enum):
    RAISE = "raise"  # a command
    LOWER = "lower"  # a command
    UP = "up"  # the arm has got there
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class ArmSeen:
    """A command that a unit gave to its arm, or where the arm got to; `under`: a car was under it at that instant."""

    at_ms: int
    gate_id: str
    arm: Arm
    under: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """What a gate's display said."""

    at_ms: int
    gate_id: str
    line1: str
    line2: str


class Credential(Enum):
    """What a driver can show at a lane beside their plate."""

    TICKET = "ticket"  # the code on their phone
    ID = "id"  # typed


@dataclass(frozen=True, slots=True)
class Presented:
    """What a driver showed or typed at a lane while their car stood there, and for which reservation: the id as it was
    typed, which may be wrong."""

    at_ms: int
    gate_id: str
    car: str
    by: Credential
    reservation_id: str


@dataclass(frozen=True, slots=True)
class Pressed:
    """An attendant has pressed the button on the hub's page that opens a lane; it may never come to the gate."""

    at_ms: int
    gate_id: str


class Told(Enum):
    """What a driver has of central, by its answers."""

    HELD = "held"
    HOLD_REFUSED = "hold_refused"
    PAID = "paid"
    PAYMENT_FAILED = "payment_failed"
    CANCELLED = "cancelled"
    CANCEL_REFUSED = "cancel_refused"
    TICKET = "ticket"
    COMPLAINS = "complains"  # and an operator begins to pay something back by hand
    MADE_GOOD = "made_good"  # it was paid back
    NOT_MADE_GOOD = "not_made_good"  # it is refused: so much is not left
    TRY_LATER = "try_later"


@dataclass(frozen=True, slots=True)
class DriverTold:
    at_ms: int
    driver: str
    told: Told
    reservation_id: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that was done to a unit, its disk, its clock or its network; `until_ms` where it lasted."""

    at_ms: int
    kind: str
    """`crash`, `power-cut`, `disk-lost`, `restored`, `partition`, `clock-step`, `clone`, ..."""
    unit: str
    detail: str = ""
    until_ms: int | None = None


DISK_LOST, RESTORED = "disk-lost", "restored"
NEW_DISK = frozenset({DISK_LOST, RESTORED})
"""Kinds of faults after which their unit begins with another disk: an empty one, or a backup."""

DOWN = frozenset({"crash", "power-cut", "stopped"}) | NEW_DISK
"""Kinds of faults during which their unit does not run, until `until_ms`; others excuse no gate that keeps a car."""


@dataclass(frozen=True, slots=True)
class Unsettled:
    """Units have not come to rest among themselves: they answered each other without end, or two runs of one spoke."""

    at_ms: int
    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Boot:
    """A unit's machine has started: its monotonic clock was 0 then, and its facts bear this boot's id.

    With it an onlooker knows when, in true time, each of its facts was made.
    """

    at_ms: int
    unit: str
    boot: str
    drift_ppm: int = 0


StreetEvent = CarMoved | ArmSeen | Shown | Presented


@dataclass(slots=True)
class Seen:
    """All of one run."""

    begins: datetime
    lots: Sequence[LotPlan]
    plates: Sequence[Plate] = ()
    """Of everybody who means to come, or only books."""
    street: list[StreetEvent] = field(default_factory=list)
    drivers: list[DriverTold] = field(default_factory=list)
    presses: list[Pressed] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    boots: list[Boot] = field(default_factory=list)
    disks: list[Disk] = field(default_factory=list)
    unsettled: list[Unsettled] = field(default_factory=list)
    log: Path | None = None
    """What all units logged, a line each."""
    wire: Path | None = None
    """Each message that came to a broker, a line each, topic first; without those of facts, which lie in the stores."""
    counts: Counter[str] = field(default_factory=Counter)
    faults_end_ms: int = 0
    ends_ms: int = 0

    def instant(self, at_ms: int) -> datetime:
        """True time as UTC."""
        return self.begins + timedelta(milliseconds=at_ms)
