"""Who works at the lot, and how the hub knows them: by name and code. A manager is an attendant who may vouch, too."""

import hmac
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from domain.errors import OperatorError, Refused
from domain.now import Now
from domain.tries import Tries

log = logging.getLogger(__name__)

CODE_LENGTH_MIN = 12
"""Of an attendant's code: too long to be found by trying."""

TRIES_MAX, LOCKED_S = 5, 300
"""Of an attendant's name: after so many wrong codes in a row none is taken for so long (`domain/tries.py`)."""

NOBODY = ""
"""Under this name those tries are counted whose name is no attendant's."""


@dataclass(frozen=True, slots=True)
class Attendant:
    """Somebody who works at the lot; the log keeps the name with what they do."""

    name: str
    is_manager: bool = False


class Attendants:
    """Everybody who may log in."""

    def __init__(self, codes: Mapping[Attendant, str]) -> None:
        self._codes = {attendant.name: (attendant, code) for attendant, code in codes.items()}
        self._tries = {name: Tries("codes", tries_max=TRIES_MAX, locked_s=LOCKED_S) for name in (*self._codes, NOBODY)}

    @property
    def names(self) -> list[str]:
        return sorted(self._codes)

    @property
    def managers(self) -> list[str]:
        """Who of them may vouch."""
        return sorted(name for name, (attendant, _) in self._codes.items() if attendant.is_manager)

    def known_by(self, name: str, code: str, now: Now) -> Attendant:
        """Who this is.

        Raises Refused where name and code do not go together (`attendant_unknown`), TryLater where this name has been
        tried too often (`too_many_tries`), also for the right code.
        """
        attendant, right = self._codes.get(name, (None, ""))
        tries = self._tries[NOBODY if attendant is None else name]
        tries.check(now)
        if attendant is not None and hmac.compare_digest(right.encode(), code.encode()):
            tries.right()
            return attendant
        count = tries.wrong(now)
        if count in (1, TRIES_MAX):
            event = "log_in.unknown" if count == 1 else "log_in.locked"
            log.warning(event, extra={"attendant": attendant and attendant.name})
        raise Refused("attendant_unknown", "name and code do not go together")


def attendant_code(text: str) -> str:
    """An attendant's code as it stands in its file. Raises OperatorError for one that could be guessed."""
    if len(text) < CODE_LENGTH_MIN:
        raise OperatorError("code_short", f"an attendant's code has {CODE_LENGTH_MIN} characters at least")
    return text
