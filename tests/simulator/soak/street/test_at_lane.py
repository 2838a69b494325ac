"""How a car fares at a lane, and what is found of it."""

import asyncio

import pytest

from domain.plate import Plate
from hardware.simulated_lane import SimulatedLane
from simulator.soak.street import at_lane
from simulator.soak.street.at_lane import AtLane, Scene
from simulator.soak.street.lane import StreetLane
from simulator.soak.street.plan import Breaks
from simulator.soak.street.trouble import now_ms
from simulator.world.seen import At

EXIT = pytest.mark.parametrize("gate_id", ["riverside.exit-1"], indirect=True)
SOON_MS = 800
AN_HOUR_MS = 3_600_000


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for long."""
    for name in ("IN_WITHIN_MS", "OUT_WITHIN_MS", "STRANGER_WAITS_MS"):
        monkeypatch.setattr(at_lane, name, SOON_MS)
    monkeypatch.setattr(at_lane, "GIVES_UP_MS", 3 * SOON_MS)


async def turn_in(scene: Scene, lane: StreetLane) -> AtLane:
    passed = await lane.turn_in("car-01", [])
    return AtLane(scene, lane, "car-01", "riverside-1", Plate("BAB123"), passed, now_ms())


async def raise_arm(simulated: SimulatedLane, after_s: float) -> None:
    await asyncio.sleep(after_s)
    simulated.barrier.raise_arm()


def found(scene: Scene) -> list[str]:
    return [finding.invariant for finding in scene.tally.findings]


async def test_who_is_let_in_is_in(scene: Scene, lane: StreetLane, simulated: SimulatedLane) -> None:
    here = await turn_in(scene, lane)
    scene.on_the_road(raise_arm(simulated, 0.1))
    assert await here.comes_in(now_ms() + AN_HOUR_MS, None)
    assert found(scene) == []
    assert [moved.to for moved in scene.tally.moved] == [At.LOOP, At.THROUGH]
    assert scene.tally.through("entry") == 1


async def test_who_has_paid_and_is_not_let_in_is_found(scene: Scene, lane: StreetLane) -> None:
    here = await turn_in(scene, lane)
    assert not await here.comes_in(now_ms() + AN_HOUR_MS, None)
    assert found(scene) == ["paid-gets-in"]
    assert scene.tally.moved[-1].to is At.GONE, "and drives off"


@pytest.mark.parametrize("breaks", [Breaks.JAMMED, Breaks.CAMERA_FROZEN])
async def test_at_a_broken_lane_they_wait_and_nothing_is_found(scene: Scene, lane: StreetLane, breaks: Breaks) -> None:
    scene.trouble.begin(lane.gate.gate_id, breaks)
    here = await turn_in(scene, lane)
    assert not await here.comes_in(now_ms() + AN_HOUR_MS, None)
    assert found(scene) == []


async def test_who_comes_when_their_spot_was_given_up_is_not_promised_anything(scene: Scene, lane: StreetLane) -> None:
    here = await turn_in(scene, lane)
    assert not await here.comes_in(now_ms() - 1, None)
    assert found(scene) == []


async def test_a_driver_may_back_out(scene: Scene, lane: StreetLane) -> None:
    here = await turn_in(scene, lane)
    assert not await here.comes_in(now_ms() + AN_HOUR_MS, now_ms() + 100)
    assert found(scene) == []


async def test_a_stranger_waits_for_an_answer_and_drives_off(
    scene: Scene, lane: StreetLane, simulated: SimulatedLane
) -> None:
    here = await turn_in(scene, lane)
    simulated.display.show("NO BOOKING FOUND")
    assert not await here.comes_in(None, None)
    assert here.asked
    assert found(scene) == []


@pytest.mark.parametrize("is_broken", [False, True])
async def test_a_stranger_who_is_let_in_is_found_where_the_lane_is_well(
    scene: Scene, lane: StreetLane, simulated: SimulatedLane, is_broken: bool
) -> None:
    if is_broken:
        scene.trouble.begin(lane.gate.gate_id, Breaks.CAMERA_FROZEN)
    here = await turn_in(scene, lane)
    scene.on_the_road(raise_arm(simulated, 0.1))
    assert await here.comes_in(None, None)
    assert found(scene) == ([] if is_broken else ["barrier-clear"])


@EXIT
async def test_who_is_let_out_at_once_is_out(scene: Scene, lane: StreetLane, simulated: SimulatedLane) -> None:
    here = await turn_in(scene, lane)
    scene.on_the_road(raise_arm(simulated, 0.4))  # the car takes 0.4 s to the line
    assert await here.goes_out()
    assert found(scene) == []
    [waited_ms] = scene.tally.exit_waits_ms
    assert waited_ms < SOON_MS


@EXIT
@pytest.mark.parametrize("is_broken", [False, True])
async def test_who_waits_at_an_exit_that_is_well_is_found(
    scene: Scene, lane: StreetLane, simulated: SimulatedLane, is_broken: bool
) -> None:
    if is_broken:
        scene.trouble.begin(lane.gate.gate_id, Breaks.JAMMED)
    here = await turn_in(scene, lane)
    scene.on_the_road(raise_arm(simulated, 1.4))
    assert await here.goes_out()
    assert found(scene) == ([] if is_broken else ["inside-gets-out"])


@EXIT
async def test_who_is_never_let_out_is_found(scene: Scene, lane: StreetLane) -> None:
    here = await turn_in(scene, lane)
    assert not await here.goes_out()
    assert set(found(scene)) == {"inside-gets-out"}
