"""`gatehouse demo` from the outside: what it refuses, and what it says when it is cut short."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import gatehouse
from domain.errors import OperatorError
from simulator.cli import street_record
from simulator.ports import free_ports


def demo(*options: str) -> object:
    return CliRunner().invoke(gatehouse.app, ["demo", "--once", *options], catch_exceptions=True).exception


def test_a_folder_that_holds_something_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "frames").touch()
    refused = demo("--keep", str(tmp_path / "kept"))
    assert isinstance(refused, OperatorError)
    assert refused.code == "keep_not_empty"


def test_nor_is_the_streets_record_of_an_earlier_story_added_to(tmp_path: Path) -> None:
    street_record(tmp_path / "kept").touch()
    refused = demo("--keep", str(tmp_path / "kept"))
    assert isinstance(refused, OperatorError)
    assert refused.code == "keep_not_empty"


@pytest.mark.parametrize("below", ["file", "file/kept"])
def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    refused = demo("--keep", str(tmp_path / below))
    assert isinstance(refused, OperatorError)
    assert refused.code == "keep_unusable"
    assert str(tmp_path / below) in refused.message


def test_a_seed_is_not_negative() -> None:
    assert CliRunner().invoke(gatehouse.app, ["demo", "--once", "--seed", "-1"]).exit_code == 2


def test_a_story_that_is_stopped_has_not_held(tmp_path: Path) -> None:
    port = free_ports(7)[0]
    ports = ["--central-port", str(port), "--hub-port", str(port + 1), "--gate-port", str(port + 3)]
    command = [sys.executable, "-u", "-m", "gatehouse", "demo", "--once", *ports, "--keep", str(tmp_path / "kept")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("seed ")
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "stopped before the story ended" in said
