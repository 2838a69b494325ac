"""What holds on every street, judged by the truth of who has crossed: a fixed number of streets of each kind, the same
each time.

Whoever changes the lane's core plays many more, with the stories of those that do not hold:
`python -m tests.gate_firmware.street_of_cars 0..5000 entry`.
"""

from collections.abc import Callable
from functools import cache

import pytest

from cloud_sync.link.v1.facts import Direction
from domain.now import Now
from gate_firmware.arm import Arm
from gate_firmware.events import Command, Inputs, LowerArm, RaiseArm
from gate_firmware.lane import Lane
from gate_firmware.lane_machine import Machine
from gate_firmware.lane_states import STEPS, Input, State
from gate_firmware.local_release import LocalRelease
from gate_firmware.passage import Passage
from gate_firmware.record import Record
from gate_firmware.under_arm import Crossing, UnderArm
from tests.gate_firmware.street_must_hold import MustHold, Seen
from tests.gate_firmware.street_of_cars import played
from tests.gate_firmware.street_plan import Kind

SEEDS = range(70, 110)

IN_DOUBT_MAX = {
    Kind.UNDISTURBED: 0.08,
    Kind.DISTURBED: 0.11,
    Kind.SINGLE_PULSE: 0.11,
    Kind.OUTAGES: 0.13,
    Kind.NO_CLOCK: 0.11,
    Kind.KEY: 0.11,
}
"""Of the cars that cross: for so many a passage unseen is written down of one that went back from the arm, at the most.
Measured: 0.07; 0.12 with outages, and 0.07 to 0.10 in the others."""

UNCOUNTED_MAX = dict.fromkeys(Kind, 0.06) | {Kind.OUTAGES: 0.18, Kind.NO_CLOCK: 0.18}
"""Likewise of cars that no passage is written down of: they have followed another so closely that no loop was free in
between, or have crossed while the gate had no power. Measured: 0.04, and 0.17."""


@cache
def seen_on_all(direction: Direction, kind: Kind) -> tuple[Seen, ...]:
    return tuple(played(seed, direction, kind)[0] for seed in SEEDS)


@pytest.mark.parametrize("kind", Kind, ids=[kind.value for kind in Kind])
@pytest.mark.parametrize("direction", Direction)
class TestStreets:
    def test_everything_holds(self, direction: Direction, kind: Kind) -> None:
        streets = zip(SEEDS, seen_on_all(direction, kind), strict=True)
        assert [f"{seed}: {broken}" for seed, seen in streets for broken in seen.broken] == []

    def test_few_are_in_doubt(self, direction: Direction, kind: Kind) -> None:
        all_seen = seen_on_all(direction, kind)
        crossed = sum(seen.crossed for seen in all_seen)
        assert crossed > len(SEEDS)
        assert sum(seen.in_doubt for seen in all_seen) <= IN_DOUBT_MAX[kind] * crossed
        assert sum(seen.uncounted for seen in all_seen) <= UNCOUNTED_MAX[kind] * crossed


FAILED_ONCE = [
    (
        438,
        Direction.ENTRY,
        Kind.UNDISTURBED,
    ),  # the third car of a queue in which the arrival loop is never free goes back
    (306, Direction.ENTRY, Kind.UNDISTURBED),  # one went back, and the next drives with another one close behind
    (217, Direction.ENTRY, Kind.DISTURBED),  # the same, while the lane is held open
    (466, Direction.EXIT, Kind.DISTURBED),  # the same, right after a restart, before anybody was looked at
    (752, Direction.EXIT, Kind.DISTURBED),  # the same, during a fire
    (366, Direction.ENTRY, Kind.DISTURBED),  # the arm stays up for one that went back, after the next has crossed
    (576, Direction.ENTRY, Kind.DISTURBED),  # one whom the arrival loop lost for longer than a moment comes back
    (668, Direction.ENTRY, Kind.DISTURBED),  # in a lane that is held open, the look at one that drives shows the next
    (1003, Direction.ENTRY, Kind.DISTURBED),  # somebody walks through as the next comes up behind one that went back
    (1753, Direction.EXIT, Kind.DISTURBED),  # the loop loses the next one for a moment behind one that went back
    (1985, Direction.ENTRY, Kind.DISTURBED),  # in a lane that is held open, the code of the next car shows
    (2197, Direction.ENTRY, Kind.DISTURBED),  # a restart as the next one is looked at behind one that went back
    (2819, Direction.ENTRY, Kind.DISTURBED),  # one that may not pass goes back in a fire, and it is over
    (3436, Direction.ENTRY, Kind.DISTURBED),  # somebody walks under an arm that comes down after one that went back
    (5178, Direction.ENTRY, Kind.DISTURBED),  # a restart in a fire, with one there that had been let pass
    (5108, Direction.ENTRY, Kind.DISTURBED),  # a restart as one stands there that had been let pass, and is another
]
"""Beyond the streets above, what the lane did not do right at first."""


@pytest.mark.parametrize(("seed", "direction", "kind"), FAILED_ONCE)
def test_what_has_failed_once_holds(seed: int, direction: Direction, kind: Kind) -> None:
    seen, story = played(seed, direction, kind)
    assert not seen.broken, story


@pytest.mark.parametrize("direction", Direction)
def test_a_start_costs_who_waits_one_look(direction: Direction) -> None:
    """Two of them, and a loop that drops out: 15.3 s at the stop line."""
    seen, story = played(8221, direction, Kind.DISTURBED)
    assert not seen.broken, story


def closes_on_whoever_is_under_it(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Machine, "_passing", lambda self, now: [LowerArm()])


def does_not_raise_a_falling_arm(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Machine, "_passing", lambda self, now: [])


def lets_everyone_in(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(STEPS[State.LOOKING], Input.HOLD_BACK, State.OPENING)
    patch.setattr(Machine, "_tell_whom_it_is_up_for", lambda self: self._sign.go(self._words()))


def opens_for_nobody(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(STEPS[State.CLOSING], Input.ARM_DOWN, State.OPENING)


def keeps_them_waiting(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(STEPS[State.LOOKING], Input.LET_PASS, State.HELD_BACK)


def keeps_them_waiting_after_a_start(patch: pytest.MonkeyPatch) -> None:
    start = Lane.start

    def started(self: Lane, inputs: Inputs, now: Now) -> list[Command]:
        for state in (State.LOOKING, State.HELD_BACK):
            patch.setitem(STEPS[state], Input.LET_PASS, State.HELD_BACK if inputs.arrival else State.OPENING)
        return start(self, inputs, now)

    patch.setattr(Lane, "start", started)


def keeps_it_from_closing_by_itself(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Machine, "_open_again_ms", property(lambda self: self._arm.open_again_ms))


def forgets_who_was_let_pass(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("gate_firmware.lane.resumed", lambda *args, **kwargs: [])


def says_nothing_of_the_key(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Arm, "was_not_asked", lambda *args: None)


def takes_itself_for_the_key(patch: pytest.MonkeyPatch) -> None:
    raised = Arm.raised

    def told(self: Arm, now: Now) -> list[RaiseArm]:
        self.was_not_asked(now)
        return raised(self, now)

    patch.setattr(Arm, "raised", told)


def closes_on_whom_the_key_lets_in(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LocalRelease, "lasts", False)


def counts_nobody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Record, "passage", lambda *args, **kwargs: None)


def counts_twice(patch: pytest.MonkeyPatch) -> None:
    passage = Record.passage

    def twice(self: Record, *args: object, **kwargs: object) -> None:
        for _ in range(2):
            passage(self, *args, **kwargs)  # type: ignore[arg-type]

    patch.setattr(Record, "passage", twice)


def counts_who_went_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(UnderArm, "crossing", Crossing.CROSSED)


def doubts_without_a_reason(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(UnderArm, "is_silent", True)


def stays_up(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(STEPS[State.OPEN], Input.WAITED, State.OPEN)


def writes_everything_down(patch: pytest.MonkeyPatch) -> None:
    decide = Passage.decide
    patch.setattr(Passage, "decide", lambda self, *args, **kwargs: decide(self, *args, asked=True))


MUTANTS = [
    (closes_on_whoever_is_under_it, Direction.ENTRY, Kind.DISTURBED, MustHold.BARRIER_CLEAR),
    (does_not_raise_a_falling_arm, Direction.ENTRY, Kind.DISTURBED, MustHold.NO_STRIKE),
    (lets_everyone_in, Direction.ENTRY, Kind.DISTURBED, MustHold.NO_STRANGER_IN),
    (opens_for_nobody, Direction.ENTRY, Kind.DISTURBED, MustHold.OPENS_FOR_SOMEBODY),
    (keeps_them_waiting, Direction.ENTRY, Kind.DISTURBED, MustHold.NOBODY_WAITS),
    (keeps_them_waiting, Direction.EXIT, Kind.DISTURBED, MustHold.INSIDE_GETS_OUT),
    (keeps_them_waiting_after_a_start, Direction.ENTRY, Kind.OUTAGES, MustHold.NOBODY_WAITS),
    (keeps_it_from_closing_by_itself, Direction.ENTRY, Kind.SINGLE_PULSE, MustHold.ENDS_AT_REST),
    (forgets_who_was_let_pass, Direction.ENTRY, Kind.OUTAGES, MustHold.CROSSED_IS_COUNTED),
    (says_nothing_of_the_key, Direction.ENTRY, Kind.KEY, MustHold.KEY_IS_TOLD),
    (takes_itself_for_the_key, Direction.EXIT, Kind.KEY, MustHold.KEY_IS_TOLD),
    (closes_on_whom_the_key_lets_in, Direction.ENTRY, Kind.KEY, MustHold.KEY_LETS_IN),
    (counts_nobody, Direction.EXIT, Kind.DISTURBED, MustHold.CROSSED_IS_COUNTED),
    (counts_twice, Direction.ENTRY, Kind.DISTURBED, MustHold.COUNTED_ONCE),
    (counts_who_went_back, Direction.EXIT, Kind.DISTURBED, MustHold.SEEN_HAS_CROSSED),
    (doubts_without_a_reason, Direction.ENTRY, Kind.DISTURBED, MustHold.DOUBTS_FOR_A_REASON),
    (stays_up, Direction.ENTRY, Kind.DISTURBED, MustHold.ENDS_AT_REST),
    (writes_everything_down, Direction.ENTRY, Kind.DISTURBED, MustHold.LOG_BOUNDED),
]
"""Lanes that do one thing wrong, and what does not hold then."""

MUTANT_SEEDS = range(30)


@pytest.mark.parametrize(("mutant", "direction", "kind", "what"), MUTANTS)
def test_a_lane_that_does_wrong_is_found_out(
    mutant: Callable[[pytest.MonkeyPatch], None],
    direction: Direction,
    kind: Kind,
    what: MustHold,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mutant(monkeypatch)
    streets = (played(seed, direction, kind)[0] for seed in MUTANT_SEEDS)
    assert any(broken.what is what for seen in streets for broken in seen.broken)


def test_every_judgement_can_find_something() -> None:
    assert {what for _, _, _, what in MUTANTS} == set(MustHold)
