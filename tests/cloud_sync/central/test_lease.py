"""Leases on rows: taken once, ended by time, given back, and how long a row rests."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest
from sqlmodel import Session, col

from cloud_sync.central import lease
from cloud_sync.central.database import Database
from cloud_sync.central.tables import Booking
from tests.cloud_sync.central.rows import booking
from tests.parts import NOON

LATER = NOON + timedelta(seconds=lease.LEASE_S)
SECOND = timedelta(seconds=1)


def add(database: Database, *rows: Booking) -> None:
    with database.transaction() as session:
        session.add_all(rows)


def take(database: Database, owner: str, now: datetime, key: str = "a") -> bool:
    with database.transaction() as session:
        return lease.take(session, Booking, key, owner, now) is not None


def due(database: Database, now: datetime, limit: int = 10) -> Sequence[str]:
    with database.reading() as session:
        return lease.due(session, lease.look(Booking), now, limit)[0]


def row(session: Session, key: str = "a") -> Booking:
    return session.get_one(Booking, key)


def test_a_row_is_one_owners_until_the_lease_ends(database: Database) -> None:
    add(database, booking("a", due_at=NOON))
    assert not take(database, "one", NOON - SECOND), "not due yet"
    assert take(database, "one", NOON)
    assert not take(database, "two", NOON)
    assert not take(database, "one", NOON), "nor once more by the same one"
    assert not take(database, "two", LATER - SECOND)
    assert due(database, LATER - SECOND) == []
    assert due(database, LATER) == ["a"]
    assert take(database, "two", LATER)


def test_it_is_known_when_the_next_row_will_be_due(database: Database) -> None:
    look = lease.look(Booking)
    with database.reading() as session:
        assert lease.due(session, look, NOON, 10) == ([], None)
    add(database, booking("a", due_at=NOON), booking("b", due_at=LATER), booking("c", due_at=None))
    with database.reading() as session:
        assert lease.due(session, look, NOON - SECOND, 10) == ([], NOON)
        assert lease.due(session, look, NOON, 10) == (["a"], LATER)
        assert lease.due(session, look, LATER, 1) == (["a"], None), "the next one is due already"


def test_who_comes_back_too_late_keeps_nothing(database: Database) -> None:
    add(database, booking("a", due_at=NOON))
    take(database, "one", NOON)
    with database.reading() as session:
        assert lease.keep(session, Booking, "a", "two") is None
        assert lease.keep(session, Booking, "a", "one") is not None
        assert lease.keep(session, Booking, "unknown", "one") is None
    take(database, "two", LATER)
    with database.reading() as session:
        assert lease.keep(session, Booking, "a", "one") is None


@pytest.mark.parametrize("end", [lease.go_on, lease.rest, lambda row, _now: lease.finish(row)])
def test_whoever_ends_a_lease_has_it_no_more(database: Database, end: Callable[[Booking, datetime], None]) -> None:
    add(database, booking("a", due_at=NOON))
    take(database, "one", NOON)
    with database.transaction() as session:
        end(row(session), NOON)
    with database.reading() as session:
        assert lease.keep(session, Booking, "a", "one") is None


def test_what_is_not_there_or_finished_is_not_taken(database: Database) -> None:
    add(database, booking("a", due_at=NOON))
    with database.transaction() as session:
        lease.finish(row(session))
    far = NOON + timedelta(days=99)
    assert not take(database, "one", far)
    assert not take(database, "one", far, "unknown")
    assert due(database, far) == []


def test_the_longest_due_come_first_and_no_more_than_asked_for(database: Database) -> None:
    add(database, *(booking(key, due_at=NOON + n * SECOND) for n, key in enumerate("cabd")), booking("idle"))
    assert due(database, NOON + 2 * SECOND) == ["c", "a", "b"]
    assert due(database, NOON + 2 * SECOND, limit=2) == ["c", "a"]


def test_each_rest_is_longer_up_to_a_bound_and_progress_begins_anew(database: Database) -> None:
    add(database, booking("a", due_at=NOON))
    with database.transaction() as session:
        pauses = []
        for _ in range(1_000):
            lease.rest(row(session), NOON)
            pauses.append(((row(session).due_at or NOON) - NOON) // SECOND)
        assert pauses[:7] == [1, 2, 4, 8, 16, 32, 60]
        assert set(pauses[7:]) == {lease.REST_S_MAX}
        lease.go_on(row(session), NOON)
        assert row(session).due_at == NOON
        lease.rest(row(session), NOON)
        assert row(session).due_at == NOON + SECOND


def test_hurrying_wakes_who_rests_and_nobody_else(database: Database) -> None:
    add(database, booking("resting", due_at=NOON + SECOND), booking("late", due_at=NOON - SECOND), booking("idle"))
    add(database, booking("leased", due_at=NOON))
    take(database, "one", NOON, "leased")
    with database.transaction() as session:
        for key in ("resting", "late", "idle", "leased"):
            lease.hurry(row(session, key), NOON)
        due_at = {key: row(session, key).due_at for key in ("resting", "late", "idle", "leased")}
    assert due_at == {"resting": NOON, "late": NOON - SECOND, "idle": None, "leased": LATER}


def test_waking_takes_the_resting_rows_that_are_meant(database: Database) -> None:
    add(database, booking("a", due_at=NOON), booking("b", due_at=LATER), booking("idle"))
    add(database, booking("other", due_at=LATER, lot_id="hillside"))
    take(database, "one", NOON)
    with database.transaction() as session:
        lease.wake(session, Booking, NOON, col(Booking.lot_id) == "riverside")
    assert due(database, NOON) == ["b"]
    with database.reading() as session:
        assert lease.keep(session, Booking, "a", "one") is not None


def test_taking_over_ends_every_lease_and_leaves_rests_alone(database: Database) -> None:
    add(database, booking("a", due_at=NOON), booking("resting", due_at=NOON + SECOND), booking("idle"))
    take(database, "dead", NOON)
    with database.transaction() as session:
        lease.take_over(session, Booking, NOON)
    assert due(database, NOON) == ["a"]
    with database.reading() as session:
        assert lease.keep(session, Booking, "a", "dead") is None
