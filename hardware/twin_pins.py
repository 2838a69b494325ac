"""The simulated lane on gpiozero's mock pins: relays move the arm, the arm and the car move the inputs.

The devices are the real ones; only the pins are not. `run` is the thin shell that lets real time pass.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from gpiozero import Factory
from gpiozero.pins.mock import MockConnectedPin, MockFactory, MockPin

from hardware.twin import LaneTwin
from hardware.twin_events import LaneEvent
from hardware.wiring import ContactWiring, Wiring


class _Coil:
    """A relay's coil: reports the moment it is energised. Stands where a `MockConnectedPin` expects a pin."""

    def __init__(self, when_energised: Callable[[], None]) -> None:
        self._when_energised = when_energised
        self._energised = False

    def drive_high(self) -> None:
        was, self._energised = self._energised, True
        if not was:
            self._when_energised()

    def drive_low(self) -> None:
        self._energised = False


class _LivePin(MockPin):  # type: ignore[misc]  # gpiozero ships no types
    """An input that is what it is at the moment at which it is read, however late the one who lets time pass may be."""

    def __init__(self, factory: Factory, info: Any, before_read: Callable[[], None]) -> None:
        self._before_read = before_read
        super().__init__(factory, info)

    def _get_state(self) -> Any:
        self._before_read()
        return super()._get_state()


class TwinPins:
    """Joins one `LaneTwin` to the pins of one lane; safe to call from any thread.

    `factory` goes to the devices. Once they exist, `settle` must be called: gpiozero puts every input to its pull.
    `when_happened` gets each event of the twin, in order, in the thread that moved it; then `when_moved` is called.
    """

    def __init__(self, wiring: Wiring, twin: LaneTwin, *, clock: Callable[[], int]) -> None:
        self.factory: Factory = MockFactory()
        self.when_happened: Callable[[LaneEvent], None] | None = None
        self.when_moved: Callable[[], None] | None = None
        self._inputs = wiring.inputs
        self._twin = twin
        self._clock = clock
        self._lock = threading.RLock()
        self._energised: deque[Callable[[int], None]] = deque()
        self._wake: Callable[[], object] | None = None
        self._is_settled = False
        self._is_moving = False  # somebody holds the lock and moves the twin: what reads a pin by that gets what is so
        for contact in wiring.inputs.values():
            self.factory.pin(contact.pin, pin_class=_LivePin, before_read=self._catch_up)
        coils = {"open_relay": twin.raise_arm, "close_relay": twin.lower_arm, "buzzer": twin.buzz}
        for name, pin in wiring.outputs.items():
            if name in coils:
                coil = _Coil(partial(self._energise, coils[name]))
                self.factory.pin(pin, pin_class=MockConnectedPin, input_pin=coil)

    def act(self, action: Callable[[int], None]) -> None:
        """Do something to the twin at the present millisecond, then let the pins and listeners follow."""
        with self._moving():
            action(self._clock())
            self._follow()
        self._obey()
        if self._wake is not None:
            self._wake()

    def settle(self) -> None:
        """Let time pass until now, tick by tick, so that each change reaches its pin."""
        with self._moving():
            self._is_settled = True
            now = self._clock()
            while (at := self._twin.next_wakeup()) is not None and at <= now:
                self._twin.advance(at)
                self._follow()
            self._twin.advance(now)
            self._follow()
        self._obey()

    async def run(self) -> None:
        """Let real time pass until cancelled."""
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(woken.set)
        try:
            while True:
                woken.clear()
                self.settle()
                at = self._twin.next_wakeup()
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if at is None else (at - self._clock()) / 1_000):
                        await woken.wait()
        finally:
            self._wake = None

    @contextmanager
    def _moving(self) -> Iterator[None]:
        with self._lock:
            was, self._is_moving = self._is_moving, True
            try:
                yield
            finally:
                self._is_moving = was

    def _catch_up(self) -> None:
        """Somebody reads an input. Never waits for our lock, as `_energise`."""
        if not self._is_settled or not self._lock.acquire(blocking=False):
            return
        try:
            if not self._is_moving:
                self.settle()
        finally:
            self._lock.release()

    def _energise(self, command: Callable[[int], None]) -> None:
        """A coil was energised. Never waits for our lock.

        Its thread holds the barrier's, and who holds ours may be in the callback of an input, which wants that one.
        Then it is they who obey, once they are done.
        """
        self._energised.append(command)
        self._obey()
        if self._wake is not None:
            self._wake()

    def _obey(self) -> None:
        while self._energised and self._lock.acquire(blocking=False):
            try:
                with self._moving():
                    while self._energised:
                        self._energised.popleft()(self._clock())
                        self._follow()
            finally:
                self._lock.release()

    def _follow(self) -> None:
        twin = self._twin
        for name, contact in self._inputs.items():
            self._drive(contact, twin.says(name))
        for event in twin.take_events():
            if self.when_happened is not None:
                self.when_happened(event)
        if self.when_moved is not None:
            self.when_moved()

    def _drive(self, contact: ContactWiring, active: bool) -> None:
        closed = active != (contact.normally == "closed")
        pin = self.factory.pin(contact.pin)
        if closed:
            pin.drive_low()
        else:
            pin.drive_high()
