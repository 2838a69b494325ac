"""Somebody who has seen a whole street, and holds it against what the lane has done and written down.

Nothing is asked of a lane that it cannot know: where a loop drops out under a car, or the gate was off, the judgement
says what is held against it all the same.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from cloud_sync.link.log import Position as LogPosition
from cloud_sync.link.v1.facts import Direction, GateDecided, GatePassed, payload_of
from domain.admission import Verdict
from gate_firmware.arrival_watch import MOMENT_MS
from hardware.barrier import Position
from tests.gate_firmware.gate import NOW, Gate
from tests.gate_firmware.street_cars import ENDS_TOUCHING, Because, Car
from tests.gate_firmware.street_plan import Plan, Temper

OPENS_MS_MAX = 5_000
"""inside-gets-out: from a car on an exit's loop to its arm's going up."""

FACTS_PER_CAR_MAX = 6
FACTS_PER_DISTURBANCE_MAX = 4
"""Measured without disturbances: 5 a car."""

WAITS_MS_MAX = 15_000
"""At the stop line with nobody ahead, for whoever can be known. Measured: 10 seconds."""


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


@dataclass
class Witness:
    """Told of everything as it happens, and asked once at the end."""

    plan: Plan
    cars: list[Car]
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
    crossed_meanwhile: bool = False
    waits_since_ms: int | None = None
    arrival_ms: int = -MOMENT_MS
    """When the lane was last told that somebody is on the arrival loop."""
    position: Position = Position.DOWN

    def finds(self, what: MustHold, now_ms: int, detail: str) -> None:
        self.broken.append(Broken(what, f"at {now_ms / 1_000:.2f} s {detail}"))

    def asked_to_close_on_somebody(self, now_ms: int) -> None:
        self.finds(MustHold.BARRIER_CLEAR, now_ms, "it was")

    def opens(self, now_ms: int) -> None:
        """The arm is asked to rise, nobody is under it, and it is not for everyone."""
        is_exit = self.plan.direction is Direction.EXIT
        here = [car for car in self.cars if car.is_here and not car.has_crossed]
        if not any(is_exit or car.driver.number is not None for car in here):
            self.finds(MustHold.OPENS_FOR_SOMEBODY, now_ms, f"there were {[car.name for car in here]}")

    def arm_is(self, position: Position) -> None:
        self.opening += self.position is Position.DOWN
        self.position = position

    def arm_falls(self, now_ms: int, raised: float) -> None:
        """It is on its way down, or there."""
        for car in self.cars:
            silenced = car.index in self.silenced
            if raised < ENDS_TOUCHING and car.is_under_the_arm and not silenced and car.index not in self.struck:
                self.struck.add(car.index)
                self.finds(MustHold.NO_STRIKE, now_ms, f"it has struck {car.name}")

    def arrival_loop_is_silent(self) -> None:
        """It has dropped out while a car is over it, and the lane has to take it that the car has left it."""
        self.left |= self.under

    def safety_loop_is_silent(self, now_ms: int) -> None:
        """It has dropped out while a car is over it, and the lane has to take it that the car has crossed."""
        under = {car.index for car in self.cars if car.is_over(self.plan.ground.safety)}
        self.silenced |= under
        self.seemed |= under
        if not self.is_silent:
            self.seemed_ms.append(now_ms)
        self.is_silent = True

    def _under_the_arm(self, *, safety: bool) -> None:
        """What the lane is told of it."""
        self.is_silent = self.is_silent and not safety
        if self.was_under is not safety:
            self.was_under = not self.was_under
            self.clearings += not self.was_under and self.crossed_meanwhile
            self.crossed_meanwhile = False

    def gate_starts(self) -> None:
        self.waits_since_ms = None

    def crosses(self, car: Car) -> None:
        car.opening = self.opening
        self.crossed_meanwhile = True

    def looks(self, now_ms: int, *, arrival: bool, safety: bool, goes_up: bool, is_for_everyone: bool) -> None:
        """How things are at the end of a tick: what the lane is told of its inputs, and what its arm does."""
        self._under_the_arm(safety=safety)
        if is_for_everyone:
            self.open_to_all.add(self.opening)
        for car in self.cars:
            self._follow(car, now_ms)
        if self.plan.direction is Direction.EXIT:
            self._look_at_who_waits(now_ms, arrival=arrival, is_served=goes_up or safety)

    def _follow(self, car: Car, now_ms: int) -> None:
        """Who goes back from the safety loop seems to have crossed, with another one behind, where they had left the
        arrival loop; and where the arm is up for a queue, in which that loop is never free."""
        if car.is_over(self.plan.ground.safety):
            self.under.add(car.index)
            if not car.is_over(self.plan.ground.arrival):
                self.left.add(car.index)
        elif car.index in self.under:
            self.came_back += not car.has_crossed
            if not car.has_crossed and (car.index in self.left or self.opening in self.open_to_all):
                self.seemed.add(car.index)
                self.seemed_ms.append(now_ms)
            self.under.discard(car.index)
            self.left.discard(car.index)

    def _look_at_who_waits(self, now_ms: int, *, arrival: bool, is_served: bool) -> None:
        """At an exit. A loop that loses a car for a moment is no reason to let it wait for longer."""
        self.arrival_ms = now_ms if arrival else self.arrival_ms
        if is_served or now_ms - self.arrival_ms >= MOMENT_MS:
            self.waits_since_ms = None
            return
        self.waits_since_ms = now_ms if self.waits_since_ms is None else self.waits_since_ms
        if now_ms - self.waits_since_ms == OPENS_MS_MAX:
            self.finds(MustHold.INSIDE_GETS_OUT, now_ms, f"a car had waited for {OPENS_MS_MAX} ms")

    def judge(self, gate: Gate, *, is_at_rest: bool) -> Seen:
        """What was wrong in the end, and what was counted."""
        facts = [(fact.mono_ms - NOW.mono_ms, payload_of(fact)) for fact in gate.journal.after(LogPosition(), 10_000)]
        passages = [(ms, said) for ms, said in facts if isinstance(said, GatePassed)]
        decisions = [(ms, said) for ms, said in facts if isinstance(said, GateDecided)]
        self.broken += self._waiting()
        self.broken += self._strangers()
        self.broken += self._counted(passages, decisions)
        self.broken += self._seen([ms for ms, said in passages if not said.unseen])
        if not is_at_rest:
            self.broken.append(Broken(MustHold.ENDS_AT_REST, f"the lane is {gate.lane.state.value}"))
        most = FACTS_PER_CAR_MAX * len(self.cars) + FACTS_PER_DISTURBANCE_MAX * len(self.plan.disturbances)
        if len(facts) > most:
            self.broken.append(Broken(MustHold.LOG_BOUNDED, f"it made {len(facts)} facts, more than {most}"))
        return self._summed_up([said for _, said in passages], len(facts))

    def _summed_up(self, passages: list[GatePassed], facts: int) -> Seen:
        crossed = [car for car in self.cars if car.has_crossed]
        known = {car.driver.reservation_id for car in crossed} & {said.reservation_id for said in passages} - {None}
        nameless = [said for said in passages if said.reservation_id is None]
        not_known = len(crossed) - len(known)
        in_doubt = sum(said.unseen for said in passages if said.reservation_id is not None)
        in_doubt -= sum(any(said.unseen for said in passages if said.reservation_id == one) for one in known)
        in_doubt += min(max(len(nameless) - not_known, 0), sum(said.unseen for said in nameless))
        uncounted = max(not_known - len(nameless), 0)
        reasons = self.came_back + len(self.plan.disturbances)
        if in_doubt > reasons:
            detail = f"{in_doubt} are, and there were {reasons} reasons"
            self.broken.append(Broken(MustHold.DOUBTS_FOR_A_REASON, detail))
        return Seen(tuple(self.broken), len(crossed), in_doubt, uncounted, facts)

    def _waiting(self) -> Iterator[Broken]:
        is_exit = self.plan.direction is Direction.EXIT
        for car in self.cars:
            is_taken_for_another = bool(self.silenced - {car.index})  # who was under the arm seemed to have gone
            is_due = is_exit or (car.driver.can_be_known and not is_taken_for_another)
            if is_due and car.driver.temper is not Temper.BALKS and car.waited_ms > WAITS_MS_MAX:
                yield Broken(MustHold.NOBODY_WAITS, f"{car.name} had waited for {car.waited_ms} ms")

    def _strangers(self) -> Iterator[Broken]:
        if self.plan.direction is Direction.EXIT:
            return
        let_in = {car.opening for car in self.cars if car.has_crossed and car.driver.number is not None}
        for car in self.cars:
            if car.driver.number is not None or not car.has_crossed:
                continue
            followed = car.drives_because is Because.FOLLOWS and car.opening in let_in | self.open_to_all
            if not followed and car.drives_because is not Because.OPEN_TO_ALL:
                yield Broken(MustHold.NO_STRANGER_IN, f"{car.name} has: {car.drives_because}")

    def _counted(
        self, passages: list[tuple[int, GatePassed]], decisions: list[tuple[int, GateDecided]]
    ) -> Iterator[Broken]:
        counts = Counter(said.reservation_id for _, said in passages if said.reservation_id is not None)
        for car in self.cars:
            booked = car.driver.reservation_id
            if booked is None:
                continue
            was_let_pass = any(
                said.reservation_id == booked and said.verdict in (Verdict.ADMIT, Verdict.RELEASE)
                for ms, said in decisions
                if car.crossed_ms is not None and ms <= car.crossed_ms
            )
            if was_let_pass and not counts[booked]:
                yield Broken(MustHold.CROSSED_IS_COUNTED, f"{car.name} is not")
            times_seen = sum(said.reservation_id == booked and not said.unseen for _, said in passages)
            if times_seen > 1:
                yield Broken(MustHold.COUNTED_ONCE, f"{car.name} is {times_seen} times")
            if times_seen and not car.has_crossed and car.index not in self.seemed:
                yield Broken(MustHold.SEEN_HAS_CROSSED, f"{car.name} is")
        if len({said.passage_id for _, said in passages}) < len(passages):
            yield Broken(MustHold.COUNTED_ONCE, "a passage is there twice")
        if len(passages) < self.clearings:
            yield Broken(MustHold.CROSSED_IS_COUNTED, f"{self.clearings} times somebody had, and {len(passages)} are")

    def _seen(self, passages_ms: list[int]) -> Iterator[Broken]:
        """At no time have more been seen to cross than have crossed, or seemed to."""
        crossings_ms = [car.crossed_ms for car in self.cars if car.crossed_ms is not None] + self.seemed_ms
        for number, ms in enumerate(passages_ms, start=1):
            crossed = sum(crossed_ms <= ms for crossed_ms in crossings_ms)
            if number > crossed:
                yield Broken(MustHold.SEEN_HAS_CROSSED, f"at {ms / 1_000:.2f} s {number} are, and {crossed} have")
                return
