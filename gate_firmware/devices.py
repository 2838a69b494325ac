"""What a gate needs of its lane: contacts, a barrier, something to show, and eyes. `hardware` and `looking` have it."""

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from gate_firmware.events import CodeSeen, Looked
from hardware.barrier import Position
from hardware.lights import Signal


class Loop(Protocol):
    when_changed: Callable[[bool], None] | None

    @property
    def occupied(self) -> bool: ...


class Photocell(Protocol):
    when_changed: Callable[[bool], None] | None

    @property
    def interrupted(self) -> bool: ...


class FireAlarm(Protocol):
    when_changed: Callable[[bool], None] | None

    @property
    def alarmed(self) -> bool: ...


class Cabinet(Protocol):
    when_changed: Callable[[bool], None] | None

    @property
    def open(self) -> bool: ...


class CallButton(Protocol):
    when_changed: Callable[[bool], None] | None


class Buzzer(Protocol):
    def beep(self) -> None: ...
    def warn(self) -> None: ...


class Barrier(Protocol):
    when_moved: Callable[[Position], None] | None
    when_faulty: Callable[[str], None] | None
    """Called in any thread, with words for attendants, once one of its limit switches is broken that was not."""

    @property
    def fault(self) -> str | None: ...

    @property
    def position(self) -> Position: ...

    def raise_arm(self) -> None: ...

    def lower_arm(self) -> None:
        """Raises Refused where a car is under the arm."""


class Lights(Protocol):
    def show(self, signal: Signal) -> None: ...


class Display(Protocol):
    when_faulty: Callable[[str], None] | None
    """The same, once it is lost."""

    @property
    def fault(self) -> str | None: ...

    def show(self, line1: str, line2: str = "") -> None: ...


class LaneDevices(Protocol):
    """One lane's devices; None where the lane has none of a kind."""

    @property
    def arrival_loop(self) -> Loop: ...
    @property
    def safety_loop(self) -> Loop: ...
    @property
    def barrier(self) -> Barrier: ...
    @property
    def lights(self) -> Lights: ...
    @property
    def display(self) -> Display: ...
    @property
    def photocell(self) -> Photocell | None: ...
    @property
    def fire(self) -> FireAlarm | None: ...
    @property
    def cabinet(self) -> Cabinet | None: ...
    @property
    def call_button(self) -> CallButton | None: ...
    @property
    def buzzer(self) -> Buzzer: ...


class Eyes(Protocol):
    """Looks at the car in the lane. A look goes on until it has come to something, or is cancelled."""

    def look(self, passage_id: str) -> Coroutine[Any, Any, Looked]: ...
    def look_for_code(self, passage_id: str, but: frozenset[str]) -> Coroutine[Any, Any, CodeSeen]: ...
