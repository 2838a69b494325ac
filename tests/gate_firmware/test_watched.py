"""A gate that systemd watches: it says that it is well while its event loop and its lane answer, and not otherwise."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cloud_sync.link import systemd as systemd_words
from cloud_sync.link.host import Host, this_machine
from cloud_sync.link.mqtt import Link
from cloud_sync.link.v1.facts import Direction
from domain.now import Now, Trust
from gate_firmware import process
from gate_firmware.frames import FrameKeeper
from gate_firmware.process import GateProcess
from gate_firmware.service import OVERDUE_MS_MAX, GateService
from hardware.camera import NoCamera
from hardware.lane import Lane as Devices
from simulator.street.quick_lane import QuickLane
from tests.gate_firmware.test_service import gate_settings
from tests.parts import NOON, PATIENCE_S
from tests.simulator.world.worlds import on_virtual_time

PERIOD_S = 1.0
HANGS = """
import asyncio, signal, sys, time
from pathlib import Path
from cloud_sync.link.process import run_unit
from cloud_sync.link.v1.facts import Direction
from gate_firmware.process import GateProcess
from tests.gate_firmware.test_service import gate_settings

async def unit():
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, time.sleep, 60)
    await GateProcess(gate_settings(Path(sys.argv[1]), Direction.EXIT)).run()

run_unit(unit())
"""


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(PATIENCE_S)
        yield listening


def test_one_whose_event_loop_hangs_is_silent(tmp_path: Path, systemd: socket.socket) -> None:
    told = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": str(int(PERIOD_S * 1_000_000))}
    environment = {**os.environ, **told, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, "-c", HANGS, str(tmp_path)], env=environment) as gate:
        try:
            said = {systemd.recv(100) for _ in range(4)}
            assert said == {b"READY=1", b"WATCHDOG=1"}
            gate.send_signal(signal.SIGUSR1)
            systemd.settimeout(2 * PERIOD_S)
            with pytest.raises(TimeoutError):
                while systemd.recv(100):
                    pass  # what it had said before it heard the signal
        finally:
            gate.kill()


class Lane(QuickLane):
    """Devices for a whole process, which take no time."""

    camera = NoCamera()
    control_port: int | None = None

    async def __aenter__(self) -> "Lane":
        return self

    async def __aexit__(self, *_: object) -> None: ...


async def _for_ever(*_: object, **__: object) -> None:
    await asyncio.Event().wait()


def test_a_process_whose_lane_hangs_is_silent_while_its_event_loop_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On virtual time, in which no socket is served: its interface and its link do nothing."""
    said: list[str] = []
    monkeypatch.setenv("NOTIFY_SOCKET", "somewhere")
    monkeypatch.setenv("WATCHDOG_USEC", str(int(PERIOD_S * 1_000_000)))
    monkeypatch.setattr(systemd_words, "notify", said.append)
    monkeypatch.setattr(process, "serve_http", _for_ever)
    monkeypatch.setattr(process, "engine", lambda *_, **__: None)
    monkeypatch.setattr(Devices, "from_wiring", lambda _wiring: Lane())
    monkeypatch.setattr(FrameKeeper, "run", _for_ever)
    monkeypatch.setattr(Link, "run", _for_ever)

    async def life() -> None:
        loop = asyncio.get_running_loop()
        host = Host(lambda: Now(int(1_000 * loop.time()), NOON), "boot", Link)
        gate = GateProcess(gate_settings(tmp_path, Direction.EXIT), host)
        running = asyncio.create_task(gate.run())
        await asyncio.sleep(100 * PERIOD_S)
        assert len(said) >= 100
        assert gate._service is not None
        monkeypatch.setattr(gate._service._waiting, "next", _for_ever)
        await asyncio.sleep(PERIOD_S)
        said.clear()
        await asyncio.sleep(100 * PERIOD_S)
        assert said == []
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    on_virtual_time(life())


async def test_a_lane_that_is_not_served_is_not_well(tmp_path: Path) -> None:
    """Nothing takes what happens at the lane from its queue: the process runs, and is of no use."""
    gate = GateService(gate_settings(tmp_path, Direction.ENTRY), this_machine(Trust.NTP))
    with closing(gate._store), pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await gate.is_served()


async def test_nor_is_one_that_is_not_woken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = GateService(gate_settings(tmp_path, Direction.ENTRY), this_machine(Trust.NTP))
    with closing(gate._store):
        carrying = asyncio.create_task(gate._carry_events())
        assert await gate.is_served()
        overdue_ms = gate._clock().mono_ms - OVERDUE_MS_MAX
        monkeypatch.setattr(gate._lane, "next_wakeup_ms", lambda: overdue_ms)
        assert not await gate.is_served()
        carrying.cancel()
