"""One lane as the street sees it: the cars that wait for it, and all that happened there."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from domain.errors import PeerError, Refused
from hardware.barrier import Position
from hardware.control_protocol import LaneState
from hardware.twin_arm import TICK_MS
from hardware.twin_camera import CameraMode
from hardware.twin_events import Happening
from simulator.demo.configuration import GateSite
from simulator.soak.street.trouble import now_ms
from simulator.street.frames import empty_lane
from simulator.street.lane_client import StreetClient
from simulator.world.seen import Arm

EMPTY_SEED = 1
QUEUE_MAX = 5
"""Cars in a lane and behind it; who comes then drives round the block."""
ROUND_THE_BLOCK_S = 15.0
LOOK_S = 0.2
TRY_AGAIN_S = 0.3
PATIENCE_MS = 3_600_000
"""The twin's driver waits for ours to say when they have had enough."""

UNREACHABLE = (OSError, PeerError)
"""What a lane that is down at the moment answers."""

_ARM = {Happening.ARM_UP.value: Arm.UP, Happening.ARM_DOWN.value: Arm.DOWN}


class StreetLane:
    """One lane, and a record of what could be seen there: `events` as its twin tells them, `arms` with positions.

    The twin is in the gate's process. What happens to the lane while that is down is told by nobody; where the arm is
    up afterwards, it was raised meanwhile.
    """

    def __init__(self, gate: GateSite) -> None:
        self.gate = gate
        self.events: list[dict[str, Any]] = []
        self.arms: list[tuple[int, Arm]] = []
        self.collisions = 0
        self.round_the_block = 0
        self._empty = empty_lane(EMPTY_SEED)
        self._place = asyncio.Lock()
        self._waiting = 0
        self._position = Position.DOWN

    @property
    def is_entry(self) -> bool:
        return self.gate.direction == "entry"

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Be the first in the lane, behind those who came before; while the queue is full, go round the block."""
        while self._waiting >= QUEUE_MAX:
            self.round_the_block += 1
            await asyncio.sleep(ROUND_THE_BLOCK_S)
        self._waiting += 1
        try:
            async with self._place:
                yield
        finally:
            self._waiting -= 1

    async def look(self) -> LaneState | None:
        """The lane as a bystander sees it now; None while its process is down."""
        with suppress(*UNREACHABLE):
            async with StreetClient(self.gate.control_port) as client:
                return await client.state()
        return None

    async def turn_in(self, car: str, pictures: Sequence[bytes], follower: str | None = None) -> int:
        """Turn into the lane as soon as it is empty and its process is up; how many had passed it by then."""
        while True:
            with suppress(*UNREACHABLE, Refused):
                async with StreetClient(self.gate.control_port) as client:
                    state = await client.state()
                    if state.car == car:  # the answer to our arrival was lost
                        return state.passages
                    if state.car is None:
                        await client.arrive(car, pictures, patience_ms=PATIENCE_MS, follower=follower)
                        return state.passages
            await asyncio.sleep(TRY_AGAIN_S)

    async def show(self, pictures: Sequence[bytes]) -> None:
        """Let the camera see this of the car that waits; not while the process is down."""
        with suppress(*UNREACHABLE, Refused):
            async with StreetClient(self.gate.control_port) as client:
                await client.show(pictures)

    async def back_out(self) -> None:
        """The driver gives up, if they are not driving through by now."""
        with suppress(*UNREACHABLE, Refused):
            async with StreetClient(self.gate.control_port) as client:
                await client.leave()

    async def watch(self) -> None:
        """Note down everything that happens, until cancelled."""
        while True:
            with suppress(*UNREACHABLE, ValueError):
                async with StreetClient(self.gate.control_port) as client, client.watch() as events:
                    await client.set_camera(CameraMode.OK, self._empty)
                    self._found(await client.state())
                    async for event in events:
                        self._note(event)
            await asyncio.sleep(TRY_AGAIN_S)

    def _found(self, state: LaneState) -> None:
        """How the lane is when it can be seen again."""
        self.collisions = max(self.collisions, state.collisions)
        if state.arm is not self._position:
            if self._position is Position.DOWN:
                self.arms.append((now_ms(), Arm.RAISE))
            if state.arm is not Position.BETWEEN:
                self.arms.append((now_ms(), Arm.UP if state.arm is Position.UP else Arm.DOWN))
        self._position = state.arm

    def _note(self, event: dict[str, Any]) -> None:
        name, at_ms = event["event"], event["mono_ms"]
        if name == "display":
            return
        self.events.append(event)
        if name == Happening.ARM_MOVING.value:
            if self._position is Position.DOWN:
                self.arms.append((at_ms + TICK_MS, Arm.RAISE))  # the twin has it by the tick before
            self._position = Position.BETWEEN
        elif name in _ARM:
            self._position = Position.UP if name == Happening.ARM_UP.value else Position.DOWN
            self.arms.append((at_ms, _ARM[name]))
