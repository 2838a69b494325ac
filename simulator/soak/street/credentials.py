"""What a driver shows at a lane beside their plate, one thing after the other until they are let in."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum

import httpx

from simulator.demo.street import BY_HAND
from simulator.soak.driver import ANSWER_S, CODE_SEED
from simulator.soak.street.booking import Account, Booking
from simulator.soak.street.lane import LOOK_S, StreetLane
from simulator.street.frames import Shot
from simulator.street.phone import held_up


class Shows(Enum):
    CODE = "code"
    ID = "id"
    PHONE = "phone"


ASKED_S_MAX = 10.0
"""After this a driver shows something unasked."""
LOOKED_AT_S = 6.0
"""How long they hold their phone up, or wait after something else, before they try the next."""


class Credentials:
    """Of one driver at one lane."""

    def __init__(
        self, lane: StreetLane, http: httpx.AsyncClient, account: Account, booking: Booking | None, at_line: Shot
    ) -> None:
        self._lane = lane
        self._http = http
        self._account = account
        self._booking = booking
        self._at_line = at_line

    async def present(self, first: Sequence[Shows], asked: Callable[[], bool]) -> None:
        """Show what one means to, and then everything else in turn, until cancelled."""
        if self._booking is None:
            return
        if Shows.PHONE not in first:
            await self._until(asked)
        turn = [*first, *(one for one in (Shows.CODE, Shows.ID) if one not in first)]
        while True:
            for one in turn:
                await self._show(one, self._booking)
                await asyncio.sleep(LOOKED_AT_S)
                if one is Shows.CODE:
                    await self._lane.show([self._at_line.jpeg])

    async def _until(self, asked: Callable[[], bool]) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(ASKED_S_MAX):
                while True:
                    if asked():
                        return
                    await asyncio.sleep(LOOK_S)

    async def _show(self, one: Shows, booking: Booking) -> None:
        gate = self._lane.gate
        match one:
            case Shows.CODE:
                await self._account.refresh(booking)
                behind = self._at_line.pixels
                shot = await asyncio.to_thread(held_up, CODE_SEED, booking.ticket, held=BY_HAND, behind=behind)
                await self._lane.show([shot.jpeg])
            case Shows.ID:
                await say_id(self._http, self._lane, booking.reservation_id)
            case Shows.PHONE:
                body = {"reservation_id": booking.reservation_id, "gate_id": gate.gate_id}
                with suppress(httpx.TransportError):
                    headers = self._account.headers
                    await self._http.post("/gate/check-in", json=body, headers=headers, timeout=ANSWER_S)


async def say_id(http: httpx.AsyncClient, lane: StreetLane, reservation_id: str) -> None:
    """Type an id at a lane. What it has come to, the arm tells."""
    path = "check-in" if lane.is_entry else "check-out"
    with suppress(httpx.TransportError):
        await http.post(f"{lane.gate.url}/{path}", json={"reservation_id": reservation_id}, timeout=ANSWER_S)
