"""A street of cars before the real lane core, on moved time.

Cars that have a length and a speed drive over loops, under an arm that takes its time, before a camera that takes its
own. What the lane is told follows from where they are; what they do, from what the lane shows. A witness who has seen
it all (`street_witness.py`) says what was wrong.
"""

from dataclasses import replace
from random import Random

from cloud_sync.link.v1.facts import Direction, Mode
from domain.now import Now
from domain.plate import Plate
from gate_firmware.events import (
    ArmMoved,
    ArrivalLoop,
    Command,
    Event,
    FireAlarm,
    Look,
    LookAway,
    LookForCode,
    LowerArm,
    ModeSet,
    Photocell,
    RaiseArm,
    SafetyLoop,
)
from gate_firmware.lane_states import State
from hardware.barrier import Position
from hardware.lights import Signal
from tests.gate_firmware.gate import KEY_KNOWN, NOW, Gate, right, spot, spot_id, stay
from tests.gate_firmware.street_cars import TICK_MS, Because, Car, Doing, Shown, ahead_and_behind
from tests.gate_firmware.street_judgement import judged
from tests.gate_firmware.street_lane import Lasting, StreetArm, StreetCamera
from tests.gate_firmware.street_must_hold import Seen
from tests.gate_firmware.street_plan import Disturbance, Plan, Trouble
from tests.gate_firmware.street_story import Story, in_short
from tests.gate_firmware.street_witness import Witness

SETTLES_MS_MAX = 20_000
"""Whatever the lane still waits for once nobody is there, and nothing is disturbed any more, is over by then."""

LASTS_MS_MAX = 300_000
WAKEUPS_MAX = 20
"""In one tick: a lane that asks for more is busy with nothing."""


class Street:
    """One street, played."""

    def __init__(self, plan: Plan, gate: Gate, story: Story) -> None:
        self.plan = plan
        self.now_ms = 0
        self._story = story
        self._gate = gate
        self._cars = [Car(index, driver, plan.ground) for index, driver in enumerate(plan.drivers)]
        self._arm = StreetArm(plan.closes_after_ms)
        self._position = Position.DOWN
        self._camera = StreetCamera(Random(f"camera {plan.seed}"))
        self._disturbances = list(plan.disturbances)
        self._lasting = Lasting()
        self._arrival = self._safety = self._photocell = False
        self._mode = self._asked_mode = Mode.AUTOMATIC
        self._trust = NOW.trust
        self._witness = Witness(plan, self._cars)

    def play(self) -> Seen:
        """From the first car's coming until the last has gone and the lane has come to rest; what was wrong."""
        self._gate.hub_says(KEY_KNOWN)
        for driver in self.plan.drivers:
            if driver.number is not None:
                self._book(driver.number, driver.plate)
        self._do(self._gate.start())
        while any(car.doing is not Doing.GONE for car in self._cars) and self.now_ms < LASTS_MS_MAX:
            self._tick()
        assert all(car.doing is Doing.GONE for car in self._cars), "drivers lose patience: this street is drawn wrongly"
        quiet_ms = self.now_ms
        settles_ms_max = SETTLES_MS_MAX + (self.plan.closes_after_ms or 0)
        while self.now_ms - quiet_ms < settles_ms_max and not self._is_at_rest():
            self._tick()
            quiet_ms = self.now_ms if self._disturbances or self._lasting else quiet_ms
        return judged(self._witness, self._gate, is_at_rest=self._is_at_rest())

    def _book(self, number: int, plate: Plate) -> None:
        spot_number = 39 + number
        self._gate.hub_says(spot(spot_number), right(number, plate=plate, end=9, spot_id=spot_id(spot_number)))
        if self.plan.direction is Direction.EXIT:
            self._gate.hub_says(stay(number, stay_id=f"s{number}", spot_id=spot_id(spot_number)))

    @property
    def _is_off(self) -> bool:
        """Whether the gate has no power."""
        return Trouble.CRASH in self._lasting

    def _is_at_rest(self) -> bool:
        is_idle = self._gate.lane.state is State.IDLE and self._gate.lane.next_wakeup_ms() is None
        return is_idle and self._is_down()

    def _is_down(self) -> bool:
        """Whether the arm is, and nobody has asked it to rise."""
        return self._position is Position.DOWN and self._arm.rests

    def _tick(self) -> None:
        ends_ms = self.now_ms + TICK_MS
        self._wake(ends_ms)
        self.now_ms = self._witness.now_ms = ends_ms
        self._disturb()
        self._move_arm()
        self._move_cars()
        self._sense()
        self._look()
        self._witness.looks(
            arrival=self._arrival,
            safety=self._safety,
            occupied=self._safety or self._photocell,
            goes_up=self._arm.goes_up,
            is_for_everyone=self._is_for_everyone(),
            is_off=self._is_off,
        )

    def _wake(self, until_ms: int) -> None:
        if self._is_off:
            return
        for _ in range(WAKEUPS_MAX):
            wakeup_ms = self._gate.lane.next_wakeup_ms()
            if wakeup_ms is None or wakeup_ms - NOW.mono_ms > until_ms:
                return
            self.now_ms = self._witness.now_ms = max(wakeup_ms - NOW.mono_ms, self.now_ms)
            self._gate.now = self._now
            self._tell("woken", self._gate.lane.woken(self._gate.now))
        raise AssertionError(f"the lane asked to be woken {WAKEUPS_MAX} times within {TICK_MS} ms")

    @property
    def _now(self) -> Now:
        return replace(NOW, trust=self._trust).later(self.now_ms)

    def _happens(self, event: Event) -> None:
        if self._is_off:
            return
        self._gate.now = self._now
        self._tell(in_short(event), self._gate.happens(event))

    def _tell(self, what: str, commands: list[Command]) -> None:
        self._story.tells(what, self._gate.lane, commands, self.now_ms)
        self._do(commands)

    def _says(self, line: str) -> None:
        self._story.says(line, self.now_ms)

    def _do(self, commands: list[Command]) -> None:
        for command in commands:
            match command:
                case RaiseArm():
                    if not self._is_for_everyone() and not self._safety and not self._photocell:
                        self._witness.opens()
                    self._witness.key_matters_no_more()
                    self._arm.opens()
                case LowerArm():
                    if self._safety or self._photocell or Trouble.FIRE in self._lasting:
                        self._witness.asked_to_close_on_somebody()
                    self._witness.asked_to_close()
                    self._arm.closes()
                case Look() | LookForCode():
                    self._camera.asked(command, self.now_ms)
                case LookAway():
                    self._camera.due_ms = None

    def _is_for_everyone(self) -> bool:
        return self._mode is Mode.HELD_OPEN or Trouble.FIRE in self._lasting

    def _disturb(self) -> None:
        for trouble in self._lasting.ended(self.now_ms):
            match trouble:
                case Trouble.FIRE:
                    self._happens(FireAlarm(False))
                case Trouble.HELD_OPEN | Trouble.CLOSED:
                    self._set_mode(Mode.AUTOMATIC)
                case Trouble.CRASH:
                    self._gate.boot, self._trust = f"{self._gate.boot}, and again", self.plan.trust
                    self._start_anew()
        while self._disturbances and self._disturbances[0].at_ms <= self.now_ms:
            self._begin(self._disturbances.pop(0))

    def _begin(self, disturbance: Disturbance) -> None:
        self._says(f"-- {disturbance.trouble.value} for {disturbance.lasts_ms} ms")
        was_off = self._is_off
        if disturbance.trouble is not Trouble.CRASH or disturbance.lasts_ms:
            self._lasting.begins(disturbance, self.now_ms)
        match disturbance.trouble:
            case Trouble.FIRE:
                self._arm.opens()
                self._happens(FireAlarm(True))
            case Trouble.HELD_OPEN:
                self._lasting.forget(Trouble.CLOSED)
                self._set_mode(Mode.HELD_OPEN)
            case Trouble.CLOSED:
                self._lasting.forget(Trouble.HELD_OPEN)
                self._set_mode(Mode.CLOSED)
            case Trouble.CRASH:
                self._camera.due_ms = None
                if self._is_off:
                    self._witness.gate_stops()
                elif not was_off:
                    self._start_anew()
            case Trouble.KEY:
                if not self._is_off and not self._is_for_everyone() and self._is_down():
                    self._witness.key_is_turned()
                self._arm.opens()

    def _set_mode(self, mode: Mode) -> None:
        """Somebody of the lot asks for it, and again once the gate has power."""
        self._asked_mode = mode
        if not self._is_off:
            self._mode = mode
            self._happens(ModeSet(mode, "Anna"))

    def _start_anew(self) -> None:
        self._gate.now = self._now
        self._gate.crash()
        self._witness.gate_starts(safety=self._safety)
        commands = self._gate.start(
            arrival=self._arrival,
            safety=self._safety,
            arm=self._position,
            photocell=self._photocell,
            fire=Trouble.FIRE in self._lasting,
        )
        self._tell("starts again", commands)
        if self._mode is not self._asked_mode:
            self._set_mode(self._asked_mode)

    def _move_arm(self) -> None:
        if Trouble.FIRE in self._lasting:
            self._arm.opens()  # the alarm is on the controller's own input
        self._arm.move(under=self._safety or self._photocell, is_alone=self._is_off)
        if self._arm.position is not self._position:
            self._position = self._arm.position
            self._witness.arm_is(self._position)
            self._happens(ArmMoved(self._position))
        if not self._arm.goes_up:
            self._witness.arm_falls(self._arm.raised)

    def _move_cars(self) -> None:
        for car in self._cars:
            if car.is_here:
                was = car.doing, car.has_crossed
                car.move(*ahead_and_behind(self._cars, car), self._shown)
                self._notice(car, *was)
            elif car.doing is Doing.AWAY and self.now_ms >= car.driver.comes_ms and self._has_room():
                car.doing = Doing.COMING
                self._says(f"{car.name} comes: {car.driver}")

    @property
    def _shown(self) -> Shown:
        return Shown(
            now_ms=self.now_ms,
            raised=self._arm.raised,
            is_green=self._gate.lane.told.signal is Signal.GREEN and not self._is_off,
            is_for_everyone=self._is_for_everyone(),
            is_closed=self._mode is Mode.CLOSED,
            is_waved=Trouble.KEY in self._lasting,
            is_dark=self._is_off,
        )

    def _has_room(self) -> bool:
        return all(car.leaves_room for car in self._cars)

    def _notice(self, car: Car, was: Doing, had_crossed: bool) -> None:
        if car.doing is not was:
            why = f": {car.drives_because.value}" if car.doing is Doing.DRIVING and car.drives_because else ""
            self._says(f"{car.name} is {car.doing.value}{why}")
            if car.doing is Doing.DRIVING and car.drives_because is Because.WAVED:
                self._lasting.forget(Trouble.KEY)  # nobody else is
        if car.has_crossed and not had_crossed:
            self._says(f"{car.name} has crossed")
            self._witness.crosses(car, is_off=self._is_off)

    def _sense(self) -> None:
        ground = self.plan.ground
        arrival = any(car.is_over(ground.arrival) for car in self._cars)
        safety = any(car.is_over(ground.safety) for car in self._cars)
        on_foot = Trouble.ON_FOOT in self._lasting
        photocell = self.plan.photocell and (on_foot or any(car.is_under_the_arm for car in self._cars))
        if Trouble.ARRIVAL_DROPS_OUT in self._lasting and arrival:
            arrival = False
            self._witness.arrival_loop_is_silent()
        if Trouble.SAFETY_DROPS_OUT in self._lasting and safety:
            safety = False
            self._witness.safety_loop_is_silent()
        if arrival is not self._arrival:
            self._arrival = arrival
            self._happens(ArrivalLoop(arrival))
        if safety is not self._safety:
            self._safety = safety
            self._happens(SafetyLoop(safety))
        if photocell is not self._photocell:
            self._photocell = photocell
            self._happens(Photocell(photocell))

    def _look(self) -> None:
        if self._camera.due_ms is not None and self.now_ms >= self._camera.due_ms:
            seen = self._camera.sees(self._cars, self.now_ms)
            if seen is not None:
                self._happens(seen)
