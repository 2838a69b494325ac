"""One lot for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.riverside import Riverside
from tests.hub.units import Clock


@pytest.fixture
def riverside(tmp_path: Path) -> Iterator[Riverside]:
    """The lot, laid out, with nothing booked."""
    riverside = Riverside(tmp_path)
    yield riverside
    riverside.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()
