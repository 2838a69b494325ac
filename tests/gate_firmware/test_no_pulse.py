"""No output moves but the lights when a gate starts, stops, is killed or is updated, by the history of its pins.

The whole process on gpiozero's mock pins. One that is killed is dropped as it is, without any of its clean-up, and the
next one finds the outputs as the kernel of Raspberry Pi OS leaves them: as they were driven.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import httpx
import pytest
from gpiozero.pins.mock import MockFactory, MockPin

from cloud_sync.link.journal import Journal
from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import Direction, LaneModeChanged, Mode
from gate_firmware.process import GateProcess
from gate_firmware.settings import GateSettings
from hardware import lane as lanes
from hardware.wiring import InputName, Wiring
from tests.gate_firmware.gate import NOW
from tests.gate_firmware.test_process import true
from tests.gate_firmware.test_service import gate_settings
from tests.hardware.conftest import MORE
from tests.hardware.moved_time import MovedTime
from tests.hardware.pins import Watched
from tests.parts import ENTRY, running, soon

WIRING = Wiring.model_validate({"kind": "gpiozero"} | MORE)
LIGHTS = ("red", "green")


class Wired(MockPin):  # type: ignore[misc]  # gpiozero ships no types
    """A pin at a contact, which holds it whoever takes the pin and pulls at it."""

    held: bool | None = None

    def hold(self, level: bool) -> None:
        self.held = level
        self._driven()

    def _set_pull(self, value: str) -> None:
        super()._set_pull(value)
        self._driven()

    def _driven(self) -> None:
        if self.held is not None:
            (self.drive_high if self.held else self.drive_low)()


class Pi:
    """The pins of a Raspberry Pi, and what its gate's processes do with the outputs, one after the other."""

    def __init__(self, folder: Path, direction: Direction, monkeypatch: pytest.MonkeyPatch) -> None:
        settings = gate_settings(folder, direction)
        self.settings: GateSettings = settings.model_copy(update={"hardware": WIRING})
        self.history: list[tuple[str, bool]] = []
        self.factory = MockFactory(pin_class=Wired)
        self._monkeypatch = monkeypatch
        for name in WIRING.inputs:
            self.contact(name, active=name == "limit_down")
        self._watch()

    def contact(self, name: InputName, *, active: bool) -> None:
        contact = WIRING.inputs[name]
        self.factory.pin(contact.pin).hold(active is (contact.normally == "closed"))

    @property
    def moved(self) -> list[tuple[str, bool]]:
        """All that the outputs did, but for the lights."""
        self._note()
        return [(name, is_on) for name, is_on in self.history if name not in LIGHTS]

    @asynccontextmanager
    async def gate(self) -> AsyncIterator[None]:
        """A gate's process that serves its lane, until it is stopped."""
        async with running(GateProcess(self.settings).run()), httpx.AsyncClient() as screen:
            await soon(true(lambda: any(self.factory.pin(WIRING.outputs[light]).state for light in LIGHTS)))
            state = await screen.get(f"http://127.0.0.1:{self.settings.api.port}/state")
            assert state.status_code == 200
            yield

    @asynccontextmanager
    async def killed_gate(self) -> AsyncIterator[None]:
        """The same, killed at the end."""
        async with self.gate():
            yield
            self._note()
            left, dead = MockFactory(pin_class=Wired), self.factory
            for contact in WIRING.inputs.values():
                left.pin(contact.pin).hold(dead.pin(contact.pin).held)
            for number in WIRING.outputs.values():
                left.pin(number).function, left.pin(number).state = "output", dead.pin(number).state
            self.factory = left
            self._watch()  # whatever is done to the dead one's pins from here on was never done

    def _watch(self) -> None:
        factory = self.factory
        self._monkeypatch.setattr(lanes, "_raspberry_pi", lambda: factory)
        self._watched = Watched(factory, WIRING.outputs, MovedTime())
        self._noted = 0

    def _note(self) -> None:
        new = self._watched.history[self._noted :]
        self.history += [(name, is_on) for _, name, is_on in new]
        self._noted += len(new)


@pytest.fixture(params=Direction)
def pi(request: pytest.FixtureRequest, nothing_is_read: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pi:
    """With the arm down, and nobody there."""
    return Pi(tmp_path, request.param, monkeypatch)


async def test_never_when_it_starts_and_stops_and_is_updated(pi: Pi) -> None:
    for _ in range(3):
        async with pi.gate():
            pass
    assert pi.moved == []
    assert ("red", True) in pi.history, "it is these pins that are watched"


async def test_never_when_it_is_killed_and_starts_again(pi: Pi) -> None:
    for _ in range(2):
        async with pi.killed_gate():
            pass
    async with pi.gate():
        pass
    assert pi.moved == []


async def test_killed_within_a_pulse_what_it_left_on_goes_off_and_nothing_on(
    nothing_is_read: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The arm was asked to open, and has not moved: whoever stands there is looked at anew."""
    pi = Pi(tmp_path, Direction.EXIT, monkeypatch)
    async with pi.killed_gate():
        pi.contact("arrival_loop", active=True)
        await soon(true(lambda: ("open_relay", True) in pi.moved))
        pi.contact("arrival_loop", active=False)
    before = len(pi.moved)
    async with pi.gate():
        pass
    assert pi.moved[before:] == [("open_relay", False)]


async def test_a_lane_that_is_held_open_is_asked_to_open(
    nothing_is_read: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That, and an arm that is found up, are what a start does move (docs/installing.md)."""
    pi = Pi(tmp_path, Direction.ENTRY, monkeypatch)
    with closing(Store(pi.settings.store.path)) as store:
        store.claim(ENTRY)
        journal = Journal(store, ENTRY, "before")
        with journal.transaction():
            journal.append(LaneModeChanged(gate_id=ENTRY, mode=Mode.HELD_OPEN, by="Anna"), NOW)
    async with pi.gate():
        await soon(true(lambda: pi.moved == [("open_relay", True), ("open_relay", False)]))
