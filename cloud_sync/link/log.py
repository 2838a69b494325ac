"""The two ends of a log of facts, as decisions without I/O: what to send, what to take in, what to acknowledge.

A unit appends facts to its outbox in the transaction of the change that they tell of. For each subscriber a `Sender`
sends what that subscriber has not acknowledged, in order, a bounded number ahead. A `Receiver` applies each fact
exactly once: the fact, its effect and the cursor are stored in one transaction, and only then is it acknowledged.
What is lost on the way is sent again: at once when the receiver sees a gap or comes back, else when a timer runs out.
What the receiver cannot understand it sets aside, with an alarm, and moves on. A log that contradicts what was seen
before (same number, other hash) stops there: nobody may guess which of two histories is true.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from cloud_sync.link.v1.messages import BATCH_MAX, Ack, AckState
from domain.errors import PeerError, Refused
from domain.fact import GENESIS, Fact, link
from domain.now import Now

log = logging.getLogger(__name__)

IN_FLIGHT_MAX = 5 * BATCH_MAX
"""Facts sent ahead of their acknowledgement at most; below Mosquitto's queue for one client."""

RESEND_MS = 5_000
"""How long to wait for an acknowledgement before sending again; doubled each time up to `RESEND_MS_MAX`."""

RESEND_MS_MAX = 60_000


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a unit's log: the last fact that counts as seen."""

    epoch: int = 0
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a unit's log has been applied, and its hash there."""

    position: Position = Position()
    chain: str = GENESIS


class Outbox(Protocol):
    """A unit's own facts, kept after acknowledgement so that they can be replayed."""

    @property
    def unit(self) -> str: ...
    def after(self, position: Position, limit: int) -> list[Fact]:
        """At most `limit` facts after `position`, in order."""

    def acknowledged(self, subscriber: str) -> Position:
        """How far `subscriber` has come; the start of the log for one that is new."""

    def acknowledge(self, subscriber: str, position: Position) -> None:
        """Remember that `subscriber` has come this far."""


class Inbox(Protocol):
    """The facts of other units, as they came in, and how far each has been applied."""

    def transaction(self) -> AbstractContextManager[object]:
        """All or nothing; may be nested."""

    def cursor(self, unit: str) -> Cursor: ...
    def keep(self, fact: Fact, set_aside: str | None) -> None:
        """Store the fact as it came and move its unit's cursor onto it."""

    def seen(self, unit: str, position: Position) -> str | None:
        """The chain value of a fact taken in earlier, while it is kept."""


class Sender:
    """Brings one outbox to one subscriber."""

    def __init__(self, outbox: Outbox, subscriber: str) -> None:
        self._outbox = outbox
        self._subscriber = subscriber
        self._acked = outbox.acknowledged(subscriber)
        self._sent = self._acked
        self._in_flight: deque[tuple[Position, int]] = deque()  # where each batch sent ends, and how many it holds
        self._connected = False
        self._resend_at_ms: int | None = None
        self._resend_ms = RESEND_MS
        self._forked = False

    def connected(self, now: Now) -> list[Sequence[Fact]]:
        """The link is up: begin with the last fact acknowledged.

        That one is sent to compare: a subscriber that has lost it, or knows another by its number, answers so.
        """
        self._connected, self._resend_ms = True, RESEND_MS
        return self._again(now, Position(self._acked.epoch, max(self._acked.seq - 1, 0)))

    def disconnected(self) -> None:
        """The link is down: what was in flight may be lost."""
        self._connected = False
        self._resend_at_ms = None

    def appended(self, now: Now) -> list[Sequence[Fact]]:
        """The outbox has grown: the batches to send now."""
        if not self._connected or self._forked:
            return []
        batches: list[Sequence[Fact]] = []
        while (room := IN_FLIGHT_MAX - sum(count for _, count in self._in_flight)) > 0:
            batch = self._outbox.after(self._sent, min(BATCH_MAX, room))
            if not batch:
                break
            batches.append(batch)
            self._sent = Position(batch[-1].epoch, batch[-1].seq)
            self._in_flight.append((self._sent, len(batch)))
        if self._resend_at_ms is None and self._in_flight:
            self._resend_at_ms = now.mono_ms + self._resend_ms
        return batches

    def acked(self, ack: Ack, now: Now) -> list[Sequence[Fact]]:
        """The subscriber has said how far it is: the batches to send now. Raises PeerError for another log's."""
        if ack.unit != self._outbox.unit:
            raise PeerError("ack_foreign", f"{self._outbox.unit} was sent an acknowledgement for {ack.unit}")
        position = Position(ack.epoch, ack.seq)
        if ack.state is AckState.FORKED or (position > self._sent and not self._has(position)):
            if not self._forked:
                log.error("facts.forked", extra={"subscriber": self._subscriber, "epoch": ack.epoch, "seq": ack.seq})
            self._forked = True
            return []
        self._forked = False
        if position > self._acked:
            self._outbox.acknowledge(self._subscriber, position)
            self._acked, self._resend_ms, self._resend_at_ms = position, RESEND_MS, None
        if ack.state is AckState.REPLAY or position > self._sent:
            self._acked = position
            return self._again(now, position)
        while self._in_flight and self._in_flight[0][0] <= position:
            self._in_flight.popleft()
        if not self._in_flight:
            self._resend_at_ms = None
        return self.appended(now)

    def next_wakeup_ms(self) -> int | None:
        """The monotonic instant to call `woken` at."""
        return self._resend_at_ms

    def woken(self, now: Now) -> list[Sequence[Fact]]:
        """Nothing was acknowledged for a while: send again, and wait longer next time."""
        if self._resend_at_ms is None or now.mono_ms < self._resend_at_ms:
            return []
        self._resend_ms = min(2 * self._resend_ms, RESEND_MS_MAX)
        return self._again(now, self._acked)

    def _again(self, now: Now, after: Position) -> list[Sequence[Fact]]:
        self._sent, self._resend_at_ms = after, None
        self._in_flight.clear()
        return self.appended(now)

    def _has(self, position: Position) -> bool:
        """Whether this log has come so far; if not, it is an old copy of the one that the subscriber knows."""
        found = self._outbox.after(Position(position.epoch, position.seq - 1), 1)
        return bool(found) and (found[0].epoch, found[0].seq) == (position.epoch, position.seq)


Alarm = Callable[[str, str], None]
"""Raises an alarm by its name, with a detail for people; called in the transaction of what it is about."""


def no_alarm(_name: str, _detail: str) -> None:
    """Where nobody would see one: the log has it all the same."""


class Receiver:
    """Takes one unit's facts in, each exactly once."""

    def __init__(self, unit: str, inbox: Inbox, apply: Callable[[Fact], None], alarm: Alarm = no_alarm) -> None:
        self._unit = unit
        self._inbox = inbox
        self._apply = apply
        self._alarm = alarm
        self._forked = False
        self._asked: tuple[Position, Position] | None = None  # where a replay was asked from, and what had come then
        self._unfit: tuple[Position, Position] | None = None  # where a new epoch did not follow on, and its beginning

    def opening(self) -> Ack:
        """What to say on connecting: send on from here."""
        return self._ack(self._inbox.cursor(self._unit).position, AckState.REPLAY)

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
        return self._ack(cursor.position, state)

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
        set_aside = None
        try:
            with self._inbox.transaction():
                self._apply(fact)
        except (PeerError, Refused) as error:  # a rule that a fact breaks cannot undo it either
            set_aside = f"{error.code}: {error.message}"
        except (
            ValueError,
            LookupError,
            TypeError,
            ArithmeticError,
        ) as error:  # a bug on one fact must not stop the rest
            log.exception("facts.not_applied", extra={"unit": fact.unit, "seq": fact.seq})
            set_aside = f"internal_error: {type(error).__name__}"
        if set_aside is not None:
            log.error("facts.set_aside", extra={"unit": fact.unit, "seq": fact.seq, "why": set_aside})
            self._alarm("fact-set-aside", f"{fact.unit} {fact.epoch}/{fact.seq} {fact.kind}: {set_aside}"[:400])
        self._inbox.keep(fact, set_aside)

    def _ack(self, position: Position, state: AckState) -> Ack:
        return Ack(unit=self._unit, epoch=position.epoch, seq=position.seq, state=state)


def _agree(same: bool) -> AckState:
    return AckState.OK if same else AckState.FORKED
