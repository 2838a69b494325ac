"""Processes are kept up, and none is left behind."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from domain.errors import OperatorError
from simulator.demo import supervisor as module
from simulator.demo.site import listens
from simulator.demo.supervisor import Supervisor, Unit
from simulator.ports import free_port

LISTEN = """
import socket, sys, time
with socket.create_server(("127.0.0.1", int(sys.argv[1]))):
    time.sleep(600)
"""


def unit(tmp_path: Path, port: int, command: Sequence[str] | None = None) -> Unit:
    run = command or (sys.executable, "-c", LISTEN, str(port))
    return Unit("listener", run, tmp_path / "listener.log", listens(port))


async def test_what_was_started_serves_and_is_stopped_at_the_end(tmp_path: Path) -> None:
    port = free_port()
    async with Supervisor() as supervisor:
        supervisor.add(unit(tmp_path, port))
        await supervisor.start("listener")
        assert await listens(port)()
    assert not await listens(port)()


async def test_what_is_killed_comes_back_as_another_process(tmp_path: Path) -> None:
    port = free_port()
    async with Supervisor() as supervisor:
        supervisor.add(unit(tmp_path, port))
        await supervisor.start("listener")
        killed = await supervisor.kill("listener")
        await supervisor.wait_ready("listener")
        assert supervisor.process_id("listener") not in (None, killed)


async def test_what_is_stopped_stays_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESTART_S", 0.0)
    port = free_port()
    async with Supervisor() as supervisor:
        supervisor.add(unit(tmp_path, port))
        await supervisor.start("listener")
        await supervisor.stop("listener")
        assert supervisor.process_id("listener") is None
        await supervisor.start("listener")
        assert await listens(port)()


async def test_what_is_switched_off_stays_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESTART_S", 0.0)
    port = free_port()
    async with Supervisor() as supervisor:
        supervisor.add(unit(tmp_path, port))
        await supervisor.start("listener")
        await supervisor.switch_off("listener")
        assert supervisor.process_id("listener") is None
        assert not await listens(port)()
        await supervisor.start("listener")
        assert await listens(port)()


async def test_what_does_not_stay_up_is_given_up_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESTART_S", 0.0)
    port = free_port()
    starts = tmp_path / "starts"
    dying = (sys.executable, "-c", f"open({str(starts)!r}, 'a').write('x'); raise SystemExit('no such port')")
    async with Supervisor() as supervisor:
        supervisor.add(unit(tmp_path, port, dying))
        with pytest.raises(OperatorError, match="no such port"):
            await supervisor.start("listener")
        with pytest.raises(OperatorError, match="listener does not stay up"):
            await supervisor.serve()
    assert starts.read_text() == "x" * module.RESTARTS_MAX
