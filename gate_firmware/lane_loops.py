"""What it means for a lane that a car comes onto one of its loops or leaves it, that somebody is in the photocell, and
that the arm has moved: who is there now, who is on their way, and who has crossed."""

from cloud_sync.link.v1.facts import Direction, Mode, Noted
from domain.now import Now
from gate_firmware.events import Command
from gate_firmware.lane_machine import Machine
from gate_firmware.lane_parts import Parts
from gate_firmware.lane_states import ARM_IS_UP_FOR_IT, STEPS, UNDECIDED, UP_FOR_EVERYONE, Input, State
from gate_firmware.passage import Passage
from gate_firmware.under_arm import Crossing
from gate_firmware.words import DRIVE
from hardware.barrier import Position

ARRIVED = {Position.UP: Input.ARM_UP, Position.DOWN: Input.ARM_DOWN}


class Loops:
    """One lane's. Each input comes here as it changes; what is to be done goes back."""

    def __init__(self, parts: Parts, machine: Machine) -> None:
        self._machine, self._direction, self._record = machine, parts.direction, parts.record
        self._car, self._arrivals, self._crossings = parts.car, parts.arrivals, parts.crossings
        self._under, self._blockage, self._bystanders = parts.under, parts.blockage, parts.bystanders
        self._photocell_watch = parts.photocell_watch
        self._arm, self._release, self._sign = parts.arm, parts.release, parts.sign

    @property
    def _passage(self) -> Passage:
        return self._car.passage

    def arrival(self, occupied: bool, now: Now) -> list[Command]:
        """A car has come onto the arrival loop, or none is there any more."""
        is_car = self._arrivals.changed(occupied, now)
        self.note_meanwhile()
        if not occupied and self._machine.state in (State.LOOKING, State.HELD_BACK):
            return self._goes_back(is_car, now)
        if self._machine.is_at_rest_after_fault():
            return self._machine.enter(State.IDLE, now)
        if self._blockage.is_there:
            return self._past_a_blocked_arm(is_car, now)
        if self._machine.state in UP_FOR_EVERYONE:
            return self._past_an_open_arm(now)
        if self._machine.state is State.PASSING:
            return self._behind_what_is_under_the_arm(is_car, now)
        return self._comes(now) if occupied else self._machine.step(Input.CAR_GONE, now)

    def _comes(self, now: Now) -> list[Command]:
        """A car has come, or the loop had only lost the one that is there."""
        if self._machine.state is State.OPEN and self._release.lasts:
            return self._comes_to_a_released_arm(now)
        if self._passage.may_pass and self._machine.state in ARM_IS_UP_FOR_IT:
            return self._comes_to_an_arm_that_is_up(now)
        return self._machine.step(Input.CAR_HERE, now)

    def _behind_what_is_under_the_arm(self, is_car: bool, now: Now) -> list[Command]:
        """Somebody in the photocell alone keeps the arm up and no car from being looked at. What is on the safety loop
        does, and the light is red for whoever comes behind it."""
        if not self._under.loop:
            return self._machine.enter(State.LOOKING, now) if self._arrivals.occupied else []
        if self._arrivals.dropped_out or self._under.crossing is not Crossing.CROSSED:
            return []
        if not self._arrivals.occupied:
            self._under.next_went(is_car=is_car)
            return []
        self._under.next_came()
        return self._machine.next_waits()

    def _comes_to_an_arm_that_is_up(self, now: Now) -> list[Command]:
        """It is up for a car that may pass: this one, or the one before."""
        if self._passage.is_awaited:
            self._passage.is_awaited, self._passage.drives_by_ms = False, None
            if self._machine.state is State.OPEN:
                return self._machine.enter(State.OPEN, now)  # it has as long to drive as one that was there
            return self._machine.try_again(now) if self._machine.state is State.FAULT else []
        if self._crossings.was_there(now):
            self._passage.crosses_by_ms = None
            return self._machine.enter(State.OPEN, now) if self._machine.state is State.OPEN else []
        self._crossings.next_has_come(now)
        return self._machine.step(Input.CAR_HERE, now)

    def _comes_to_a_released_arm(self, now: Now) -> list[Command]:
        """Somebody with the key has raised it for this car, which the loop had only lost, or for the one before."""
        if self._crossings.was_there(now):
            self._passage.crosses_by_ms = None
            return self._machine.waits_still(now)
        self._release.end()
        self._crossings.next_has_come(now)
        return self._machine.step(Input.CAR_HERE, now)

    def _goes_back(self, is_car: bool, now: Now) -> list[Command]:
        """Who was not let pass is not there any more; the one before may be between the loops still. Or somebody with
        the key lets this one in, and it drives."""
        if self._release.lasts:
            return [*self._machine.look_away(), *self._machine.enter(State.OPEN, now)]
        if is_car or (self._passage.judgement is not None and not self._arrivals.chatters):
            self._record.noted(Noted.BACKED_OUT, self._passage.passage_id, now)
        if self._passage.judgement is None:
            self._arrivals.went_undecided(self._passage.since_ms, now)
        if self._car.before is not None:
            return self._before_drives_on(now)
        return self._machine.step(Input.CAR_GONE, now)

    def _before_drives_on(self, now: Now) -> list[Command]:
        """Nobody is behind the car that is between the loops any more: the lane has to do with that one again."""
        commands, ends_ms = self._machine.look_away(), self._crossings.next_has_gone(now)
        commands += self._machine.drives_on(now)
        if self._machine.state is State.OPEN:
            self._machine.until_ms = ends_ms
        return commands

    def _past_an_open_arm(self, now: Now) -> list[Command]:
        """Everyone passes; who has left the arrival loop is between the two, or has gone back."""
        if self._under.loop:
            return [] if self._arrivals.occupied else self._machine.look_away()  # the look would show the next car
        if not self._arrivals.occupied:
            commands = self._machine.look_away() if self._under.photocell else []  # likewise
            if self._passage.judgement is not None or self._machine.state is State.FIRE:
                self._crossings.leaves_an_open_arm(now)
            return commands
        if self._passage.is_awaited or (self._arrivals.dropped_out and self._crossings.comes_back()):
            self._passage.is_awaited = False
            return []
        if self._passage.may_pass:
            self._crossings.next_has_come(now)
        if self._machine.state is not State.FIRE:
            return self._car.comes(now)
        self._car.begin(Passage(), now)
        self._car.step_aside(now)
        return []

    def _past_a_blocked_arm(self, is_car: bool, now: Now) -> list[Command]:
        """The arm is up for as long as something seems to be under it: whoever comes drives in or out, and it is known
        who. Whoever has gone counts as passed."""
        self._crossings.settle_before(now)
        is_known = self._passage.reservation_id is not None and not self._arrivals.chatters
        if self._passage.passage_id and (is_car or is_known):
            self._crossings.complete(now, unseen=True, may_pass=self._passage.may_pass)
        elif self._passage.passage_id:
            self._car.begin(Passage(), now)
        return self._car.comes(now) if self._arrivals.occupied else []

    def safety(self, occupied: bool, now: Now) -> list[Command]:
        """A car has come onto the safety loop, or none is there any more."""
        by = self._under.loop_is(occupied)
        self.note_meanwhile()
        if self._under.loop:
            self._blockage.watch(now)
        if by is Input.CAR_CLEAR and self._machine.state in (State.PASSING, *UP_FOR_EVERYONE):
            return self._cleared(now)
        if by is Input.CAR_CLEAR:
            self._blockage.end()
        if by is Input.CAR_UNDER and self._machine.state in UP_FOR_EVERYONE:
            is_known = self._machine.state is State.HELD_OPEN and self._passage.passage_id and self._car.before is None
            return self._machine.look_away() if is_known else []  # a look would show the next car
        nobody_may = self._arm.is_down and self._passage.judgement is None
        if by is Input.CAR_UNDER and (self._machine.state in UNDECIDED or nobody_may):
            return self.uninvited(now)
        return [] if by is None else self._machine.step(by, now)

    def _cleared(self, now: Now) -> list[Command]:
        """Nothing is on the safety loop any more: who has crossed is written down, whoever stands in the photocell."""
        was_blocked, came_since = self._blockage.is_there, self._blockage.came_since(self._passage.since_ms)
        self._blockage.end()
        if was_blocked and (came_since or not self._passage.passage_id):
            self._car.begin(Passage(), now)  # who came since is before the arm still, or has gone
            if self._machine.state is State.HELD_OPEN:
                return self._machine.next_to_look_at(now)
            return self._machine.step(Input.CAR_CLEAR, now)
        is_for_everyone = self._machine.state in UP_FOR_EVERYONE
        self._crossings.cleared(now, arrival=self._arrivals.occupied, for_everyone=is_for_everyone)
        return self._goes_on(now)

    def photocell(self, interrupted: bool, now: Now) -> list[Command]:
        """Somebody is in it, or nobody any more: it holds the arm up, and the safety loop tells who crosses."""
        if interrupted is self._under.photocell:
            return []
        was_unnoticed = self._under.is_unnoticed
        self._under.photocell_is(interrupted)
        self._photocell_watch.watch(now, arm_is_down=self._arm.is_down)
        if self._under.loop:
            return []
        if interrupted:
            return self._machine.comes_into_photocell(now)
        is_for_everyone = self._machine.state in UP_FOR_EVERYONE
        if was_unnoticed:
            self._crossings.glimpse(now, arrival=self._arrivals.occupied, for_everyone=is_for_everyone)
        is_over_it = is_for_everyone or self._machine.state is State.PASSING
        return self._goes_on(now) if is_over_it else self._machine.leaves_photocell(now)

    def _goes_on(self, now: Now) -> list[Command]:
        """Who was under the arm is not any more. A car that may pass, and has not crossed, has yet to drive."""
        is_released = self._release.lasts and self._passage.passage_id != ""
        may_pass = self._passage.may_pass and not self._passage.has_gone
        if self._machine.state is State.PASSING and (may_pass or is_released):
            return self._drives_on(now)
        if self._machine.state is State.PASSING and self._car.before is not None:
            return self._machine.enter(State.LOOKING, now) if self._arrivals.occupied else self._before_drives_on(now)
        if self._machine.state is State.HELD_OPEN:
            return [*self._sign.go_if_new(DRIVE), *self._machine.next_to_look_at(now)]
        return self._machine.step(Input.CAR_CLEAR, now)

    def _drives_on(self, now: Now) -> list[Command]:
        """It was another one that was under the arm. The next may have come meanwhile behind one that is on its way."""
        if self._release.lasts:
            return self._machine.waits_still(now) if self._arrivals.occupied else self._machine.enter(State.OPEN, now)
        is_on_its_way = self._passage.crosses_by_ms is not None
        if is_on_its_way and self._arrivals.occupied and not self._arrivals.dropped_out:
            self._crossings.next_has_come(now)
            return self._machine.enter(State.LOOKING, now)
        commands = self._machine.drives_on(now)
        return [*commands, self._passage.look()] if self._passage.is_unread else commands

    def arm_moved(self, position: Position, now: Now) -> list[Command]:
        """The limit switches say that it is there now."""
        has_fallen, has_rested = self._arm.is_up and position is not Position.UP, self._arm.rests
        was_released = self._release.lasts
        self._arm.moved(position)
        self.note_meanwhile()
        self._perhaps_released(now, has_rested=has_rested)
        self._photocell_watch.watch(now, arm_is_down=self._arm.is_down)
        if self._arm.is_down:
            self._crossings.arm_is_down(now)
        if has_fallen and self._machine.state in UP_FOR_EVERYONE:
            return self._machine.raise_again(now)
        is_for_another = self._car.before is not None or self._under.occupied
        waits = self._machine.state in (State.LOOKING, State.HELD_BACK, State.OPEN) and not self._passage.may_pass
        if has_fallen and waits and is_for_another:
            return [*self._arm.raised(now)]
        if has_fallen and self._machine.state is State.PASSING:
            return self._machine.raise_over_it(now)
        if self._machine.state is State.OPEN and not self._arm.is_up:
            return self._open_arm_falls(now, was_released=was_released)
        if self._machine.state is State.IDLE:
            return self._machine.moved_in_idle(now, has_fallen=has_fallen)
        return self._arrives(position, now)

    def _arrives(self, position: Position, now: Now) -> list[Command]:
        """At a limit, perhaps. Up, too late for a car that has gone, it comes down again; asked to come down, it has
        not arrived."""
        is_late = self._machine.state is State.FAULT and self._arm.is_up and not self._arrivals.occupied
        if is_late and not self._arm.stays_up:
            return []
        if is_late and not self._passage.passage_id and not self._under.occupied:
            return self._machine.enter(State.CLOSING, now)
        by = ARRIVED.get(position)
        return [] if by is None else self._machine.step(by, now)

    def _perhaps_released(self, now: Now, *, has_rested: bool) -> None:
        """Somebody with the key has raised an arm that was at rest; or it is down again."""
        if self._arm.is_down:
            self._release.end()
        elif has_rested and self._machine.state in UNDECIDED:
            self._release.begin(now)
        if self._release.lasts and self._arm.is_up and self._machine.state is not State.IDLE:
            self._release.is_up(self._passage.passage_id, now)

    def _open_arm_falls(self, now: Now, *, was_released: bool) -> list[Command]:
        """It is raised again for a car that may pass. Whoever has raised it with the key may lower it so: it is asked
        for nothing, and once it is down nobody crosses."""
        if not was_released:
            may_pass = self._passage.may_pass and not self._passage.has_gone
            if self._passage.has_gone:
                self._crossings.has_gone(now)
            return self._machine.raise_for_it_again(now) if may_pass else self._machine.step(Input.WAITED, now)
        if not self._arm.is_down:
            return []
        self._crossings.has_gone(now)
        return self._machine.step(Input.WAITED, now)

    def not_for_everyone(self, by: Input, now: Now) -> list[Command]:
        """The arm comes down again; but whoever may pass, and has left the arrival loop, may be on their way to it."""
        if by not in STEPS[self._machine.state] or self._under.loop or self._car.mode is Mode.HELD_OPEN:
            return self._machine.step(by, now)
        if self._car.may_pass_by_itself and not self._passage.has_gone:
            return self._machine.drives_on(now)
        before, is_closed = self._car.before, self._direction is Direction.ENTRY and self._arm.is_down
        if before is not None and (before.is_refused or before.has_gone or (is_closed and not before.may_pass)):
            self._crossings.before_has_gone(now)
        if self._car.before is not None:
            return self._machine.enter(State.LOOKING, now) if self._arrivals.occupied else self._before_drives_on(now)
        is_waited_for = not (is_closed or self._passage.is_refused or self._passage.has_gone)
        if self._passage.passage_id and not self._arrivals.occupied and is_waited_for:
            return self._machine.drives_on(now)
        return self._machine.step(by, now)

    def uninvited(self, now: Now) -> list[Command]:
        """A car is at the arm that nobody has let pass: a falling arm goes up again, one that is down stays down."""
        if not self._arm.is_down:
            return self._machine.enter(State.PASSING, now)
        if self._direction is Direction.EXIT and self._machine.state is State.IDLE:
            self._bystanders.unnoticed(now)
            return self._machine.step(Input.CAR_HERE, now)
        return self._bystanders.uninvited(now)

    def note_meanwhile(self) -> None:
        """How the lane is while a car is on the safety loop: it tells later what has become of that car."""
        self._under.while_there(
            arrival=self._arrivals.occupied,
            arm_is_down=self._arm.is_down,
            arm_is_up=self._arm.is_up,
            for_everyone=self._machine.state in UP_FOR_EVERYONE,
        )
