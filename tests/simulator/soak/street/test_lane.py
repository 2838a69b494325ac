"""A lane as the street sees it, also when its process comes back."""

import asyncio

import pytest

from hardware.simulated_lane import SimulatedLane
from simulator.demo.configuration import GateSite
from simulator.ports import free_port
from simulator.soak.street import lane as of_lane
from simulator.soak.street.lane import StreetLane
from simulator.world.seen import Arm
from tests.simulator.soak.street.conftest import until


async def test_cars_come_one_after_the_other(lane: StreetLane) -> None:
    came: list[int] = []

    async def car(number: int) -> None:
        async with lane.place():
            came.append(number)
            await asyncio.sleep(0)
            assert came[-1] == number, "nobody comes in between"

    await asyncio.gather(*(car(number) for number in range(3)))
    assert came == [0, 1, 2]


async def test_whoever_finds_the_queue_full_drives_round_the_block(
    lane: StreetLane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_lane, "ROUND_THE_BLOCK_S", 0.05)
    async with lane.place():
        waiting = [asyncio.create_task(_pass(lane)) for _ in range(of_lane.QUEUE_MAX)]
        await until(lambda: lane.round_the_block > 1)
    await asyncio.gather(*waiting)


async def _pass(lane: StreetLane) -> None:
    async with lane.place():
        pass


async def test_the_arm_is_seen_to_rise_and_fall(lane: StreetLane, simulated: SimulatedLane) -> None:
    await until(lambda: simulated.control_port is not None)
    await lane.turn_in("car-01", [])
    await until(lambda: any(event["event"] == "car_arrived" for event in lane.events))
    simulated.barrier.raise_arm()
    await until(lambda: any(event["event"] == "car_passed" for event in lane.events))
    simulated.barrier.lower_arm()
    await until(lambda: lane.arms[-1:] != [] and lane.arms[-1][1] is Arm.DOWN)
    assert [arm for _, arm in lane.arms] == [Arm.RAISE, Arm.UP, Arm.DOWN]


async def test_an_arm_that_is_up_when_the_lane_is_seen_again_was_raised(
    lane: StreetLane, simulated: SimulatedLane
) -> None:
    simulated.barrier.raise_arm()
    await until(lambda: simulated.twin.arm_up)
    assert simulated.control_port is not None
    another = StreetLane(GateSite("riverside.entry-1", "entry", 0, simulated.control_port))
    watching = asyncio.create_task(another.watch())
    await until(lambda: another.arms != [])
    assert [arm for _, arm in another.arms] == [Arm.RAISE, Arm.UP]
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_a_lane_that_is_down_shows_nothing() -> None:
    lane = StreetLane(GateSite("riverside.entry-1", "entry", 0, free_port()))
    assert await lane.look() is None
    await lane.back_out()
    await lane.show([])
