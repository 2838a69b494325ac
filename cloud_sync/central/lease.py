"""Work that must be finished by somebody: who takes a row's lease, and when it is tried again.

A row that is due is leased for `LEASE_S` to one owner, who stores what came of it. An owner that dies leaves the row
due again when the lease ends; one that comes back too late finds another owner and stores nothing. What is done under
a lease may therefore happen twice, and every request that is made carries a key which makes the second one harmless.
"""

from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import bindparam, update
from sqlmodel import Session, col, inspect, select

from cloud_sync.central.tables import Task

LEASE_S = 60
"""Longer than the slowest step: a provider's answer after its retries, or a hub's."""

REST_S_MIN, REST_S_MAX = 1, 60
"""How long to rest after a try without an answer; doubled each time."""

Row = TypeVar("Row", bound=Task)


def look(table: type[Task]) -> Any:
    """What finds a table's rows that are, or will be, due, the longest due first; for `due`.

    Made once: to make it costs more than to ask.
    """
    due_at = col(table.due_at)
    return select(_key(table), due_at).where(due_at.is_not(None)).order_by(due_at).limit(bindparam("limit"))


def due(session: Session, looked: Any, now: datetime, limit: int) -> tuple[list[str], datetime | None]:
    """The keys of at most `limit` rows that wait for an owner, longest first, and when the next row will.

    No time where there is no such row, or the row that comes next is due already.
    """
    rows = session.execute(looked, {"limit": limit + 1}).all()
    coming = next((due_at for _, due_at in rows if due_at > now), None)
    return [key for key, due_at in rows[:limit] if due_at <= now], coming


def take(session: Session, table: type[Row], key: str, owner: str, now: datetime) -> Row | None:
    """Lease a row, or none where it is not due: nothing is to be done, or another owner is at it."""
    row = session.get(table, key, with_for_update=True)
    if row is None or row.due_at is None or row.due_at > now:
        return None
    row.lease_owner, row.due_at = owner, now + timedelta(seconds=LEASE_S)
    return row


def keep(session: Session, table: type[Row], key: str, owner: str) -> Row | None:
    """The row that `owner` has leased, locked; none where somebody else has it by now."""
    row = session.get(table, key, with_for_update=True)
    return row if row is not None and row.lease_owner == owner else None


def go_on(row: Task, now: datetime) -> None:
    """The row's next step may begin at once."""
    row.lease_owner, row.due_at, row.tries = None, now, 0


def rest(row: Task, now: datetime) -> None:
    """Nobody answered: try the same again, later each time."""
    pause_s = min(REST_S_MIN * 2 ** min(row.tries, 10), REST_S_MAX)
    row.lease_owner, row.due_at, row.tries = None, now + timedelta(seconds=pause_s), row.tries + 1


def hurry(row: Task, now: datetime) -> None:
    """Try a resting row again now; one that is leased is being tried already."""
    if row.due_at is not None and row.lease_owner is None:
        row.due_at = min(row.due_at, now)


def finish(row: Task) -> None:
    """Nothing more is to be done about the row."""
    row.lease_owner, row.due_at = None, None


def wake(session: Session, table: type[Task], now: datetime, *where: Any) -> None:
    """Make resting rows due now, because what they wait for is back."""
    resting = col(table.due_at) > now, col(table.lease_owner).is_(None)
    session.execute(update(table).where(*resting, *where).values(due_at=now))


def take_over(session: Session, table: type[Task], now: datetime) -> None:
    """End every lease: their owners are known to be dead, since this process is the only one."""
    session.execute(update(table).where(col(table.lease_owner).is_not(None)).values(due_at=now, lease_owner=None))


def _key(table: type[Task]) -> Any:
    return inspect(table).primary_key[0]
