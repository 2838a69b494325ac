"""The lane's core: what it means that something happens there, from a car on the loop to an arm that is down again.
Synchronous; `now` comes with every call.

A car on the arrival loop is looked at. An entry lane admits it, or holds it back with the reason on the display, looks
again from time to time, and for a code on the driver's phone all the while; an exit lane lets it out in any case. Who
knows better than the camera which car this is, a driver at the keypad or the hub, may say so at any time; an attendant
may let anyone pass, hold the lane open, or close an entry. What is decided is stored before the arm is asked to move
(`identification.py`). When the car has crossed the safety loop the passage is stored and the arm is asked to close.
While there is a fire alarm the arm stays up, whatever else is. What is to be done in each state says
`lane_machine.py`; inputs that its table has no step for change nothing: on a street, anything may happen at any time.
"""

from collections.abc import Callable

from cloud_sync.link.journal import Journal
from cloud_sync.link.v1.facts import Direction, Mode, Noted
from domain.errors import Refused
from domain.now import Now
from gate_firmware.arm import Arm
from gate_firmware.arrival_watch import ArrivalWatch
from gate_firmware.blockage import Blockage
from gate_firmware.bystanders import Bystanders
from gate_firmware.camera_watch import CameraWatch
from gate_firmware.crossings import Crossings
from gate_firmware.deciding import Judge
from gate_firmware.events import (
    ArmMoved,
    ArrivalLoop,
    CabinetDoor,
    CallButton,
    CodeSeen,
    Command,
    DeviceFault,
    Event,
    FireAlarm,
    Identified,
    Inputs,
    Looked,
    ModeSet,
    OpenedBy,
    Photocell,
    SafetyLoop,
    Sight,
    Tell,
)
from gate_firmware.identification import Identification
from gate_firmware.lane_machine import Machine, earliest
from gate_firmware.lane_states import ARM_IS_UP_FOR_IT, STEPS, UNDECIDED, UP_FOR_EVERYONE, Input, State
from gate_firmware.local_release import LocalRelease
from gate_firmware.passage import Passage
from gate_firmware.photocell_watch import PhotocellWatch
from gate_firmware.record import Record
from gate_firmware.replica import Replica
from gate_firmware.resuming import Resumed, resumed
from gate_firmware.settings import Timing
from gate_firmware.sign import Sign
from gate_firmware.under_arm import Crossing
from gate_firmware.words import DRIVE, IDLE
from hardware.barrier import Position
from hardware.wiring import BarrierWiring
from lpr.blindness import Blindness

ARRIVED = {Position.UP: Input.ARM_UP, Position.DOWN: Input.ARM_DOWN}


class Lane:
    """One lane. `start` it with the inputs as they are, then hand it every event and wake it when it asks to be."""

    def __init__(
        self,
        *,
        direction: Direction,
        journal: Journal,
        boot: str,
        replica: Replica,
        judge: Judge,
        timing: Timing,
        barrier: BarrierWiring,
        new_passage: Callable[[], str],
    ) -> None:
        self._direction = direction
        self._journal = journal
        self._replica = replica
        self._boot = boot
        self._record = Record(direction, journal, replica)
        self._camera = CameraWatch(self._record)
        self._arrivals = ArrivalWatch(self._record, timing.stuck_ms)
        self._bystanders = Bystanders(self._record)
        self._car = Identification(direction, judge, self._record, new_passage)
        self._crossings = Crossings(self._record, self._car, self._arrivals, timing.gap_ms_max)
        self._under = self._crossings.under
        self._blockage = Blockage(self._record, timing.drive_ms_max)
        self._photocell_watch = PhotocellWatch(self._record, self._under, timing.drive_ms_max)
        self._arm = Arm(self._record, barrier)
        self._release = LocalRelease(self._arm, timing.drive_ms_max)
        self._sign = Sign(IDLE)
        self._machine = Machine(
            direction=direction,
            timing=timing,
            record=self._record,
            car=self._car,
            arrivals=self._arrivals,
            crossings=self._crossings,
            bystanders=self._bystanders,
            blockage=self._blockage,
            arm=self._arm,
            release=self._release,
            sign=self._sign,
        )

    @property
    def state(self) -> State:
        """Where it is in its table."""
        return self._machine.state

    @property
    def mode(self) -> Mode:
        """What it does with cars, as somebody of the lot has set it last."""
        return self._car.mode

    @property
    def told(self) -> Tell:
        """What the driver sees."""
        return self._sign.told

    @property
    def _passage(self) -> Passage:
        return self._car.passage

    def start(self, inputs: Inputs, now: Now) -> list[Command]:
        """Begin with the inputs as they are. An arm that is up belongs to a passage that a restart has cut short.

        Where its car is gone, it is between the loops, or it has driven through: nobody has closed the arm behind it.
        It is given the time to cross, and counts as passed then: a driver must not pay for not having come.
        """
        arrival, safety = inputs.arrival, inputs.safety
        self._arm.found(inputs.arm, now)
        self._under.loop_is(safety)
        self._under.photocell_is(inputs.photocell)
        self._arrivals.changed(arrival, now)
        self._note_meanwhile()
        self._bystanders.cabinet(inputs.cabinet_open, now)
        self._photocell_watch.watch(now, arm_is_down=self._arm.is_down)
        if safety:
            self._blockage.watch(now)
        self._car.mode = self._record.last_mode()
        let_pass = resumed(self._journal, self._replica, self._boot, now, under=safety)
        let_pass = self._perhaps_crossed(let_pass, now)
        for car in reversed(let_pass):
            if self._passage.passage_id:
                self._crossings.next_has_come(now)
            self._car.passage = Passage(car.passage_id, now.mono_ms, car.judgement, is_resumed=True)
        if self._arm.is_down:
            self._crossings.arm_is_down(now)
        last = next(iter(let_pass), None)
        if last is not None and self._arm.is_down and not arrival and not safety:
            self._crossings.may_have_passed(self._passage, now)
        is_for_everyone = inputs.fire or self.mode is Mode.HELD_OPEN
        if last is not None and arrival and not safety and (is_for_everyone or self._arm.is_down):
            self._passage.is_unread = not self._arm.is_down
            self._car.put_aside(now)
        if inputs.fire:
            return self._machine.step(Input.ALARM, now)
        if self.mode is Mode.HELD_OPEN:
            return self._machine.step(Input.HOLD_OPEN, now)
        if self._arm.is_down and not (safety and self._passage.may_pass):
            commands = self._machine.enter(State.IDLE, now)
            return [*commands, *(self._uninvited(now) if safety and self.state is State.IDLE else [])]
        if safety:
            self._passage.is_unread = last is not None and last.is_long_ago
            return [self._sign.go(DRIVE), *self._machine.enter(State.PASSING, now)]
        if last is not None:
            return self._resume(last, now)
        return self._machine.enter(State.CLOSING, now)  # nobody is on their way in: whoever comes is looked at first

    def _perhaps_crossed(self, let_pass: list[Resumed], now: Now) -> list[Resumed]:
        """The last one may have crossed before the restart; nobody was ahead of it then. Who goes on else."""
        if not let_pass or not let_pass[0].in_doubt:
            return [car for car in let_pass if not car.in_doubt]
        self._car.passage = Passage(let_pass[0].passage_id, now.mono_ms, let_pass[0].judgement)
        self._crossings.put_in_doubt(now)
        if not self._arrivals.occupied:
            self._crossings.settle(now)
        return []

    def _resume(self, last: Resumed, now: Now) -> list[Command]:
        """The arm is up, or moves, for a car that is not over the safety loop."""
        if self._arrivals.occupied and last.is_before:
            self._crossings.next_has_come(now)
            raised = [] if self._arm.is_up else [*self._arm.raised(now)]
            return [*raised, *self._machine.enter(State.LOOKING, now)]
        self._passage.is_unread = self._arrivals.occupied
        commands = self._machine.drives_on(now)
        return [*commands, self._passage.look()] if self._passage.is_unread else commands

    def handle(self, event: Event, now: Now) -> list[Command]:
        """What is to be done now, in this order; what it follows from is stored already.

        Only what somebody asks for (`Said`) may be refused: Refused or TryLater, and the lane does nothing then.
        """
        self._leave_in_doubt(event, now)
        match event:
            case ArrivalLoop(occupied):
                commands = self._arrival_loop(occupied, now)
            case SafetyLoop(occupied):
                commands = self._under_arm(self._under.loop_is(occupied), now)
            case Photocell(interrupted):
                commands = self._photocell(interrupted, now)
            case ArmMoved(position):
                commands = self._arm_moved(position, now)
            case FireAlarm(alarmed):
                commands = self._fire_alarm(alarmed, now)
            case CallButton() | CabinetDoor() | DeviceFault():
                commands = self._bystanders.heard(event, now)
            case Looked():
                commands = self._has_looked(event, now)
            case CodeSeen():
                is_this = event.passage_id == self._passage.passage_id
                by = self._car.code_seen(event, self._machine.passes_in, now) if is_this else None
                commands = self._machine.follows(by, now)
            case Identified():
                commands = self._machine.follows(self._car.named(event, self._machine.passes_in, now), now)
            case OpenedBy():
                commands = self._machine.follows(self._car.opened(event, self._machine.passes_in, now), now)
            case ModeSet():
                commands = self._mode_set(event, now)
        return commands

    def camera_lasts(self, blindness: Blindness | None, now: Now) -> None:
        """The camera has been blind in this way for some time, car or no car; None: it sees again.

        What one that stands still has shown of the car that is there may be the car before.
        """
        self._camera.lasts(blindness, now)
        if blindness is Blindness.FROZEN:
            self._passage.seen = None

    def recovered(self, now: Now) -> list[Command]:
        """More of this lane's own log is known again, from its hub: the mode that it was set to last counts."""
        mode = self._record.last_mode()
        if mode is self.mode:
            return []
        self._crossings.settle(now)
        return self._goes_on_in(mode, now)

    def withdrawn(self, reservation_id: str, revision: int, now: Now) -> None:
        """The hub has withdrawn a right; called in the transaction in which this gate learns of it.

        It is noted in the log after the passage of whoever is on their way in on it.
        """
        self._record.withdrawal(reservation_id, revision, now, later=self._car.is_on_its_way(reservation_id))

    def next_wakeup_ms(self) -> int | None:
        """The monotonic instant at which to call `woken`."""
        ours_ms = self._machine.next_wakeup_ms(), self._crossings.next_wakeup_ms()
        return earliest(*ours_ms, self._photocell_watch.due_ms)

    def woken(self, now: Now) -> list[Command]:
        """The state has lasted for its maximum, or the car before has not crossed in time."""
        held_back = self._crossings.gap_is_over(now) and self.state is State.HELD_BACK
        commands = self._machine.keep_down(now) if held_back else []
        self._photocell_watch.call(now)
        return [*commands, *self._machine.woken(now)]

    def _leave_in_doubt(self, event: Event, now: Now) -> None:
        """Something happens that may be the doing of a car that has perhaps crossed, or of the one that stands there,
        before a look has shown who that is."""
        match event:
            case Looked() | ArmMoved() | Photocell(False) | CallButton() | CabinetDoor() | DeviceFault():
                pass
            case CodeSeen() if event.passage_id != self._passage.passage_id:
                pass
            case _:
                self._crossings.settle(now)

    def _arrival_loop(self, occupied: bool, now: Now) -> list[Command]:
        is_car = self._arrivals.changed(occupied, now)
        self._note_meanwhile()
        if not occupied and self.state in (State.LOOKING, State.HELD_BACK):
            return self._goes_back(is_car, now)
        if self._machine.is_at_rest_after_fault():
            return self._machine.enter(State.IDLE, now)
        if self._blockage.is_there:
            return self._past_a_blocked_arm(is_car, now)
        if self.state in UP_FOR_EVERYONE:
            return self._past_an_open_arm(now)
        if self.state is State.PASSING:
            return self._behind_what_is_under_the_arm(is_car, now)
        return self._comes(now) if occupied else self._machine.step(Input.CAR_GONE, now)

    def _comes(self, now: Now) -> list[Command]:
        """A car has come, or the loop had only lost the one that is there."""
        if self.state is State.OPEN and self._release.lasts:
            return self._comes_to_a_released_arm(now)
        if self._passage.may_pass and self.state in ARM_IS_UP_FOR_IT:
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
            if self.state is State.OPEN:
                return self._machine.enter(State.OPEN, now)  # it has as long to drive as one that was there
            return self._machine.try_again(now) if self.state is State.FAULT else []
        if self._crossings.was_there(now):
            self._passage.crosses_by_ms = None
            return self._machine.enter(State.OPEN, now) if self.state is State.OPEN else []
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
        if self.state is State.OPEN:
            self._machine.until_ms = ends_ms
        return commands

    def _past_an_open_arm(self, now: Now) -> list[Command]:
        """Everyone passes; who has left the arrival loop is between the two, or has gone back."""
        if self._under.loop:
            return [] if self._arrivals.occupied else self._machine.look_away()  # the look would show the next car
        if not self._arrivals.occupied:
            commands = self._machine.look_away() if self._under.photocell else []  # likewise
            if self._passage.judgement is not None or self.state is State.FIRE:
                self._crossings.leaves_an_open_arm(now)
            return commands
        if self._passage.is_awaited or (self._arrivals.dropped_out and self._crossings.comes_back()):
            self._passage.is_awaited = False
            return []
        if self._passage.may_pass:
            self._crossings.next_has_come(now)
        if self.state is not State.FIRE:
            return self._car.comes(now)
        self._car.passage = Passage()
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

    def _note_meanwhile(self) -> None:
        self._under.while_there(
            arrival=self._arrivals.occupied,
            arm_is_down=self._arm.is_down,
            arm_is_up=self._arm.is_up,
            for_everyone=self.state in UP_FOR_EVERYONE,
        )

    def _under_arm(self, by: Input | None, now: Now) -> list[Command]:
        """A car has come onto the safety loop, or none is there any more."""
        self._note_meanwhile()
        if self._under.loop:
            self._blockage.watch(now)
        if by is Input.CAR_CLEAR and self.state in (State.PASSING, *UP_FOR_EVERYONE):
            return self._cleared(now)
        if by is Input.CAR_CLEAR:
            self._blockage.end()
        if by is Input.CAR_UNDER and self.state in UP_FOR_EVERYONE:
            is_known = self.state is State.HELD_OPEN and self._passage.passage_id and self._car.before is None
            return self._machine.look_away() if is_known else []  # a look would show the next car
        nobody_may = self._arm.is_down and self._passage.judgement is None
        if by is Input.CAR_UNDER and (self.state in UNDECIDED or nobody_may):
            return self._uninvited(now)
        return [] if by is None else self._machine.step(by, now)

    def _cleared(self, now: Now) -> list[Command]:
        """Nothing is on the safety loop any more: who has crossed is written down, whoever stands in the photocell."""
        was_blocked, came_since = self._blockage.is_there, self._blockage.came_since(self._passage.since_ms)
        self._blockage.end()
        if was_blocked and (came_since or not self._passage.passage_id):
            self._car.begin(Passage(), now)  # who came since is before the arm still, or has gone
            if self.state is State.HELD_OPEN:
                return self._machine.next_to_look_at(now)
            return self._machine.step(Input.CAR_CLEAR, now)
        is_for_everyone = self.state in UP_FOR_EVERYONE
        self._crossings.cleared(now, arrival=self._arrivals.occupied, for_everyone=is_for_everyone)
        return self._goes_on(now)

    def _photocell(self, interrupted: bool, now: Now) -> list[Command]:
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
        is_for_everyone = self.state in UP_FOR_EVERYONE
        if was_unnoticed:
            self._crossings.glimpse(now, arrival=self._arrivals.occupied, for_everyone=is_for_everyone)
        is_over_it = is_for_everyone or self.state is State.PASSING
        return self._goes_on(now) if is_over_it else self._machine.leaves_photocell(now)

    def _goes_on(self, now: Now) -> list[Command]:
        """Who was under the arm is not any more. A car that may pass, and has not crossed, has yet to drive."""
        is_released = self._release.lasts and self._passage.passage_id != ""
        may_pass = self._passage.may_pass and not self._passage.has_gone
        if self.state is State.PASSING and (may_pass or is_released):
            return self._drives_on(now)
        if self.state is State.PASSING and self._car.before is not None:
            return self._machine.enter(State.LOOKING, now) if self._arrivals.occupied else self._before_drives_on(now)
        if self.state is State.HELD_OPEN:
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

    def _fire_alarm(self, alarmed: bool, now: Now) -> list[Command]:
        if alarmed:
            return [] if self.state is State.FIRE else self._machine.step(Input.ALARM, now)
        return self._not_for_everyone(Input.ALARM_OVER, now)

    def _not_for_everyone(self, by: Input, now: Now) -> list[Command]:
        """The arm comes down again; but whoever may pass, and has left the arrival loop, may be on their way to it."""
        if by not in STEPS[self.state] or self._under.loop or self.mode is Mode.HELD_OPEN:
            return self._machine.step(by, now)
        if self._car.may_pass_by_itself and not self._passage.has_gone:
            return self._machine.drives_on(now)
        before = self._car.before
        if before is not None and (before.is_refused or before.has_gone):
            self._crossings.before_has_gone(now)
        if self._car.before is not None:
            return self._machine.enter(State.LOOKING, now) if self._arrivals.occupied else self._before_drives_on(now)
        is_waited_for = not (self._passage.is_refused or self._passage.has_gone)
        if self._passage.passage_id and not self._arrivals.occupied and is_waited_for:
            return self._machine.drives_on(now)
        return self._machine.step(by, now)

    def _arm_moved(self, position: Position, now: Now) -> list[Command]:
        has_fallen, has_rested = self._arm.is_up and position is not Position.UP, self._arm.rests
        was_released = self._release.lasts
        self._arm.moved(position)
        self._note_meanwhile()
        self._perhaps_released(now, has_rested=has_rested)
        self._photocell_watch.watch(now, arm_is_down=self._arm.is_down)
        if self._arm.is_down:
            self._crossings.arm_is_down(now)
        if has_fallen and self.state in UP_FOR_EVERYONE:
            return self._machine.raise_again(now)
        is_for_another = self._car.before is not None or self._under.occupied
        if has_fallen and self.state in (State.LOOKING, State.HELD_BACK) and is_for_another:
            return [*self._arm.raised(now)]
        if has_fallen and self.state is State.PASSING:
            return self._machine.raise_over_it(now)
        if self.state is State.OPEN and not self._arm.is_up:
            return self._open_arm_falls(now, was_released=was_released)
        if self.state is State.IDLE:
            return self._machine.moved_in_idle(now)
        does_not_close = self.state is State.FAULT and self._arm.is_up and not self._arm.stays_up
        by = None if does_not_close and not self._arrivals.occupied else ARRIVED.get(position)
        return [] if by is None else self._machine.step(by, now)

    def _perhaps_released(self, now: Now, *, has_rested: bool) -> None:
        """Somebody with the key has raised an arm that was at rest; or it is down again."""
        if self._arm.is_down:
            self._release.end()
        elif has_rested and self.state in UNDECIDED:
            self._release.begin(now)
        if self._release.lasts and self._arm.is_up and self.state is not State.IDLE:
            self._release.is_up(self._passage.passage_id, now)

    def _open_arm_falls(self, now: Now, *, was_released: bool) -> list[Command]:
        """It is raised again for a car that may pass. Whoever has raised it with the key may lower it so: it is asked
        for nothing, and once it is down nobody crosses."""
        if not was_released:
            return self._machine.step(Input.ARM_FELL if self._passage.may_pass else Input.WAITED, now)
        if not self._arm.is_down:
            return []
        self._crossings.has_gone(now)
        return self._machine.step(Input.WAITED, now)

    def _has_looked(self, looked: Looked, now: Now) -> list[Command]:
        if looked.passage_id != self._passage.passage_id:
            return []  # a look at a car that has gone
        self._passage.is_looked_at, self._passage.look_again_ms = False, None
        self._camera.looked(looked, now)
        self._crossings.settle(now, looked)
        if self._car.is_the_next(looked, self.state, now):
            return self._next_car(now)
        commands = self._machine.follows(self._car.looked(looked, self._machine.passes_in, now), now)
        return [*commands, *self._read_on(looked)]

    def _read_on(self, looked: Looked) -> list[Command]:
        """An exit opens for a car that was not known in time, and goes on reading for as long as it stands there."""
        may_be_read = looked.sight is Sight.UNSURE and looked.frames > 0 and not self._passage.is_sure
        is_up_for_it = self._direction is Direction.EXIT and self.state in (*ARM_IS_UP_FOR_IT, State.HELD_OPEN)
        return [self._passage.look()] if may_be_read and is_up_for_it and self._arrivals.occupied else []

    def _next_car(self, now: Now) -> list[Command]:
        """The one before has driven through while nobody looked, as in `start`."""
        self._crossings.may_have_passed(self._passage, now)
        self._crossings.complete(now, unseen=True, may_pass=True)
        return self._machine.enter(State.LOOKING, now)

    def _mode_set(self, said: ModeSet, now: Now) -> list[Command]:
        if said.mode is Mode.CLOSED and self._direction is Direction.EXIT:
            raise Refused("exit_never_closed", "who is inside gets out: an exit is held open or automatic")
        self._record.mode(said.mode, said.by, now)
        return self._goes_on_in(said.mode, now)

    def _goes_on_in(self, mode: Mode, now: Now) -> list[Command]:
        self._car.mode = mode
        is_open = mode is Mode.HELD_OPEN
        commands = self._machine.step(Input.HOLD_OPEN, now) if is_open else self._not_for_everyone(Input.AS_USUAL, now)
        match self.state:
            case State.IDLE:
                commands = [*commands, self._sign.stop(self._machine.nobody_here())]
            case State.HELD_BACK:
                self._machine.until_ms = self._passage.look_again_ms = now.mono_ms  # who waits is looked at once more
        return commands

    def _uninvited(self, now: Now) -> list[Command]:
        """A car is at the arm that nobody has let pass: a falling arm goes up again, one that is down stays down."""
        if not self._arm.is_down:
            return self._machine.enter(State.PASSING, now)
        if self._direction is Direction.EXIT and self.state is State.IDLE:
            self._bystanders.unnoticed(now)
            return self._machine.step(Input.CAR_HERE, now)
        return self._bystanders.uninvited(now)
