"""A device that is broken is an alarm: from its pin or its port to the gate's own log, in the whole process."""

from contextlib import closing
from pathlib import Path

import pytest

from cloud_sync.link.journal import Journal
from cloud_sync.link.log import Position
from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import AlarmRaised, Direction, payload_of
from gate_firmware.bystanders import CALL_EVERY_MS
from gate_firmware.events import DeviceFault
from hardware.wiring import DisplayWiring
from tests.gate_firmware.gate import Gate
from tests.gate_firmware.test_no_pulse import WIRING, Pi
from tests.gate_firmware.test_process import true
from tests.parts import ENTRY, soon

DISPLAY, SWITCH = DeviceFault("display-lost", "no display"), DeviceFault("limit-switch", "limit_up is stuck")


@pytest.fixture
def pi(nothing_is_read: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pi:
    """With the arm down, and nobody there."""
    return Pi(tmp_path, Direction.ENTRY, monkeypatch)


def alarms(pi: Pi, alarm: str) -> list[str]:
    """What was told of it, as another process reads it."""
    with closing(Store(pi.settings.store.path)) as store:
        told = [payload_of(fact) for fact in Journal(store, ENTRY, "elsewhere").after(Position(), 1_000)]
    return [said.detail for said in told if isinstance(said, AlarmRaised) and said.alarm == alarm]


async def test_a_limit_switch_that_is_stuck(pi: Pi) -> None:
    async with pi.gate():
        assert alarms(pi, "limit-switch") == []
        pi.contact("limit_up", active=True)
        await soon(true(lambda: alarms(pi, "limit-switch") != []))
    (told,) = alarms(pi, "limit-switch")
    assert told.startswith("limit_down has not opened, and limit_up is closed too")


async def test_one_that_is_at_the_start(pi: Pi) -> None:
    pi.contact("limit_up", active=True)
    async with pi.gate():
        await soon(true(lambda: alarms(pi, "limit-switch") != []))
    (told,) = alarms(pi, "limit-switch")
    assert told.startswith("limit_up and limit_down are both closed")


async def test_a_display_that_is_lost(pi: Pi, tmp_path: Path) -> None:
    lost = WIRING.model_copy(update={"display": DisplayWiring(device=tmp_path / "display")})
    pi.settings = pi.settings.model_copy(update={"hardware": lost})
    async with pi.gate():
        await soon(true(lambda: alarms(pi, "display-lost") != []))
        pi.contact("call_button", active=True)
        pi.contact("fire", active=True)  # it is shown something else, and is lost still
        await soon(true(lambda: alarms(pi, "fire") != []))
    (told,) = alarms(pi, "display-lost")
    assert str(tmp_path / "display") in told


def test_each_fault_is_told_and_the_same_one_once_in_a_while(entry: Gate) -> None:
    """A contact that is loose, or a display that comes and goes, fills no disk."""
    entry.start()
    for _ in range(10):
        assert entry.happens(DISPLAY, SWITCH) == []
    entry.passes_ms(CALL_EVERY_MS)
    entry.happens(SWITCH)
    assert entry.alarms == ["display-lost", "limit-switch", "limit-switch"]
