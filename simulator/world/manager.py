"""A lot's manager, who looks at the hub's page now and then and vouches for entry gates that do not answer."""

import asyncio
import random

from domain.errors import GatehouseError
from domain.ids import parse_reservation_id
from hub.missed import Missed, NoShowRow
from hub.service import HubService
from hub.view import RECENT, RECENT_MAX
from simulator.world.process import Died
from simulator.world.seen import At, CarMoved, Seen
from simulator.world.settings import MANAGER
from simulator.world.units import HubUnit

COMES_BY_S = (60.0, 900.0)
"""How long the manager is busy with something else."""

_CAME_IN = (At.UNDER_ARM, At.THROUGH)


class Manager:
    """Never vouches for who was seen coming in by that gate. Who comes after that, while it is cut off, may."""

    def __init__(self, hub: HubUnit, code: str, seen: Seen, dice: random.Random) -> None:
        """`code` is the one that the hub knows this manager by."""
        self._hub = hub
        self._code = code
        self._seen = seen
        self._dice = dice

    async def live(self) -> None:
        """Come by until cancelled."""
        while True:
            await asyncio.sleep(self._dice.uniform(*COMES_BY_S))
            process, service = self._hub.process, self._hub.service
            if process is None or service is None or not process.alive:
                continue
            looking = process.start(self._look(service))
            await asyncio.wait([looking, process.died], return_when=asyncio.FIRST_COMPLETED)
            if looking.done() and not looking.cancelled():
                error = looking.exception()
                if error is not None and not isinstance(error, Died):
                    raise error

    async def _look(self, service: HubService) -> None:
        for row in Missed(service.lot).latest(RECENT, RECENT_MAX, self._hub.machine.clock()):
            for gate_id in row.silent:
                if self._came_in(row, gate_id):
                    continue
                reservation_id = parse_reservation_id(row.reservation)
                try:
                    manager = service.attendants.known_by(MANAGER, self._code, self._hub.machine.clock())
                    await service.desk.vouch(reservation_id, gate_id, manager)
                except GatehouseError:
                    continue  # the gate is back, or nothing can be stored

    def _came_in(self, row: NoShowRow, gate_id: str) -> bool:
        """Whether somebody of this booking was seen under the arm of a gate; its driver's name says who is."""
        return any(
            isinstance(event, CarMoved) and event.gate_id == gate_id and event.to in _CAME_IN
            and (not row.driver or event.car.startswith(row.driver))
            for event in self._seen.street
        )  # fmt: skip
