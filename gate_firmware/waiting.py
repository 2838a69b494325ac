"""What has happened at a lane and was asked of it, in order, until the lane takes it. Bounded, whatever happens there.

Inputs come in the threads of their pins, and may flicker for as long as the event loop is held up by a disk. What
counts of an input is how it is now, and that it has changed: so of each contact the first changes wait, and of those on
top only what they amount to. A device that is broken says so once until that was taken. Whoever asks is told at once
that too many wait.
"""

import asyncio
import threading
from dataclasses import dataclass

from domain.fact import Fact
from gate_firmware.events import (
    ArmMoved,
    ArrivalLoop,
    CabinetDoor,
    CallButton,
    CodeSeen,
    DeviceFault,
    FireAlarm,
    Looked,
    Photocell,
    SafetyLoop,
    Said,
)

CHANGES_MAX = 16
"""Changes of one contact, or of the arm, that wait: eight cars on a loop. At least 2, so that a change stays one."""

LOOKS_MAX = 8
"""Looks that have ended and wait; of more, the oldest are forgotten: another was begun since."""

FAULTS_MAX = 16
"""What devices say of themselves and waits; of more, the newest are forgotten: no lane has so many devices."""

ASKED_MAX = 16
"""Who asks something of the lane; one more is asked to come again."""

Change = ArrivalLoop | SafetyLoop | Photocell | ArmMoved | FireAlarm | CabinetDoor | CallButton


@dataclass(frozen=True, slots=True)
class Probe:
    """Whoever watches this process asks whether the lane is served."""

    answered: asyncio.Future[None]


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody asks something of the lane, and waits for what it has stored in answer."""

    said: Said
    answer: asyncio.Future[Fact]


Happening = Change | DeviceFault | Looked | CodeSeen | Asked | Probe


class Waiting:
    """Filled from any thread (`changed`) and from the event loop; emptied by one task of that loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Happening] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_called = False  # the loop is going to look
        self._some = asyncio.Event()
        self._probe: Probe | None = None

    def begin(self) -> None:
        """Changes are carried to the running event loop from now on."""
        self._loop = asyncio.get_running_loop()

    def changed(self, change: Change) -> None:
        """An input has changed; in any thread.

        Where `CHANGES_MAX` of it wait, this one takes the last one's place, and both go where things are as before.
        """
        with self._lock:
            same = [place for place, other in enumerate(self._waiting) if type(other) is type(change)]
            if len(same) >= CHANGES_MAX:
                del self._waiting[same.pop()]
            if len(same) < CHANGES_MAX - 1 or self._waiting[same[-1]] != change:
                self._waiting.append(change)
        self._call()

    def broken(self, fault: DeviceFault) -> None:
        """A device is broken; in any thread."""
        with self._lock:
            same = [other for other in self._waiting if isinstance(other, DeviceFault)]
            if fault in same or len(same) >= FAULTS_MAX:
                return
            self._waiting.append(fault)
        self._call()

    def looked(self, seen: Looked | CodeSeen) -> None:
        """A look has come to its end."""
        with self._lock:
            same = [place for place, other in enumerate(self._waiting) if isinstance(other, Looked | CodeSeen)]
            if len(same) >= LOOKS_MAX:
                del self._waiting[same[0]]
        self._add(seen)

    def ask(self, said: Said) -> asyncio.Future[Fact] | None:
        """Ask something of the lane: its answer to come. None where too many have asked already."""
        with self._lock:
            if sum(isinstance(other, Asked) for other in self._waiting) >= ASKED_MAX:
                return None
        answer: asyncio.Future[Fact] = asyncio.get_running_loop().create_future()
        self._add(Asked(said, answer))
        return answer

    async def probe(self) -> None:
        """Until all that waits by now was taken. Whoever asks meanwhile waits for the same."""
        if self._probe is None or self._probe.answered.done():
            self._probe = Probe(asyncio.get_running_loop().create_future())
            self._add(self._probe)
        await asyncio.shield(self._probe.answered)

    async def next(self) -> Happening:
        """What has waited longest, once there is something."""
        while True:
            with self._lock:
                if self._waiting:
                    return self._waiting.pop(0)
                self._is_called = False
                self._some.clear()
            await self._some.wait()

    def _call(self) -> None:
        """Have the loop look, from whatever thread."""
        assert self._loop is not None, "it has begun"
        with self._lock:
            call, self._is_called = not self._is_called, True
        if call:  # else a loop that hangs would gather a call for each change
            self._loop.call_soon_threadsafe(self._some.set)

    def _add(self, happening: Happening) -> None:
        with self._lock:
            self._waiting.append(happening)
        self._some.set()
