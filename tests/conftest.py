"""What all tests share: where they write, how hypothesis searches, and real brokers."""

import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import settings

from cloud_sync.link.loading import loading
from tests.parts import BrokerSite

# The same examples on every machine and every day: what fails here fails for everybody.
settings.register_profile("gatehouse", deadline=None, derandomize=True, database=None)
settings.load_profile("gatehouse")


MEMORY, ROOM = Path("/dev/shm"), 1 << 30  # noqa: S108  pytest makes a folder of its own there
"""Where tests write, if so many bytes are free there; they take a quarter of it."""


def pytest_configure() -> None:
    """Every commit waits for the disk, and so would half of the tests. Whoever sets TMPDIR has them do so there."""
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM:
        os.environ.setdefault("TMPDIR", str(MEMORY))
        tempfile.tempdir = None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """All tests and what they need stays."""
    with loading():
        return (yield)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long: with two workers, neither is left alone with it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture
def lot_broker(tmp_path: Path) -> Iterator[BrokerSite]:
    """The broker of the lot riverside, started."""
    yield from _started(tmp_path / "lot", "lot")


@pytest.fixture
def central_broker(tmp_path: Path) -> Iterator[BrokerSite]:
    """Central's broker, started."""
    yield from _started(tmp_path / "central", "central")


def _started(folder: Path, level: Literal["lot", "central"]) -> Iterator[BrokerSite]:
    folder.mkdir()
    broker = BrokerSite(folder, level)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()
