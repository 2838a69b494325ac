"""A lot's attendant, at the hub's page: lets cars pass, holds lanes open for a while, closes entries.

What they press goes the hub's own way to the gate, over the network as it is, and may never come there.
"""

import asyncio
import random
from collections.abc import Callable, Sequence

from cloud_sync.link.v1.facts import Direction, Mode
from hardware.lights import Signal
from hub.attendants import Attendant as Colleague
from hub.service import HubService
from simulator.world.page import pressed
from simulator.world.seen import Pressed, Seen
from simulator.world.units import GateUnit, HubUnit

LOOKS_EVERY_S = (30.0, 500.0)
OPENS = 0.6
"""Of the times that cars wait before a red light they let one pass, whatever the reason."""
SETS_A_MODE = 0.05
"""Of the times that nobody waits they hold a lane open for a while, or close an entry."""
FOR_S = (60.0, 600.0)
PRESSES_AGAIN_S = (5.0, 30.0)
WORKS_HERE = Colleague("Attendant")


class Attendant:
    """Presses again only where a lane must not stay as it is."""

    def __init__(
        self,
        hub: HubUnit,
        gates: Sequence[GateUnit],
        seen: Seen,
        now_ms: Callable[[], int],
        dice: random.Random,
    ) -> None:
        """`now_ms` is true time."""
        self._hub = hub
        self._gates = gates
        self._seen = seen
        self._now_ms = now_ms
        self._dice = dice

    async def live(self) -> None:
        """Look at the lanes now and then, until cancelled."""
        while True:
            await asyncio.sleep(self._dice.uniform(*LOOKS_EVERY_S))
            waiting = [gate for gate in self._gates if gate.lane.car is not None and gate.lane.signal is Signal.RED]
            if waiting:
                if self._dice.random() < OPENS:
                    await self._open(self._dice.choice(waiting).lane.gate_id)
            elif self._dice.random() < SETS_A_MODE:
                await self._set_for_a_while(self._dice.choice(self._gates))

    async def _open(self, gate_id: str) -> None:
        async def deed(service: HubService) -> None:
            await service.desk.open(gate_id, WORKS_HERE)

        self._seen.presses.append(Pressed(self._now_ms(), gate_id))
        await pressed(self._hub, deed)

    async def _set_for_a_while(self, gate: GateUnit) -> None:
        is_entry = gate.lane.direction is Direction.ENTRY
        mode = Mode.CLOSED if is_entry and self._dice.random() < 0.5 else Mode.HELD_OPEN
        await self._set_mode(gate.lane.gate_id, mode)
        await asyncio.sleep(self._dice.uniform(*FOR_S))
        while True:
            if await self._set_mode(gate.lane.gate_id, Mode.AUTOMATIC):
                return
            await asyncio.sleep(self._dice.uniform(*PRESSES_AGAIN_S))

    async def _set_mode(self, gate_id: str, mode: Mode) -> bool:
        async def deed(service: HubService) -> None:
            await service.desk.set_mode(gate_id, mode, WORKS_HERE)

        return await pressed(self._hub, deed)
