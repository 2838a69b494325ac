"""What a seed draws of a street soak before it begins: who comes when and how, what breaks when and for how long."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

T = TypeVar("T")

BOOKS_AHEAD_S = 30.0
"""How long before they arrive drivers book."""
GRACE_S = 90
"""After the start of a window; the lots' policy."""
LATE_BY_S = 15.0
"""How long after that those come who come late."""
LAST_BEFORE_END_S = 45.0
"""Nobody comes later, so that those who are inside leave within the run or soon after it."""
STAYS_S = (20.0, 150.0)
OVERSTAYS_S = (25.0, 60.0)
"""From the end of a short window to the exit."""
SHORT_WINDOW_S = 110.0


class Manner(Enum):
    """How a visit goes."""

    BY_PLATE = "by plate"
    BY_CODE = "by code"  # the plate cannot be read; the ticket is held up to the camera
    BY_ID = "by id"  # nor can it here; the reservation's id is typed at the lane
    BY_PHONE = "by phone"  # nor here; central is asked to open
    OVERSTAYS = "overstays"  # the window ends before the car leaves
    LATE = "late"  # when the spot was given up already
    RETURNS = "returns"  # backs out first, and comes again
    TAILGATED = "tailgated"  # somebody without a booking comes in behind them
    STRANGER = "stranger"  # has no booking, is told so, and drives off
    STAYS_AWAY = "stays away"  # has paid, and does not come

    @property
    def comes_in(self) -> bool:
        return self not in (Manner.STRANGER, Manner.STAYS_AWAY)


_WEIGHTS = {
    Manner.BY_PLATE: 34,
    Manner.BY_CODE: 12,
    Manner.BY_ID: 10,
    Manner.BY_PHONE: 6,
    Manner.OVERSTAYS: 8,
    Manner.LATE: 4,
    Manner.RETURNS: 6,
    Manner.TAILGATED: 6,
    Manner.STRANGER: 10,
    Manner.STAYS_AWAY: 4,
}
_COME_IN = sum(weight for manner, weight in _WEIGHTS.items() if manner.comes_in) / sum(_WEIGHTS.values())


@dataclass(frozen=True, slots=True)
class Trip:
    """One driver: `at_s` is when they mean to turn into the entry lane, `stays_s` how long they mean to stay."""

    number: int
    lot_id: str
    at_s: float
    manner: Manner
    stays_s: float

    @property
    def books_s(self) -> float:
        """When they begin to book."""
        return self.at_s - ahead_s(self.manner)


def ahead_s(manner: Manner) -> float:
    """Who comes late has booked for an earlier time."""
    return BOOKS_AHEAD_S + (GRACE_S + LATE_BY_S if manner is Manner.LATE else 0.0)


def trips(seed: int, minutes: float, cars_per_hour: float, lots: Sequence[str]) -> list[Trip]:
    """Who comes, in the order in which they book: at each lot's entry so many an hour that `cars_per_hour` come in."""
    rng = random.Random(f"trips {seed}")  # noqa: S311  a plan, not a secret
    found: list[Trip] = []
    for lot_id in lots:
        at_s = BOOKS_AHEAD_S
        while (at_s := at_s + rng.expovariate(cars_per_hour / _COME_IN / 3600.0)) < minutes * 60 - LAST_BEFORE_END_S:
            manner = rng.choices(list(_WEIGHTS), weights=list(_WEIGHTS.values()))[0]
            if at_s < ahead_s(manner):
                manner = Manner.BY_PLATE
            found.append(Trip(len(found), lot_id, at_s, manner, rng.uniform(*STAYS_S)))
    return sorted(found, key=lambda trip: trip.books_s)


class Breaks(Enum):
    """What breaks."""

    KILLED = "killed"  # a process, by kill -9; its supervisor starts it again
    STOPPED = "stopped"  # a broker
    CUT = "cut"  # the network between a hub and central
    CAMERA_BLACK = "camera black"
    CAMERA_NONE = "camera stalled"
    CAMERA_FROZEN = "camera frozen"
    ARRIVAL_ON = "arrival loop stuck on"
    ARRIVAL_OFF = "arrival loop stuck off"
    SAFETY_ON = "safety loop stuck on"
    SAFETY_OFF = "safety loop stuck off"
    PHOTOCELL_ON = "photocell stuck on"
    PHOTOCELL_OFF = "photocell stuck off"
    JAMMED = "arm jammed"


AT_LANES = tuple(one for one in Breaks if one not in (Breaks.KILLED, Breaks.STOPPED, Breaks.CUT))
LASTS_S: Mapping[Breaks, tuple[float, float]] = {
    Breaks.KILLED: (0.0, 0.0),
    Breaks.STOPPED: (3.0, 30.0),
    Breaks.CUT: (5.0, 45.0),
    **dict.fromkeys(AT_LANES, (8.0, 40.0)),
}
"""From the fault to its mending."""
A_MINUTE = {"kills": 1.0, "network": 0.4, "lanes": 1.2}
BEGINS_S, APART_S = 15.0, 20.0
"""The first fault, and the least time between two of one unit."""
_TRIES = 200


@dataclass(frozen=True, slots=True)
class Fault:
    """`unit` is a process by its name; for a cut, the lot's id."""

    at_s: float
    breaks: Breaks
    unit: str
    lasts_s: float

    @property
    def until_s(self) -> float:
        return self.at_s + self.lasts_s

    def __str__(self) -> str:
        return f"{self.unit}: {self.breaks.value}" + (f" for {self.lasts_s:.0f} s" if self.lasts_s else "")


def faults(seed: int, minutes: float, processes: Sequence[str], lanes: Sequence[str]) -> list[Fault]:
    """What breaks, in order; all is mended by the end, and no unit has two faults at once.

    A process is killed or stopped in one half of the run alone, drawn for each: in the other half its memory can be
    judged. `processes` with a name that ends in `.broker` are brokers; lots are told from `lanes`.
    """
    rng = random.Random(f"faults {seed}")  # noqa: S311  a plan, not a secret
    end_s = minutes * 60
    restless = {name: rng.randrange(2) for name in sorted(processes)}
    lots = sorted({lane.partition(".")[0] for lane in lanes})
    brokers = [name for name in sorted(processes) if name.endswith(".broker")]
    wanted = [
        *_deck(rng, round(minutes * A_MINUTE["kills"]), [(Breaks.KILLED, name) for name in sorted(processes)]),
        *_deck(
            rng,
            round(minutes * A_MINUTE["network"]),
            [*((Breaks.STOPPED, name) for name in brokers), *((Breaks.CUT, lot_id) for lot_id in lots)],
        ),
        *((breaks, rng.choice(sorted(lanes))) for breaks in _deck(rng, round(minutes * A_MINUTE["lanes"]), AT_LANES)),
    ]
    planned: list[Fault] = []
    for breaks, unit in wanted:
        for _ in range(_TRIES):
            lasts_s = min(rng.uniform(*LASTS_S[breaks]), end_s / 4)
            first_s, last_s = BEGINS_S, end_s - lasts_s
            if breaks in (Breaks.KILLED, Breaks.STOPPED):
                first_s, last_s = (first_s, end_s / 2 - lasts_s) if restless[unit] == 0 else (end_s / 2, last_s)
            one = Fault(rng.uniform(first_s, last_s), breaks, unit, lasts_s)
            if all(_apart(one, other) for other in planned):
                planned.append(one)
                break
    return sorted(planned, key=lambda fault: fault.at_s)


def _deck(rng: random.Random, count: int, cards: Sequence[T]) -> Iterator[T]:
    """Each card comes before any comes again."""
    for _ in range(0, count, len(cards)):
        yield from rng.sample(cards, min(len(cards), count))
        count -= len(cards)


def _apart(one: Fault, other: Fault) -> bool:
    if one.unit != other.unit:
        return True
    return one.until_s + APART_S < other.at_s or other.until_s + APART_S < one.at_s
