"""Reservation ids that are typed at the lane: wrong tries are slowed down, and then locked out.

An id has 45 random bits, of which nobody guesses one by hand; this keeps a machine on the keypad's line from trying.
How is in `domain/tries.py`. Only an id that lets a car pass begins anew: a known one that does not, typed in between,
is no way around it.
"""

import asyncio
from collections.abc import Awaitable, Callable

from cloud_sync.link.v1.facts import GateDecided
from domain.errors import BadInput
from domain.fact import Fact
from domain.ids import parse_reservation_id
from domain.now import Now
from domain.tries import Tries
from gate_firmware.deciding import PASSES
from gate_firmware.events import ById, Identified

Identify = Callable[[Identified], Awaitable[Fact]]
"""Decides on the car in the lane; the decision as stored. Raises Refused or TryLater, and then nothing changed."""


class TypedIds:
    """What becomes of an id that is typed at this lane."""

    def __init__(
        self, keypad: Tries, identify: Identify, is_right: Callable[[str], bool], clock: Callable[[], Now]
    ) -> None:
        """`is_right` says of an id whether this gate knows such a reservation."""
        self._keypad = keypad
        self._identify = identify
        self._is_right = is_right
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()

    async def typed(self, text: str) -> Fact:
        """Decide on the car in the lane by what was typed; the decision as it is stored.

        Raises BadInput for what is no reservation id, TryLater after too many wrong ones, and Refused without a car.
        """
        async with self._one_at_a_time:  # the next try is counted after this one
            return await self._typed(text)

    async def _typed(self, text: str) -> Fact:
        self._keypad.check(self._clock())
        try:
            reservation_id = parse_reservation_id(text)
        except BadInput:
            self._keypad.wrong(self._clock())
            raise
        decided = await self._identify(Identified(ById(reservation_id)))
        if not self._is_right(reservation_id):
            self._keypad.wrong(self._clock())  # the wait begins with the answer, for which the decision took its time
        elif _let_pass(decided, reservation_id):
            self._keypad.right()
        return decided


def _let_pass(decided: Fact, reservation_id: str) -> bool:
    said = GateDecided.model_validate(decided.payload)
    return said.verdict in PASSES and said.reservation_id == reservation_id
