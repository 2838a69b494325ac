"""What is true of every street, and what was seen on one."""

from dataclasses import dataclass
from enum import Enum


class MustHold(Enum):
    """What is true of every street."""

    BARRIER_CLEAR = "the arm is never asked to lower on whoever is reported under it, nor in a fire"
    NO_STRIKE = "the arm strikes nobody whom the safety loop reports"
    OPENS_FOR_SOMEBODY = "the arm is asked to rise for nobody but who may pass and is there"
    NO_STRANGER_IN = "no stranger comes in but behind somebody who was let pass"
    NOBODY_WAITS = "nobody who can be known waits for ever"
    INSIDE_GETS_OUT = "an exit opens in time"
    CROSSED_IS_COUNTED = "who was let pass and has crossed is counted"
    COUNTED_ONCE = "nobody is counted twice"
    SEEN_HAS_CROSSED = "nobody is counted as seen who has not crossed"
    DOUBTS_FOR_A_REASON = "a passage is in doubt only where a car went back from the arm, or something was disturbed"
    KEY_IS_TOLD = "an alarm says that somebody raises the arm by the key switch, and none says so for nothing"
    KEY_LETS_IN = "the arm stays up for whoever is waved through by the key"
    ENDS_AT_REST = "once all have gone the arm is down, the lane idle, and nothing due"
    LOG_BOUNDED = "a car makes a bounded number of facts"


@dataclass(frozen=True, slots=True)
class Broken:
    """What did not hold, and how."""

    what: MustHold
    detail: str

    def __str__(self) -> str:
        return f"{self.what.name}: {self.what.value}; but {self.detail}"


@dataclass(frozen=True, slots=True)
class Seen:
    """All that came of one street. `in_doubt`: passages unseen of cars that have not crossed; `uncounted`: crossings
    without a passage."""

    broken: tuple[Broken, ...]
    crossed: int
    in_doubt: int
    uncounted: int
    facts: int
