"""What attendants do by the page. Who does it has logged in, and the fact that tells of it bears their name."""

import logging
from collections.abc import Awaitable, Callable

from cloud_sync.link.clock import Clock
from cloud_sync.link.v1.facts import Mode
from cloud_sync.link.v1.messages import AdmitAnswer, ModeAnswer
from domain.errors import Refused
from hub.attendants import Attendant
from hub.gates import Gates
from hub.lot import Lot

log = logging.getLogger(__name__)


class Desk:
    """Asks the lot, or one of its lanes, for what an attendant wants; they decide whether it may be."""

    def __init__(
        self,
        lot: Lot,
        gates: Gates,
        carry_out: Callable[[Callable[[], None]], Awaitable[None]],
        must_speak: Callable[[], None],
        clock: Clock,
    ) -> None:
        """`carry_out` returns once what it was given to do is on disk; `must_speak` raises TryLater where another hub
        speaks for this lot."""
        self._lot = lot
        self._gates = gates
        self._carry_out = carry_out
        self._must_speak = must_speak
        self._clock = clock

    async def vouch(self, reservation_id: str, gate_id: str, by: Attendant) -> None:
        """A manager vouches that nobody came in on a no-show by a gate that does not answer.

        Raises Refused for who is no manager (`manager_only`), or as `Lot.vouch`; TryLater where it could not be stored.
        """
        if not by.is_manager:
            raise Refused("manager_only", "only a manager of this lot can vouch for a gate")
        self._must_speak()
        await self._carry_out(lambda: self._lot.vouch(reservation_id, gate_id, by.name, self._clock()))
        log.info("vouch.given", extra={"reservation": reservation_id, "gate": gate_id})

    async def open(self, gate_id: str, by: Attendant, reservation_id: str | None = None) -> AdmitAnswer:
        """Let the car in a lane pass, or the one that is about to come; on a reservation, where one is named.

        Raises as `Gates.open`.
        """
        self._must_speak()
        return await self._gates.open(gate_id, by.name, reservation_id)

    async def set_mode(self, gate_id: str, mode: Mode, by: Attendant) -> ModeAnswer:
        """Hold a lane open, close it, or let it decide by itself again. Raises as `Gates.set_mode`."""
        self._must_speak()
        return await self._gates.set_mode(gate_id, mode, by.name)
