"""A car in a lane, and what its driver does there: wait for the light, hold up the phone, type an id, give up."""

import asyncio
import contextlib
import random
from dataclasses import dataclass

from domain.errors import GatehouseError
from simulator.world.desk import Account, Unreachable
from simulator.world.plan import Trip
from simulator.world.process import Died
from simulator.world.seen import At, Credential, Presented
from simulator.world.street import Car, Lane, drive_through
from simulator.world.town import Town
from simulator.world.units import GateUnit

PHONE_IN_HAND = 0.3
"""Of the drivers with a ticket hold it up before they are asked to."""
MISTYPES = 0.1
TAILGATES = 0.004
"""Of the drivers follow the car before them under an arm that is still up."""
EXIT_PATIENCE_S = 240.0
SAYS_GOODBYE = 0.2
"""Of the drivers with a phone tell central at the exit who it is that leaves."""


@dataclass(slots=True)
class Papers:
    """What a driver has of their booking."""

    reservation_id: str | None = None
    is_paid: bool = False
    ticket: str | None = None
    payment_id: str | None = None


class Visit:
    """One car's way in, and out again."""

    def __init__(
        self, town: Town, car: Car, papers: Papers, trip: Trip, account: Account | None, dice: random.Random
    ) -> None:
        self._town = town
        self._car = car
        self._papers = papers
        self._trip = trip
        self._account = account
        self._dice = dice

    async def come_in(self, gate: GateUnit) -> bool:
        """Whether the car is in the lot now."""
        return await self._through(gate, self._dice.uniform(45, 150), identifies=True)

    async def go_out(self, gate: GateUnit) -> bool:
        """Whether the car is out of the lot now."""
        return await self._through(gate, EXIT_PATIENCE_S, identifies=False)

    async def _through(self, gate: GateUnit, patience_s: float, *, identifies: bool) -> bool:
        lane, car = gate.lane, self._car
        await lane.place.acquire()
        try:
            await asyncio.sleep(self._dice.uniform(1, 5))
            lane.car = car
            lane.car_is(car, At.LOOP)
            lane.set_arrival(True)
            showing = asyncio.ensure_future(self._identify(gate) if identifies else self._goodbye(lane))
            drives = await self._may_drive(lane, patience_s)
            showing.cancel()
            lane.hold_up(car, None)
            if not drives:
                lane.car = None
                lane.car_is(car, At.GONE)
                lane.set_arrival(False)
                self._town.seen.counts[f"{lane.direction.value} given up"] += 1
                return False
            passing = asyncio.ensure_future(drive_through(lane, car, self._dice))
            while lane.car is car:
                await lane.left.wait()
        finally:
            lane.place.release()
        await passing
        self._town.seen.counts[f"{lane.direction.value} by car"] += 1
        return True

    async def _may_drive(self, lane: Lane, patience_s: float) -> bool:
        """Wait for the light; False where patience has run out."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + patience_s
        tailgates = self._dice.random() < TAILGATES
        while loop.time() < ends:
            if lane.invites or (tailgates and lane.is_up and not lane.safety):
                await asyncio.sleep(self._dice.uniform(0.4, 2.0))
                if lane.invites or (tailgates and lane.is_up and not lane.safety):
                    return True
            try:
                async with asyncio.timeout_at(ends):
                    await lane.changed.wait()
            except TimeoutError:
                return False
        return False

    async def _identify(self, gate: GateUnit) -> None:
        """Show what there is, one thing after the other."""
        lane, papers = gate.lane, self._papers
        if papers.ticket is not None and papers.reservation_id is not None:
            if self._dice.random() >= PHONE_IN_HAND:
                await self._asked_for_more(lane)
            self._presented(lane, Credential.TICKET, papers.reservation_id)
            lane.hold_up(self._car, papers.ticket)
            await asyncio.sleep(self._dice.uniform(10, 25))
        await self._asked_for_more(lane)
        if papers.reservation_id is None:
            return
        if self._trip.knows_id:
            await self._type(gate, papers.reservation_id)
        elif self._account is not None and self._trip.has_phone:
            try:
                await self._town.desk.check_in(self._account.user_id, lane.gate_id, papers.reservation_id)
            except (GatehouseError, Unreachable):
                return

    async def _goodbye(self, lane: Lane) -> None:
        """Say at the exit who leaves; it opens all the same."""
        account, reservation_id, trip = self._account, self._papers.reservation_id, self._trip
        theirs = self._car.plate == trip.plate
        if account is None or reservation_id is None or not theirs or not trip.has_phone:
            return
        if self._dice.random() < SAYS_GOODBYE:
            with contextlib.suppress(GatehouseError, Unreachable):
                await self._town.desk.check_out(account.user_id, lane.gate_id, reservation_id)

    async def _asked_for_more(self, lane: Lane) -> None:
        """The lane says something else than that it is looking."""
        while lane.lines[0] in ("", "WELCOME", "ONE MOMENT"):
            await lane.changed.wait()
        await asyncio.sleep(self._dice.uniform(2, 8))

    async def _type(self, gate: GateUnit, reservation_id: str) -> None:
        wrong = self._dice.random() < MISTYPES
        for text in ([reservation_id[1:] + reservation_id[0]] if wrong else []) + [reservation_id]:
            await asyncio.sleep(self._dice.uniform(4, 12))
            process, service = gate.process, gate.service
            if process is None or service is None or not process.alive:
                continue
            self._presented(gate.lane, Credential.ID, text)
            typing = process.start(service.typed_ids.typed(text))
            await asyncio.wait([typing, process.died], return_when=asyncio.FIRST_COMPLETED)
            if typing.done() and not typing.cancelled():
                error = typing.exception()
                if error is not None and not isinstance(error, GatehouseError | Died):
                    raise error

    def _presented(self, lane: Lane, by: Credential, reservation_id: str) -> None:
        self._town.seen.street.append(
            Presented(self._town.loop.now_ms, lane.gate_id, self._car.name, by, reservation_id)
        )
