"""The `gatehouse` command itself."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

import gatehouse
from domain.errors import OperatorError

ROOT = Path(__file__).parents[1]
PROJECT = ROOT / "pyproject.toml"
HUB = """
[lot]
lot_id = "riverside"
name = "Riverside"
[store]
path = "hub.db"
[broker]
[central]
[keys]
ticket = { file = "ticket.pem" }
plate = { file = "plate.key" }
[page]
port = 0
[[spots]]
level = "1"
count = 2
"""
WITHOUT_JINJA2 = """
import sys
sys.modules["jinja2"] = None
sys.argv = ["gatehouse", "hub", "--config", sys.argv[1]]
import gatehouse
gatehouse.main()
"""


def test_it_says_which_version_it_is() -> None:
    said = CliRunner().invoke(gatehouse.app, ["--version"])
    declared = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["version"]
    assert (said.exit_code, said.output) == (0, f"gatehouse {declared}\n")


def test_its_help_names_each_command_in_one_whole_line() -> None:
    said = CliRunner().invoke(gatehouse.app, ["--help"]).output
    assert "  --version  Say which it is." in said
    assert "<bool>" not in said
    assert "..." not in said.partition("Commands:")[2]


def ended(monkeypatch: pytest.MonkeyPatch, command: str, error: Exception) -> SystemExit:
    """How the process ends where the command does so."""

    def fails() -> None:
        raise error

    monkeypatch.setattr(gatehouse, "app", fails)
    monkeypatch.setattr(sys, "argv", ["gatehouse", command])
    with pytest.raises(SystemExit) as end:
        gatehouse.main()
    return end.value


def test_what_an_operator_has_to_know_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(monkeypatch, "gate", OperatorError("port_taken", "the port is taken")).code == 1
    assert capsys.readouterr().err == "gatehouse: the port is taken\n"


@pytest.mark.parametrize(
    ("command", "what_to_do"),
    [
        ("gate", "pip install --require-hashes -r requirements/gate.txt (docs/installing.md)"),
        ("lpr", "pip install --require-hashes -r requirements/gate.txt (docs/installing.md)"),
        ("central", "pip install --require-hashes -r requirements/central.txt (docs/installing.md)"),
        ("demo", "`make setup` in the source installs it"),
    ],
)
def test_what_is_not_installed_is_named_with_what_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, what_to_do: str
) -> None:
    assert ended(monkeypatch, command, ModuleNotFoundError("no cv2", name="cv2")).code == 1
    assert capsys.readouterr().err == f"gatehouse: cv2 is not installed here; {what_to_do}\n"


def test_each_lock_that_is_named_is_there_and_the_guide_names_it() -> None:
    guide = (ROOT / "docs" / "installing.md").read_text(encoding="utf-8")
    assert "pip install --require-hashes -r requirements/gate.txt" in guide
    for lock in gatehouse.LOCKS.values():
        assert (ROOT / "requirements" / f"{lock}.txt").is_file()
        assert f"{lock}.txt" in guide


def test_a_hub_in_the_environment_of_a_gate_says_what_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "hub.toml").write_text(HUB, encoding="utf-8")
    (tmp_path / "plate.key").write_text("7f" * 32, encoding="utf-8")
    key = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(tmp_path / "ticket.pem")]
    subprocess.run(key, check=True, capture_output=True)
    command = [sys.executable, "-c", WITHOUT_JINJA2, str(tmp_path / "hub.toml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    *_, line = done.stderr.splitlines()
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert line.startswith("gatehouse: jinja2 must be installed")
    assert line.endswith("pip install --require-hashes -r requirements/hub.txt (docs/installing.md)")


def test_a_name_that_a_library_lacks_is_a_bug_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise ImportError("cannot import name 'Lane' from 'hardware'", name="hardware")

    monkeypatch.setattr(gatehouse, "app", fails)
    with pytest.raises(ImportError):
        gatehouse.main()
