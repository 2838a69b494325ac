"""A client for the control socket of a simulated lane: the street outside the gate."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

from domain.errors import PeerError, Refused
from hardware.control_protocol import LaneState
from hardware.control_socket import HOST, LINE_BYTES_MAX
from hardware.twin import PATIENCE_MS
from hardware.twin_camera import CameraMode
from hardware.wiring import InputName


class StreetClient:
    """Talks to one lane, one command at a time: `async with StreetClient(port) as street`.

    Every method raises Refused with the lane's own code where the lane refuses, and PeerError (`lane_gone`) where it
    hung up.
    """

    def __init__(self, port: int, host: str = HOST) -> None:
        self._address = (host, port)
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(*self._address, limit=LINE_BYTES_MAX)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._writer is not None
        self._writer.close()

    async def arrive(
        self,
        car: str,
        frames: Sequence[bytes],
        *,
        patience_ms: int = PATIENCE_MS,
        dwell_ms: int = 0,
        follower: str | None = None,
    ) -> None:
        """Let a car turn into the lane; the camera sees `frames` (JPEG) as it comes, the last while it waits.

        It backs out after `patience_ms` before a closed arm, and stands `dwell_ms` under an open one; a `follower`
        tailgates behind it.
        """
        pictures = [_base64(frame) for frame in frames]
        more = {"patience_ms": patience_ms, "dwell_ms": dwell_ms, "follower": follower}
        await self._ask("arrive", car=car, frames=pictures, **more)

    async def show(self, frames: Sequence[bytes]) -> None:
        """Let the camera see other pictures (JPEG) of the waiting car, such as a phone with a QR code."""
        await self._ask("show", frames=[_base64(frame) for frame in frames])

    async def leave(self) -> None:
        """Let the driver give up and back out."""
        await self._ask("leave")

    async def touch(self, name: InputName, *, active: bool = True) -> None:
        """Step into the photocell, raise a fire alarm, open the cabinet or press the call button, or end that."""
        await self._ask("contact", name=name, active=active)

    async def stick(self, name: InputName, *, at: bool | None) -> None:
        """Break an input, which says `at` from now on whatever is true, or mend it (None)."""
        await self._ask("stuck", name=name, at=at)

    async def jam(self, *, jammed: bool = True) -> None:
        """Let the arm stop half-way from now on, or mend it."""
        await self._ask("jam", jammed=jammed)

    async def set_camera(self, mode: CameraMode, empty_lane: bytes | None = None) -> None:
        """Break or mend the camera; `empty_lane` (JPEG) is what it sees without a car."""
        picture = None if empty_lane is None else _base64(empty_lane)
        await self._ask("camera", mode=mode.value, empty_lane=picture)

    async def state(self) -> LaneState:
        """What a bystander sees now."""
        return LaneState.model_validate(await self._ask("state"))

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """Every event from the moment the context is entered, on a connection of its own; ends when the lane does."""
        async with StreetClient(self._address[1], self._address[0]) as watcher:
            await watcher._ask("watch")
            yield watcher._events()

    async def _events(self) -> AsyncIterator[dict[str, Any]]:
        assert self._reader is not None
        while line := await self._reader.readline():
            yield json.loads(line)

    async def _ask(self, command: str, **fields: object) -> dict[str, Any]:
        assert self._reader is not None
        assert self._writer is not None
        self._writer.write(json.dumps({"command": command, **fields}).encode() + b"\n")
        await self._writer.drain()
        line = await self._reader.readline()
        if not line:
            raise PeerError("lane_gone", "the simulated lane hung up; is its gate still running?")
        answer: dict[str, Any] = json.loads(line)
        if not answer.pop("ok"):
            raise Refused(answer["error"]["code"], answer["error"]["message"])
        return answer


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
