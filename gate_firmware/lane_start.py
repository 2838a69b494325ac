"""What a lane goes on with as its process starts: with whoever was let pass before a restart, by its own log, or with
nobody. What became of them meanwhile nobody has seen: they are looked at, or count as passed unseen."""

from cloud_sync.link.v1.facts import Mode, Noted
from domain.admission import Reason
from domain.now import Now
from gate_firmware.events import Command, Inputs
from gate_firmware.lane_loops import Loops
from gate_firmware.lane_machine import Machine
from gate_firmware.lane_parts import Parts
from gate_firmware.lane_states import Input, State
from gate_firmware.passage import Passage
from gate_firmware.resuming import Resumed
from gate_firmware.words import DRIVE


class Start:
    """Of one lane, once."""

    def __init__(self, parts: Parts, loops: Loops, machine: Machine) -> None:
        self._parts, self._loops, self._machine = parts, loops, machine
        self._car, self._arm, self._crossings = parts.car, parts.arm, parts.crossings

    def go_on(self, inputs: Inputs, let_pass: list[Resumed], now: Now) -> list[Command]:
        """Begin with the inputs as they are. An arm that is up belongs to a passage that a restart has cut short.

        Where its car is gone, it is between the loops, or it has driven through: nobody has closed the arm behind it.
        It is given the time to cross, and counts as passed then: a driver must not pay for not having come.
        """
        self._find(inputs, now)
        last = self._on_their_way(let_pass, now)
        if last is not None and inputs.safety:
            self._car.passage.is_unread = last.is_long_ago
        elif last is not None:
            self._who_is_there(inputs, last, now)
        if inputs.fire:
            return self._machine.step(Input.ALARM, now)
        if self._car.mode is Mode.HELD_OPEN:
            return self._machine.step(Input.HOLD_OPEN, now)
        if self._arm.is_down and not (inputs.safety and self._car.passage.may_pass):
            commands = self._machine.enter(State.IDLE, now)
            is_uninvited = inputs.safety and self._machine.state is State.IDLE
            return [*commands, *(self._loops.uninvited(now) if is_uninvited else [])]
        return self._with_the_arm_up(inputs, last, now)

    def _find(self, inputs: Inputs, now: Now) -> None:
        parts = self._parts
        parts.arm.found(inputs.arm, now)
        parts.under.loop_is(inputs.safety)
        parts.under.photocell_is(inputs.photocell)
        parts.arrivals.changed(inputs.arrival, now)
        self._loops.note_meanwhile()
        parts.bystanders.cabinet(inputs.cabinet_open, now)
        parts.photocell_watch.watch(now, arm_is_down=self._arm.is_down)
        if inputs.safety:
            parts.blockage.watch(now)
        self._car.mode = parts.record.last_mode()

    def _on_their_way(self, let_pass: list[Resumed], now: Now) -> Resumed | None:
        """Whoever was let pass last, with the one ahead of them, and may have yet to cross."""
        for car in let_pass:
            if car.is_too_long_ago:
                self._has_gone(Passage(car.passage_id, judgement=car.judgement), now)
        let_pass = self._perhaps_crossed([car for car in let_pass if not car.is_too_long_ago], now)
        for car in reversed(let_pass):
            if self._car.passage.passage_id:
                self._crossings.next_has_come(now)
            self._car.passage = Passage(car.passage_id, now.mono_ms, car.judgement, may_have_crossed=True)
        if self._arm.is_down:
            self._crossings.arm_is_down(now)
        return next(iter(let_pass), None)

    def _perhaps_crossed(self, let_pass: list[Resumed], now: Now) -> list[Resumed]:
        """The last one may have crossed before the restart; nobody was ahead of it then. Who goes on else."""
        if not let_pass or not let_pass[0].in_doubt:
            return [car for car in let_pass if not car.in_doubt]
        self._car.passage = Passage(let_pass[0].passage_id, now.mono_ms, let_pass[0].judgement)
        self._crossings.put_in_doubt(now)
        if let_pass[0].is_long_ago or not self._parts.arrivals.occupied:
            self._crossings.settle(now)
        return []

    def _who_is_there(self, inputs: Inputs, last: Resumed, now: Now) -> None:
        """Whoever stands before an arm that is closed, or up for everyone, or was, or has been up for long, is looked
        at. Where nobody does, the car that was let pass may have crossed under an arm that is closed by now."""
        is_down, passage = self._arm.is_down, self._car.passage
        if is_down and not inputs.arrival:
            self._has_gone(passage, now)
            self._car.begin(Passage(), now)
        for_everyone = inputs.fire or self._car.mode is Mode.HELD_OPEN or not self._car.may_pass_by_itself
        if inputs.arrival and (is_down or for_everyone or (last.is_long_ago and not last.is_before)):
            passage.is_unread = not is_down
            self._car.put_aside(now)

    def _has_gone(self, passage: Passage, now: Now) -> None:
        """Most likely it has not crossed; somebody has to see."""
        self._crossings.may_have_passed(passage, now)
        passage.noted(Noted.BACKED_OUT, self._parts.record, now)

    def _with_the_arm_up(self, inputs: Inputs, last: Resumed | None, now: Now) -> list[Command]:
        """It is up, or moves, or a car that may pass is over the safety loop."""
        passage, before = self._car.passage, self._car.before
        if inputs.safety:
            return [self._parts.sign.go(DRIVE), *self._machine.enter(State.PASSING, now)]
        if last is not None and passage.passage_id:
            return self._resume(last, now)
        is_up_for_somebody = last is not None and last.judgement.decision.reason is not Reason.HELD_OPEN
        if inputs.arrival and (is_up_for_somebody or (before is not None and not before.has_gone)):
            return self._machine.enter(State.LOOKING, now)
        return self._machine.enter(State.CLOSING, now)  # nobody is on their way in: whoever comes is looked at first

    def _resume(self, last: Resumed, now: Now) -> list[Command]:
        """The arm is up, or moves, for a car that is not over the safety loop."""
        stands_there = self._parts.arrivals.occupied
        if stands_there and last.is_before:
            self._car.passage.is_unread = last.is_long_ago
            self._crossings.next_has_come(now)
            raised = [] if self._arm.is_up else [*self._arm.raised(now)]
            return [*raised, *self._machine.enter(State.LOOKING, now)]
        self._car.passage.is_unread = stands_there
        commands = self._machine.drives_on(now)
        return [*commands, self._car.passage.look()] if stands_there else commands
