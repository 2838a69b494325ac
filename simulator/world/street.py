"""The street before one barrier: two loops, an arm that takes its time, lights, a display, and cars one behind another.

The barrier has no protection of its own: it obeys a close command over a car, so that whoever looks on sees it.
"""

import asyncio
import random
from collections.abc import Callable

from cloud_sync.link.v1.facts import Direction
from domain.plate import Plate
from hardware.barrier import Position
from hardware.lights import Signal
from simulator.world.loop import VirtualLoop
from simulator.world.process import Died, Place, Process
from simulator.world.seen import Arm, ArmSeen, At, CarMoved, Seen, Shown

ARM_S = 1.5
"""From one end to the other."""


class Car:
    """A car on the street. What its driver holds before the camera is `code`."""

    def __init__(self, name: str, plate: Plate) -> None:
        self.name = name
        self.plate = plate
        self.code: str | None = None


class Lane:
    """What is physically there at one gate, whatever becomes of the gate's process."""

    def __init__(self, gate_id: str, direction: Direction, loop: VirtualLoop, seen: Seen) -> None:
        self.gate_id = gate_id
        self.direction = direction
        self.arrival = self.safety = False
        self.position = Position.DOWN
        self.signal, self.lines = Signal.OFF, ("", "")
        self.green_is_spent = False
        """Somebody has driven on the light that is shown."""
        self.car: Car | None = None
        """On the arrival loop."""
        self.changed = asyncio.Event()
        self.left = asyncio.Event()
        """Set, and made anew, whenever a car leaves the arrival loop."""
        self.devices: Devices | None = None
        self.is_blind = False
        """The camera shows nothing."""
        self.place = asyncio.Lock()  # on the arrival loop
        self._loop = loop
        self._seen = seen
        self._heading = 0
        self._raised_s, self._since_s = 0.0, 0.0
        self._arrives: asyncio.TimerHandle | None = None

    def car_is(self, car: Car, at: At) -> None:
        """A car has moved."""
        self._seen.street.append(CarMoved(self._loop.now_ms, self.gate_id, car.name, car.plate, at))

    def set_arrival(self, occupied: bool) -> None:
        self.arrival = occupied
        if self.devices is not None:
            self.devices.arrival_loop.tell(occupied)

    def set_safety(self, occupied: bool) -> None:
        self.safety = occupied
        if self.devices is not None:
            self.devices.safety_loop.tell(occupied)

    def command(self, arm: Arm) -> None:
        """The barrier's controller is asked to move; it does."""
        self._saw(arm)
        heading = 1 if arm is Arm.RAISE else -1
        there = self.position is (Position.UP if heading > 0 else Position.DOWN)
        if there and self._heading == 0:
            return
        self._settle()
        self._heading, self._since_s = heading, self._loop.time()
        if self._arrives is not None:
            self._arrives.cancel()
        left_s = ARM_S - self._raised_s if heading > 0 else self._raised_s
        self._arrives = self._loop.call_later(left_s, self._arrived)
        self._moved(Position.BETWEEN)

    def hold_up(self, car: Car, code: str | None) -> None:
        """The driver holds a code before the camera, or puts it away."""
        car.code = code
        self._tell()

    def show_signal(self, signal: Signal) -> None:
        self.signal, self.green_is_spent = signal, False
        self._tell()

    def show_lines(self, line1: str, line2: str) -> None:
        self.lines = line1, line2
        self._seen.street.append(Shown(self._loop.now_ms, self.gate_id, line1, line2))
        self._tell()

    @property
    def is_up(self) -> bool:
        return self.position is Position.UP

    @property
    def invites(self) -> bool:
        """Whether a driver who minds the light drives."""
        fresh = self.signal is Signal.GREEN and not self.green_is_spent
        return fresh and self.is_up and not self.safety

    def _settle(self) -> None:
        moved_s = self._heading * (self._loop.time() - self._since_s)
        self._raised_s = min(max(self._raised_s + moved_s, 0.0), ARM_S)

    def _arrived(self) -> None:
        self._settle()
        up, self._heading, self._arrives = self._heading > 0, 0, None
        self._raised_s = ARM_S if up else 0.0
        self._saw(Arm.UP if up else Arm.DOWN)
        self._moved(Position.UP if up else Position.DOWN)

    def _moved(self, position: Position) -> None:
        if position is self.position:
            return
        self.position = position
        if self.devices is not None and self.devices.barrier.when_moved is not None:
            self.devices.barrier.when_moved(position)
        self._tell()

    def _saw(self, arm: Arm) -> None:
        self._seen.street.append(ArmSeen(self._loop.now_ms, self.gate_id, arm, self.safety))

    def _tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()
        self.left = asyncio.Event()
        """Set, and made anew, whenever a car leaves the arrival loop."""


class _Loop:
    def __init__(self, is_occupied: Callable[[], bool], alive: Callable[[], bool]) -> None:
        self.when_changed: Callable[[bool], None] | None = None
        self._is_occupied = is_occupied
        self._alive = alive

    @property
    def occupied(self) -> bool:
        return self._is_occupied()

    def tell(self, occupied: bool) -> None:
        if self.when_changed is not None and self._alive():
            self.when_changed(occupied)


class _Barrier:
    fault: str | None = None

    def __init__(self, lane: Lane, process: Process) -> None:
        self.when_moved: Callable[[Position], None] | None = None
        self.when_faulty: Callable[[str], None] | None = None
        self._lane = lane
        self._process = process

    @property
    def position(self) -> Position:
        return self._lane.position

    def raise_arm(self) -> None:
        self._command(Arm.RAISE)

    def lower_arm(self) -> None:
        self._command(Arm.LOWER)

    def _command(self, arm: Arm) -> None:
        self._process.passes(Place.BEFORE_ARM)
        self._lane.command(arm)
        self._process.passes(Place.AFTER_ARM)


class Devices:
    """One lane's devices in the hands of one process; they do nothing for it once it is dead."""

    def __init__(self, lane: Lane, process: Process) -> None:
        def alive() -> bool:
            return process.alive

        self.arrival_loop = _Loop(lambda: lane.arrival, alive)
        self.safety_loop = _Loop(lambda: lane.safety, alive)
        self.barrier = _Barrier(lane, process)
        self.photocell = self.fire = self.cabinet = self.call_button = None
        self.buzzer = _Buzzer()
        self._lane = lane
        self._process = process
        lane.devices = self

    @property
    def lights(self) -> "Devices":
        return self

    @property
    def display(self) -> "_Display":
        return _Display(self._lane, self._process)

    def show(self, signal: Signal) -> None:
        """As the lights."""
        if not self._process.alive:
            raise Died
        self._lane.show_signal(signal)


class _Buzzer:
    """Nobody listens."""

    def beep(self) -> None: ...

    def warn(self) -> None: ...


class _Display:
    fault: str | None = None

    def __init__(self, lane: Lane, process: Process) -> None:
        self.when_faulty: Callable[[str], None] | None = None
        self._lane = lane
        self._process = process

    def show(self, line1: str, line2: str = "") -> None:
        if not self._process.alive:
            raise Died
        self._lane.show_lines(line1, line2)


async def drive_through(lane: Lane, car: Car, dice: random.Random) -> None:
    """From the arrival loop, under the arm and away; the arrival loop is left to the next car meanwhile."""
    lane.green_is_spent = True
    lane.car_is(car, At.UNDER_ARM)
    lane.set_safety(True)
    await asyncio.sleep(dice.uniform(0.6, 1.4))
    lane.car = None
    lane.set_arrival(False)
    lane.left.set()
    lane.left = asyncio.Event()
    await asyncio.sleep(dice.uniform(1.0, 2.5) + (dice.uniform(5, 45) if dice.random() < DAWDLES else 0))
    lane.car_is(car, At.THROUGH)
    lane.set_safety(False)


DAWDLES = 0.02
"""Of the drivers stop under the arm."""
