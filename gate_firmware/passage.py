"""One car's time in the lane: what has been seen of it, and what was decided on it."""

from dataclasses import dataclass

from cloud_sync.link.v1.facts import Noted
from domain.admission import Evidence
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
    let in from afar and has not come yet. `may_have_crossed`: it was let pass before a restart, or somebody has crossed
    who was this one or the one before; the car that stands there may be the next one, and where one does `is_unread`
    until a look has shown it; so is one that was let pass so long ago that another may cross in its place.
    `look_again_ms`: when to begin the next look at its plate, whatever is said of it until then. `drives_by_ms`: when
    it is to have driven off the arrival loop, since the arm is up. `crosses_by_ms`: when it is to have crossed that is
    between the loops, whoever comes behind it. `has_gone`: it has not, and is not waited for; should it come all the
    same, it is known. `is_over`: the log says what has become of it, and no start of the gate goes on with it.
    """

    passage_id: str = ""
    since_ms: int = 0
    judgement: Judgement | None = None
    seen: Looked | None = None
    codes: tuple[str, ...] = ()
    is_looked_at: bool = False
    is_awaited: bool = False
    may_have_crossed: bool = False
    is_unread: bool = False
    look_again_ms: int | None = None
    drives_by_ms: int | None = None
    crosses_by_ms: int | None = None
    has_gone: bool = False
    is_over: bool = False

    @property
    def may_pass(self) -> bool:
        return self.judgement is not None and self.judgement.passes

    @property
    def is_refused(self) -> bool:
        return self.judgement is not None and not self.judgement.passes

    @property
    def is_sure(self) -> bool:
        """Whether no more need be seen of it: it is known whose it is, by more than an id while a look is under way,
        and it is the one that stands there."""
        if self.is_unread or self.judgement is None or self.judgement.reservation_id is None:
            return False
        return self.judgement.evidence is not Evidence.ID or not self.is_looked_at

    @property
    def is_known(self) -> bool:
        """Whether a look can tell this car from another: it has a booking, or its plate was read."""
        return self.judgement is not None and (self.judgement.reservation_id or self.judgement.plate) is not None

    @property
    def reservation_id(self) -> str | None:
        """Whose car it is, where that is known."""
        return None if self.judgement is None else self.judgement.reservation_id

    @property
    def car(self) -> str:
        """Which car it is, in words for who has to look for it."""
        spot_id = None if self.judgement is None else self.judgement.decision.spot_id
        whose = "a car" if self.reservation_id is None else f"the car of reservation {self.reservation_id}"
        return whose if spot_id is None else f"{whose}, sent to spot {spot_id},"

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
            self.is_over = False
        self.judgement = judgement

    def noted(self, what: Noted, record: Record, now: Now) -> None:
        """Write down what has become of it, but that it has crossed."""
        record.noted(what, self.passage_id, now)
        self.is_over = True

    def recognise(self, judgement: Judgement, record: Record, now: Now) -> bool:
        """Whether more is known of a car that may pass: whose it is, by what plate to find it, or that an id was wrong.

        A car that was let out unknown has been named after all, or read. One that was let pass because somebody said an
        id is surely another's, by its plate or its ticket. What is known by more than an id stays.
        """
        before = self.judgement
        if before is None or not judgement.passes:
            return False
        named = judgement.reservation_id not in (None, before.reservation_id)
        if before.reservation_id is None:
            says_more = named or (before.plate is None and judgement.plate is not None)
        else:
            says_more = named and before.evidence is Evidence.ID and judgement.evidence is not Evidence.ID
        if says_more:
            self.decide(judgement, record, now, asked=True)
        return says_more
