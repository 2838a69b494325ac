"""The table of the lane: every event in every state."""

import pytest

from cloud_sync.link.v1.facts import Mode
from gate_firmware.events import (
    ArmMoved,
    ArrivalLoop,
    Event,
    FireAlarm,
    ModeSet,
    SafetyLoop,
    Warn,
)
from gate_firmware.lane_states import STEPS, UNDECIDED, Input, State
from hardware.barrier import Position as Arm
from tests.gate_firmware.gate import (
    Gate,
    brought_to,
)

# Every step of the table, as an event in a state. Those not named change nothing.
TABLE = {
    State.IDLE: {Input.CAR_HERE: State.LOOKING},
    State.LOOKING: {Input.CAR_GONE: State.IDLE},
    State.HELD_BACK: {Input.CAR_GONE: State.IDLE},
    State.OPENING: {Input.ARM_UP: State.OPEN, Input.CAR_HERE: State.LOOKING, Input.CAR_UNDER: State.PASSING},
    State.OPEN: {
        Input.CAR_GONE: State.OPEN,
        Input.CAR_HERE: State.LOOKING,
        Input.CAR_UNDER: State.PASSING,
        Input.ARM_FELL: State.OPENING,
    },
    State.PASSING: {Input.CAR_CLEAR: State.CLOSING},
    State.CLOSING: {Input.ARM_DOWN: State.IDLE, Input.CAR_HERE: State.LOOKING, Input.CAR_UNDER: State.PASSING},
    State.FAULT: {
        Input.ARM_UP: State.OPEN,
        Input.ARM_DOWN: State.IDLE,
        Input.CAR_HERE: State.LOOKING,
        Input.CAR_UNDER: State.PASSING,
    },
    State.FIRE: {Input.ALARM_OVER: State.CLOSING},
    State.HELD_OPEN: {Input.AS_USUAL: State.CLOSING},
}
for state, row in TABLE.items():
    row[Input.ALARM] = State.FIRE
    if state is not State.FIRE:
        row[Input.HOLD_OPEN] = State.HELD_OPEN
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
            entry.lane._arrivals.occupied = False
        entry.happens(EVENTS[by])
        by = Input.ARM_FELL if by is Input.ARM_DOWN and state is State.OPEN else by
        assert entry.lane.state is TABLE[state].get(by, state)

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
        for state, steps in STEPS.items():
            assert {by: to for by, to in steps.items() if by in EVENTS} == TABLE[state]

    @pytest.mark.parametrize("position", Arm)
    def test_a_moving_arm_is_no_event(self, entry: Gate, position: Arm) -> None:
        assert entry.happens(ArmMoved(position)) == []
        assert entry.lane.state is State.IDLE
