"""A lane's table in motion: what the arm, the sign and the camera are to do as it comes into a state, and once it has
been there for too long. Somebody in the photocell holds the arm up in whatever state that is; who may pass, and has
crossed, the safety loop tells.

Every motion and every wait has a maximum. An arm that does not arrive is a fault: an alarm is stored, and it ends when
the arm arrives. It is asked again while a car waits that may pass; a lane whose arm has stayed down is as good as new
once it is empty. A safety loop that stays occupied is an alarm too, and the arm stays up.
"""

from collections.abc import Callable

from cloud_sync.link.v1.facts import Direction, Mode, Noted
from domain.now import Now
from gate_firmware.events import Command, LookAway, Tell
from gate_firmware.lane_parts import Parts
from gate_firmware.lane_states import STEPS, UNDECIDED, UP_FOR_EVERYONE, Input, State
from gate_firmware.passage import Passage
from gate_firmware.under_arm import Crossing
from gate_firmware.words import CLOSED, DRIVE, FAULT, FIRE, FIRE_ENTRY, IDLE, LOOKING, words
from hardware.lights import Signal

OVER_IT = (State.PASSING, State.CLOSING, *UP_FOR_EVERYONE)
"""The arm is up over whatever is under it, or goes up."""

STAYS_UP = (State.OPENING, State.OPEN, State.PASSING, *UP_FOR_EVERYONE)
"""The arm is to be up, and to stay there."""

NOT_CROSSED = (*UNDECIDED, State.OPEN, State.PASSING)
"""In these the car has yet to cross for which somebody with the key has raised the arm."""


class Machine:
    """Where one lane is in its table. What comes next is asked for by an input, or by the state itself."""

    def __init__(self, parts: Parts) -> None:
        self.state = State.IDLE
        self.until_ms: int | None = None
        """The monotonic instant at which the state has lasted for its maximum."""
        self._direction, self._timing, self._record = parts.direction, parts.timing, parts.record
        self._car, self._arrivals, self._crossings = parts.car, parts.arrivals, parts.crossings
        self._under, self._blockage, self._bystanders = parts.under, parts.blockage, parts.bystanders
        self._arm, self._release, self._sign = parts.arm, parts.release, parts.sign
        self._on_entering: dict[State, Callable[[Now], list[Command]]] = {
            State.IDLE: self._idle,
            State.LOOKING: self._looking,
            State.HELD_BACK: self._held_back,
            State.OPENING: self._opening,
            State.OPEN: self._open,
            State.PASSING: self._passing,
            State.CLOSING: self._closing,
            State.FAULT: self._fault,
            State.FIRE: self._fire,
            State.HELD_OPEN: self._held_open,
        }
        self._on_waiting: dict[State, Callable[[Now], list[Command]]] = {
            State.IDLE: self._not_asked,
            State.LOOKING: self._read_too_long,
            State.HELD_BACK: self._look_again,
            State.OPEN: self._not_driven,
            State.PASSING: self._still_passing,
            State.CLOSING: self._close_again,
            State.FAULT: self.try_again,
            State.FIRE: self._still_passing,
            State.HELD_OPEN: self._still_passing,
        }

    @property
    def _passage(self) -> Passage:
        return self._car.passage

    @property
    def passes_in(self) -> State:
        """What the state means for whoever comes: past an arm that cannot come down anyone drives."""
        return State.HELD_OPEN if self._blockage.is_there else self.state

    def step(self, by: Input, now: Now) -> list[Command]:
        """Go where the table leads by this input; where it has no step, nothing changes."""
        after = STEPS[self.state].get(by)
        return [] if after is None else self.enter(after, now)

    def enter(self, state: State, now: Now) -> list[Command]:
        """Come into this state, and do what it asks for."""
        was_over_it, self.state, self.until_ms = self.state in OVER_IT, state, None
        if self._under.loop and was_over_it is not (state in OVER_IT):
            self._blockage.anew(now)
        if state not in NOT_CROSSED:
            self._release.end()
        elif state is State.PASSING:
            self._release.tell(self._passage.passage_id, now)
        return self._on_entering[state](now)

    def woken(self, now: Now) -> list[Command]:
        """The state may have lasted for its maximum, or whatever is under the arm."""
        opens_to_all = self._blockage.call(now, arm_is_down=self._arm.is_down)
        commands = self._who_is_behind_it(now) if opens_to_all else []
        again_ms = self._open_again_ms
        if again_ms is not None and now.mono_ms >= again_ms:
            commands += self._arm.raised(now)
        if self.state is not State.IDLE and self._release.over(self._passage.passage_id, now):
            commands += self.keep_down(now) if self.state is State.HELD_BACK else []
        if self.until_ms is not None and now.mono_ms >= self.until_ms:
            waited = self._on_waiting.get(self.state)
            commands += self.step(Input.WAITED, now) if waited is None else waited(now)
        return commands

    def _who_is_behind_it(self, now: Now) -> list[Command]:
        """Whoever has come up behind what stays under the arm may drive past it from now on, and it is known who.
        Whoever has gone from there counts as passed."""
        followed, self._under.followed = self._under.followed, 0
        if not (self._arrivals.occupied or followed) or self._under.crossing is not Crossing.CROSSED:
            return []
        self._crossings.settle_before(now)
        if self._passage.passage_id:
            self._crossings.complete(now, unseen=True, may_pass=self._passage.may_pass)
        for _ in range(followed):
            self._crossings.complete(now, unseen=True, may_pass=False)
        return self._car.comes(now) if self._arrivals.occupied else []

    def next_wakeup_ms(self) -> int | None:
        """The monotonic instant at which to call `woken`."""
        return earliest(self.until_ms, self._blockage.due_ms, self._open_again_ms, self._release.due_ms)

    @property
    def _open_again_ms(self) -> int | None:
        """When an arm that closes by itself has to be asked again, where it is to stay up."""
        is_over_somebody = self._under.occupied and not self._arm.is_down
        is_for_another = self.state in UNDECIDED and (self._car.before is not None or is_over_somebody)
        return self._arm.open_again_ms if self.state in STAYS_UP or is_for_another else None

    def drives_on(self, now: Now) -> list[Command]:
        """A car may pass, and has yet to cross: one that stands before the arm, or is between the loops."""
        return self.enter(State.OPEN if self._arm.is_up else State.OPENING, now)

    def raise_for_it_again(self, now: Now) -> list[Command]:
        """An arm that was up for a car is not any more. The car has no longer for that: a limit switch may bounce."""
        passage = self._passage
        by_ms = passage.drives_by_ms, passage.crosses_by_ms
        commands = self.step(Input.ARM_FELL, now)
        passage.drives_by_ms, passage.crosses_by_ms = by_ms
        return commands

    def follows(self, by: Input | None, now: Now) -> list[Command]:
        """What the lane does where more is known of the car; where nothing, its driver may have to go elsewhere."""
        if by is not None:
            return self.step(by, now)
        is_up = self.state in (State.OPENING, State.OPEN, State.HELD_OPEN)
        return self._sign.go_if_new(self._words()) if is_up and self._passage.may_pass else []

    def _idle(self, now: Now) -> list[Command]:
        if not self._arm.is_down:
            return self.enter(State.CLOSING, now)
        self._arm.forget()
        self._car.begin(Passage(), now)
        commands: list[Command] = [*self.look_away(), self._sign.stop(self.nobody_here())]
        return [*commands, *self.step(Input.CAR_HERE, now)] if self._is_wanted() else commands

    def moved_in_idle(self, now: Now, *, has_fallen: bool) -> list[Command]:
        """The arm has moved, and nobody is there that it was asked for; but it comes down on nobody."""
        is_down = self._arm.is_down
        if self._under.occupied if has_fallen else (self._under.loop and not is_down):
            return self.enter(State.PASSING, now)
        self.until_ms = None if is_down else self.until_ms or now.mono_ms + self._arm.motion_ms_max
        return []

    def _not_asked(self, now: Now) -> list[Command]:
        self._arm.was_not_asked(now)
        return self.enter(State.CLOSING, now)

    def _is_wanted(self) -> bool:
        """Whether somebody is there to be looked at. Who leaves is, also at the arm: a short car, or one that rolls on
        before it was decided on."""
        return self._arrivals.occupied or (self._direction is Direction.EXIT and self._under.loop)

    def _looking(self, now: Now) -> list[Command]:
        self._arm.count_anew()
        commands: list[Command] = [self._sign.stop(LOOKING), *self._car.comes(now)]
        if self._direction is Direction.EXIT:  # it opens in time, also where the loop drops out again and again
            self._passage.since_ms = self._arrivals.waits_since_ms(now)
        self.until_ms = self._passage.since_ms + self._timing.decide_ms_max(self._direction)
        return commands

    def _held_back(self, now: Now) -> list[Command]:
        if self._passage.look_again_ms is None:
            self._passage.look_again_ms = now.mono_ms + self._timing.retry_ms
        self.until_ms = self._passage.look_again_ms
        return [self._sign.stop(self._words()), *self.keep_down(now), *self._passage.look_for_code()]

    def keep_down(self, now: Now) -> list[Command]:
        """The arm does not let a car pass that is held back; but somebody may be in the photocell, or the one before
        about to cross, or this one, because somebody with the key lets it."""
        if self._under.occupied:
            return [*self._arm.held_up(now)]
        is_for_somebody = self._car.before is not None or self._release.lasts
        return [] if is_for_somebody else [*self._arm.kept_down(now)]

    def _another_waits(self) -> bool:
        """Whether somebody stands there who may not pass, or not yet."""
        return self._arrivals.occupied and not self._car.may_pass_by_itself

    def waits_still(self, now: Now) -> list[Command]:
        """Whoever stands there may not pass: held back is held back still, and whom nobody has decided on is looked at
        anew."""
        return self.enter(State.HELD_BACK if self._passage.is_refused else State.LOOKING, now)

    def _opening(self, now: Now) -> list[Command]:
        self.until_ms = now.mono_ms + self._arm.motion_ms_max
        self._crossings.recognise_before(now)
        self._passage.drives_by_ms = self._passage.crosses_by_ms = None
        commands: list[Command] = [*self._arm.raised(now), self._tell_whom_it_is_up_for()]
        if self._passage.is_sure:
            commands += self.look_away()
        return [*commands, *self.step(Input.ARM_UP, now)] if self._arm.is_up else commands

    def _open(self, now: Now) -> list[Command]:
        passage = self._passage
        if passage.drives_by_ms is None:
            passage.drives_by_ms = now.mono_ms + self._timing.drive_ms_max
        is_here = self._arrivals.occupied or passage.is_awaited or not passage.passage_id
        if not is_here and passage.crosses_by_ms is None:
            passage.crosses_by_ms = now.mono_ms + self._timing.gap_ms_max
        self.until_ms = passage.drives_by_ms if is_here else passage.crosses_by_ms
        commands: list[Command] = [self._tell_whom_it_is_up_for()]
        if self._under.photocell and not self._arrivals.occupied:
            commands += self.look_away()  # a look would show the next car
        return [*commands, *self.step(Input.CAR_UNDER, now)] if self._under.loop else commands

    def _tell_whom_it_is_up_for(self) -> Tell:
        """Green for nobody who may be another car than the one that was let pass."""
        if self._passage.is_unread:
            return self._sign.stop(LOOKING)
        if self._passage.is_refused:
            return self._sign.stop(self._words())
        is_known = self._passage.judgement is not None or self._direction is Direction.EXIT
        return self._sign.go(self._words()) if is_known else self._sign.stop(IDLE)

    def _passing(self, now: Now) -> list[Command]:
        if self._under.loop:
            self._passage.crosses_by_ms = None
        commands = self.look_away() if self._arm.stays_up else [*self.look_away(), *self.raise_over_it(now)]
        waits = self._arrivals.occupied and not self._under.loop
        return [*commands, *self.enter(State.LOOKING, now)] if waits else commands

    def comes_into_photocell(self, now: Now) -> list[Command]:
        """Somebody is under the arm, and nobody on the safety loop: it stays up, or goes up again."""
        if self._arm.is_down or self.state in UP_FOR_EVERYONE:
            return []
        if self.state not in (State.IDLE, State.CLOSING, State.FAULT):
            return [*self._arm.held_up(now)]
        if not self._car.may_pass_by_itself or self._passage.has_gone:
            return self.enter(State.PASSING, now)
        if self.state is State.FAULT and not self._arm.is_up:
            return [*self._arm.held_up(now)]  # it is asked once in a while, and somebody was called
        return [*(self._arm.held_up(now) if self._arm.is_up else []), *self.drives_on(now)]

    def leaves_photocell(self, now: Now) -> list[Command]:
        """Nobody is under the arm any more: it comes down, unless it is up for a car."""
        if self.state is State.OPEN and self.until_ms is None:
            self.until_ms = self._passage.drives_by_ms
        elif self.state is State.OPEN and self._passage.crosses_by_ms is not None and self.until_ms is not None:
            self.until_ms = min(self.until_ms, now.mono_ms + self._timing.gap_ms_max)
        is_for_somebody = self._car.before is not None or self._release.lasts
        if self.state not in (State.LOOKING, State.HELD_BACK) or is_for_somebody or self._arm.rests:
            return []
        self._arm.begin_to_close()
        return [*self._arm.lowered(now, under=False)]

    def next_waits(self) -> list[Command]:
        """Red for the next car, where the light is green for the one that drives."""
        return [self._sign.stop(self.nobody_here())] if self._sign.told.signal is Signal.GREEN else []

    def raise_over_it(self, now: Now) -> list[Command]:
        """A car is under an arm that is not up."""
        self.until_ms = now.mono_ms + self._arm.motion_ms_max
        return [*self._arm.raised(now)]

    def _still_passing(self, now: Now) -> list[Command]:
        """The arm ought to be up by now, or whatever is under it to have gone."""
        commands: list[Command] = [*self._arm.raised_again(now)]
        self.until_ms = None if self._arm.stays_up else now.mono_ms + self._arm.motion_ms_max
        return commands

    def _closing(self, now: Now) -> list[Command]:
        if self._car.mode is Mode.HELD_OPEN:
            return self.enter(State.HELD_OPEN, now)
        self._arm.begin_to_close()
        if self._under.occupied and not self._arm.rests:
            return [self._sign.stop(self.nobody_here()), *self.enter(State.PASSING, now)]
        if self._arm.rests:
            return self.enter(State.IDLE, now)
        closing = [*self._close(now), self._sign.stop(self.nobody_here())]
        return [*closing, *self.waits_still(now)] if self._another_waits() else closing

    def _fault(self, now: Now) -> list[Command]:
        self.until_ms = now.mono_ms + self._arm.motion_ms_max
        self._arm.has_not_arrived(now)
        return [self._sign.stop(FAULT)]

    def _fire(self, now: Now) -> list[Command]:
        """The barrier has raised its arm already, in the thread of the pin: that waits for nothing that is stored."""
        self._bystanders.fire(now)
        is_exit = self._direction is Direction.EXIT
        told = self._sign.go(FIRE) if is_exit else self._sign.stop(FIRE_ENTRY)
        return [*self.raise_again(now), *self.look_away(), told]

    def _held_open(self, now: Now) -> list[Command]:
        """Everyone passes, and is looked at all the same: it is known who came in, and who has left."""
        self._car.judge_by_mode(now)
        if not self._arrivals.occupied and not self._under.loop and not self._passage.may_pass:
            self._car.begin(Passage(), now)
        return [*self.raise_again(now), self._sign.go(self._words()), *self.next_to_look_at(now)]

    def next_to_look_at(self, now: Now) -> list[Command]:
        """Look at the car that stands there, if it is not the one that is passing."""
        return self._car.comes(now) if self._arrivals.occupied and not self._passage.passage_id else []

    def raise_again(self, now: Now) -> list[Command]:
        """Whoever comes, the arm is to be up."""
        self.until_ms = now.mono_ms + self._arm.motion_ms_max
        return [] if self._arm.stays_up else [*self._arm.raised(now)]

    def _read_too_long(self, now: Now) -> list[Command]:
        self._crossings.settle(now)
        return self.follows(self._car.read_too_long(self.state, now), now)

    def _look_again(self, now: Now) -> list[Command]:
        self.until_ms = self._passage.look_again_ms = now.mono_ms + self._timing.retry_ms
        self._arrivals.held_back(self._passage.since_ms, now)
        return [*self.keep_down(now), *([] if self._passage.is_looked_at else [self._passage.look()])]

    def _not_driven(self, now: Now) -> list[Command]:
        """The arm is up for a car that has not driven: it comes down.

        At an exit it stays up where the loop cannot be believed any more: who stands there gets out.
        """
        passage = self._passage
        if self._under.photocell and self._waits_for_somebody(now):
            return []
        if passage.is_awaited:
            passage.noted(Noted.NOT_COME, self._record, now)
        elif passage.judgement is not None and self._arrivals.occupied:
            passage.noted(Noted.NOT_DRIVEN, self._record, now)
        elif passage.judgement is not None or self._release.lasts:
            self._crossings.has_gone(now)
        if self._arrivals.occupied:
            self._arrivals.never_free(now)
        if self._arrivals.is_stuck and self._direction is Direction.EXIT:
            self.until_ms = None
            return []
        return self.step(Input.WAITED, now)

    def _waits_for_somebody(self, now: Now) -> bool:
        """Whether the car may wait for whoever is in the photocell: before the arm for as long as they stand there,
        between the loops for as long as a car may take to drive."""
        self.until_ms = None if self._arrivals.occupied else self._passage.drives_by_ms
        return self.until_ms is None or now.mono_ms < self.until_ms

    def _close_again(self, now: Now) -> list[Command]:
        if self._arm.is_down:  # it has never risen, so it does not arrive either
            return self.step(Input.ARM_DOWN, now)
        return self._close(now) if self._arm.may_be_asked_to_close else self.step(Input.WAITED, now)

    def try_again(self, now: Now) -> list[Command]:
        """An arm that has not arrived is asked once more, where a car waits for it that may pass; where nobody does, to
        close, once in a while. Whoever else stands there, and has come past what was under the arm, is looked at."""
        if self.is_at_rest_after_fault():
            return self.enter(State.IDLE, now)
        if self._another_waits() and not self._blockage.is_there:
            return self.waits_still(now)
        self.until_ms = now.mono_ms + self._arm.motion_ms_max
        if not self._is_wanted():
            self._perhaps_gone(now)
            return [*self._arm.lowered_again(now, under=self._under.occupied)]
        return [*self._arm.raised(now)] if self._passage.may_pass and not self._arm.is_up else []

    def _perhaps_gone(self, now: Now) -> None:
        """Nobody is before an arm that has not arrived: whoever may pass has as long as before one that is up."""
        passage = self._passage
        if not passage.may_pass:
            return
        if passage.is_awaited:
            passage.drives_by_ms = passage.drives_by_ms or now.mono_ms + self._timing.drive_ms_max
            if now.mono_ms >= passage.drives_by_ms:
                passage.noted(Noted.NOT_COME, self._record, now)
                self._car.begin(Passage(), now)
            return
        passage.crosses_by_ms = passage.crosses_by_ms or now.mono_ms + self._timing.gap_ms_max
        if now.mono_ms >= passage.crosses_by_ms:
            if not passage.is_over:
                self._crossings.has_gone(now)
            self._car.begin(Passage(), now)

    def is_at_rest_after_fault(self) -> bool:
        """Whether a lane whose arm did not arrive is as good as new: it has stayed down, and nobody is there."""
        return self.state is State.FAULT and self._arm.is_down and not self._is_wanted()

    def _close(self, now: Now) -> list[Command]:
        self.until_ms = now.mono_ms + self._arm.closes_within_ms
        return [*self._arm.lowered(now, under=self._under.occupied)]

    def look_away(self) -> list[Command]:
        """The camera has seen enough of this car."""
        self._passage.is_looked_at = False
        return [LookAway()]

    def nobody_here(self) -> tuple[str, str]:
        """What an empty lane tells drivers."""
        return CLOSED if self._car.mode is Mode.CLOSED else IDLE

    def _words(self) -> tuple[str, str]:
        return DRIVE if self._passage.judgement is None else words(self._passage.judgement.decision)


def earliest(*instants_ms: int | None) -> int | None:
    """The first of those that are to come."""
    return min((ms for ms in instants_ms if ms is not None), default=None)
