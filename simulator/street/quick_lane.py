"""A lane without inertia, for who needs more cars than a simulated one lets through: its arm is where it is asked to be
at once, and a car takes no time to drive. There is no camera, and nothing that guards anybody.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from hardware.barrier import Position
from hardware.lights import Signal


@dataclass(slots=True)
class Contact:
    occupied: bool = False
    when_changed: Callable[[bool], None] | None = None

    def becomes(self, occupied: bool) -> None:
        self.occupied = occupied
        if self.when_changed is not None:
            self.when_changed(occupied)


@dataclass(slots=True)
class Arm:
    """Is where it is asked to be at once; `asked` is set with each command."""

    position: Position = Position.DOWN
    when_moved: Callable[[Position], None] | None = None
    when_faulty: Callable[[str], None] | None = None
    fault: str | None = None
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    def raise_arm(self) -> None:
        self._goes(Position.UP)

    def lower_arm(self) -> None:
        self._goes(Position.DOWN)

    def _goes(self, to: Position) -> None:
        self.position = to
        if self.when_moved is not None:
            self.when_moved(to)
        self.asked.set()


class Told:
    when_faulty: Callable[[str], None] | None = None
    fault: str | None = None

    def show(self, *_: Signal | str) -> None: ...
    def beep(self) -> None: ...
    def warn(self) -> None: ...


class QuickLane:
    """One lane's devices, as far as a passage needs them."""

    photocell = fire = cabinet = call_button = None

    def __init__(self) -> None:
        self.arrival_loop, self.safety_loop, self.barrier = Contact(), Contact(), Arm()
        self.lights = self.display = self.buzzer = Told()

    async def drive_through(self) -> None:
        """A car comes, waits for the arm, and drives; returns once the gate has asked for the arm behind it."""
        arm = self.barrier
        arm.asked.clear()
        self.arrival_loop.becomes(True)
        await arm.asked.wait()
        arm.asked.clear()
        self.safety_loop.becomes(True)
        self.arrival_loop.becomes(False)
        self.safety_loop.becomes(False)
        await arm.asked.wait()
