"""One lot for each test, its page, and the lanes behind it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from hub.presence import Presence
from tests.hub.browsing import LATER, browsing
from tests.hub.lane import Lane
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


@pytest.fixture
def lane(clock: Clock) -> Lane:
    """A gate that the hub has not heard of yet."""
    return Lane(Presence(clock))


@pytest.fixture
async def browser(riverside: Riverside, lane: Lane, clock: Clock) -> AsyncIterator[httpx.AsyncClient]:
    """At one o'clock UTC, in Berlin."""
    clock.now = LATER
    async with browsing(riverside, lane, clock) as browser:
        yield browser
