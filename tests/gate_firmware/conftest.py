"""An entry and an exit for each test, and a vote of few frames."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory

from cloud_sync.link.v1.facts import Direction
from domain.errors import OperatorError
from gate_firmware import looking, process
from hardware import lane as lanes
from lpr.reader import PlateReader
from lpr.voting import Vote
from tests.gate_firmware.gate import Gate
from tests.gate_firmware.on_pins import Built, Site
from tests.hardware.moved_time import MovedTime


@pytest.fixture
def entry(tmp_path: Path) -> Iterator[Gate]:
    """An entry lane with nothing in its replica, started."""
    yield from _started(tmp_path / "entry", Direction.ENTRY)


@pytest.fixture
def exit_(tmp_path: Path) -> Iterator[Gate]:
    """An exit lane with nothing in its replica, started."""
    yield from _started(tmp_path / "exit", Direction.EXIT)


@pytest.fixture
def few_frames_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is surely nobody's is refused after so many frames as a slow machine reads within a test's patience."""
    monkeypatch.setattr(looking, "Vote", partial(Vote, 4))


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> Built:
    """Builds a lane on pins of its own."""

    def build(gate: Gate) -> Site:
        factory = MockFactory()
        monkeypatch.setattr(lanes, "_raspberry_pi", lambda: factory)
        return Site(gate, factory, MovedTime())

    return build


def _started(folder: Path, direction: Direction) -> Iterator[Gate]:
    gate = Gate(folder, direction)
    gate.start()
    yield gate
    gate.close()


@pytest.fixture
def nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """No gate process loads a plate reader."""

    def missing(*_: object, **__: object) -> PlateReader:
        raise OperatorError("engine_missing", "no plate is read here")

    monkeypatch.setattr(process, "engine", missing)
