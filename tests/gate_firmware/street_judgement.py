"""What a witness has seen of a whole street, held against what the lane has written down."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from cloud_sync.link.log import Position as LogPosition
from cloud_sync.link.v1.facts import AlarmRaised, Direction, GateDecided, GatePassed, Payload, payload_of
from gate_firmware.deciding import PASSES
from tests.gate_firmware.gate import MOTION_MS_MAX, NOW, Gate
from tests.gate_firmware.street_cars import Because, Car
from tests.gate_firmware.street_lane import LOOKS_MS
from tests.gate_firmware.street_must_hold import Broken, MustHold, Seen
from tests.gate_firmware.street_plan import Temper
from tests.gate_firmware.street_witness import Witness

P = TypeVar("P", bound=Payload)

FACTS_PER_CAR_MAX = 6
FACTS_PER_DISTURBANCE_MAX = 4
"""Measured without disturbances: 5 a car."""

WAITS_MS_MAX = 15_000
"""At the stop line with nobody ahead, for whoever can be known. Measured: 10 seconds. Each start of the gate costs them
the look that was under way."""

LET_IN = (Because.OPEN_TO_ALL, Because.WAVED, Because.DARK)
"""So a stranger drives, and the lane has not let them in."""


def judged(witness: Witness, gate: Gate, *, is_at_rest: bool) -> Seen:
    """What was wrong in the end, and what was counted. `is_at_rest`: the lane has come to it."""
    facts = tuple((fact.mono_ms - NOW.mono_ms, payload_of(fact)) for fact in gate.journal.after(LogPosition(), 10_000))
    broken = [*witness.broken, *Judgement(witness, facts).broken()]
    if not is_at_rest:
        broken.append(Broken(MustHold.ENDS_AT_REST, f"the lane is {gate.lane.state.value}"))
    return _summed_up(witness, broken, [said for _, said in facts if isinstance(said, GatePassed)], len(facts))


@dataclass(frozen=True, slots=True)
class Judgement:
    """One street's. `facts`: what its lane has written down, and when."""

    seen: Witness
    facts: tuple[tuple[int, Payload], ...]

    def broken(self) -> Iterator[Broken]:
        """What does not hold."""
        yield from self._waiting()
        yield from self._strangers()
        yield from self._counted()
        yield from self._seen_to_cross()
        yield from self._key()
        plan = self.seen.plan
        most = FACTS_PER_CAR_MAX * len(plan.drivers) + FACTS_PER_DISTURBANCE_MAX * len(plan.disturbances)
        if len(self.facts) > most:
            yield Broken(MustHold.LOG_BOUNDED, f"it made {len(self.facts)} facts, more than {most}")

    def _told(self, kind: type[P]) -> list[tuple[int, P]]:
        return [(ms, said) for ms, said in self.facts if isinstance(said, kind)]

    def _waiting(self) -> Iterator[Broken]:
        is_exit = self.seen.plan.direction is Direction.EXIT
        for car in self.seen.cars:
            is_taken_for_another = bool(self.seen.silenced - {car.index})  # who was under the arm seemed to have gone
            is_due = is_exit or (car.driver.can_be_known and not is_taken_for_another)
            most_ms = WAITS_MS_MAX + self.seen.starts[car.index] * max(LOOKS_MS)
            if is_due and car.driver.temper is not Temper.BALKS and car.waited_ms > most_ms:
                yield Broken(MustHold.NOBODY_WAITS, f"{car.name} had waited for {car.waited_ms} ms")

    def _strangers(self) -> Iterator[Broken]:
        if self.seen.plan.direction is Direction.EXIT:
            return
        crossed = [car for car in self.seen.cars if car.has_crossed]
        let_in = {car.opening for car in crossed if car.driver.number is not None or car.drives_because in LET_IN}
        let_in |= {turned.opening for turned in self.seen.turned}
        for car in crossed:
            followed = car.drives_because is Because.FOLLOWS and car.opening in let_in | self.seen.open_to_all
            if car.driver.number is None and not followed and car.drives_because not in LET_IN:
                yield Broken(MustHold.NO_STRANGER_IN, f"{car.name} has: {car.drives_because}")

    def _counted(self) -> Iterator[Broken]:
        passages = [said for _, said in self._told(GatePassed)]
        for car in self.seen.cars:
            booked = car.driver.reservation_id
            if booked is None:
                continue
            counted = [said for said in passages if said.reservation_id == booked]
            if self._was_let_pass(car) and not counted and not self._may_have_passed(car):
                yield Broken(MustHold.CROSSED_IS_COUNTED, f"{car.name} is not")
            times_seen = sum(not said.unseen for said in counted)
            if times_seen > 1:
                yield Broken(MustHold.COUNTED_ONCE, f"{car.name} is {times_seen} times")
            if times_seen and not car.has_crossed and car.index not in self.seen.seemed:
                yield Broken(MustHold.SEEN_HAS_CROSSED, f"{car.name} is")
        if len({said.passage_id for said in passages}) < len(passages):
            yield Broken(MustHold.COUNTED_ONCE, "a passage is there twice")
        if len(passages) < self.seen.clearings:
            detail = f"{self.seen.clearings} times somebody had, and {len(passages)} are"
            yield Broken(MustHold.CROSSED_IS_COUNTED, detail)

    def _was_let_pass(self, car: Car) -> bool:
        """Whether it has crossed, and was let pass before."""
        return car.crossed_ms is not None and any(
            said.reservation_id == car.driver.reservation_id and said.verdict in PASSES and ms <= car.crossed_ms
            for ms, said in self._told(GateDecided)
        )

    def _may_have_passed(self, car: Car) -> bool:
        """Whether it has crossed while the gate had no power, and somebody is asked to look where it is."""
        return car.index in self.seen.unwatched and any(
            said.alarm == "passage-unseen" and str(car.driver.reservation_id) in said.detail
            for _, said in self._told(AlarmRaised)
        )

    def _key(self) -> Iterator[Broken]:
        alarms_ms = [ms for ms, said in self._told(AlarmRaised) if said.alarm == "arm-unasked"]
        for turned in self.seen.turned:
            told_ms = [ms for ms in alarms_ms if turned.at_ms <= ms <= turned.told_by_ms]
            if turned.is_due and not told_ms:
                yield Broken(MustHold.KEY_IS_TOLD, f"at {turned.at_ms / 1_000:.2f} s it was turned")
            alarms_ms = [ms for ms in alarms_ms if ms not in told_ms[:1]]
        for ms in alarms_ms:
            if any(0 <= ms - start_ms <= MOTION_MS_MAX for start_ms in self.seen.started_ms):
                continue  # the gate may have asked the arm to rise as its process ended
            yield Broken(MustHold.KEY_IS_TOLD, f"at {ms / 1_000:.2f} s it was told, once too often")

    def _seen_to_cross(self) -> Iterator[Broken]:
        """At no time have more been seen to cross than have crossed, or seemed to."""
        crossings_ms = [car.crossed_ms for car in self.seen.cars if car.crossed_ms is not None] + self.seen.seemed_ms
        passages_ms = [ms for ms, said in self._told(GatePassed) if not said.unseen]
        for number, ms in enumerate(passages_ms, start=1):
            crossed = sum(crossed_ms <= ms for crossed_ms in crossings_ms)
            if number > crossed:
                yield Broken(MustHold.SEEN_HAS_CROSSED, f"at {ms / 1_000:.2f} s {number} are, and {crossed} have")
                return


def _summed_up(witness: Witness, broken: list[Broken], passages: list[GatePassed], facts: int) -> Seen:
    crossed = [car for car in witness.cars if car.has_crossed]
    known = {car.driver.reservation_id for car in crossed} & {said.reservation_id for said in passages} - {None}
    nameless = [said for said in passages if said.reservation_id is None]
    not_known = len(crossed) - len(known)
    in_doubt = sum(said.unseen for said in passages if said.reservation_id is not None)
    in_doubt -= sum(any(said.unseen for said in passages if said.reservation_id == one) for one in known)
    in_doubt += min(max(len(nameless) - not_known, 0), sum(said.unseen for said in nameless))
    uncounted = max(not_known - len(nameless), 0)
    reasons = witness.came_back + witness.came_behind + len(witness.plan.disturbances)
    if in_doubt > reasons:
        detail = f"{in_doubt} are, and there were {reasons} reasons"
        broken.append(Broken(MustHold.DOUBTS_FOR_A_REASON, detail))
    return Seen(tuple(broken), len(crossed), in_doubt, uncounted, facts)
