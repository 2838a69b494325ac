"""The receiving end of a log: each fact is applied exactly once, as decisions without I/O.

The fact, its effect and the cursor are stored in one transaction, and only then is it acknowledged. What cannot be
understood is set aside, with an alarm, and the cursor moves on. A log that contradicts what was seen before (same
number, other hash) is not taken: nobody may guess which of two histories is true. The unit then compares
(`sending.py`): it is given back what it has lost, and where the two cannot become one, it sends a snapshot.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from cloud_sync.link.digest import KINDS, LAST, Copy, differing
from cloud_sync.link.log import Alarm, Cursor, Inbox, Position, no_alarm
from cloud_sync.link.v1.facts import subject_of
from cloud_sync.link.v1.messages import BATCH_MAX, Ack, AckState, Ask, Compare, Facts, Grant, Head, Part, Sent, WireFact
from domain.errors import PeerError, Refused
from domain.fact import Fact, link

log = logging.getLogger(__name__)


class Grants(Protocol):
    """What a parent has granted to the runs of a unit."""

    def grant(self, unit: str, run: str, epoch: int, *, granted: bool, above: int, last: Grant | None) -> Grant:
        """Who may speak for `unit`: `run`, if it is the newest; in `epoch` or a higher one, always higher than `above`.

        A run that does not know what was granted `last` is told that in place of a grant of its own.

        The same run is granted the same again. One that says it was `granted` before and has been succeeded is told
        by whom.
        """


class Receiver:
    """Takes one unit's facts in, each exactly once."""

    def __init__(
        self,
        unit: str,
        inbox: Inbox,
        apply: Callable[[Fact], None],
        alarm: Alarm = no_alarm,
        *,
        forget: Callable[[str, str], None] = lambda _kind, _subject: None,
        copy: Copy | None = None,
        grants: Grants | None = None,
        sent: Callable[[Sent], None] = lambda _sent: None,
    ) -> None:
        """`apply` takes a fact's effect; `forget` takes back what facts of a kind have made of a subject, before a
        snapshot makes it anew, or because it tells of no such subject; `copy` is what they have made. `grants` where
        this is the unit's parent; `sent` is told when a message was sent that says so, before its facts are applied."""
        self._unit = unit
        self._inbox = inbox
        self._apply = apply
        self._alarm = alarm
        self._forget = forget
        self._copy = copy
        self._grants = grants
        self._sent = sent
        self._forked = False
        self._asked: tuple[Position, Position] | None = None  # where a replay was asked from, and what had come then
        self._unfit: tuple[Position, Position] | None = None  # where a new epoch did not follow on, and its beginning
        self._snapshot: list[Sequence[Fact]] = []  # its parts that were taken over
        self._snapshot_at: Cursor | None = None
        self._owed: Position | None = None  # where the log ended when its unit was last heard to connect
        self.is_open = False
        """Whether the unit has said how far its log goes since this end began to listen, by `opening`."""

    @property
    def caught_up(self) -> bool:
        """Whether all has come that the unit had to tell when it connected."""
        return self._owed is not None and self._inbox.cursor(self._unit).position >= self._owed

    def opening(self) -> Ack:
        """What to say on connecting: compare, and send on from here."""
        self.is_open = False
        return self._ack(self._inbox.cursor(self._unit), AckState.REPLAY).model_copy(update={"opens": True})

    def heard(self, message: Facts) -> Ack:
        """Whatever has come of this log; the acknowledgement is true once this has returned."""
        facts = [wire.fact() for wire in message.facts]
        if message.sent is not None:
            self._sent(message.sent)
        if message.head is not None:
            return self.asked(message.head)
        if message.part is not None:
            return self.part(message.part, facts)
        if message.compare is not None:
            return self.compared(message.compare)
        return self.receive(facts)

    def receive(self, facts: Sequence[Fact]) -> Ack:
        """Store and apply what is new of `facts`; the acknowledgement is true once this has returned."""
        with self._inbox.transaction():
            cursor = self._inbox.cursor(self._unit)
            state, fact = AckState.OK, None
            for fact in facts:
                position = Position(fact.epoch, fact.seq)
                state = self._state_of(fact, cursor)
                if state is AckState.REPLAY and self._is_asked_for(cursor.position, position):
                    state = AckState.OK
                    break
                if state is not AckState.OK:
                    break
                if position > cursor.position:
                    self._take(fact)
                    cursor = Cursor(position, fact.chain)
            self._note_fork(fact if state is AckState.FORKED else None)
        return self._ack(cursor, state)

    def asked(self, head: Head) -> Ack:
        """Where this end stands, what the unit may have lost, who may speak for it: as `head` asks."""
        self._asked = self._unfit = None
        self.is_open = True
        self._owed = max((Cursor.of(mark).position for mark in head.marks), default=Position())
        returned: list[Fact] = []
        grant = None
        with self._inbox.transaction():
            cursor = self._inbox.cursor(self._unit)
            if head.ask is Ask.RETURN:
                after = self._common(head, cursor) if head.after is None else Cursor.of(head.after).position
                returned = self._inbox.kept(self._unit, after, BATCH_MAX)
            if head.ask is Ask.GRANT and self._grants is not None:
                above = cursor.position.epoch
                grant = self._grants.grant(
                    self._unit, head.run, head.epoch, granted=head.granted, above=above, last=head.last
                )
        wires = [WireFact.of(fact) for fact in returned]
        return self._ack(cursor, AckState.REPLAY).model_copy(
            update={"answers": head.ask, "run": head.run, "returned": wires, "grant": grant}
        )

    def part(self, part: Part, facts: Sequence[Fact]) -> Ack:
        """Take over a part of a snapshot; with the last one what the whole of it does not tell of is forgotten, and the
        cursor is where the snapshot was made.

        Each part is a transaction of its own: a gate has cars to look after meanwhile. Where it breaks off in between,
        the cursor is where it was, and the whole comes again.
        """
        at, cursor = Cursor.of(part.at), self._inbox.cursor(self._unit)
        if (part.epoch or at.position.epoch) < cursor.position.epoch:
            return self._ack(cursor, AckState.OK)  # of a run that has been succeeded
        if part.number == 1 or self._snapshot_at != at:
            self._snapshot, self._snapshot_at = [], at
        if part.number == len(self._snapshot) + 1:
            self._take_over(facts)
            self._snapshot.append(facts)
        have = len(self._snapshot)
        if have == part.of:
            self._complete(at, [fact for some in self._snapshot for fact in some])
            self._snapshot, self._snapshot_at = [], None
        return self._ack(self._inbox.cursor(self._unit), AckState.OK).model_copy(update={"part": have})

    def compared(self, compare: Compare) -> Ack:
        """Compare the copy with what its owner's log amounts to, if this end is at the same place."""
        with self._inbox.transaction():
            cursor = self._inbox.cursor(self._unit)
            # What an answer has told ahead of the log is in the copy, and not in the digests.
            is_there = cursor == Cursor.of(compare.at) and self._inbox.ahead(self._unit) is None
            if self._copy is None or not is_there:
                return self._ack(cursor, AckState.OK)
            found = differing(self._copy, compare)
        if found:
            log.error("copy.differs", extra={"unit": self._unit, "what": found})
        state = AckState.SNAPSHOT if found else AckState.OK
        return self._ack(cursor, state).model_copy(update={"compared": compare.number})

    def _take_over(self, facts: Sequence[Fact]) -> None:
        """Whatever was known of their subjects."""
        with self._inbox.transaction():
            for fact in facts:
                if (about := subject_of(fact)) is not None:
                    self._forget(fact.kind, about[0])
                set_aside = self._applied(fact)
                if set_aside is not None:
                    self._set_aside(fact, set_aside)
            self._inbox.keep_part(facts)

    def _complete(self, at: Cursor, facts: Sequence[Fact]) -> None:
        with self._inbox.transaction():
            self._forget_others(facts)
            self._inbox.replaced(self._unit, at, facts)
            self._note_fork(None)
        log.info("facts.snapshot_taken", extra={"unit": self._unit, "facts": len(facts)})

    def _forget_others(self, told: Sequence[Fact]) -> None:
        """Forget all subjects that are not `told` of, but what is over: that need not be told."""
        if self._copy is None or not told:
            return
        named = {(fact.kind, about[0]) for fact in told if (about := subject_of(fact)) is not None}
        now = max(fact.at for fact in told)
        for kind in KINDS:
            known = [subject for subject, _ in self._copy.rows(kind, "", LAST, now) or ()]
            for subject in known:
                if (kind, subject) not in named:
                    self._forget(kind, subject)

    def _common(self, head: Head, cursor: Cursor) -> Position:
        """The newest of the unit's marks that this end knows alike."""
        for mark in map(Cursor.of, head.marks):
            known = mark == cursor or self._inbox.seen(self._unit, mark.position) == mark.chain
            if known:
                return mark.position
        return Position()

    def _is_asked_for(self, cursor: Position, came: Position) -> bool:
        """Whether the replay is asked for already: one gap is found by all that was in flight behind it.

        What comes a second time is no longer that: then the replay itself was lost, and is asked for again.
        """
        asked, self._asked = self._asked, (cursor, came)
        return asked is not None and asked[0] == cursor and asked[1] < came

    def _state_of(self, fact: Fact, cursor: Cursor) -> AckState:
        position = Position(fact.epoch, fact.seq)
        if fact.unit != self._unit:
            return AckState.FORKED
        if position <= cursor.position:
            seen = self._inbox.seen(self._unit, position)
            return _agree(seen is None or seen == fact.chain)
        follows = fact.epoch == cursor.position.epoch and fact.seq == cursor.position.seq + 1
        begins = fact.epoch > cursor.position.epoch and fact.seq == 1
        if not follows and not begins:
            return AckState.REPLAY
        fits = fact.chain == link(cursor.chain, fact)
        if begins and not fits and self._unfit != (cursor.position, position):
            # The last epoch's end may be missing. It is not, where a replay begins with the same fact again.
            self._unfit = (cursor.position, position)
            return AckState.REPLAY
        return _agree(fits)

    def _note_fork(self, at: Fact | None) -> None:
        if at is not None and not self._forked:
            log.error("facts.forked", extra={"unit": self._unit, "epoch": at.epoch, "seq": at.seq})
            self._alarm(
                "facts-forked", f"the log of {self._unit} contradicts itself at {at.epoch}/{at.seq}; it is not taken"
            )
        self._forked = at is not None

    def _take(self, fact: Fact) -> None:
        set_aside = self._applied(fact)
        if set_aside is not None:
            self._set_aside(fact, set_aside)
        self._inbox.keep(fact, set_aside)

    def _applied(self, fact: Fact) -> str | None:
        """Why the fact could not be applied, if so: then it has had no effect."""
        try:
            with self._inbox.transaction():
                self._apply(fact)
        except (PeerError, Refused) as error:  # a rule that a fact breaks cannot undo it either
            return f"{error.code}: {error.message}"
        except (ValueError, LookupError, TypeError, ArithmeticError) as error:
            log.exception("facts.not_applied", extra={"unit": fact.unit, "seq": fact.seq})
            return f"internal_error: {type(error).__name__}"  # a bug on one fact must not stop the rest
        return None

    def _set_aside(self, fact: Fact, why: str) -> None:
        log.error("facts.set_aside", extra={"unit": fact.unit, "seq": fact.seq, "why": why})
        self._alarm("fact-set-aside", f"{fact.unit} {fact.epoch}/{fact.seq} {fact.kind}: {why}"[:400])

    def _ack(self, cursor: Cursor, state: AckState) -> Ack:
        position = cursor.position
        ahead = self._inbox.ahead(self._unit)
        return Ack(
            unit=self._unit,
            epoch=position.epoch,
            seq=position.seq,
            chain=cursor.chain,
            state=state,
            ahead=None if ahead is None else ahead.wire(),
        )


def _agree(same: bool) -> AckState:
    return AckState.OK if same else AckState.FORKED
