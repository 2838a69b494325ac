"""What is broken is broken, and mended."""

import asyncio
from pathlib import Path

import pytest

from hardware.simulated_lane import SimulatedLane
from hardware.twin_camera import CameraMode
from simulator.demo.supervisor import Supervisor, Unit
from simulator.soak.street import breaking
from simulator.soak.street.breaking import Breaking
from simulator.soak.street.cable import Cable
from simulator.soak.street.lane import StreetLane
from simulator.soak.street.plan import AT_LANES, Breaks, Fault
from simulator.soak.street.processes import Processes
from simulator.soak.street.tally import Tally
from simulator.soak.street.trouble import LANE, Trouble, now_ms
from tests.simulator.soak.street.conftest import until

GATE = "riverside.entry-1"
LASTS_S = 0.3


class Parts:
    """What can break, without any process."""

    def __init__(self, lanes: dict[str, StreetLane], supervisor: Supervisor | None = None) -> None:
        self.trouble, self.tally, self.cable = Trouble(), Tally(lambda _: None), Cable(1)
        self.supervisor = supervisor or Supervisor()
        self.breaking = Breaking(self.supervisor, lanes, {"riverside": self.cable}, self.trouble, self.tally)


def is_broken(simulated: SimulatedLane) -> bool:
    twin = simulated.twin
    return bool(twin.stuck) or twin.snapshot().jammed or simulated.camera_twin.mode is not CameraMode.OK


@pytest.mark.parametrize("breaks", AT_LANES)
async def test_a_lane_is_broken_for_a_while(lane: StreetLane, simulated: SimulatedLane, breaks: Breaks) -> None:
    parts = Parts({GATE: lane})
    making = asyncio.create_task(parts.breaking.make(Fault(0, breaks, GATE, LASTS_S)))
    await until(lambda: is_broken(simulated))
    assert parts.trouble.of(GATE, {breaks})[0].until_ms is None
    await making
    assert not is_broken(simulated)
    [span] = parts.trouble.spans
    assert span.until_ms is not None
    assert span.until_ms - span.from_ms >= LASTS_S * 1000
    assert parts.tally.counts == {breaks.value: 1, "faults": 1}


async def test_a_camera_that_was_forgotten_is_broken_again(
    lane: StreetLane, simulated: SimulatedLane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaking, "SEEN_TO_EVERY_S", 0.02)
    parts = Parts({GATE: lane})
    making = asyncio.create_task(parts.breaking.make(Fault(0, Breaks.CAMERA_BLACK, GATE, LASTS_S)))
    await until(lambda: is_broken(simulated))
    simulated.camera_twin.mode = CameraMode.OK  # as after a start
    await until(lambda: is_broken(simulated))
    await making
    assert not is_broken(simulated)


def process(folder: Path) -> Unit:
    async def ready() -> bool:
        return True

    return Unit("riverside", ("sleep", "60"), folder / "log", ready)


async def test_a_process_is_killed_and_its_supervisor_starts_it_again(tmp_path: Path) -> None:
    async with Supervisor() as supervisor:
        parts = Parts({}, supervisor)
        watch = Processes(supervisor, ["riverside"], parts.trouble, parts.tally)
        watching = asyncio.create_task(watch.watch())
        supervisor.add(process(tmp_path))
        await supervisor.start("riverside")
        await until(lambda: len(watch.memory.runs) == 1)
        before = supervisor.process_id("riverside")
        await parts.breaking.make(Fault(0, Breaks.KILLED, "riverside", 0))
        assert supervisor.process_id("riverside") not in (None, before)
        await until(lambda: len(watch.memory.runs) == 2)
        watching.cancel()
    assert parts.tally.findings == []
    assert not parts.trouble.felt("riverside", LANE, now_ms())


async def test_a_process_that_ends_of_itself_is_found(tmp_path: Path) -> None:
    async with Supervisor() as supervisor:
        parts = Parts({}, supervisor)
        watch = Processes(supervisor, ["riverside"], parts.trouble, parts.tally)
        watching = asyncio.create_task(watch.watch())
        supervisor.add(process(tmp_path))
        await supervisor.start("riverside")
        await until(lambda: len(watch.memory.runs) == 1)
        await supervisor.kill("riverside")  # and nobody has said so
        await until(lambda: parts.tally.findings != [])
        watching.cancel()
    assert [finding.invariant for finding in parts.tally.findings] == ["no-unit-fails"]
