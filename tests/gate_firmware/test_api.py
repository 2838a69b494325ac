"""The gate's local interface: the lane now, and the last decision as every program gets it."""

from collections.abc import AsyncIterator

import httpx
import pytest

from cloud_sync.link.mqtt import Link
from cloud_sync.link.settings import Broker
from gate_firmware.api import local_api
from gate_firmware.events import Sight
from tests.gate_firmware.gate import OTHER, PLATE, SEAL, SPOT, Gate, rid, right
from tests.parts import ENTRY


@pytest.fixture
async def screen(entry: Gate) -> AsyncIterator[httpx.AsyncClient]:
    app = local_api(ENTRY, entry.lane, entry.journal, Link(Broker(port=1), "entry@1"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gate") as screen:
        yield screen


async def test_a_lane_that_nobody_has_come_to(screen: httpx.AsyncClient) -> None:
    assert (await screen.get("/state")).json() == {
        "gate_id": ENTRY,
        "lane": "idle",
        "signal": "red",
        "display": ["WELCOME", "PLEASE DRIVE UP"],
        "hub_connected": False,
        "last_decision": None,
    }


async def test_a_car_that_is_let_in(entry: Gate, screen: httpx.AsyncClient) -> None:
    entry.hub_says(right())
    passage_id = entry.car_comes()
    entry.now = entry.now.later(412)
    entry.seen(passage_id)
    state = (await screen.get("/state")).json()
    assert (state["lane"], state["signal"], state["display"]) == ("opening", "green", ["WELCOME", "YOUR SPOT 1-042"])
    assert state["last_decision"] == {
        "decision": "admit",
        "reason": "booked",
        "gate_id": ENTRY,
        "reservation_id": rid(1),
        "spot_id": SPOT,
        "at": "2026-05-14T12:00:00.412Z",
        "took_ms": 412,
    }


async def test_no_plate_is_in_it(entry: Gate, screen: httpx.AsyncClient) -> None:
    entry.hub_says(right())
    entry.seen(entry.car_comes(), Sight.STRANGER, OTHER)
    body = (await screen.get("/state")).text
    for plate in (PLATE, OTHER):
        assert plate.open not in body
        assert SEAL.mark(plate) not in body


async def test_there_is_nothing_else(screen: httpx.AsyncClient) -> None:
    for path in ("/", "/docs", "/openapi.json"):
        assert (await screen.get(path)).status_code == 404
    assert (await screen.post("/state")).status_code == 405
