"""Somebody who has seen a whole street, as it happens: what is wrong at once, and what to judge the rest by.

Nothing is asked of a lane that it cannot know: where a loop drops out under a car, or the gate was off, the judgement
says what is held against it all the same.
"""

from collections import Counter
from dataclasses import dataclass, field

from cloud_sync.link.v1.facts import Direction
from gate_firmware.arrival_watch import MOMENT_MS
from hardware.barrier import Position
from tests.gate_firmware.gate import MOTION_MS_MAX, TIMING
from tests.gate_firmware.street_cars import ENDS_TOUCHING, TICK_MS, Because, Car, Doing
from tests.gate_firmware.street_must_hold import Broken, MustHold
from tests.gate_firmware.street_plan import Plan

OPENS_MS_MAX = 5_000
"""inside-gets-out: from a car on an exit's loop to its arm's going up."""


@dataclass(slots=True)
class KeyTurned:
    """Somebody has raised an arm that was at rest, for this opening. `is_due`: nothing has made an alarm of it
    needless. `lasts`: as far as the lane is told, the arm is up for whom they let in, and for nobody else."""

    at_ms: int
    opening: int
    is_due: bool = True
    lasts: bool = True

    @property
    def told_by_ms(self) -> int:
        return self.at_ms + MOTION_MS_MAX + 2 * TICK_MS


@dataclass
class Witness:
    """Told of everything as it happens, and asked once at the end."""

    plan: Plan
    cars: list[Car]
    now_ms: int = 0
    broken: list[Broken] = field(default_factory=list)
    opening: int = 0
    """How often the arm has left its lower limit."""
    open_to_all: set[int] = field(default_factory=set)
    """The openings in which it was up for everyone at some time."""
    struck: set[int] = field(default_factory=set)
    silenced: set[int] = field(default_factory=set)
    """The cars under which the safety loop has dropped out."""
    seemed_ms: list[int] = field(default_factory=list)
    """When a lane had to take it that a car has crossed which had not."""
    seemed: set[int] = field(default_factory=set)
    """Which cars."""
    under: set[int] = field(default_factory=set)
    """The cars that are over the safety loop."""
    came_back: int = 0
    """Cars that came off the safety loop, and had not crossed."""
    left: set[int] = field(default_factory=set)
    """Those of them that have left the arrival loop, or were lost by it."""
    clearings: int = 0
    """How often nobody was on the safety loop any more, as far as the lane is told, and somebody had crossed meanwhile,
    whoever stood in the photocell."""
    was_under: bool = False
    is_silent: bool = False
    was_up: bool = False
    """Whether the arm was, as the gate's power failed: for somebody who may have crossed since."""
    crossed_meanwhile: set[int] = field(default_factory=set)
    waits_since_ms: int | None = None
    arrival_ms: int = -MOMENT_MS
    """When the lane was last told that somebody is on the arrival loop."""
    position: Position = Position.DOWN
    unwatched: set[int] = field(default_factory=set)
    """The cars that have crossed while the gate had no power, or were followed so closely that it failed before anybody
    could tell."""
    starts: Counter[int] = field(default_factory=Counter)
    """How often it has started anew while a car waited."""
    started_ms: list[int] = field(default_factory=list)
    turned: list[KeyTurned] = field(default_factory=list)
    on_arrival: set[int] = field(default_factory=set)
    may_cross_by_ms: int = 0
    """Until when a car may be between the loops, as far as the lane is told: it has left the arrival loop the way it
    had come, while the arm was not down, or was there before the gate has started."""
    turned_away: set[int] = field(default_factory=set)
    """Such cars, by now."""
    came_behind: int = 0
    """How often the next has come while they might be."""
    before: set[int] = field(default_factory=set)
    """Who seems to be ahead of the one that has come then."""

    def finds(self, what: MustHold, detail: str) -> None:
        self.broken.append(Broken(what, f"at {self.now_ms / 1_000:.2f} s {detail}"))

    def asked_to_close_on_somebody(self) -> None:
        self.finds(MustHold.BARRIER_CLEAR, "it was")

    def opens(self) -> None:
        """The arm is asked to rise, nobody is under it, and it is not for everyone.

        One that comes down by itself goes up again for whoever may be between the loops, as far as the lane is told.
        """
        is_exit = self.plan.direction is Direction.EXIT
        here = [car for car in self.cars if car.is_here and not car.has_crossed]
        may_cross = self.position is not Position.DOWN and self.now_ms <= self.may_cross_by_ms
        if not may_cross and not any(is_exit or car.driver.number is not None for car in here):
            self.finds(MustHold.OPENS_FOR_SOMEBODY, f"there were {[car.name for car in here]}")

    def asked_to_close(self) -> None:
        """The arm is: for whom somebody with the key has raised it, they have as long as any other."""
        if not self.turned or not self.turned[-1].lasts:
            return
        for car in self.cars:
            is_waved = car.doing is Doing.DRIVING and car.drives_because is Because.WAVED and not car.has_crossed
            if is_waved and self.now_ms - self.turned[-1].at_ms < TIMING.drive_ms_max:
                self.finds(MustHold.KEY_LETS_IN, f"it was asked to close before {car.name}")

    def key_is_turned(self) -> None:
        """By somebody who is no car's driver, while the arm was at rest."""
        self.turned.append(KeyTurned(self.now_ms, self.opening + 1))

    @property
    def _is_raised_by_key(self) -> bool:
        """Whether the arm was, this time, as the lane knows."""
        return any(turned.lasts and turned.opening == self.opening for turned in self.turned)

    def _is_waved_unknown_to_the_lane(self, car: Car) -> bool:
        """Whether somebody with the key waves them through under an arm that was up for another one already."""
        return car.drives_because is Because.WAVED and not self._is_raised_by_key

    def key_matters_no_more(self) -> None:
        """The arm is to be up for another reason, or the gate does not know any more who has raised it."""
        for turned in self.turned:
            turned.lasts = False
            turned.is_due = turned.is_due and self.now_ms > turned.told_by_ms

    def arm_is(self, position: Position) -> None:
        self.opening += self.position is Position.DOWN
        self.position = position

    def arm_falls(self, raised: float) -> None:
        """It is on its way down, or there."""
        for car in self.cars:
            silenced = car.index in self.silenced
            if raised < ENDS_TOUCHING and car.is_under_the_arm and not silenced and car.index not in self.struck:
                self.struck.add(car.index)
                self.finds(MustHold.NO_STRIKE, f"it has struck {car.name}")

    def arrival_loop_is_silent(self) -> None:
        """It has dropped out while a car is over it, and the lane has to take it that the car has left it."""
        self.left |= self.under
        for car in self.cars:
            if car.is_over(self.plan.ground.arrival):
                self._turns_away(car)
        self._loops_lie()

    def safety_loop_is_silent(self) -> None:
        """It has dropped out while a car is over it, and the lane has to take it that the car has crossed."""
        under = {car.index for car in self.cars if car.is_over(self.plan.ground.safety)}
        self.silenced |= under
        self._loops_lie()
        self.seemed |= under
        if not self.is_silent:
            self.seemed_ms.append(self.now_ms)
        self.is_silent = True

    def _loops_lie(self) -> None:
        for turned in self.turned:
            turned.lasts = False

    def _under_the_arm(self, *, safety: bool) -> None:
        """What the lane is told of it."""
        self.is_silent = self.is_silent and not safety
        if self.was_under is not safety:
            self.was_under = not self.was_under
            self.clearings += not self.was_under and bool(self.crossed_meanwhile)
            self.crossed_meanwhile.clear()

    def gate_stops(self) -> None:
        """Its power fails for a while: what it was told before is lost, and it is told nothing."""
        self.key_matters_no_more()
        self.was_up = self.position is not Position.DOWN
        self.unwatched |= self.crossed_meanwhile
        self.crossed_meanwhile.clear()
        self.is_silent = False
        self.under.clear()
        self.left.clear()
        self.on_arrival.clear()

    def gate_starts(self, *, safety: bool) -> None:
        self.key_matters_no_more()
        self.started_ms.append(self.now_ms)
        self.waits_since_ms, self.was_under = None, safety
        if self.was_up:
            self.turned_away |= self.unwatched
        if self.turned_away or self.was_up:
            self.may_cross_by_ms = self.now_ms + TIMING.gap_ms_max
        self.was_up = False
        self.starts.update(car.index for car in self.cars if car.is_here and not car.has_crossed and car.waited_ms)

    def crosses(self, car: Car, *, is_off: bool) -> None:
        car.opening = self.opening
        (self.unwatched if is_off else self.crossed_meanwhile).add(car.index)
        if self._is_waved_unknown_to_the_lane(car):
            self.seemed |= self.before
        for turned in self.turned:
            turned.lasts = False  # the arm comes down behind this one

    def looks(
        self, *, arrival: bool, safety: bool, occupied: bool, goes_up: bool, is_for_everyone: bool, is_off: bool
    ) -> None:
        """How things are at the end of a tick: what the lane is told of its inputs, and what its arm does.

        `occupied`: somebody is under it, as the safety loop or the photocell says.
        """
        if is_for_everyone:
            self.open_to_all.add(self.opening)
            self.key_matters_no_more()
        if is_off:
            return
        is_kept_up_for = is_for_everyone or (occupied and self.now_ms <= self.may_cross_by_ms)
        if self.turned_away and is_kept_up_for:  # it may be the one that is under the arm
            self.may_cross_by_ms = self.now_ms + TIMING.gap_ms_max
        self._under_the_arm(safety=safety)
        for car in self.cars:
            self._follow(car)
            self._follow_back(car)
        if self.plan.direction is Direction.EXIT:
            self._look_at_who_waits(arrival=arrival, is_served=goes_up or safety)

    def _follow(self, car: Car) -> None:
        """Who goes back from the safety loop seems to have crossed, with another one behind, where they had left the
        arrival loop; and where the arm is up for a queue, in which that loop is never free."""
        if car.is_over(self.plan.ground.safety):
            self.under.add(car.index)
            if not car.is_over(self.plan.ground.arrival):
                self.left.add(car.index)
        elif car.index in self.under:
            self.came_back += not car.has_crossed
            if not car.has_crossed and self._is_waved_unknown_to_the_lane(car):
                self.seemed |= self.before
                self.seemed_ms.append(self.now_ms)
            elif not car.has_crossed and (car.index in self.left or self.opening in self.open_to_all):
                self.seemed.add(car.index)
                self.seemed_ms.append(self.now_ms)
            self.under.discard(car.index)
            self.left.discard(car.index)

    def _follow_back(self, car: Car) -> None:
        """Who leaves the arrival loop the way they came may have driven, as far as the lane is told."""
        ground = self.plan.ground
        if car.is_over(ground.arrival) and car.index not in self.on_arrival:
            self.on_arrival.add(car.index)
            if self.turned_away and self.now_ms <= self.may_cross_by_ms:
                self.came_behind += 1
                self.before |= self.turned_away
            self.turned_away.clear()
        elif not car.is_over(ground.arrival) and car.index in self.on_arrival:
            self.on_arrival.discard(car.index)
            if not car.has_crossed and not car.is_over(ground.safety):
                self._turns_away(car)

    def _turns_away(self, car: Car) -> None:
        may_pass = self.plan.direction is Direction.EXIT or car.driver.number is not None or self._is_raised_by_key
        if self.position is not Position.DOWN and (may_pass or self.opening in self.open_to_all):
            self.turned_away.add(car.index)
            self.may_cross_by_ms = self.now_ms + TIMING.gap_ms_max

    def _look_at_who_waits(self, *, arrival: bool, is_served: bool) -> None:
        """At an exit. A loop that loses a car for a moment is no reason to let it wait for longer."""
        self.arrival_ms = self.now_ms if arrival else self.arrival_ms
        if is_served or self.now_ms - self.arrival_ms >= MOMENT_MS:
            self.waits_since_ms = None
            return
        self.waits_since_ms = self.now_ms if self.waits_since_ms is None else self.waits_since_ms
        if self.now_ms - self.waits_since_ms == OPENS_MS_MAX:
            self.finds(MustHold.INSIDE_GETS_OUT, f"a car had waited for {OPENS_MS_MAX} ms")
