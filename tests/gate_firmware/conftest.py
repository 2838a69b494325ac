"""An entry and an exit for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_sync.link.v1.facts import Direction
from tests.gate_firmware.gate import Gate


@pytest.fixture
def entry(tmp_path: Path) -> Iterator[Gate]:
    """An entry lane with nothing in its replica, started."""
    yield from _started(tmp_path / "entry", Direction.ENTRY)


@pytest.fixture
def exit_(tmp_path: Path) -> Iterator[Gate]:
    """An exit lane with nothing in its replica, started."""
    yield from _started(tmp_path / "exit", Direction.EXIT)


def _started(folder: Path, direction: Direction) -> Iterator[Gate]:
    gate = Gate(folder, direction)
    gate.start()
    yield gate
    gate.close()
