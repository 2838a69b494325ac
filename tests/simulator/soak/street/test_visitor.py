"""A driver's trip, with a central that says yes and gates that open for everyone."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from hardware.lane import Lane
from hardware.simulated_lane import SimulatedLane
from hardware.wiring import BarrierWiring, Wiring
from simulator.demo.configuration import GateSite
from simulator.demo.street import Street
from simulator.soak.street import at_lane
from simulator.soak.street.at_lane import Scene
from simulator.soak.street.lane import StreetLane
from simulator.soak.street.plan import Manner, Trip
from simulator.soak.street.tally import Tally
from simulator.soak.street.trouble import Trouble
from simulator.soak.street.visitor import Visitor
from simulator.world.seen import At
from tests.simulator.soak.street.conftest import FAST

SPOTS = [{"spot_id": f"riverside.1-00{number}"} for number in (1, 2)]
ANSWERS = {
    "user_id": "u1",
    "access_token": "t",
    "vehicle_id": "v1",
    "spots": SPOTS,
    "reservation_id": "7K3MQ2XD9P",
    "payment_id": "p1",
    "status": "succeeded",
}
"""To everything."""


class Central:
    """Answers whatever is asked of it; `taken` spots are taken."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.taken = {"riverside.1-001"}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked[f"{request.method} {request.url.path}"] += 1
        if request.url.path == "/reservations" and any(spot in request.content.decode() for spot in self.taken):
            return httpx.Response(409, json={"code": "spot_taken"})
        if request.url.path.endswith("/ticket"):
            return httpx.Response(200, text="TICKET")
        return httpx.Response(200, json=ANSWERS)


class Gates:
    """Two lanes, whose arms go up once a car has stood there for `after_s`, and down behind it."""

    def __init__(self, lanes: dict[str, SimulatedLane]) -> None:
        self._lanes = lanes
        self.after_s = 0.0
        self.words = ("ONE MOMENT", "READING YOUR PLATE")

    async def run(self) -> None:
        await asyncio.gather(*(self._one(lane) for lane in self._lanes.values()))

    async def _one(self, lane: SimulatedLane) -> None:
        while True:
            await asyncio.sleep(0.02)
            if lane.twin.arrival_loop and lane.twin.arm_down:
                lane.display.show(*self.words)
                await asyncio.sleep(self.after_s)
                if lane.twin.arrival_loop:
                    lane.barrier.raise_arm()
                    await asyncio.sleep(0.2)
            elif lane.twin.arm_up and lane.twin.car is None:
                lane.barrier.lower_arm()
                await asyncio.sleep(0.2)


@pytest.fixture
async def gates() -> AsyncIterator[dict[str, SimulatedLane]]:
    wiring = Wiring(kind="simulated", simulated=FAST, barrier=BarrierWiring(pulse_ms=50, dead_ms=0))
    async with AsyncExitStack() as stack:
        lanes = {}
        for gate_id in ("riverside.entry-1", "riverside.exit-1"):
            lane = await stack.enter_async_context(Lane.from_wiring(wiring))
            assert isinstance(lane, SimulatedLane)
            lanes[gate_id] = lane
        yield lanes


async def drive(
    gates: dict[str, SimulatedLane], folder: Path, manner: Manner, change: Callable[[Gates], None] = lambda _: None
) -> tuple[Tally, Central]:
    """One trip."""
    lanes = {}
    for gate_id, lane in gates.items():
        assert lane.control_port is not None
        direction = "entry" if "entry" in gate_id else "exit"
        lanes[gate_id] = StreetLane(GateSite(gate_id, direction, 1, lane.control_port))
    tally, central, began_s = Tally(lambda _: None), Central(), time.monotonic()
    opening = Gates(gates)
    change(opening)
    watching = [asyncio.create_task(one) for one in (opening.run(), *(lane.watch() for lane in lanes.values()))]
    cars: list[asyncio.Task[None]] = []

    def on_the_road(car: Coroutine[Any, Any, None]) -> None:
        cars.append(asyncio.create_task(car))

    transport = httpx.MockTransport(central)
    async with httpx.AsyncClient(transport=transport, base_url="http://central") as http:
        street = Street(None, folder / "street.jsonl", "car", 1)
        scene = Scene(http, street, lanes, Trouble(), tally, on_the_road, lambda: time.monotonic() - began_s)
        visitor = Visitor(scene, Trip(1, "riverside", 0.1, manner, 0.1), random.Random(1))
        await visitor.visit()
        await asyncio.gather(*cars)
    for one in watching:
        one.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    assert visitor.doing == "home" or manner is Manner.STAYS_AWAY
    return tally, central


def moved(tally: Tally, driver: str) -> list[tuple[str, At]]:
    return [(one.gate_id.partition(".")[2], one.to) for one in tally.moved if one.car == driver]


IN_AND_OUT = [("entry-1", At.LOOP), ("entry-1", At.THROUGH), ("exit-1", At.LOOP), ("exit-1", At.THROUGH)]


async def test_a_visit_is_booked_and_driven(gates: dict[str, SimulatedLane], tmp_path: Path) -> None:
    tally, central = await drive(gates, tmp_path, Manner.BY_PLATE)
    assert moved(tally, "riverside-1") == IN_AND_OUT
    assert tally.findings == []
    assert tally.counts["paid"] == 1
    assert tally.counts["by plate: in"] == 1
    assert central.asked["GET /reservations/7K3MQ2XD9P/ticket"] == 1
    assert (tally.through("entry"), tally.through("exit")) == (1, 1)


async def test_a_tailgater_leaves_too(gates: dict[str, SimulatedLane], tmp_path: Path) -> None:
    tally, _ = await drive(gates, tmp_path, Manner.TAILGATED)
    assert moved(tally, "riverside-1") == IN_AND_OUT
    assert moved(tally, "riverside-1-tail") == IN_AND_OUT[1:]
    assert tally.counts["tailgated"] == 1
    assert tally.findings == []


async def test_a_stranger_is_told_and_drives_off(gates: dict[str, SimulatedLane], tmp_path: Path) -> None:
    def refuses(opening: Gates) -> None:
        opening.after_s, opening.words = 5.0, ("NO BOOKING FOUND", "SHOW YOUR QR CODE")

    tally, central = await drive(gates, tmp_path, Manner.STRANGER, refuses)
    assert moved(tally, "riverside-1") == [("entry-1", At.LOOP), ("entry-1", At.GONE)]
    assert tally.counts["stranger: not in"] == 1
    assert central.asked == {}
    assert tally.findings == []


async def test_who_stays_away_pays_and_is_not_seen(gates: dict[str, SimulatedLane], tmp_path: Path) -> None:
    tally, _ = await drive(gates, tmp_path, Manner.STAYS_AWAY)
    assert tally.moved == []
    assert tally.counts == {"paid": 1, "stayed away": 1}


async def test_who_cannot_book_is_found(
    gates: dict[str, SimulatedLane], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulator.soak.street.booking.ROUNDS", 1)
    monkeypatch.setattr(Central, "__call__", lambda *_: httpx.Response(500, text="oh"))
    tally = Tally(lambda _: None)
    async with httpx.AsyncClient(transport=httpx.MockTransport(Central()), base_url="http://central") as http:
        street = Street(None, tmp_path / "street.jsonl", "car", 1)
        scene = Scene(http, street, {}, Trouble(), tally, lambda _: None, lambda: 0.0)
        await Visitor(scene, Trip(1, "riverside", 0.1, Manner.BY_PLATE, 0.1), random.Random(1)).visit()
    assert [finding.invariant for finding in tally.findings] == ["books"]


async def test_an_entry_that_never_opens_is_found(
    gates: dict[str, SimulatedLane], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at_lane, "IN_WITHIN_MS", 1_000)

    def never_opens(opening: Gates) -> None:
        opening.after_s = 60.0

    tally, _ = await drive(gates, tmp_path, Manner.BY_PLATE, never_opens)
    assert [finding.invariant for finding in tally.findings] == ["paid-gets-in"]
