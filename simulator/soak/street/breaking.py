"""Breaks what the plan says, and mends it again: processes by the supervisor, lanes by their control sockets."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from domain.errors import OperatorError, Refused
from hardware.twin_camera import CameraMode
from hardware.wiring import InputName
from simulator.demo.supervisor import Supervisor
from simulator.soak.street.cable import Cable
from simulator.soak.street.lane import TRY_AGAIN_S, UNREACHABLE, StreetLane
from simulator.soak.street.plan import Breaks, Fault
from simulator.soak.street.tally import Tally
from simulator.soak.street.trouble import Trouble
from simulator.street.lane_client import StreetClient
from simulator.world.campaign import OWN_FAILURE

SEEN_TO_EVERY_S = 1.0
"""A camera's fault is forgotten where its gate's process is started again: it is made again for as long as it lasts."""

_CAMERA = {
    Breaks.CAMERA_BLACK: CameraMode.BLACK,
    Breaks.CAMERA_NONE: CameraMode.NONE,
    Breaks.CAMERA_FROZEN: CameraMode.FROZEN,
}
_STUCK: Mapping[Breaks, tuple[InputName, bool]] = {
    Breaks.ARRIVAL_ON: ("arrival_loop", True),
    Breaks.ARRIVAL_OFF: ("arrival_loop", False),
    Breaks.SAFETY_ON: ("safety_loop", True),
    Breaks.SAFETY_OFF: ("safety_loop", False),
    Breaks.PHOTOCELL_ON: ("photocell", True),
    Breaks.PHOTOCELL_OFF: ("photocell", False),
}


class Breaking:
    """Whatever it breaks it mends; that a process does not come back is a finding."""

    def __init__(
        self,
        supervisor: Supervisor,
        lanes: Mapping[str, StreetLane],
        cables: Mapping[str, Cable],
        trouble: Trouble,
        tally: Tally,
    ) -> None:
        """`cables` by lot."""
        self._supervisor = supervisor
        self._lanes = lanes
        self._cables = cables
        self._trouble = trouble
        self._tally = tally

    async def make(self, fault: Fault) -> None:
        """Break it, let it be broken for as long as it lasts, mend it."""
        self._tally.counts[fault.breaks.value] += 1
        self._tally.counts["faults"] += 1
        span = self._trouble.begin(fault.unit, fault.breaks)
        try:
            match fault.breaks:
                case Breaks.KILLED:
                    await self._kill(fault.unit)
                case Breaks.STOPPED:
                    await self._supervisor.stop(fault.unit)
                    await asyncio.sleep(fault.lasts_s)
                    await self._supervisor.start(fault.unit)
                case Breaks.CUT:
                    self._cables[fault.unit].cut()
                    await asyncio.sleep(fault.lasts_s)
                    self._cables[fault.unit].join()
                case _:
                    await self._break_lane(self._lanes[fault.unit], fault)
        except OperatorError as error:
            self._tally.found(OWN_FAILURE, f"{fault}: {error.message}")
        finally:
            self._trouble.end(span)

    async def _kill(self, name: str) -> None:
        await self._supervisor.wait_ready(name)
        await self._supervisor.kill(name)
        await self._supervisor.wait_ready(name)

    async def _break_lane(self, lane: StreetLane, fault: Fault) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(fault.lasts_s):
                while True:
                    await self._set(lane, fault.breaks, broken=True)
                    await asyncio.sleep(SEEN_TO_EVERY_S)
        while True:
            if await self._set(lane, fault.breaks, broken=False):
                return
            await asyncio.sleep(TRY_AGAIN_S)

    async def _set(self, lane: StreetLane, breaks: Breaks, *, broken: bool) -> bool:
        """Whether the lane was up to be told."""
        with suppress(*UNREACHABLE, Refused):
            async with StreetClient(lane.gate.control_port) as client:
                if breaks is Breaks.JAMMED:
                    await client.jam(jammed=broken)
                elif breaks in _STUCK:
                    name, at = _STUCK[breaks]
                    await client.stick(name, at=at if broken else None)
                else:
                    await client.set_camera(_CAMERA[breaks] if broken else CameraMode.OK)
                return True
        return False
