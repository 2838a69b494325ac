"""What attendants do by the page. Who does it has logged in, and the fact that tells of it bears their name."""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from cloud_sync.link.clock import Clock
from cloud_sync.link.seal import Seal
from cloud_sync.link.v1.facts import Listing, Mode
from cloud_sync.link.v1.messages import AdmitAnswer, ModeAnswer
from domain.errors import Refused
from domain.plate import Plate
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
        seal: Seal,
        carry_out: Callable[[Callable[[], None]], Awaitable[None]],
        must_speak: Callable[[], None],
        clock: Clock,
    ) -> None:
        """`seal` is the lot's; `carry_out` returns once what it was given to do is on disk; `must_speak` raises
        TryLater where another hub speaks for this lot."""
        self._lot = lot
        self._gates = gates
        self._seal = seal
        self._carry_out = carry_out
        self._must_speak = must_speak
        self._clock = clock

    async def vouch(self, reservation_id: str, gate_id: str, by: Attendant) -> None:
        """A manager vouches that nobody came in on a no-show by a gate that does not answer.

        Raises Refused for who is no manager (`manager_only`), or as `Lot.vouch`; TryLater where it could not be stored.
        """
        _must_manage(by, "vouch for a gate")
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

    async def end_stay(self, stay_id: str, exit_id: str | None, by: Attendant) -> None:
        """Say that a car has left. Raises as `Stays.end`; TryLater where it could not be stored."""
        self._must_speak()
        await self._carry_out(lambda: self._lot.end_stay(stay_id, exit_id, by.name, self._clock()))
        log.info("stay.ended", extra={"stay": stay_id, "exit": exit_id})

    async def put_on_list(
        self, plate: Plate, listing: Listing, *, until: datetime | None, note: str, by: Attendant
    ) -> None:
        """Put a plate on a list. Raises Refused for who is no manager, or as `Lists.put`; TryLater as `end_stay`."""
        _must_manage(by, "change the lists")
        self._must_speak()
        sealed, now = self._seal.seal(plate), self._clock()
        lists = self._lot.lists
        await self._carry_out(lambda: lists.put(sealed, listing, until=until, by=by.name, note=note, now=now))
        log.info("list.put", extra={"listing": listing.value})

    async def take_off_list(self, mark: str, by: Attendant) -> None:
        """Take a plate off its list. Raises Refused for who is no manager, or as `Lists.take_off`; TryLater as
        `end_stay`."""
        _must_manage(by, "change the lists")
        self._must_speak()
        await self._carry_out(lambda: self._lot.lists.take_off(mark, by=by.name, now=self._clock()))
        log.info("list.taken_off")


def _must_manage(by: Attendant, what: str) -> None:
    if not by.is_manager:
        raise Refused("manager_only", f"only a manager of this lot can {what}")
