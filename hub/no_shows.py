"""Whose car has not come: the first of a no-show's two decisions, that its spot is given to others.

Who has not come by the end of the grace period has their spot released, in one transaction with the fact that says so.
Their right to enter stays (`domain/admission.py`), and what they owe is decided later (`hub/withdrawals.py`).

A gate that is not on the link may have let the car in already. Only where every entry gate has been heard since the
grace period's end or longer is the spot released then; else it is released `silent_gate_wait_s` later. A gate that
comes back in between makes it no sooner: what it has to tell comes after the word that it is back.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from cloud_sync.link.store import Store
from cloud_sync.link.v1.wire import utc
from domain.errors import Refused
from domain.now import Now, parse_instant, rfc3339
from domain.reservation import Step
from hub.book import Book
from hub.withdrawals import Withdrawals

RELEASED_AT_ONCE_MAX = 500
"""No-shows that one transaction decides at most; the rest follow in the next."""

LISTENS_FIRST_MS = 60_000
"""How long a hub is on the lot's link before a gate that it does not hear counts as silent: a gate that lives tries to
be on it too every few seconds."""

_EVER, _NEVER = "", "~"  # as text, before and after every instant


class NoShows:
    """Decides that a car has not come. What gates are heard it knows only while it runs: after a restart none is."""

    def __init__(self, store: Store, book: Book, withdrawals: Withdrawals) -> None:
        self._store = store
        self._sql = store.connection
        self._book = book
        self._withdrawals = withdrawals
        self._heard_since: dict[str, datetime] = {}
        self._listens_since_ms: int | None = None

    def link_is(self, *, up: bool, now: Now) -> None:
        """This hub has come onto the lot's link, or is not on it any more: no gate is heard then."""
        self._listens_since_ms = now.mono_ms if up else None
        if not up:
            self._heard_since.clear()

    def gate_heard(self, gate_id: str, *, online: bool, now: Now) -> None:
        """A gate is on the link, or is not. Changes nothing else: a gate that is still there may be said again."""
        if online:
            self._heard_since.setdefault(gate_id, utc(now.utc))
        else:
            self._heard_since.pop(gate_id, None)

    def is_silent(self, gate_id: str, now: Now) -> bool:
        """Whether a gate is surely not on the link. Neither is known while this hub itself may not hear it."""
        return gate_id not in self._heard_since and self._hears(now)

    def check_silent(self, gate_id: str, now: Now) -> None:
        """Raises Refused where `is_silent` does not hold, and says why."""
        if gate_id in self._heard_since:
            raise Refused("gate_answers", f"{gate_id} is connected, and answers for itself in a moment")
        if not self._hears(now):
            raise Refused(
                "gates_not_heard",
                f"this hub has not been on the lot's own network for {LISTENS_FIRST_MS // 1_000} s yet, so nobody can"
                f" say whether {gate_id} answers; look again later",
            )

    def release(self, now: Now) -> int:
        """Release the spots of those whose time to come is over; returns how many."""
        policy = self._book.policy
        over = now.utc - timedelta(seconds=policy.grace_s)
        waited = over - timedelta(seconds=policy.silent_gate_wait_s)
        with self._store.transaction():
            overdue = self._book.all_where(
                "status = 'confirmed' AND expected_at <= :over AND (expected_at <= :waited OR expected_at >= :heard)"
                " ORDER BY expected_at, reservation_id LIMIT :limit",
                waited=rfc3339(waited),
                heard=self._all_heard_from(policy.grace_s),
                over=rfc3339(over),
                limit=RELEASED_AT_ONCE_MAX,
            )
            for reservation in overdue:
                missed = replace(reservation, no_show_at=utc(now.utc))
                self._withdrawals.begin(self._book.change(missed, Step.NO_SHOW, "no_show", now), now)
        return len(overdue)

    def next_release(self) -> datetime | None:
        """When the next spot is released, should neither its car nor a silent gate be heard before."""
        policy = self._book.policy
        row = self._sql.execute(
            "SELECT (SELECT min(expected_at) FROM reservation WHERE status = 'confirmed' AND expected_at >= :heard),"
            " (SELECT min(expected_at) FROM reservation WHERE status = 'confirmed' AND expected_at < :heard)",
            {"heard": self._all_heard_from(policy.grace_s)},
        ).fetchone()
        waits_s = (policy.grace_s, policy.grace_s + policy.silent_gate_wait_s)
        releases = [parse_instant(at) + timedelta(seconds=s) for at, s in zip(row, waits_s, strict=True) if at]
        return min(releases, default=None)

    def _hears(self, now: Now) -> bool:
        return self._listens_since_ms is not None and now.mono_ms >= self._listens_since_ms + LISTENS_FIRST_MS

    def _all_heard_from(self, grace_s: int) -> str:
        """Who is expected at this instant or later has their grace period end with every entry gate heard."""
        rows = self._sql.execute("SELECT gate_id FROM gate WHERE direction = 'entry'").fetchall()
        since = [self._heard_since.get(row["gate_id"]) for row in rows]
        heard = [instant for instant in since if instant is not None]
        if len(heard) < len(since):
            return _NEVER
        return rfc3339(max(heard) - timedelta(seconds=grace_s)) if heard else _EVER
