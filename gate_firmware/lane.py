"""The lane's core: every event of its street comes here, and what is to be done goes back. Synchronous; `now` comes
with every call.

A car on the arrival loop is looked at. An entry lane admits it, or holds it back with the reason on the display, looks
again from time to time, and for a code on the driver's phone all the while; an exit lane lets it out in any case. Who
knows better than the camera which car this is, a driver at the keypad or the hub, may say so at any time; an attendant
may let anyone pass, hold the lane open, or close an entry. What is decided is stored before the arm is asked to move
(`identification.py`). When the car has crossed the safety loop the passage is stored and the arm is asked to close.
While there is a fire alarm the arm stays up, whatever else is. What the loops and the arm tell of cars says
`lane_loops.py`, what is to be done in each state `lane_machine.py`; inputs that its table has no step for change
nothing: on a street, anything may happen at any time.
"""

from collections.abc import Callable

from cloud_sync.link.journal import Journal
from cloud_sync.link.v1.facts import Direction, Mode
from domain.errors import Refused
from domain.now import Now
from gate_firmware.camera_watch import CameraWatch
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
from gate_firmware.lane_loops import Loops
from gate_firmware.lane_machine import Machine, earliest
from gate_firmware.lane_parts import parts_of
from gate_firmware.lane_start import Start
from gate_firmware.lane_states import ARM_IS_UP_FOR_IT, Input, State
from gate_firmware.passage import Passage
from gate_firmware.record import Record
from gate_firmware.replica import Replica
from gate_firmware.resuming import resumed
from gate_firmware.settings import Timing
from hardware.wiring import BarrierWiring
from lpr.blindness import Blindness


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
        self._direction, self._journal, self._replica, self._boot = direction, journal, replica, boot
        self._record = Record(direction, journal, replica)
        self._camera = CameraWatch(self._record)
        self._parts = parts_of(direction, self._record, judge, timing, barrier, new_passage)
        self._car, self._crossings = self._parts.car, self._parts.crossings
        self._machine = Machine(self._parts)
        self._loops = Loops(self._parts, self._machine)

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
        return self._parts.sign.told

    @property
    def _passage(self) -> Passage:
        return self._car.passage

    def start(self, inputs: Inputs, now: Now) -> list[Command]:
        """Begin with the inputs as they are, and with whoever was let pass before a restart."""
        let_pass = resumed(self._journal, self._replica, self._boot, now)
        return Start(self._parts, self._loops, self._machine).go_on(inputs, let_pass, now)

    def handle(self, event: Event, now: Now) -> list[Command]:
        """What is to be done now, in this order; what it follows from is stored already.

        Only what somebody asks for (`Said`) may be refused: Refused or TryLater, and the lane does nothing then, but to
        write down a car that it was in doubt about.
        """
        self._leave_in_doubt(event, now)
        match event:
            case ArrivalLoop(occupied):
                commands = self._loops.arrival(occupied, now)
            case SafetyLoop(occupied):
                commands = self._loops.safety(occupied, now)
            case Photocell(interrupted):
                commands = self._loops.photocell(interrupted, now)
            case ArmMoved(position):
                commands = self._loops.arm_moved(position, now)
            case FireAlarm(alarmed):
                commands = self._fire_alarm(alarmed, now)
            case CallButton() | CabinetDoor() | DeviceFault():
                commands = self._parts.bystanders.heard(event, now)
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
        return earliest(*ours_ms, self._parts.photocell_watch.due_ms)

    def woken(self, now: Now) -> list[Command]:
        """The state has lasted for its maximum, or the car before has not crossed in time."""
        held_back = self._crossings.gap_is_over(now) and self.state is State.HELD_BACK
        commands = self._machine.keep_down(now) if held_back else []
        self._parts.photocell_watch.call(now)
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

    def _fire_alarm(self, alarmed: bool, now: Now) -> list[Command]:
        if alarmed:
            return [] if self.state is State.FIRE else self._machine.step(Input.ALARM, now)
        return self._loops.not_for_everyone(Input.ALARM_OVER, now)

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
        return [self._passage.look()] if may_be_read and is_up_for_it and self._parts.arrivals.occupied else []

    def _next_car(self, now: Now) -> list[Command]:
        """The one before has driven through while nobody looked."""
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
        if mode is Mode.HELD_OPEN:
            commands = self._machine.step(Input.HOLD_OPEN, now)
        else:
            commands = self._loops.not_for_everyone(Input.AS_USUAL, now)
        match self.state:
            case State.IDLE:
                commands = [*commands, self._parts.sign.stop(self._machine.nobody_here())]
            case State.HELD_BACK:
                self._machine.until_ms = self._passage.look_again_ms = now.mono_ms  # who waits is looked at once more
        return commands
