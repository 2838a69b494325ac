"""The gate's event stream, over a real connection: a screen that follows the lane."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from cloud_sync.link.mqtt import Link
from cloud_sync.link.process import DRAIN_S, bound_socket, serve_http
from cloud_sync.link.settings import Broker
from domain.fact import Fact
from domain.tries import Tries
from gate_firmware.api import local_api
from gate_firmware.events import Identified
from gate_firmware.keypad import TypedIds
from gate_firmware.screens import SCREENS_MAX, Screens
from tests.gate_firmware.gate import Gate, right
from tests.parts import PATIENCE_S, running, soon


async def nobody_types(_said: Identified) -> Fact:
    raise AssertionError("nobody types here")


class Lane:
    """A lane whose local interface is served, and who watches it."""

    def __init__(self, gate: Gate, url: str, screens: Screens) -> None:
        self.gate = gate
        self.url = url
        self.screens = screens

    @asynccontextmanager
    async def screen(self) -> AsyncIterator[AsyncIterator[str]]:
        """The lines of one stream."""
        client = httpx.AsyncClient(timeout=PATIENCE_S)
        async with client, client.stream("GET", f"{self.url}/events") as stream:
            assert stream.status_code == httpx.codes.OK
            assert stream.headers["content-type"].startswith("text/event-stream")
            yield stream.aiter_lines()


@pytest.fixture
async def lane(entry: Gate) -> AsyncIterator[Lane]:
    async with served(entry) as lane:
        yield lane


@asynccontextmanager
async def served(gate: Gate) -> AsyncIterator[Lane]:
    screens = Screens()
    typed_ids = TypedIds(Tries("ids", tries_max=5, locked_s=300), nobody_types, lambda _: False, lambda: gate.now)
    app = local_api(
        gate.unit, gate.direction, gate.lane, gate.journal, Link(Broker(port=1), "gate@1"), typed_ids, screens
    )
    with bound_socket("127.0.0.1", 0) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with running(serve_http(app, listening, ending=screens.close)):
            yield Lane(gate, url, screens)


async def state(lines: AsyncIterator[str]) -> dict[str, Any]:
    """The next event's."""
    name = ""
    async for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        if line.startswith("data: "):
            assert name == "state"
            document: dict[str, Any] = json.loads(line.removeprefix("data: "))
            return document
    raise AssertionError("the stream has ended")


async def test_a_screen_is_told_how_the_lane_is_and_what_becomes_of_it(lane: Lane) -> None:
    lane.gate.hub_says(right())
    async with lane.screen() as lines, httpx.AsyncClient() as client:
        first = await soon(state(lines))
        assert first == (await client.get(f"{lane.url}/state")).json()
        passage_id = lane.gate.car_comes()
        lane.screens.changed()
        assert (await soon(state(lines)))["lane"] == "looking"
        lane.gate.seen(passage_id)
        lane.screens.changed()
        opening = await soon(state(lines))
        assert (opening["signal"], opening["last_decision"]["decision"]) == ("green", "admit")
        assert opening == (await client.get(f"{lane.url}/state")).json()


async def test_what_is_no_news_is_not_told(lane: Lane) -> None:
    async with lane.screen() as lines:
        await soon(state(lines))
        for _ in range(3):
            lane.screens.changed()
            await asyncio.sleep(0)
        lane.gate.car_comes()
        lane.screens.changed()
        assert (await soon(state(lines)))["lane"] == "looking"


async def test_a_slow_screen_misses_old_states_and_costs_nothing() -> None:
    screens, states = Screens(), iter(range(100))
    now = {"lane": 0}
    with screens.one_more() as news:
        followed = screens.follow(news, lambda: dict(now))
        assert await anext(followed) == {"lane": 0}
        for number in states:
            now["lane"] = number
            screens.changed()
        assert await anext(followed) == {"lane": 99}


async def test_there_are_so_many_screens_and_one_that_goes_makes_room(lane: Lane) -> None:
    async with httpx.AsyncClient(timeout=PATIENCE_S) as client:
        streams = [client.stream("GET", f"{lane.url}/events") for _ in range(SCREENS_MAX)]
        following = [(await stream.__aenter__()).aiter_lines() for stream in streams]  # one that is dropped hangs up
        for lines in following:
            await soon(state(lines))
        refused = await client.get(f"{lane.url}/events")
        assert (refused.status_code, refused.json()["code"]) == (503, "too_many_screens")
        assert refused.headers["retry-after"]
        for stream in streams:
            await stream.__aexit__(None, None, None)
        async with asyncio.timeout(5):
            while lane.screens._news:
                lane.screens.changed()
                await asyncio.sleep(0.01)
        async with lane.screen() as lines:
            await soon(state(lines))


async def test_the_process_ends_at_once_with_a_screen_that_follows(entry: Gate) -> None:
    async with httpx.AsyncClient(timeout=PATIENCE_S) as client:
        async with served(entry) as lane:
            stream = client.stream("GET", f"{lane.url}/events")
            lines = (await stream.__aenter__()).aiter_lines()
            await soon(state(lines))
            began_s = time.monotonic()
        assert time.monotonic() - began_s < DRAIN_S
        assert [line async for line in lines if line.startswith("data: ")] == [], "the stream came to its end"
        await stream.__aexit__(None, None, None)
