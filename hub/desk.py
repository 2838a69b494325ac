"""What attendants do by the page. Who does it says who they are, and the fact that tells of it bears their name."""

import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping

from cloud_sync.link.clock import Clock
from domain.errors import OperatorError, Refused
from domain.tries import Tries
from hub.lot import Lot

log = logging.getLogger(__name__)

CODE_LENGTH_MIN = 12
"""Of a manager's code: too long to be found by trying."""

TRIES_MAX, LOCKED_S = 5, 300
"""Of a manager's name: after so many wrong codes in a row none is taken for so long (`domain/tries.py`)."""

NOBODY = ""
"""Under this name those tries are counted whose name is no manager's."""


class Desk:
    """Asks the lot for what an attendant wants; the lot decides whether it may be."""

    def __init__(
        self,
        lot: Lot,
        managers: Mapping[str, str],
        carry_out: Callable[[Callable[[], None]], Awaitable[None]],
        clock: Clock,
    ) -> None:
        """`managers` are codes by names; `carry_out` returns once what it was given to do is on disk."""
        self._lot = lot
        self._managers = managers
        self._carry_out = carry_out
        self._clock = clock
        self._tries = {name: Tries("codes", tries_max=TRIES_MAX, locked_s=LOCKED_S) for name in (*managers, NOBODY)}

    @property
    def managers(self) -> list[str]:
        """Who may vouch."""
        return sorted(self._managers)

    async def vouch(self, reservation_id: str, gate_id: str, *, name: str, code: str) -> None:
        """A manager vouches that nobody came in on a no-show by a gate that does not answer.

        Raises Refused where name and code do not go together (`manager_unknown`), or as `Lot.vouch`; TryLater where it
        could not be stored, or this name has been tried too often (`too_many_tries`).
        """
        self._check(name, code)
        await self._carry_out(lambda: self._lot.vouch(reservation_id, gate_id, name, self._clock()))
        log.info("vouch.given", extra={"reservation": reservation_id, "gate": gate_id})

    def _check(self, name: str, code: str) -> None:
        known = self._managers.get(name)
        tries = self._tries[NOBODY if known is None else name]
        tries.check(self._clock())
        if known is not None and hmac.compare_digest(known.encode(), code.encode()):
            tries.right()
            return
        count = tries.wrong(self._clock())
        if count in (1, TRIES_MAX):
            event = "vouch.manager_unknown" if count == 1 else "vouch.locked"
            log.warning(event, extra={"manager": None if known is None else name})
        raise Refused("manager_unknown", "name and code do not go together")


def manager_code(text: str) -> str:
    """A manager's code as it stands in its file. Raises OperatorError for one that could be guessed."""
    if len(text) < CODE_LENGTH_MIN:
        raise OperatorError("code_short", f"a manager's code has {CODE_LENGTH_MIN} characters at least")
    return text
