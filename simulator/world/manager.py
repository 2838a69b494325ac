"""A lot's manager, who looks at the hub's page now and then: keeps its lists, and vouches for entry gates that do not
answer."""

import asyncio
import random
from collections.abc import Sequence

from domain.errors import GatehouseError
from domain.ids import parse_reservation_id
from hub.attendants import Attendant
from hub.missed import Missed, NoShowRow
from hub.service import HubService
from hub.view import RECENT, RECENT_MAX
from simulator.world.page import pressed
from simulator.world.plan import Trip
from simulator.world.seen import At, CarMoved, Seen
from simulator.world.settings import MANAGER
from simulator.world.units import HubUnit

COMES_BY_S = (60.0, 900.0)
"""How long the manager is busy with something else."""

_CAME_IN = (At.UNDER_ARM, At.THROUGH)


class Manager:
    """Never vouches for who was seen coming in by that gate. Who comes after that, while it is cut off, may."""

    def __init__(self, hub: HubUnit, code: str, listed: Sequence[Trip], seen: Seen, dice: random.Random) -> None:
        """`code` is the one that the hub knows this manager by; `listed` are those whose plates go on the lists."""
        self._hub = hub
        self._code = code
        self._listed = list(listed)
        self._seen = seen
        self._dice = dice

    async def live(self) -> None:
        """Come by until cancelled."""
        while True:
            await asyncio.sleep(self._dice.uniform(*COMES_BY_S))
            await pressed(self._hub, self._look)

    async def _look(self, service: HubService) -> None:
        manager = service.attendants.known_by(MANAGER, self._code, self._hub.machine.clock())
        while self._listed:
            trip = self._listed[-1]
            assert trip.listing is not None, "whoever is listed is on a list"
            await service.desk.put_on_list(trip.plate, trip.listing, until=None, note=trip.driver, by=manager)
            self._listed.pop()
        for row in Missed(service.lot).latest(RECENT, RECENT_MAX, self._hub.machine.clock()):
            for gate_id in row.silent:
                if not self._came_in(row, gate_id):
                    await self._vouch(service, row, gate_id, manager)

    async def _vouch(self, service: HubService, row: NoShowRow, gate_id: str, manager: Attendant) -> None:
        try:
            await service.desk.vouch(parse_reservation_id(row.reservation), gate_id, manager)
        except GatehouseError:
            return  # the gate is back, or nothing can be stored

    def _came_in(self, row: NoShowRow, gate_id: str) -> bool:
        """Whether somebody of this booking was seen under the arm of a gate; its driver's name says who is."""
        return any(
            isinstance(event, CarMoved) and event.gate_id == gate_id and event.to in _CAME_IN
            and (not row.driver or event.car.startswith(row.driver))
            for event in self._seen.street
        )  # fmt: skip
