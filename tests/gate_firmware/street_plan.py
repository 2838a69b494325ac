"""Who comes to a lane and what goes wrong there, all of it drawn from a seed.

Metres count along the lane from where the arrival loop begins, the way cars drive; milliseconds from the start.
"""

from dataclasses import dataclass
from enum import Enum
from random import Random

from cloud_sync.link.v1.facts import Direction
from domain.plate import Plate
from tests.gate_firmware.gate import OTHER, PLATE, rid, ticket

STOP_LINE_M = 1.4
"""Here drivers wait: well on the arrival loop, before the safety loop."""

BOOKED_PLATES = (PLATE, OTHER, Plate("KABC55"))
STRANGERS_PLATES = (Plate("ZZZZ11"), Plate("QQQQ22"), Plate("RRRR33"))


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of the lane."""

    begins_m: float
    ends_m: float

    def is_under(self, rear_m: float, front_m: float) -> bool:
        """Whether a car from `rear_m` to `front_m` stands over it."""
        return front_m > self.begins_m and rear_m < self.ends_m


@dataclass(frozen=True, slots=True)
class Ground:
    """Where the loops lie, two metres each, and the arm above the middle of the safety loop."""

    gap_m: float

    @property
    def arrival(self) -> Stretch:
        return Stretch(0, 2)

    @property
    def safety(self) -> Stretch:
        return Stretch(2 + self.gap_m, 4 + self.gap_m)

    @property
    def arm_m(self) -> float:
        return 3 + self.gap_m


class Temper(Enum):
    """What a driver makes of a lane."""

    STEADY = "steady"  # waits for green and drives
    TURNS_BACK = "turns back"  # drives on green, and goes back where nobody is behind
    TAILGATES = "tailgates"  # follows whoever drives through, whatever the light shows
    BALKS = "balks"  # goes away again, having waited for a moment


@dataclass(frozen=True, slots=True)
class Driver:
    """One car and who drives it. `number`: of its booking, and at an exit of its stay; None: a stranger.

    `readable`: its plate is; of another one a look seldom makes anything. `patience_ms`: after so long at the stop line
    they go away. `hesitates_m`: where they stop for `hesitates_ms`, if they do.
    """

    plate: Plate
    number: int | None
    ticket: str | None
    readable: bool
    temper: Temper
    comes_ms: int
    length_m: float
    speed_mps: float
    reacts_ms: int
    patience_ms: int
    hesitates_m: float | None
    hesitates_ms: int
    turns_back_m: float | None

    @property
    def reservation_id(self) -> str | None:
        return None if self.number is None else rid(self.number)

    @property
    def can_be_known(self) -> bool:
        """Whether an entry is to let them in: they have booked, and can be read or show a ticket."""
        return self.number is not None and (self.readable or self.ticket is not None)

    def __str__(self) -> str:
        who = "a stranger" if self.number is None else f"booking {self.number}"
        by = "readable" if self.readable else "not readable"
        shows = "" if self.ticket is None else ", with a ticket"
        stops = "" if self.hesitates_m is None else f", stops at {self.hesitates_m:.1f} m for {self.hesitates_ms} ms"
        return f"{who}, {by}{shows}, {self.length_m} m at {self.speed_mps:.1f} m/s, {self.temper.value}{stops}"


class Trouble(Enum):
    """What goes wrong at a lane, or is done to it."""

    ARRIVAL_DROPS_OUT = "the arrival loop drops out"
    SAFETY_DROPS_OUT = "the safety loop drops out"
    ON_FOOT = "somebody on foot is in the photocell"
    FIRE = "fire alarm"
    HELD_OPEN = "held open"
    CLOSED = "closed"
    CRASH = "the gate's power fails"


LASTS_MS = {
    Trouble.ARRIVAL_DROPS_OUT: (100, 300, 600, 1_500),
    Trouble.SAFETY_DROPS_OUT: (100, 300, 600),
    Trouble.ON_FOOT: (100, 300, 600, 1_500, 8_000, 20_000),
    Trouble.FIRE: (300, 1_000, 5_000, 15_000),
    Trouble.HELD_OPEN: (400, 2_000, 6_000, 20_000),
    Trouble.CLOSED: (400, 2_000, 6_000, 20_000),
    Trouble.CRASH: (0,),
}

CHANCE = {
    Trouble.ARRIVAL_DROPS_OUT: 0.3,
    Trouble.SAFETY_DROPS_OUT: 0.3,
    Trouble.ON_FOOT: 0.3,
    Trouble.FIRE: 0.15,
    Trouble.HELD_OPEN: 0.15,
    Trouble.CLOSED: 0.15,
    Trouble.CRASH: 0.25,
}
"""That a disturbed street has it at all."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    at_ms: int
    trouble: Trouble
    lasts_ms: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One street: the same for a seed, whatever the lane does. `photocell`: the lane has one."""

    seed: int
    direction: Direction
    ground: Ground
    photocell: bool
    drivers: tuple[Driver, ...]
    disturbances: tuple[Disturbance, ...]


def drawn(seed: int, direction: Direction, *, disturbed: bool) -> Plan:
    """The street of a seed. A disturbed one has the same cars as the one without disturbances."""
    random = Random(f"cars {seed}")
    ground = Ground(random.uniform(0.5, 1.5))
    photocell = random.random() < 0.5
    drivers, comes_ms = [], 500
    for index in range(random.choice((2, 2, 3))):
        drivers.append(_driver(random, index, comes_ms, ground))
        comes_ms += random.choice((300, 800, 1_500, 3_000, 6_000, 15_000))
    disturbances = _disturbances(Random(f"disturbances {seed}"), comes_ms + 12_000) if disturbed else ()
    if direction is Direction.EXIT:  # an exit is never closed
        disturbances = tuple(one for one in disturbances if one.trouble is not Trouble.CLOSED)
    return Plan(seed, direction, ground, photocell, tuple(drivers), disturbances)


def _driver(random: Random, index: int, comes_ms: int, ground: Ground) -> Driver:
    stranger = random.random() < 0.25
    number = None if stranger else index + 1
    plate = (STRANGERS_PLATES if stranger else BOOKED_PLATES)[index]
    temper = random.choices(tuple(Temper), (8, 2, 1.5 if stranger else 0.7, 0.7))[0]
    has_ticket = random.random() < 0.3
    turns_back_m = random.uniform(1.2, ground.safety.begins_m + 1)
    return Driver(
        plate=plate,
        number=number,
        ticket=ticket(number, plate=plate, end=9, ticket_id=f"t{number}") if number and has_ticket else None,
        readable=random.random() < 0.85,
        temper=temper,
        comes_ms=comes_ms,
        length_m=random.choice((4.5, 4.5, 2.1, 6.5)),
        speed_mps=random.uniform(1.2, 4.0),
        reacts_ms=random.choice((200, 500, 1_000, 2_500)),
        patience_ms=random.choice((8_000, 20_000, 60_000)) if stranger else 60_000,
        hesitates_m=random.choice((None, None, None, None, random.uniform(2, 8))),
        hesitates_ms=random.choice((500, 2_000, 5_000)),
        turns_back_m=turns_back_m if temper is Temper.TURNS_BACK else None,
    )


def _disturbances(random: Random, until_ms: int) -> tuple[Disturbance, ...]:
    drawn = [
        Disturbance(random.randrange(500, until_ms), trouble, random.choice(LASTS_MS[trouble]))
        for trouble, chance in CHANCE.items()
        for _ in range(random.choice((1, 1, 2)) if random.random() < chance else 0)
    ]
    return tuple(sorted(drawn, key=lambda one: one.at_ms))
