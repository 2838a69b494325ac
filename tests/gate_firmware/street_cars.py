"""Cars on a lane, as they are in truth: where each stands, what its driver does next, whether it has crossed.

Nothing here knows the lane's core: drivers see the light, the arm and the cars around them.
"""

from dataclasses import dataclass
from enum import Enum

from tests.gate_firmware.street_plan import STOP_LINE_M, Driver, Ground, Stretch, Temper

TICK_MS = 50
COMES_FROM_M, GOES_BACK_TO_M = -6.0, -4.5
CLEAR_OF_ANOTHER_M = 0.6
BACKS_AT_MPS = 1.5
BALKS_AFTER_MS = 3_000
PASSABLE, ENDS_TOUCHING = 0.95, 0.55
"""How far an arm has risen (0: down, 1: up) before a driver goes, and before it is over a car's roof."""


class Doing(Enum):
    AWAY = "away"  # has not come yet
    COMING = "coming"  # drives up to the stop line, or waits there
    DRIVING = "driving"  # through the lane
    BACKING = "backing"  # goes away the way it came
    GONE = "gone"


class Because(Enum):
    """Why a driver has driven from the stop line."""

    GREEN = "the light was green"
    OPEN_TO_ALL = "there was a fire alarm, or the lane was held open"
    WAVED = "somebody with the key waved"
    DARK = "the arm was up, and the lane without power"
    FOLLOWS = "followed the car ahead"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a lane shows to its drivers. `raised`: 0 for an arm that is down, 1 for one that is up; `is_waved`: somebody
    stands there with the key, and waves; `is_dark`: the lane has no power."""

    now_ms: int
    raised: float
    is_green: bool
    is_for_everyone: bool
    is_closed: bool
    is_waved: bool
    is_dark: bool

    @property
    def leave(self) -> Because | None:
        """Why a driver may take it that they may go, once the arm is up."""
        reasons = {
            Because.OPEN_TO_ALL: self.is_for_everyone,
            Because.GREEN: self.is_green,
            Because.WAVED: self.is_waved,
            Because.DARK: self.is_dark,
        }
        return next((because for because, holds in reasons.items() if holds), None)


@dataclass(slots=True)
class Car:
    """One car. Instants are None until they come; `waited_ms`: at the stop line or before an arm that is down, with
    nobody ahead, in a lane that is not closed and has power; `opening`: how often the arm had left its lower limit as
    it crossed."""

    index: int
    driver: Driver
    ground: Ground
    doing: Doing = Doing.AWAY
    front_m: float = COMES_FROM_M
    stopped_ms: int | None = None
    passable_ms: int | None = None
    hesitating_ms: int | None = None
    crossed_ms: int | None = None
    drives_because: Because | None = None
    waited_ms: int = 0
    opening: int = 0
    turned_back: bool = False

    @property
    def name(self) -> str:
        return f"car {self.index + 1}"

    @property
    def rear_m(self) -> float:
        return self.front_m - self.driver.length_m

    @property
    def is_here(self) -> bool:
        return self.doing not in (Doing.AWAY, Doing.GONE)

    @property
    def has_crossed(self) -> bool:
        return self.crossed_ms is not None

    def is_over(self, stretch: Stretch) -> bool:
        return self.is_here and stretch.is_under(self.rear_m, self.front_m)

    @property
    def is_under_the_arm(self) -> bool:
        return self.is_here and self.rear_m < self.ground.arm_m < self.front_m

    @property
    def leaves_room(self) -> bool:
        """Whether another car may come up behind."""
        return not self.is_here or (self.rear_m > COMES_FROM_M + CLEAR_OF_ANOTHER_M and self.doing is not Doing.BACKING)

    def move(self, ahead: "Car | None", behind: "Car | None", shown: Shown) -> None:
        """What happens in one tick."""
        match self.doing:
            case Doing.COMING:
                self._come(ahead, shown)
            case Doing.DRIVING:
                self._drive(ahead, behind, shown)
            case Doing.BACKING:
                if behind is None or behind.front_m < self.rear_m - CLEAR_OF_ANOTHER_M:
                    self.front_m -= _way_m(BACKS_AT_MPS)
                if self.front_m < GOES_BACK_TO_M:
                    self.doing = Doing.GONE

    def _come(self, ahead: "Car | None", shown: Shown) -> None:
        if ahead is not None and ahead.doing is Doing.BACKING:
            self._make_room(ahead)
            return
        follows = self.driver.temper is Temper.TAILGATES
        if follows and ahead is not None and self._is_led_through(ahead, shown):
            self._go(Because.FOLLOWS)
            return
        self.front_m = max(self.front_m, min(self._next_m(ahead), STOP_LINE_M))
        if self.front_m >= STOP_LINE_M:
            self._wait(shown, is_first=ahead is None or ahead.has_crossed)

    def _is_led_through(self, ahead: "Car", shown: Shown) -> bool:
        return ahead.front_m > self.ground.safety.begins_m - 1 and shown.raised > 0.5

    def _make_room(self, ahead: "Car") -> None:
        if self.front_m > ahead.rear_m - 2 * CLEAR_OF_ANOTHER_M:
            self.front_m -= _way_m(BACKS_AT_MPS)

    def _wait(self, shown: Shown, *, is_first: bool) -> None:
        """At the stop line, until the light and the arm let them go, or they have had enough."""
        self.stopped_ms = shown.now_ms if self.stopped_ms is None else self.stopped_ms
        leave = shown.leave if is_first and shown.raised >= PASSABLE else None
        self.passable_ms = None if leave is None else (self.passable_ms or shown.now_ms)
        if self.driver.temper is Temper.BALKS and shown.now_ms - self.stopped_ms > BALKS_AFTER_MS:
            self.doing = Doing.BACKING
        elif leave and self.passable_ms is not None and shown.now_ms - self.passable_ms >= self.driver.reacts_ms:
            self._go(leave)
        elif is_first:
            self._has_enough(shown)

    def _has_enough(self, shown: Shown) -> None:
        self.waited_ms += 0 if shown.is_closed or shown.is_dark else TICK_MS
        if self.waited_ms > self.driver.patience_ms:
            self.doing = Doing.BACKING

    def _go(self, because: Because) -> None:
        self.doing, self.drives_because = Doing.DRIVING, because

    def _drive(self, ahead: "Car | None", behind: "Car | None", shown: Shown) -> None:
        if self._turns_back(behind):
            self.doing, self.turned_back = Doing.BACKING, True
            return
        is_low = shown.raised < ENDS_TOUCHING
        if (ahead is not None and ahead.doing is Doing.BACKING) or (is_low and self.front_m < STOP_LINE_M):
            self.doing, self.drives_because = Doing.COMING, None
            return
        if is_low and self.front_m < self.ground.arm_m - 0.2:
            self._has_enough(shown)
        elif not self._hesitates(shown):
            self.front_m = max(self.front_m, self._next_m(ahead))
        if self.rear_m > self.ground.safety.ends_m and self.crossed_ms is None:
            self.crossed_ms = shown.now_ms
        if self.rear_m > self.ground.safety.ends_m + 4:
            self.doing = Doing.GONE

    def _turns_back(self, behind: "Car | None") -> bool:
        at_m = self.driver.turns_back_m
        if at_m is None or self.front_m < at_m or self.has_crossed:
            return False
        return behind is None or behind.front_m < -3

    def _hesitates(self, shown: Shown) -> bool:
        at_m = self.driver.hesitates_m
        if at_m is None or self.front_m < at_m:
            return False
        self.hesitating_ms = shown.now_ms if self.hesitating_ms is None else self.hesitating_ms
        return shown.now_ms - self.hesitating_ms < self.driver.hesitates_ms

    def _next_m(self, ahead: "Car | None") -> float:
        reach_m = self.front_m + _way_m(self.driver.speed_mps)
        return reach_m if ahead is None else min(reach_m, ahead.rear_m - CLEAR_OF_ANOTHER_M)


def _way_m(speed_mps: float) -> float:
    return speed_mps * TICK_MS / 1_000


def ahead_and_behind(cars: list[Car], car: Car) -> tuple[Car | None, Car | None]:
    """Who stands next before and next behind it."""
    here = sorted((one for one in cars if one.is_here), key=lambda one: -one.front_m)
    place = here.index(car)
    return (here[place - 1] if place else None), (here[place + 1] if place + 1 < len(here) else None)
