"""`gatehouse bench holds` with real servers and a handful of holds; how fast they are is nobody's business here."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from domain.errors import OperatorError
from simulator.bench.catalogue import place
from simulator.bench.holds import AIM, Scale, holds
from tests.parts import PATIENCE_S

pytestmark = pytest.mark.long

FEW = Scale(clients=4, asks=16, rounds=1, processes=1)


@pytest.fixture
def folder() -> Iterator[Path]:
    """PostgreSQL, which does not run as root, cannot look into pytest's own folders."""
    with place(Path(tempfile.gettempdir())) as empty:
        yield empty


def processes_of(folder: Path) -> list[str]:
    """The command lines that name the folder."""
    return [line for line in map(_command_line, Path("/proc").glob("[0-9]*")) if str(folder) in line]


def _command_line(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""  # it has ended


async def test_both_sides_grant_and_store_the_same_and_nothing_is_left_running(folder: Path) -> None:
    said: list[str] = []
    figures = {figure.name: figure for figure in await holds(folder, said.append, FEW)}
    assert figures.keys() == {
        "disk_sync",
        *(f"holds_{mix}_{what}" for mix in ("spread", "rush") for what in ("hub", "redis_postgres", "ratio", "core")),
    }
    assert all(figure.value > 0 for figure in figures.values())
    ratio = figures["holds_spread_ratio"]
    assert (ratio.aim, ratio.better, ratio.unit) == (AIM, "higher", "times")
    assert set(asdict(ratio)) == {"name", "value", "unit", "aim", "better", "note"}
    assert len(said) == 1 + 2 * 3
    assert processes_of(folder) == []


def test_a_bench_that_is_stopped_leaves_nothing_behind(folder: Path) -> None:
    command = [sys.executable, "-m", "gatehouse", "bench", "holds", "--json", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as bench:
        assert bench.stderr is not None
        assert bench.stderr.readline().startswith("started: ")
        assert len(processes_of(folder)) > 4  # the bench, two brokers, the hub, PostgreSQL, Redis
        bench.send_signal(signal.SIGTERM)
        out, said = bench.communicate(timeout=PATIENCE_S)
    assert (bench.returncode, out) == (1, "")
    assert "stopped before the bench ended" in said
    assert processes_of(folder) == []
    assert list(folder.iterdir()) == []


async def test_a_server_that_is_missing_is_named_with_its_package(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(OperatorError, match="apt-get install redis-server"):
        await holds(folder, said.append, FEW)
    assert processes_of(folder) == []


def test_the_environment_of_a_bench_is_checked(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    command = [sys.executable, "-m", "gatehouse", "bench", "--dir", str(tmp_path / "file")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert (done.returncode, json.loads(done.stdout or "null")) == (1, None)
    assert "try --dir" in done.stderr
