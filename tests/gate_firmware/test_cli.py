"""`gatehouse frames`: what the gate's decisions rested on, for who has the lot's key."""

from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

import gatehouse
from domain.errors import NotFound
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


def test_there_may_be_none(config: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(gatehouse.app, ["frames", "--config", str(config), "0000", str(tmp_path / "out")])
    assert isinstance(result.exception, NotFound)
    assert not (tmp_path / "out").exists()
