"""What a lane's camera makes of the car before it: drawn as the plate reader's own bench has it, without a picture."""

import asyncio
import random

from cloud_sync.link.clock import Clock
from cloud_sync.link.seal import Seal
from domain.plate import Plate
from gate_firmware.events import CodeSeen, Looked, Sight
from gate_firmware.replica import Replica
from simulator.street.plates import draw_plate
from simulator.world.street import Lane

KNOWS = 0.955
"""Of the expected plates are surely recognised; nearly all others come out as unsure."""

TAKES_FOR_ANOTHER = 0.000_5
"""Of all plates are taken for another one that is expected."""

KNOWS_A_STRANGER = 0.94
"""Of the plates that nobody expects are clearly read."""

SEES_CODE = 0.85
"""How often a code that is held up is seen in one look."""

FRAME_S = 0.25
BLIND_S = 1.0


class Eyes:
    """One process's eyes in a lane."""

    def __init__(
        self, lane: Lane, replica: Replica, seal: Seal, clock: Clock, dice: random.Random, look_ms_max: int
    ) -> None:
        self._lane = lane
        self._replica = replica
        self._seal = seal
        self._clock = clock
        self._dice = dice
        self._look_s_max = look_ms_max / 1000

    async def look(self, passage_id: str) -> Looked:
        """Look at whatever car is there, for as long as its plate is hard to read."""
        if self._lane.is_blind:
            await asyncio.sleep(BLIND_S)
            return Looked(passage_id, Sight.BLIND, None, None, 0)
        chance = self._dice.random()
        await asyncio.sleep(self._dice.uniform(0.15, 0.9))
        sight, plate = self._sight(chance)
        if sight is Sight.UNSURE:
            await asyncio.sleep(self._look_s_max - 1)
        score = -self._dice.random() if sight is Sight.KNOWN else -3 - 5 * self._dice.random()
        return Looked(passage_id, sight, plate, score, self._dice.randint(2, 12), self._code())

    async def look_for_code(self, passage_id: str, but: frozenset[str]) -> CodeSeen:
        """Look until a code is held up that was not seen already."""
        while True:
            await asyncio.sleep(FRAME_S * (1 + self._dice.random()))
            code = self._code()
            if code is not None and code not in but:
                return CodeSeen(passage_id, code)
            while self._lane.car is None or self._lane.car.code is None or self._lane.is_blind:
                await self._lane.changed.wait()

    def _sight(self, chance: float) -> tuple[Sight, Plate | None]:
        car = self._lane.car
        if car is None:
            return Sight.UNSURE, None
        expected = self._replica.expected(self._clock())
        if chance < TAKES_FOR_ANOTHER and expected:
            return Sight.KNOWN, self._seal.open(self._dice.choice(expected))
        mark = self._seal.mark(car.plate)
        if any(sealed.mark == mark for sealed in expected):
            known = chance < KNOWS
            return (Sight.KNOWN, car.plate) if known else (Sight.UNSURE, self._misread(car.plate))
        if chance < KNOWS_A_STRANGER:
            return Sight.STRANGER, car.plate
        return Sight.UNSURE, self._misread(car.plate)

    def _misread(self, plate: Plate) -> Plate | None:
        return plate if self._dice.random() < 0.5 else draw_plate(self._dice).plate

    def _code(self) -> str | None:
        car = self._lane.car
        held_up = None if car is None or self._lane.is_blind else car.code
        return held_up if self._dice.random() < SEES_CODE else None
