"""`gatehouse frames`: what the gate's decisions rested on, for who has the lot's key."""

import os
import stat
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

import gatehouse
from domain.errors import NotFound, OperatorError
from gate_firmware.frames import FrameFolder
from tests.gate_firmware.gate import SEAL, at

LANE = """
[gate]
gate_id = "riverside.entry-1"
direction = "entry"
[store]
path = "gate.db"
[broker]
[keys]
plate = { file = "plate.key" }
[hardware]
kind = "simulated"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "gate.toml").write_text(LANE, encoding="ascii")
    (tmp_path / "plate.key").write_text(bytes(range(32)).hex(), encoding="ascii")
    with closing(FrameFolder(tmp_path / "gate.frames", SEAL)) as kept:
        kept.add("3f2a", [b"one", b"two"], at(0))
    return tmp_path / "gate.toml"


def test_frames_are_listed_and_opened(config: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke
    listed = run(gatehouse.app, ["frames", "--config", str(config)])
    assert listed.output.splitlines() == [f"2026-05-14T12:00:00.000Z 3f2a 3f2a-{number}.sealed" for number in range(2)]
    opened = run(gatehouse.app, ["frames", "--config", str(config), "3f2a", str(tmp_path / "out")])
    assert [Path(line).read_bytes() for line in opened.output.split()] == [b"one", b"two"]


def test_the_lots_key_alone_opens_them_as_systemd_hands_it_over(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of the gate's other secrets is asked for."""
    lane = LANE.replace("plate.key", "plate").replace("[broker]", '[broker]\npassword = { file = "broker" }')
    config.write_text(lane, encoding="ascii")
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (tmp_path / "plate.key").rename(credentials / "plate")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    opened = CliRunner().invoke(gatehouse.app, ["frames", "--config", str(config), "3f2a", str(tmp_path / "out")])
    assert [Path(line).read_bytes() for line in opened.output.split()] == [b"one", b"two"]


def refused(*arguments: str) -> OperatorError | NotFound:
    """What the command says, and the process ends with status 1 of."""
    result = CliRunner().invoke(gatehouse.app, ["frames", *arguments])
    assert isinstance(result.exception, OperatorError | NotFound), result.exception
    assert "\n" not in str(result.exception)
    return result.exception


def test_there_may_be_none(config: Path, tmp_path: Path) -> None:
    assert refused("--config", str(config), "0000", str(tmp_path / "out")).code == "no_frames"
    assert not (tmp_path / "out").exists()


def test_what_is_opened_is_for_who_asks_alone(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    CliRunner().invoke(gatehouse.app, ["frames", "--config", str(config), "3f2a", str(out)])
    (out / "3f2a-0.jpg").chmod(0o644)
    CliRunner().invoke(gatehouse.app, ["frames", "--config", str(config), "3f2a", str(out)])
    assert [stat.S_IMODE(path.stat().st_mode) for path in (out, *sorted(out.iterdir()))] == [0o700, 0o600, 0o600]


def test_another_plate_key_opens_none(config: Path, tmp_path: Path) -> None:
    (tmp_path / "plate.key").write_text("7f" * 32, encoding="ascii")
    error = refused("--config", str(config), "3f2a", str(tmp_path / "out"))
    assert error.code == "frames_closed"
    assert "3f2a-0.sealed, 3f2a-1.sealed cannot be opened: another plate key" in error.message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("left", [0, 5, 20])
def test_a_file_that_was_cut_off_is_named_and_the_others_are_opened(config: Path, tmp_path: Path, left: int) -> None:
    os.truncate(tmp_path / "gate.frames" / "3f2a-0.sealed", left)
    error = refused("--config", str(config), "3f2a", str(tmp_path / "out"))
    assert error.message.startswith("3f2a-0.sealed cannot be opened: ")
    assert [path.read_bytes() for path in (tmp_path / "out").iterdir()] == [b"two"]


def test_a_file_in_the_folders_place_is_named(config: Path, tmp_path: Path) -> None:
    for out in (config, config / "out"):
        error = refused("--config", str(config), "3f2a", str(out))
        assert error.message == f"nothing can be written to {out}: it is no folder"


def test_where_no_gate_has_been_nothing_is_made(config: Path, tmp_path: Path) -> None:
    config.write_text(LANE.replace("gate.db", "elsewhere/gate.db"), encoding="ascii")
    assert refused("--config", str(config)).code == "no_frames_folder"
    assert not (tmp_path / "elsewhere").exists()


def test_those_whose_files_are_gone_are_not_listed(config: Path, tmp_path: Path) -> None:
    (tmp_path / "gate.frames" / "3f2a-0.sealed").unlink()
    listed = CliRunner().invoke(gatehouse.app, ["frames", "--config", str(config)])
    assert [line.split()[-1] for line in listed.output.splitlines()] == ["3f2a-1.sealed"]


def test_a_folder_without_any_is_said_to_be_so(config: Path, tmp_path: Path) -> None:
    for name in range(2):
        (tmp_path / "gate.frames" / f"3f2a-{name}.sealed").unlink()
    listed = CliRunner().invoke(gatehouse.app, ["frames", "--config", str(config)])
    assert (listed.exit_code, listed.output) == (0, f"gatehouse: no frames are kept in {tmp_path}/gate.frames\n")


def test_a_damaged_folder_is_named(config: Path, tmp_path: Path) -> None:
    (tmp_path / "gate.frames" / "salts.db").write_bytes(b"nothing " * 512)
    assert "salts.db" in refused("--config", str(config)).message
