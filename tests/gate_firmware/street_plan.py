"""Who comes to a lane and what goes wrong there, all of it drawn from a seed.

Metres count along the lane from where the arrival loop begins, the way cars drive; milliseconds from the start.
"""

from dataclasses import dataclass
from enum import Enum
from random import Random

from cloud_sync.link.v1.facts import Direction
from domain.now import Trust
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
    KEY = "somebody raises the arm by the key switch, and waves whoever is there through"


class Kind(Enum):
    """Streets of one kind: what may go wrong on them."""

    UNDISTURBED = "undisturbed"
    DISTURBED = "disturbed"  # whatever `CHANCE` has; the power is back at once
    SINGLE_PULSE = "single-pulse"  # the same before a barrier that closes by itself
    OUTAGES = "outages"  # before either barrier; the gate sees nothing for a while
    NO_CLOCK = "no-clock"  # the same, and it does not know for how long
    KEY = "key"  # before either barrier; somebody on site has a key


CLOSES_AFTER_MS = 35_000
"""How long a single-pulse barrier waits for a car: longer than the gate does."""

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

OUTAGES_MS = (1_000, 4_000, 12_000, 30_000)
KEYS_MS = (0, 4_000, 10_000, 20_000)
"""How long somebody with the key stays; who does not stay waves nobody through."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    at_ms: int
    trouble: Trouble
    lasts_ms: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One street: the same for a seed and a kind, whatever the lane does.

    `photocell`: the lane has one. `closes_after_ms`: its barrier is a single-pulse one. `trust`: in its clock, after
    its power has failed for a while.
    """

    seed: int
    direction: Direction
    ground: Ground
    photocell: bool
    closes_after_ms: int | None
    trust: Trust
    drivers: tuple[Driver, ...]
    disturbances: tuple[Disturbance, ...]


def drawn(seed: int, direction: Direction, kind: Kind) -> Plan:
    """The street of a seed: the same cars in each kind, and the same disturbances but for what the kind adds."""
    random = Random(f"cars {seed}")
    ground = Ground(random.uniform(0.5, 1.5))
    photocell = random.random() < 0.5
    drivers, comes_ms = [], 500
    for index in range(random.choice((2, 2, 3))):
        drivers.append(_driver(random, index, comes_ms, ground))
        comes_ms += random.choice((300, 800, 1_500, 3_000, 6_000, 15_000))
    until_ms = comes_ms + 12_000
    disturbances = [] if kind is Kind.UNDISTURBED else _disturbances(Random(f"disturbances {seed}"), until_ms)
    if direction is Direction.EXIT:  # an exit is never closed
        disturbances = [one for one in disturbances if one.trouble is not Trouble.CLOSED]
    random = Random(f"{kind.value} {seed}")
    closes_by_itself = kind is Kind.SINGLE_PULSE or (
        kind in (Kind.OUTAGES, Kind.NO_CLOCK, Kind.KEY) and random.random() < 0.5
    )
    match kind:
        case Kind.OUTAGES | Kind.NO_CLOCK:
            disturbances += _outages(random, until_ms)
        case Kind.KEY:
            disturbances += _keys(random, drivers, until_ms)
    return Plan(
        seed=seed,
        direction=direction,
        ground=ground,
        photocell=photocell,
        closes_after_ms=CLOSES_AFTER_MS if closes_by_itself else None,
        trust=Trust.NONE if kind is Kind.NO_CLOCK else Trust.RTC,
        drivers=tuple(drivers),
        disturbances=tuple(sorted(disturbances, key=lambda one: one.at_ms)),
    )


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


def _disturbances(random: Random, until_ms: int) -> list[Disturbance]:
    return [
        Disturbance(random.randrange(500, until_ms), trouble, random.choice(LASTS_MS[trouble]))
        for trouble, chance in CHANCE.items()
        for _ in range(random.choice((1, 1, 2)) if random.random() < chance else 0)
    ]


def _outages(random: Random, until_ms: int) -> list[Disturbance]:
    return [
        Disturbance(random.randrange(500, until_ms), Trouble.CRASH, random.choice(OUTAGES_MS))
        for _ in range(random.choice((1, 1, 2)))
    ]


def _keys(random: Random, drivers: list[Driver], until_ms: int) -> list[Disturbance]:
    """Shortly before somebody comes, once they have waited, or at any time."""
    turned_ms = []
    for _ in range(random.choice((1, 1, 2))):
        comes_ms = random.choice(drivers).comes_ms
        before, waiting = random.randint(-3_000, 2_000), random.randint(4_000, 15_000)
        turned_ms.append(random.choice((comes_ms + before, comes_ms + waiting, random.randrange(500, until_ms))))
    return [Disturbance(max(ms, 500), Trouble.KEY, random.choice(KEYS_MS)) for ms in turned_ms]
