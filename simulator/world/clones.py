"""One disk, two runs: a unit's disk was copied, and a second machine runs from the copy beside the first.

Somebody has started an old backup on another computer, or left the copy of a gate's card in a spare one. Sooner or
later an operator sees the alarm `fenced` and does what docs/running.md says: find out which of the two is the right
one, stop the other, and start the right one anew if it was the fenced one. A gate's is the one before which cars stand;
a hub's is the one that the lot and central follow by then.
"""

import asyncio
import random
from collections.abc import Sequence

from simulator.world.process import How
from simulator.world.tally import Tally
from simulator.world.units import HubUnit, Unit

LOOKS_EACH_S = 10.0
COMES_S = (5.0, 30.0)
"""From the alarm to the operator, once somebody looks."""

FENCED_WITHIN_S = 120.0
"""Where nothing else is wrong, one of two is fenced within this."""


class Pair:
    """Two runs of one unit, until one of them is switched off."""

    def __init__(self, first: Unit, second: Unit, tally: Tally) -> None:
        self.runs = (first, second)
        self._since_ms = tally.now_ms
        self._tally = tally

    async def sorted_out(self, dice: random.Random) -> Unit:
        """Wait until one is fenced, however long that takes, and then for the operator. Returns whom they stopped.

        May be cancelled: it is done in one instant.
        """
        while True:
            fenced = [unit for unit in self.runs if unit.is_fenced]
            if fenced and all(unit.is_alive for unit in self.runs):
                await asyncio.sleep(dice.uniform(*COMES_S))
                if all(unit.is_alive for unit in self.runs):
                    return self._stop_one(self._wrong(fenced, dice))
            await asyncio.sleep(LOOKS_EACH_S)

    async def sorted_out_soon(self, dice: random.Random) -> Unit:
        """The same where nothing else is wrong any more: that none is fenced in time is a finding."""
        try:
            async with asyncio.timeout(FENCED_WITHIN_S):
                return await self.sorted_out(dice)
        except TimeoutError:
            self._tally.unsettled(self.runs[0].speaks_for, "two runs of it speak, and none is fenced")
            return self._stop_one(self.runs[1])

    def _wrong(self, fenced: Sequence[Unit], dice: random.Random) -> Unit:
        first, second = self.runs
        return dice.choice(fenced) if isinstance(first, HubUnit) else second

    def _stop_one(self, wrong: Unit) -> Unit:
        (right,) = (unit for unit in self.runs if unit is not wrong)
        wrong.switch_off()
        self._tally.disk_lost(wrong.speaks_for, wrong.machine.disk.path)
        self._tally.lasted("clone", wrong.speaks_for, self._since_ms)
        if right.is_fenced:
            right.die(How.STOPPED, "to start anew")
        return wrong
