"""Says in the unit's log what becomes of each car: a line when it is decided on, and one when it has passed.

For whoever watches a lane by `journalctl -f`: no plates, no tickets, and no ids of bookings, by which somebody could be
let in; the gate's own facts have more.
"""

import logging
from collections import deque
from collections.abc import Iterator

from cloud_sync.link.journal import Journal
from cloud_sync.link.log import Position
from cloud_sync.link.v1.facts import GateDecided, GatePassed, payload_of
from domain.fact import Fact
from domain.now import Now

log = logging.getLogger(__name__)

AT_ONCE_MAX = 64
"""Facts that are looked through at once; what comes on top is, once the next fact is written."""

REMEMBERED = 16
"""Facts that were told last: the log may be numbered anew behind its own back, and a car passes soon after it was
decided on."""


class CarLog:
    """Follows one run's own facts."""

    def __init__(self, journal: Journal, now: Now) -> None:
        """Begin with what comes after `now` in the journal's boot."""
        self._journal = journal
        self._begins_ms = now.mono_ms
        self._at = next((mark.position for mark in journal.marks(1)), Position())
        self._written: Position | None = None
        self._told: deque[tuple[str, str, int]] = deque(maxlen=REMEMBERED)

    def tell(self) -> None:
        """Tell what is new. Called once whatever follows from it was carried out: no arm waits for a line."""
        if self._journal.written == self._written:
            return
        self._written = self._journal.written
        for fact in self._new():
            match payload_of(fact):
                case GateDecided() as decided:
                    self._tell_decided(decided)
                case GatePassed() as passed:
                    self._tell_passed(passed, fact.mono_ms)

    def _new(self) -> Iterator[Fact]:
        for fact in self._journal.after(self._at, AT_ONCE_MAX):
            self._at = Position(fact.epoch, fact.seq)
            is_of_this_run = fact.boot == self._journal.boot and fact.mono_ms >= self._begins_ms
            if fact.kind not in (GateDecided.kind, GatePassed.kind) or not is_of_this_run:
                continue
            told = fact.kind, fact.payload["passage_id"], fact.mono_ms
            if told not in self._told:
                self._told.append(told)
                yield fact

    def _tell_decided(self, decided: GateDecided) -> None:
        log.info(
            "gate.decided",
            extra={
                "passage": decided.passage_id,
                "verdict": decided.verdict,
                "reason": decided.reason,
                "evidence": decided.evidence,
                "is_booked": decided.reservation_id is not None,
                "took_ms": decided.took_ms,
            },
        )

    def _tell_passed(self, passed: GatePassed, at_ms: int) -> None:
        log.info(
            "gate.passed",
            extra={
                "passage": passed.passage_id,
                "is_booked": passed.reservation_id is not None,
                "unseen": passed.unseen,
                "after_ms": self._since_decided(passed.passage_id, at_ms),
            },
        )

    def _since_decided(self, passage_id: str, at_ms: int) -> int | None:
        decided_ms = [told[2] for told in self._told if told[:2] == (GateDecided.kind, passage_id)]
        return at_ms - decided_ms[-1] if decided_ms else None
