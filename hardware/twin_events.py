"""What can be seen in a simulated lane."""

from dataclasses import dataclass
from enum import Enum


class Happening(Enum):
    """What can be seen in the lane, or heard."""

    ARM_MOVING = "arm_moving"
    ARM_UP = "arm_up"
    ARM_DOWN = "arm_down"
    ARM_STUCK = "arm_stuck"  # half-way
    CAR_ARRIVED = "car_arrived"  # at the stop line
    CAR_PASSED = "car_passed"
    CAR_BACKED_OUT = "car_backed_out"
    BUZZED = "buzzed"
    CLOSED_ON_CAR = "closed_on_car"  # broken: a close command while a car was over the safety loop
    CLOSED_ON_OBSTACLE = "closed_on_obstacle"  # broken: a close command while something else was in the photocell
    CLOSED_IN_FIRE = "closed_in_fire"  # broken: a close command while the fire alarm was on
    ARM_HIT_CAR = "arm_hit_car"  # broken: the arm came down on a car


ABOUT_CAR = frozenset(
    {
        Happening.CAR_ARRIVED,
        Happening.CAR_PASSED,
        Happening.CAR_BACKED_OUT,
        Happening.CLOSED_ON_CAR,
        Happening.ARM_HIT_CAR,
    }
)
BROKEN = frozenset(
    {Happening.CLOSED_ON_CAR, Happening.CLOSED_ON_OBSTACLE, Happening.CLOSED_IN_FIRE, Happening.ARM_HIT_CAR}
)


@dataclass(frozen=True, slots=True)
class LaneEvent:
    """One happening, at a monotonic millisecond; `car` where it is about a car."""

    happening: Happening
    mono_ms: int
    car: str | None = None
