"""Reservation ids that are typed at the lane: wrong tries are slowed down, and then locked out.

An id has 45 random bits, of which nobody guesses one by hand; this keeps a machine on the keypad's line from trying.
After each wrong try the keypad waits, twice as long each time; after `tries_max` it is locked for `locked_s`. Only an
id that lets a car pass begins anew: a known one that does not, typed in between, is no way around it. What is kept is
lost with a restart.
"""

import asyncio
from collections.abc import Awaitable, Callable

from cloud_sync.link.v1.facts import GateDecided
from domain.errors import BadInput, TryLater
from domain.fact import Fact
from domain.ids import parse_reservation_id
from domain.now import Now
from gate_firmware.deciding import PASSES
from gate_firmware.events import ById, Identified

WAIT_MS = 1_000
"""After the first wrong try."""

Identify = Callable[[Identified], Awaitable[Fact]]
"""Decides on the car in the lane; the decision as stored. Raises Refused or TryLater, and then nothing changed."""


class Keypad:
    """Counts wrong tries. A core: `now` comes with every call."""

    def __init__(self, *, tries_max: int, locked_s: int) -> None:
        self._tries_max = tries_max
        self._locked_ms = locked_s * 1_000
        self._wrong = 0
        self._closed_until_ms = 0

    def check(self, now: Now) -> None:
        """Raises TryLater (`too_many_tries`) while the keypad waits or is locked."""
        left_ms = self._closed_until_ms - now.mono_ms
        if left_ms > 0:
            seconds = -(-left_ms // 1_000)
            raise TryLater("too_many_tries", f"too many wrong ids; try again in {seconds} s", retry_after_s=seconds)

    def let_pass(self) -> None:
        """An id was typed that has let a car pass: what was typed wrong before was by mistake."""
        self._wrong = 0

    def wrong(self, now: Now) -> None:
        """An id was typed that is none."""
        self._wrong += 1
        wait_ms = WAIT_MS << self._wrong - 1
        if self._wrong >= self._tries_max:
            self._wrong, wait_ms = 0, self._locked_ms
        self._closed_until_ms = now.mono_ms + wait_ms


class TypedIds:
    """What becomes of an id that is typed at this lane."""

    def __init__(
        self, keypad: Keypad, identify: Identify, is_right: Callable[[str], bool], clock: Callable[[], Now]
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
        now = self._clock()
        self._keypad.check(now)
        try:
            reservation_id = parse_reservation_id(text)
        except BadInput:
            self._keypad.wrong(now)
            raise
        decided = await self._identify(Identified(ById(reservation_id)))
        if not self._is_right(reservation_id):
            self._keypad.wrong(now)
        elif _let_pass(decided, reservation_id):
            self._keypad.let_pass()
        return decided


def _let_pass(decided: Fact, reservation_id: str) -> bool:
    said = GateDecided.model_validate(decided.payload)
    return said.verdict in PASSES and said.reservation_id == reservation_id
