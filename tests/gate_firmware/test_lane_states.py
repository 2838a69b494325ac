"""The table of the lane: every event in every state."""

import re
from pathlib import Path

import pytest

from cloud_sync.link.v1.facts import Mode
from domain.errors import TryLater
from gate_firmware.arm import CLOSE_TRIES_MAX
from gate_firmware.events import (
    ArmMoved,
    ArrivalLoop,
    Event,
    FireAlarm,
    ModeSet,
    OpenedBy,
    SafetyLoop,
    Sight,
    Warn,
)
from gate_firmware.lane_states import STEPS, UNDECIDED, Input, State
from hardware.barrier import Position as Arm
from tests.gate_firmware.gate import OTHER, Gate, brought_to

RUNNING = Path(__file__).parents[2] / "docs" / "running.md"
IN_WORDS = {
    "a car comes": Input.CAR_HERE,
    "another car comes": Input.CAR_HERE,
    "it leaves": Input.CAR_GONE,
    "it may pass": Input.LET_PASS,
    "it may not": Input.HOLD_BACK,
    "the arm is up": Input.ARM_UP,
    "the arm is down": Input.ARM_DOWN,
    "the arm leaves its upper limit": Input.ARM_FELL,
    "a car is on the safety loop": Input.CAR_UNDER,
    "nothing is under the arm any more": Input.CAR_CLEAR,
    "it takes too long": Input.WAITED,
    "the alarm is over": Input.ALARM_OVER,
    "it is not held open any more": Input.AS_USUAL,
}


def documented() -> dict[State, dict[Input, State]]:
    """The table of the documentation, with what the sentence below it says of all states."""
    section = RUNNING.read_text(encoding="utf-8").partition("## What a lane is about")[2].partition("\n## ")[0]
    table = {}
    for name, steps in re.findall(r"^\| `(\w+)` \|.*\| (.+) \|$", section, re.MULTILINE):
        row = {IN_WORDS[by]: State(to) for by, to in re.findall(r"(?:^|; )([^;:]+): `(\w+)`", steps)}
        row[Input.ALARM] = State.FIRE
        if name != State.FIRE.value:
            row[Input.HOLD_OPEN] = State.HELD_OPEN
        table[State(name)] = row
    return table


TABLE = documented()
"""Every step, as something that happens in a state. Those not named change nothing."""

EVENTS: dict[Input, Event] = {
    Input.CAR_HERE: ArrivalLoop(True),
    Input.CAR_GONE: ArrivalLoop(False),
    Input.CAR_UNDER: SafetyLoop(True),
    Input.CAR_CLEAR: SafetyLoop(False),
    Input.ARM_UP: ArmMoved(Arm.UP),
    Input.ARM_DOWN: ArmMoved(Arm.DOWN),
    Input.ARM_FELL: ArmMoved(Arm.BETWEEN),
    Input.ALARM: FireAlarm(True),
    Input.ALARM_OVER: FireAlarm(False),
    Input.HOLD_OPEN: ModeSet(Mode.HELD_OPEN, "Anna"),
    Input.AS_USUAL: ModeSet(Mode.AUTOMATIC, "Anna"),
}
ALWAYS = (Input.CAR_GONE, Input.AS_USUAL)
"""What is written down, or shown, in states that it does not end. A lane that is held open looks at who comes, and an
arm that is not up where it ought to be is asked to rise."""
UP_IN = {State.OPEN, State.PASSING, State.FIRE, State.HELD_OPEN}


class TestTable:
    @pytest.mark.parametrize("state", State)
    @pytest.mark.parametrize("by", EVENTS)
    def test_each_event_in_each_state(self, entry: Gate, state: State, by: Input) -> None:
        brought_to(entry, state)
        if by is Input.ARM_DOWN and state is State.FAULT:  # else the car that waits is looked at there and then
            entry.lane._parts.arrivals.occupied = False
        entry.happens(EVENTS[by])
        by = Input.ARM_FELL if by is Input.ARM_DOWN and state is State.OPEN else by
        assert entry.lane.state is TABLE[state].get(by, state)

    @pytest.mark.parametrize("state", State)
    def test_somebody_of_the_lot_lets_it_pass_in_each_state(self, entry: Gate, state: State) -> None:
        brought_to(entry, state)
        after = TABLE[state].get(Input.LET_PASS)
        if after is None:
            with pytest.raises(TryLater):
                entry.happens(OpenedBy("Anna"))
        else:
            entry.happens(OpenedBy("Anna"))
        assert entry.lane.state is (after or state)

    @pytest.mark.parametrize("state", State)
    def test_it_may_not_pass_in_each_state(self, entry: Gate, state: State) -> None:
        """By what the camera sees of it, where it still looks."""
        brought_to(entry, state)
        entry.seen(entry.lane._passage.passage_id, Sight.STRANGER, OTHER)
        assert entry.lane.state is TABLE[state].get(Input.HOLD_BACK, state)

    @pytest.mark.parametrize("state", State)
    def test_each_state_for_as_long_as_it_may_last(self, entry: Gate, state: State) -> None:
        """An arm that comes down is asked so often first. Who is looked at for too long is held back."""
        brought_to(entry, state)
        after = TABLE[state].get(Input.WAITED)
        assert (after is not None) is (state in (State.OPENING, State.OPEN, State.CLOSING))
        for _ in range(CLOSE_TRIES_MAX):
            wakeup_ms = entry.lane.next_wakeup_ms()
            if entry.lane.state is state and wakeup_ms is not None:
                entry.passes_ms(wakeup_ms - entry.now.mono_ms)
        assert entry.lane.state is (State.HELD_BACK if state is State.LOOKING else after or state)

    @pytest.mark.parametrize("state", State)
    def test_what_it_has_no_step_for_commands_nothing(self, entry: Gate, state: State) -> None:
        brought_to(entry, state)
        does = (*ALWAYS, Input.CAR_HERE) if state is State.HELD_OPEN else ALWAYS
        does = (*does, Input.ARM_DOWN, Input.ARM_FELL) if state in UP_IN else does
        without = {by: event for by, event in EVENTS.items() if by not in STEPS[state] and by not in does}
        for by, event in without.items():
            is_uninvited = by is Input.CAR_UNDER and state in UNDECIDED
            assert entry.happens(event) == ([Warn()] if is_uninvited else [])
        assert entry.lane.state is state

    def test_it_is_the_table_that_is_documented(self) -> None:
        assert documented() == STEPS

    @pytest.mark.parametrize("position", Arm)
    def test_a_moving_arm_is_no_event(self, entry: Gate, position: Arm) -> None:
        assert entry.happens(ArmMoved(position)) == []
        assert entry.lane.state is State.IDLE
