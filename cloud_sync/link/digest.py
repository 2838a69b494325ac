"""Comparing a copy with its owner: that finds what no gap shows, a row that was lost or changed although the cursor is
right.

Every few minutes, and more rarely while nothing is written, the sender of a log says what that log amounts to: of each
kind of subject a digest of each field, over the latest facts. A receiver that is at the same place makes the same
digests of its own tables, and not of the facts that it keeps. Each has the fields that it has; those that both know are
compared. Where one differs it asks for a snapshot. What is over is left out, as either may have forgotten it; so is
what has happened, which has no state.

It goes page by page, each in a message of its own, so that no decision waits for long. Nothing is sent again: what is
lost, or comes while facts are under way, is compared the next time.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

from cloud_sync.link.log import Alarm, Outbox, Position, no_alarm
from cloud_sync.link.v1.facts import PAYLOADS, subject_of, values_of
from cloud_sync.link.v1.messages import Compare, Digest, Facts, Page
from domain.now import Now

DIGEST_EVERY_MS = 300_000
"""How often a copy is compared with its owner."""

DIGEST_QUIET_MS = 3_600_000
"""How often one is that was as it should be, while nothing was written since: only its disk can have changed it."""

DIGEST_EVERY_MS_MAX = 86_400_000
"""A copy that a snapshot does not put right is compared, and sent anew, half as often each time, down to this."""

ROWS_MAX = 500
"""Subjects in one message at most: some milliseconds' work at each end."""

COPY_DIFFERS = "copy-differs"
"""The alarm: a copy was not as its owner's log says."""

SUBJECT = "subject"
LAST = "\U0010ffff"
"""Behind every subject, as text."""

Row = tuple[str, Mapping[str, Any]]
"""A subject, and its values by field."""

KINDS = tuple(kind for kind, payload in PAYLOADS.items() if payload.compared)
"""Of subjects that there are copies of."""

_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode


class Copy(Protocol):
    """What a receiver has made of another unit's log."""

    def rows(self, kind: str, first: str, until: str, since: datetime) -> Iterable[Row] | None:
        """Its subjects of this kind from `first` on and before `until`, but those that are over at `since`, with the
        values that are kept of them; None where it keeps no copy of this kind."""


def digests(rows: Iterable[Row]) -> dict[str, str]:
    """A digest of each field that the rows have, and one of their subjects, whatever order they come in."""
    columns: dict[str, list[str]] = {SUBJECT: []}
    for subject, values in rows:
        columns[SUBJECT].append(subject)
        for field, value in values.items():
            columns.setdefault(field, []).append(f"{subject} {_canonical(value)}")
    return {field: hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest() for field, lines in columns.items()}


def differing(copy: Copy, compare: Compare) -> list[str]:
    """What in `copy` is not as it should be: kinds and fields."""
    found = []
    for page in compare.pages:
        rows = copy.rows(page.kind, page.first, page.until or LAST, compare.since)
        mine = {} if rows is None else digests(rows)
        found += [f"{page.kind} {one.field}" for one in page.digests if mine.get(one.field, one.sha256) != one.sha256]
    return found


class Comparisons:
    """When a sender has its subscriber compare, and what. Its place in the log is the sender's business."""

    def __init__(self, outbox: Outbox, subscriber: str, alarm: Alarm = no_alarm) -> None:
        """`alarm` is told once of a copy that differs, until it was compared as a whole and does not any more."""
        self._outbox = outbox
        self._subscriber = subscriber
        self._alarm = alarm
        self._every_ms = DIGEST_EVERY_MS
        self._due_at_ms: int | None = None
        self._goes_on: tuple[int, str] | None = None  # which kind, and from which subject on
        self._number = 0
        self._awaited: int | None = None
        self._equal: tuple[Position, int] | None = None  # where the copy was as it should be, and when
        self._has_alarmed = False

    def met(self, now: Now) -> None:
        """Facts can be sent: compare some time from now, if no time is set yet. It may be another copy."""
        self._equal = None
        if self._due_at_ms is None:
            self._due_at_ms = now.mono_ms + self._every_ms

    def next_wakeup_ms(self) -> int | None:
        return self._due_at_ms

    def woken(self, sent: Position, now: Now) -> list[Facts]:
        """Begin to compare, if it is time; the log has been sent up to `sent`."""
        if self._due_at_ms is None or now.mono_ms < self._due_at_ms:
            return []
        self._due_at_ms = now.mono_ms + self._every_ms
        if self._equal is not None and self._equal[0] == sent and now.mono_ms - self._equal[1] < DIGEST_QUIET_MS:
            return []
        self._goes_on = 0, ""
        return self._next(sent, now)

    def answered(self, number: int | None, sent: Position, now: Now) -> list[Facts]:
        """The copy is as it should be, so far: what to compare next."""
        if number is None or number != self._awaited:
            return []
        self._awaited = None
        if self._goes_on is not None:
            return self._next(sent, now)
        self._every_ms, self._has_alarmed = DIGEST_EVERY_MS, False
        self._equal = sent, now.mono_ms
        return []

    def differs(self, number: int | None) -> bool:
        """The copy is not as it should be, says an answer: whether that is to be believed, once."""
        believed = number is not None and number == self._awaited
        if believed:
            self._awaited = self._goes_on = self._equal = None
        return believed

    def repairing(self, now: Now) -> None:
        """The copy is sent anew. Call it after that has begun: the alarm may be a fact of the same log."""
        self._due_at_ms = now.mono_ms + self._every_ms
        self._every_ms = min(2 * self._every_ms, DIGEST_EVERY_MS_MAX)
        if not self._has_alarmed:
            self._has_alarmed = True
            self._alarm(COPY_DIFFERS, f"the copy at {self._subscriber} was not as it is here; it is sent anew")

    def _next(self, sent: Position, now: Now) -> list[Facts]:
        at = next(iter(self._outbox.marks(1)), None)
        if at is None or at.position != sent:
            return []
        pages = self._pages(now)
        if self._outbox.marks(1) != [at]:
            return []  # facts were appended in another thread meanwhile
        self._number += 1
        self._awaited = self._number
        return [Facts(facts=[], compare=Compare(number=self._number, at=at.wire(), since=now.utc, pages=pages))]

    def _pages(self, now: Now) -> list[Page]:
        assert self._goes_on is not None, "there is something left to compare"
        number, first = self._goes_on
        room, pages = ROWS_MAX, list[Page]()
        while number < len(KINDS) and room > 0:
            kind = KINDS[number]
            facts = self._outbox.state(kind, first, now.utc if PAYLOADS[kind].planned else None, room + 1)
            rows: list[Row] = [((subject_of(fact) or ("", None))[0], values_of(fact)) for fact in facts]
            until = rows[room][0] if len(rows) > room else None
            said = [Digest(field=field, sha256=sha256) for field, sha256 in digests(rows[:room]).items()]
            pages.append(Page(kind=kind, first=first, until=until, digests=said))
            room -= len(rows[:room])
            number, first = (number + 1, "") if until is None else (number, until)
        self._goes_on = (number, first) if number < len(KINDS) else None
        return pages
