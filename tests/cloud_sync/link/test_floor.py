"""The floor on disk."""

import errno
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloud_sync.link.floor import Floor, FloorFile
from domain.errors import OperatorError
from domain.now import Trust

NOON = datetime(2026, 5, 14, 12, tzinfo=UTC)
FLOOR = Floor(NOON, "boot-1", 60_000, Trust.NTP)


def test_it_moves_with_the_monotonic_clock() -> None:
    assert FLOOR.moved_to(61_500) == NOON + timedelta(seconds=1.5)


def test_it_reads_back_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    file = FloorFile(tmp_path / "gate.floor")
    assert file.read() is None
    file.write(FLOOR)
    file.write(FLOOR)
    assert file.read() == FLOOR
    assert [path.name for path in tmp_path.iterdir()] == ["gate.floor"]


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    file = FloorFile(tmp_path / "gate.floor")
    file.write(FLOOR)
    (tmp_path / "gate.floor.new").mkdir()
    with pytest.raises(OSError, match="directory"):
        file.write(Floor(NOON + timedelta(days=1), "boot-1", 0, Trust.NTP))
    assert file.read() == FLOOR


@pytest.mark.parametrize(
    "junk",
    [b"", b"\x00" * 64, b"2026", b"[]", b'{"at": "soon"}', b'{"at": 5, "boot": "b", "mono_ms": 0, "trust": "ntp"}'],
)
def test_what_is_no_floor_is_none(tmp_path: Path, junk: bytes) -> None:
    (tmp_path / "floor").write_bytes(junk)
    assert FloorFile(tmp_path / "floor").read() is None


def test_a_file_that_cannot_be_read_is_the_operators(tmp_path: Path) -> None:
    (tmp_path / "floor").mkdir()
    with pytest.raises(OperatorError, match="floor cannot be read"):
        FloorFile(tmp_path / "floor").read()


def test_a_disk_that_fails_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_path: Path) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "read_bytes", fails)
    assert FloorFile(tmp_path / "floor").read() is None
