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

from cloud_sync.link.host import this_machine
from cloud_sync.link.v1.facts import Direction
from domain.now import Trust
from gate_firmware.service import OVERDUE_MS_MAX, GateService
from tests.gate_firmware.test_service import gate_settings
from tests.parts import PATIENCE_S

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
