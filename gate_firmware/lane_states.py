"""The states of a lane and what takes it from one to another: one table, without conditions.

Not in it is the way back to a car that may pass and is between the loops: where the arm is, and who else is there,
decides on that (`Loops._drives_on`). Nor is an arm that arrives late, up, for a car that has gone: it comes down
again. Nor is the photocell: somebody in it holds the arm up in any state, and the next car is looked at meanwhile.
"""

from enum import Enum


class State(Enum):
    IDLE = "idle"  # no car
    LOOKING = "looking"  # a car is on the arrival loop and is being looked at
    HELD_BACK = "held_back"  # it may not pass, or not yet; the display says why
    OPENING = "opening"  # it may pass; the arm is going up
    OPEN = "open"  # the arm is up, the car has not driven yet
    PASSING = "passing"  # a car is on the safety loop, or somebody in the photocell, and nobody waits
    CLOSING = "closing"  # the arm is going down
    FAULT = "fault"  # the arm did not arrive
    FIRE = "fire"  # there is a fire alarm: the arm goes up and stays
    HELD_OPEN = "held_open"  # somebody of the lot wants the arm to stay up


class Input(Enum):
    CAR_HERE = "car_here"  # on the arrival loop
    CAR_GONE = "car_gone"  # off the arrival loop
    LET_PASS = "let_pass"  # noqa: S105  decided: admit or release
    HOLD_BACK = "hold_back"  # decided: ask or refuse
    ARM_UP = "arm_up"
    ARM_DOWN = "arm_down"
    ARM_FELL = "arm_fell"  # it was up for a car that may pass, and is not any more
    CAR_UNDER = "car_under"  # on the safety loop
    CAR_CLEAR = "car_clear"  # off the safety loop
    WAITED = "waited"  # the state has lasted for its maximum
    ALARM = "alarm"  # of the fire alarm system
    ALARM_OVER = "alarm_over"
    HOLD_OPEN = "hold_open"  # somebody of the lot wants it
    AS_USUAL = "as_usual"  # it is not held open any more


UNDECIDED = frozenset({State.IDLE, State.LOOKING, State.HELD_BACK})
"""Nobody may pass in these: a car on the safety loop does not raise an arm that is down."""

ARM_IS_UP_FOR_IT = (State.OPENING, State.OPEN, State.FAULT)
"""The arm is up for the passage's car, or was asked to be."""

UP_FOR_EVERYONE = (State.FIRE, State.HELD_OPEN)
"""The arm stays up, whoever comes."""

STEPS: dict[State, dict[Input, State]] = {  # from each an alarm leads to FIRE, from most HOLD_OPEN too: see below
    # A lane may be asked to let a car pass that has not come yet.
    State.IDLE: {Input.CAR_HERE: State.LOOKING, Input.LET_PASS: State.OPENING},
    State.LOOKING: {
        Input.LET_PASS: State.OPENING,
        Input.HOLD_BACK: State.HELD_BACK,
        Input.CAR_GONE: State.IDLE,
    },
    State.HELD_BACK: {
        Input.LET_PASS: State.OPENING,
        Input.HOLD_BACK: State.HELD_BACK,
        Input.CAR_GONE: State.IDLE,
    },
    # Whoever comes onto the arrival loop from here on is another car, unless the loop had lost the one for a moment:
    # it is looked at anew.
    State.OPENING: {
        Input.ARM_UP: State.OPEN,
        Input.CAR_HERE: State.LOOKING,
        Input.CAR_UNDER: State.PASSING,
        Input.WAITED: State.FAULT,
    },
    State.OPEN: {
        Input.CAR_GONE: State.OPEN,  # it drives, or backs out: the next moments tell
        Input.CAR_UNDER: State.PASSING,
        Input.CAR_HERE: State.LOOKING,
        Input.ARM_FELL: State.OPENING,
        Input.WAITED: State.CLOSING,
    },
    State.PASSING: {Input.CAR_CLEAR: State.CLOSING},
    State.CLOSING: {
        Input.ARM_DOWN: State.IDLE,
        Input.CAR_HERE: State.LOOKING,
        Input.CAR_UNDER: State.PASSING,
        Input.WAITED: State.FAULT,
    },
    State.FAULT: {
        Input.LET_PASS: State.OPENING,
        Input.ARM_UP: State.OPEN,
        Input.ARM_DOWN: State.IDLE,
        Input.CAR_HERE: State.LOOKING,
        Input.CAR_UNDER: State.PASSING,
    },
    State.FIRE: {Input.ALARM_OVER: State.CLOSING},
    State.HELD_OPEN: {Input.AS_USUAL: State.CLOSING},
}
for _state, _steps in STEPS.items():
    _steps[Input.ALARM] = State.FIRE
    if _state is not State.FIRE:
        _steps[Input.HOLD_OPEN] = State.HELD_OPEN
