"""A lane without a gate: whoever tests is the gate."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest

from hardware.lane import Lane
from hardware.simulated_lane import SimulatedLane
from hardware.twin_camera import EMPTY_LANE
from hardware.wiring import BarrierWiring, GuardWiring, SimulatedWiring, Wiring
from simulator.demo.configuration import GateSite
from simulator.demo.street import Street
from simulator.soak.street.at_lane import Scene
from simulator.soak.street.lane import StreetLane
from simulator.soak.street.tally import Tally
from simulator.soak.street.trouble import Trouble
from tests.parts import PATIENCE_S

FAST = SimulatedWiring(arm_travel_ms=100, car_speed_mm_per_s=20_000, frame_interval_ms=10)


async def until(seen: Callable[[], bool]) -> None:
    """Look until it is so; a test fails where it does not come about."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if seen():
                return
            await asyncio.sleep(0.01)


@pytest.fixture(params=["riverside.entry-1"])
def gate_id(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def simulated() -> AsyncIterator[SimulatedLane]:
    barrier = BarrierWiring(pulse_ms=50, dead_ms=0)
    wiring = Wiring(kind="simulated", simulated=FAST, photocell=GuardWiring(pin=5), barrier=barrier)
    async with Lane.from_wiring(wiring) as lane:
        assert isinstance(lane, SimulatedLane)
        yield lane


@pytest.fixture
async def lane(simulated: SimulatedLane, gate_id: str) -> AsyncIterator[StreetLane]:
    """Watched."""
    assert simulated.control_port is not None
    direction = "entry" if "entry" in gate_id else "exit"
    street_lane = StreetLane(GateSite(gate_id, direction, 0, simulated.control_port))
    watching = asyncio.create_task(street_lane.watch())
    await until(lambda: simulated.camera_twin.empty_lane is not EMPTY_LANE)
    yield street_lane
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


@pytest.fixture
async def scene(lane: StreetLane, tmp_path: Path) -> AsyncIterator[Scene]:
    street = Street(tmp_path / "frames", tmp_path / "street.jsonl", "car", 1)
    tally = Tally(lambda _: None)
    tasks: list[asyncio.Task[None]] = []

    def on_the_road(car: Coroutine[Any, Any, None]) -> None:
        tasks.append(asyncio.create_task(car))

    async with httpx.AsyncClient() as http:
        yield Scene(http, street, {lane.gate.gate_id: lane}, Trouble(), tally, on_the_road, lambda: 0.0)
    await asyncio.gather(*tasks)
