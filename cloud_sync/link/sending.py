"""The sending end of a log: what to say next, as decisions without I/O.

On connecting, the sender says where its log stands and asks how far the subscriber is. Only once it has found that
place in its own log does it send facts: what is not acknowledged, in order, a bounded number ahead. What is lost on the
way is sent again: at once when the receiver sees a gap or comes back, else when a timer runs out.

A place that is not in this log means that the subscriber knows of facts which this unit has lost, or of another run of
the same unit. Then the sender has them returned, the unit takes them back, and what cannot become one log again is
settled by a snapshot: the subscriber's copy becomes what this log amounts to. So is a copy that turns out to differ
(`digest.py`).
"""

import logging
import math
from collections import deque
from collections.abc import Sequence
from datetime import timedelta

from cloud_sync.link.digest import Comparisons
from cloud_sync.link.log import Cursor, Outbox, Position, Recover
from cloud_sync.link.tenure import Root, Standing, Tenure
from cloud_sync.link.v1.messages import (
    BATCH_MAX,
    MARKS_MAX,
    Ack,
    AckState,
    Ask,
    Facts,
    Grant,
    Head,
    Part,
    WireFact,
    WireMark,
)
from domain.errors import PeerError
from domain.fact import Fact
from domain.now import Now

log = logging.getLogger(__name__)

IN_FLIGHT_MAX = 5 * BATCH_MAX
"""Facts sent ahead of their acknowledgement at most; below Mosquitto's queue for one client."""

BEHIND_MAX = 20_000
"""Facts that a subscriber is sent one by one when it comes back, some ten seconds' worth; one that is further behind,
and need not have all of them, is sent a snapshot."""

RESEND_MS = 5_000
"""How long to wait for an acknowledgement before sending again; doubled each time up to `RESEND_MS_MAX`."""

RESEND_MS_MAX = 60_000

SNAPSHOT_EVERY_MS = 5_000
"""How long after a snapshot the next one is sent at the earliest. While two runs of a unit speak, each puts right what
the other one has said: that must not go as fast as messages do."""

RETURNS_MS_MAX = 15_000
"""How long what a subscriber was asked to return is believed to be on its way."""


def no_recovery(_facts: Sequence[Fact]) -> None:
    """Where a log has nothing that could be lost."""


class Sender:
    """Brings one outbox to one subscriber."""

    def __init__(
        self,
        outbox: Outbox,
        subscriber: str,
        tenure: Tenure | None = None,
        recover: Recover = no_recovery,
        *,
        parent: bool = False,
        comparisons: Comparisons | None = None,
        forgets: timedelta | None = None,
    ) -> None:
        """`parent`: the subscriber is who grants epochs. `recover` takes back what this unit has lost. `comparisons`
        where the log has a state that the subscriber has a copy of; what is over for as long as it `forgets` it need
        not have."""
        self._outbox = outbox
        self._subscriber = subscriber
        self._tenure = tenure or Root(outbox)
        self._recover = recover
        self._parent = parent
        self._comparisons = comparisons
        self._forgets = forgets
        self._acked = outbox.acknowledged(subscriber)
        self._sent = self._acked
        self._in_flight: deque[tuple[Position, int]] = deque()  # where each batch sent ends, and how many it holds
        self._connected = False
        self._asking: Head | None = None  # unanswered
        self._met = False  # the subscriber's place is in this log, and nothing is in the way of sending
        self._parts: list[Facts] | None = None  # of a snapshot that is on its way
        self._part = 0
        self._snapshot_ms: int | None = None  # when the last one was begun since the link came up
        self._heard_ms = 0
        self._last_grant: Grant | None = None  # of the parent's, to whatever run
        self._had_back: WireMark | None = None  # what came back, and cannot be where it was
        self._resend_at_ms: int | None = None
        self._resend_ms = RESEND_MS

    @property
    def met(self) -> bool:
        """Whether the subscriber's place is in this log: whatever it knew of this unit, this unit knows again."""
        return self._met

    def is_taking_back(self, now: Now) -> bool:
        """Whether what this unit has lost is on its way back from the subscriber: how things are is not known yet."""
        is_asking = self._asking is not None and self._asking.ask is Ask.RETURN
        return is_asking and now.mono_ms - self._heard_ms < RETURNS_MS_MAX

    def connected(self, now: Now) -> list[Facts]:
        """The link is up: compare before anything else."""
        self._connected, self._resend_ms, self._snapshot_ms = True, RESEND_MS, None
        return self._compare(now)

    def disconnected(self) -> None:
        """The link is down: what was in flight may be lost."""
        self._connected = self._met = False
        self._parts = self._asking = self._resend_at_ms = None

    def appended(self, now: Now) -> list[Facts]:
        """The outbox has grown: what to send now."""
        if not self._met or not self._may_speak:
            return []
        messages: list[Facts] = []
        while (room := IN_FLIGHT_MAX - sum(count for _, count in self._in_flight)) > 0:
            batch = self._outbox.after(self._sent, min(BATCH_MAX, room))
            if not batch:
                break
            messages.append(_message(batch))
            self._sent = Position(batch[-1].epoch, batch[-1].seq)
            self._in_flight.append((self._sent, len(batch)))
        if self._in_flight:
            self._expect_answer(now)
        return messages

    def acked(self, ack: Ack, now: Now) -> list[Facts]:
        """The subscriber has said how far it is: what to send now. Raises PeerError for another log's."""
        if ack.unit != self._outbox.unit:
            raise PeerError("ack_foreign", f"{self._outbox.unit} was sent an acknowledgement for {ack.unit}")
        if not self._connected:
            return []
        self._heard_ms = now.mono_ms
        if ack.grant is not None and self._parent:
            self._last_grant = ack.grant
            self._tenure.granted(ack.grant.run, ack.grant.epoch)
        if ack.answers is not None and ack.run not in (None, self._tenure.run):
            return []  # another run of this unit has asked
        if ack.opens:
            return self._compare(now)  # its link was down, or it was started anew, and this unit's link was up
        return self._told(ack, now)

    def _told(self, ack: Ack, now: Now) -> list[Facts]:
        """The subscriber has answered, or taken something in."""
        if ack.returned:
            return self._take_back(ack.returned, now)
        if self._parts is not None and ack.part is not None:
            return self._next_part(ack.part, now)
        place = Position(ack.epoch, ack.seq)
        if not self._is_pruned_behind(place) and not self._holds(place, ack.chain):
            return self._met_stranger(ack, place, now)
        if self._is_missing(ack):
            return self._ask(Ask.RETURN, None, now)
        return self._known(ack, place, now)

    def changed(self, now: Now) -> list[Facts]:
        """The unit's epoch or standing has changed, or its log was numbered anew: compare again."""
        return self._compare(now) if self._connected else []

    def next_wakeup_ms(self) -> int | None:
        """The monotonic instant to call `woken` at."""
        comparisons = self._comparisons_now
        compare_at_ms = None if comparisons is None else comparisons.next_wakeup_ms()
        return min((at_ms for at_ms in (self._resend_at_ms, compare_at_ms) if at_ms is not None), default=None)

    def woken(self, now: Now) -> list[Facts]:
        """Nothing was answered for a while: say it again, and wait longer next time. Or a copy is to be compared."""
        if self._resend_at_ms is None or now.mono_ms < self._resend_at_ms:
            comparisons = self._comparisons_now
            return [] if comparisons is None else comparisons.woken(self._sent, now)
        self._resend_ms = min(2 * self._resend_ms, RESEND_MS_MAX)
        if self._asking is not None:
            return self._ask(self._asking.ask, self._asking.after, now)
        if self._met:
            return self._again(now, self._acked)
        return self._compare(now)

    @property
    def _may_speak(self) -> bool:
        standing = self._tenure.standing
        return standing is Standing.GRANTED or (standing is Standing.PROVISIONAL and not self._parent)

    @property
    def _comparisons_now(self) -> Comparisons | None:
        return self._comparisons if self._met and self._may_speak else None

    def _compare(self, now: Now) -> list[Facts]:
        self._met, self._parts = False, None
        self._in_flight.clear()
        return self._ask(Ask.CURSOR, None, now)

    def _ask(self, ask: Ask, after: WireMark | None, now: Now) -> list[Facts]:
        if self._tenure.standing is Standing.FENCED:
            self._asking = self._resend_at_ms = None
            return []
        self._asking = Head(
            run=self._tenure.run,
            epoch=self._outbox.epoch,
            granted=self._tenure.standing is Standing.GRANTED,
            marks=[mark.wire() for mark in self._outbox.marks(MARKS_MAX)],
            ask=ask,
            after=after,
            last=self._last_grant if ask is Ask.GRANT else None,
        )
        self._expect_answer(now, anew=True)
        return [Facts(facts=[], head=self._asking)]

    def _known(self, ack: Ack, place: Position, now: Now) -> list[Facts]:
        """The subscriber's place is in this log."""
        self._asking = None if ack.answers is not None else self._asking
        if place > self._acked:
            self._outbox.acknowledge(self._subscriber, place)
            self._acked, self._resend_ms, self._resend_at_ms = place, RESEND_MS, None
        if ack.state is AckState.FORKED:
            self._met = False  # compared again when the timer runs out: it must not go round and round
            self._expect_answer(now)
            return []
        if not self._met:
            return self._meet(ack, place, now)
        if self._is_pruned_behind(place):
            return self._snapshot(place, now)
        if ack.state is AckState.SNAPSHOT:
            return self._repair(ack, place, now)
        if ack.state is AckState.REPLAY or place > self._sent:
            return self._again(now, place)
        while self._in_flight and self._in_flight[0][0] <= place:
            self._in_flight.popleft()
        if not self._in_flight:
            self._resend_at_ms = None
        messages = self.appended(now)
        if self._comparisons is not None:
            messages += self._comparisons.answered(ack.compared, self._sent, now)
        return messages

    def _repair(self, ack: Ack, place: Position, now: Now) -> list[Facts]:
        if self._comparisons is None or not self._comparisons.differs(ack.compared):
            return []
        messages = self._snapshot(place, now)
        if messages:  # else it is compared again first
            self._comparisons.repairing(now)
        return messages

    def _meet(self, ack: Ack, place: Position, now: Now) -> list[Facts]:
        if self._parent and ack.answers is not Ask.GRANT:
            return self._ask(Ask.GRANT, None, now)  # also where it was granted before: another run may have been since
        if self._parent and self._tenure.standing is Standing.PROVISIONAL and ack.grant is not None:
            return self._ask(Ask.GRANT, None, now)  # it was told what was granted last, and can say so now
        if self._parent and self._tenure.standing is not Standing.GRANTED:
            self._expect_answer(now)
            return []
        self._asking = None
        if self._is_pruned_behind(place) or self._is_far_behind(place):
            return self._snapshot(place, now)
        self._met = self._tenure.standing is not Standing.FENCED
        if self._comparisons is not None:
            self._comparisons.met(now)
        return self._again(now, place)

    def _met_stranger(self, ack: Ack, place: Position, now: Now) -> list[Facts]:
        """The subscriber's place is not in this log: it has what this unit has lost, or what another run has said."""
        self._tenure.met(place.epoch, parent=self._parent)
        if ack.answers is Ask.RETURN:  # that was all it had
            return self._snapshot(place, now) if self._may_speak else self._ask(Ask.GRANT, None, now)
        if ack.answers is Ask.GRANT and self._may_speak:
            return self._snapshot(place, now)
        self._met = False
        return self._ask(Ask.RETURN, None, now)

    def _take_back(self, returned: Sequence[WireFact], now: Now) -> list[Facts]:
        facts = [wire.fact() for wire in returned]
        self._recover(facts)
        return self._ask(Ask.RETURN, Cursor.at(facts[-1]).wire(), now)

    def _snapshot(self, place: Position, now: Now) -> list[Facts]:
        if self._snapshot_ms is not None and now.mono_ms - self._snapshot_ms < SNAPSHOT_EVERY_MS:
            self._met, self._asking = False, None  # compared again when the timer runs out
            self._expect_answer(now)
            return []
        self._snapshot_ms = now.mono_ms
        since = None if self._forgets is None else now.utc - self._forgets
        # One that was set back has not what has happened since, although it had acknowledged it.
        at, facts = self._outbox.snapshot(place, min(place, self._acked), since)
        of = max(math.ceil(len(facts) / BATCH_MAX), 1)
        log.info("facts.snapshot", extra={"subscriber": self._subscriber, "facts": len(facts)})
        self._met, self._asking, self._part = False, None, 0
        self._parts = [
            Facts(
                facts=[WireFact.of(fact) for fact in facts[number * BATCH_MAX : (number + 1) * BATCH_MAX]],
                part=Part(at=at.wire(), number=number + 1, of=of, epoch=self._outbox.epoch),
            )
            for number in range(of)
        ]
        self._expect_answer(now, anew=True)
        return self._parts[:1]

    def _next_part(self, have: int, now: Now) -> list[Facts]:
        assert self._parts is not None, "asked for while a snapshot is on its way"
        if have >= len(self._parts):
            return self._compare(now)  # it has all of it: its place is in this log now
        self._expect_answer(now, anew=True)
        return [self._parts[have]]

    def _again(self, now: Now, after: Position) -> list[Facts]:
        self._acked = self._sent = after
        self._resend_at_ms = None
        self._in_flight.clear()
        return self.appended(now)

    def _expect_answer(self, now: Now, *, anew: bool = False) -> None:
        if anew or self._resend_at_ms is None:
            self._resend_at_ms = now.mono_ms + self._resend_ms

    def _holds(self, place: Position, chain: str | None) -> bool:
        here = self._outbox.chain_at(place)
        return place == Position() or (here is not None and chain in (here, None))  # None: it says no hashes yet

    def _is_missing(self, ack: Ack) -> bool:
        """Whether the subscriber has a fact that is not in this log, and that it was not asked for yet."""
        if ack.ahead is None or ack.answers is Ask.RETURN or ack.ahead == self._had_back:
            return False
        self._had_back = ack.ahead
        ahead = Cursor.of(ack.ahead)
        return not self._holds(ahead.position, ahead.chain)

    def _is_far_behind(self, place: Position) -> bool:
        """Whether it was away for so long that the state is sooner sent than what has led to it."""
        if self._forgets is None:
            return False
        behind = [
            mark.position.seq - (place.seq if mark.position.epoch == place.epoch else 0)
            for mark in self._outbox.marks(MARKS_MAX)
            if mark.position.epoch >= place.epoch
        ]
        return sum(behind) > BEHIND_MAX

    def _is_pruned_behind(self, place: Position) -> bool:
        return place < self._outbox.whole_from()


def _message(facts: Sequence[Fact]) -> Facts:
    return Facts(facts=[WireFact.of(fact) for fact in facts])
