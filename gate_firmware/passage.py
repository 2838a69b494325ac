"""One car's time in the lane: what has been seen of it, and what was decided on it."""

from dataclasses import dataclass

from domain.now import Now
from gate_firmware.deciding import Judgement
from gate_firmware.events import Look, Looked, LookForCode
from gate_firmware.record import Record

CODES_MAX = 8
"""Codes that one car has shown and that are kept in mind; of more the oldest is judged again."""


@dataclass(slots=True)
class Passage:
    """The car that the lane has to do with; one without an id is nobody's.

    `since_ms` is its arrival. `seen` is the best look at it: a later one that shows nothing takes nothing back. `codes`
    were judged since the last look at its plate. `is_looked_at`: a look at the plate is under way. `is_awaited`: it was
    let in from afar and has not come yet.
    """

    passage_id: str = ""
    since_ms: int = 0
    judgement: Judgement | None = None
    seen: Looked | None = None
    codes: tuple[str, ...] = ()
    is_looked_at: bool = False
    is_awaited: bool = False

    @property
    def may_pass(self) -> bool:
        return self.judgement is not None and self.judgement.passes

    @property
    def reservation_id(self) -> str | None:
        """Whose car it is, where that is known."""
        return None if self.judgement is None else self.judgement.reservation_id

    def look(self) -> Look:
        """Begin a look at the plate, and at whatever code is in view."""
        self.is_looked_at, self.codes = True, ()
        return Look(self.passage_id)

    def look_for_code(self) -> list[LookForCode]:
        """Look for a code, unless a look at the plate is under way: it looks for codes too."""
        return [] if self.is_looked_at else [LookForCode(self.passage_id, frozenset(self.codes))]

    def saw(self, looked: Looked) -> Looked:
        """Take a look in; the best there is now."""
        if self.seen is None or looked.is_sure or not self.seen.is_sure:
            self.seen = looked
        return self.seen

    def judged(self, code: str) -> None:
        """This code has been judged: the driver has the answer, and is not asked for the same again at once."""
        self.codes = (*(known for known in self.codes if known != code), code)[-CODES_MAX:]

    def decide(self, judgement: Judgement, record: Record, now: Now, *, asked: bool = False) -> None:
        """Take a judgement; it is stored where it says something new, or where it was `asked` for.

        It is taken only once it is stored: what a later one is compared with is on disk.
        """
        before = self.judgement
        if asked or before is None or before.decision != judgement.decision:
            record.decision(self.passage_id, judgement, now.mono_ms - self.since_ms, now, awaited=self.is_awaited)
        self.judgement = judgement

    def recognise(self, judgement: Judgement, record: Record, now: Now) -> None:
        """A car that was let out unknown has been named after all: its stay can end, or can be found by the plate."""
        before = self.judgement
        if before is None or before.reservation_id is not None or not judgement.passes:
            return
        if judgement.reservation_id is not None or (before.plate is None and judgement.plate is not None):
            self.decide(judgement, record, now, asked=True)
