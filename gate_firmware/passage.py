"""One car's time in the lane: what has been seen of it, and what was decided on it."""

from dataclasses import dataclass

from gate_firmware.deciding import Judgement
from gate_firmware.events import Looked

CODES_MAX = 8
"""Codes that one car has shown and that are kept in mind; of more the oldest is judged again."""


@dataclass(slots=True)
class Passage:
    """The car that the lane has to do with; one without an id is nobody's.

    `since_ms` is its arrival. `seen` is the best look at it: a later one that shows nothing takes nothing back. `codes`
    were judged since the last look at its plate. `is_awaited`: it was let in from afar and has not come yet.
    """

    passage_id: str = ""
    since_ms: int = 0
    judgement: Judgement | None = None
    seen: Looked | None = None
    codes: tuple[str, ...] = ()
    is_awaited: bool = False

    @property
    def may_pass(self) -> bool:
        return self.judgement is not None and self.judgement.passes

    @property
    def reservation_id(self) -> str | None:
        """Whose car it is, where that is known."""
        return None if self.judgement is None else self.judgement.reservation_id

    def saw(self, looked: Looked) -> Looked:
        """Take a look in; the best there is now."""
        if self.seen is None or looked.is_sure or not self.seen.is_sure:
            self.seen = looked
        return self.seen

    def judged(self, code: str) -> None:
        """This code has been judged: the driver has the answer, and is not asked for the same again at once."""
        self.codes = (*(known for known in self.codes if known != code), code)[-CODES_MAX:]
