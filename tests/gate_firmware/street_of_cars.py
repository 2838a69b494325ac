"""A street of cars before the real lane core, on moved time.

Cars that have a length and a speed drive over loops, under an arm that takes its time, before a camera that takes its
own. What the lane is told follows from where they are; what they do, from what the lane shows. A witness who has seen
it all (`street_witness.py`) says what was wrong. Many more streets than the tests play, and the stories of those in
which something was wrong:

    python -m tests.gate_firmware.street_of_cars 0..5000 entry
"""

import argparse
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from cloud_sync.link.v1.facts import Direction, Mode
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
from tests.gate_firmware.street_cars import TICK_MS, Car, Doing, Shown, ahead_and_behind
from tests.gate_firmware.street_lane import Lasting, StreetArm, StreetCamera
from tests.gate_firmware.street_plan import Disturbance, Plan, Trouble, drawn
from tests.gate_firmware.street_story import Story, in_short
from tests.gate_firmware.street_witness import MustHold, Seen, Witness

IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  a folder of its own is made there
"""Where the stores lie: no street is about a disk, and tens of thousands of commits would wait for it."""

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
        self._arm = StreetArm()
        self._position = Position.DOWN
        self._camera = StreetCamera(Random(f"camera {plan.seed}"))
        self._disturbances = list(plan.disturbances)
        self._lasting = Lasting()
        self._arrival = self._safety = self._photocell = False
        self._mode = Mode.AUTOMATIC
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
        while self.now_ms - quiet_ms < SETTLES_MS_MAX and not self._is_at_rest():
            self._tick()
            quiet_ms = self.now_ms if self._disturbances or self._lasting else quiet_ms
        return self._witness.judge(self._gate, is_at_rest=self._is_at_rest())

    def _book(self, number: int, plate: Plate) -> None:
        spot_number = 39 + number
        self._gate.hub_says(spot(spot_number), right(number, plate=plate, end=9, spot_id=spot_id(spot_number)))
        if self.plan.direction is Direction.EXIT:
            self._gate.hub_says(stay(number, stay_id=f"s{number}", spot_id=spot_id(spot_number)))

    def _is_at_rest(self) -> bool:
        is_idle = self._gate.lane.state is State.IDLE and self._gate.lane.next_wakeup_ms() is None
        return is_idle and self._position is Position.DOWN and self._arm.rests

    def _tick(self) -> None:
        ends_ms = self.now_ms + TICK_MS
        self._wake(ends_ms)
        self.now_ms = ends_ms
        self._disturb()
        self._move_arm()
        self._move_cars()
        self._sense()
        self._look()
        self._witness.looks(
            self.now_ms,
            arrival=self._arrival,
            safety=self._safety,
            goes_up=self._arm.goes_up,
            is_for_everyone=self._is_for_everyone(),
        )

    def _wake(self, until_ms: int) -> None:
        for _ in range(WAKEUPS_MAX):
            wakeup_ms = self._gate.lane.next_wakeup_ms()
            if wakeup_ms is None or wakeup_ms - NOW.mono_ms > until_ms:
                return
            self.now_ms = max(wakeup_ms - NOW.mono_ms, self.now_ms)
            self._gate.now = NOW.later(self.now_ms)
            self._tell("woken", self._gate.lane.woken(self._gate.now))
        raise AssertionError(f"the lane asked to be woken {WAKEUPS_MAX} times within {TICK_MS} ms")

    def _happens(self, event: Event) -> None:
        self._gate.now = NOW.later(self.now_ms)
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
                        self._witness.opens(self.now_ms)
                    self._arm.goes_up = True
                case LowerArm():
                    if self._safety or self._photocell or Trouble.FIRE in self._lasting:
                        self._witness.asked_to_close_on_somebody(self.now_ms)
                    self._arm.goes_up = False
                case Look() | LookForCode():
                    self._camera.asked(command, self.now_ms)
                case LookAway():
                    self._camera.due_ms = None

    def _is_for_everyone(self) -> bool:
        return self._mode is Mode.HELD_OPEN or Trouble.FIRE in self._lasting

    def _disturb(self) -> None:
        for trouble in self._lasting.ended(self.now_ms):
            if trouble is Trouble.FIRE:
                self._happens(FireAlarm(False))
            elif trouble in (Trouble.HELD_OPEN, Trouble.CLOSED):
                self._set_mode(Mode.AUTOMATIC)
        while self._disturbances and self._disturbances[0].at_ms <= self.now_ms:
            self._begin(self._disturbances.pop(0))

    def _begin(self, disturbance: Disturbance) -> None:
        self._says(f"-- {disturbance.trouble.value} for {disturbance.lasts_ms} ms")
        self._lasting.begins(disturbance, self.now_ms)
        match disturbance.trouble:
            case Trouble.FIRE:
                self._arm.goes_up = True
                self._happens(FireAlarm(True))
            case Trouble.HELD_OPEN:
                self._lasting.forget(Trouble.CLOSED)
                self._set_mode(Mode.HELD_OPEN)
            case Trouble.CLOSED:
                self._lasting.forget(Trouble.HELD_OPEN)
                self._set_mode(Mode.CLOSED)
            case Trouble.CRASH:
                self._crash()

    def _set_mode(self, mode: Mode) -> None:
        self._mode = mode
        self._happens(ModeSet(mode, "Anna"))

    def _crash(self) -> None:
        self._gate.now = NOW.later(self.now_ms)
        self._gate.crash()
        self._camera.due_ms = None
        self._witness.gate_starts()
        commands = self._gate.start(
            arrival=self._arrival,
            safety=self._safety,
            arm=self._position,
            photocell=self._photocell,
            fire=Trouble.FIRE in self._lasting,
        )
        self._tell("starts again", commands)

    def _move_arm(self) -> None:
        self._arm.move()
        if self._arm.position is not self._position:
            self._position = self._arm.position
            self._witness.arm_is(self._position)
            self._happens(ArmMoved(self._position))
        if not self._arm.goes_up:
            self._witness.arm_falls(self.now_ms, self._arm.raised)

    def _move_cars(self) -> None:
        is_closed = self._mode is Mode.CLOSED
        is_green = self._gate.lane.told.signal is Signal.GREEN
        shown = Shown(self.now_ms, self._arm.raised, is_green, self._is_for_everyone(), is_closed)
        for car in self._cars:
            if car.is_here:
                was = car.doing, car.has_crossed
                car.move(*ahead_and_behind(self._cars, car), shown)
                self._notice(car, *was)
            elif car.doing is Doing.AWAY and self.now_ms >= car.driver.comes_ms and self._has_room():
                car.doing = Doing.COMING
                self._says(f"{car.name} comes: {car.driver}")

    def _has_room(self) -> bool:
        return all(car.leaves_room for car in self._cars)

    def _notice(self, car: Car, was: Doing, had_crossed: bool) -> None:
        if car.doing is not was:
            why = f": {car.drives_because.value}" if car.doing is Doing.DRIVING and car.drives_because else ""
            self._says(f"{car.name} is {car.doing.value}{why}")
        if car.has_crossed and not had_crossed:
            self._says(f"{car.name} has crossed")
            self._witness.crosses(car)

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
            self._witness.safety_loop_is_silent(self.now_ms)
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


def played(seed: int, direction: Direction, *, disturbed: bool) -> tuple[Seen, list[str]]:
    """The street of a seed: what was seen there, and its story in readable lines."""
    with TemporaryDirectory(dir=IN_MEMORY) as folder, closing(Gate(Path(folder), direction)) as gate:
        story = Story()
        return Street(drawn(seed, direction, disturbed=disturbed), gate, story).play(), story.lines


def main() -> None:
    """Play the streets of many seeds; the story of each in which something did not hold. Exit status 1 where one is."""
    parser = argparse.ArgumentParser(prog="python -m tests.gate_firmware.street_of_cars", description=main.__doc__)
    parser.add_argument("seeds", type=_seeds, metavar="A..B", help="B excluded")
    parser.add_argument("direction", type=Direction, choices=tuple(Direction), metavar="entry|exit")
    parser.add_argument("--undisturbed", action="store_true", help="no drop-outs, people on foot, fire, crashes")
    parser.add_argument("--story", action="store_true", help="of every street")
    arguments = parser.parse_args()
    broken: Counter[MustHold] = Counter()
    every = max(len(arguments.seeds) // 20, 1)
    for number, seed in enumerate(arguments.seeds, start=1):
        seen, story = played(seed, arguments.direction, disturbed=not arguments.undisturbed)
        broken.update({one.what for one in seen.broken})
        if seen.broken or arguments.story:
            print(f"seed {seed}", *story, *seen.broken, "", sep="\n")
        if number % every == 0:
            print(
                f"{number} of {len(arguments.seeds)} streets, {broken.total()} times something did not hold", flush=True
            )
    for what, times in broken.most_common():
        print(f"{times:6} {what.name}: {what.value}")
    sys.exit(1 if broken else 0)


def _seeds(text: str) -> range:
    first, _, end = text.partition("..")
    return range(int(first), int(end or int(first) + 1))


if __name__ == "__main__":
    main()
