"""one-spot-one-car, held by the database itself: every way around the code above it is tried in plain SQL."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cloud_sync.link.journal import Journal
from cloud_sync.link.store import Store
from domain.reservation import Status
from domain.spot import SpotKind
from hub.lot import Lot
from hub.tables import migrations
from tests.hub.riverside import HOUR_MS, KEY, NOW, OTHER_SPOT, SPOT, Riverside, hold_request, rid

COLUMNS = (
    "reservation_id, revision, status, spot_id, user_id, vehicle_id, driver_name, vehicle_type, plate_box, plate_mark,"
    " start_time, end_time, price_minor, currency"
)
TEN, ELEVEN = "2026-05-14T10:00:00.000Z", "2026-05-14T11:00:00.000Z"
HALF_PAST, TWELVE = "2026-05-14T10:30:00.000Z", "2026-05-14T12:00:00.000Z"


def insert(
    riverside: Riverside,
    number: int,
    start: str,
    end: str,
    *,
    status: str = "confirmed",
    spot: str = SPOT,
    by: str = "INSERT",
) -> None:
    values = (rid(number), 1, status, spot, "u", "v", "Ada", "standard", "00", "00", start, end, 100, "EUR")
    marks = ", ".join("?" * len(values))
    riverside.store.connection.execute(f"{by} INTO reservation ({COLUMNS}) VALUES ({marks})", values)


@pytest.mark.parametrize("by", ["INSERT", "INSERT OR REPLACE", "INSERT OR IGNORE"])
@pytest.mark.parametrize("first", ["held", "confirmed", "checked_in"])
@pytest.mark.parametrize("second", ["held", "confirmed", "checked_in"])
def test_an_overlapping_grant_is_refused(riverside: Riverside, first: str, second: str, by: str) -> None:
    insert(riverside, 1, TEN, ELEVEN, status=first)
    with pytest.raises(sqlite3.IntegrityError, match="one-spot-one-car"):
        insert(riverside, 2, HALF_PAST, TWELVE, status=second, by=by)
    assert riverside.lot.book.find(rid(2)) is None


@pytest.mark.parametrize(
    ("start", "end"), [(TEN, ELEVEN), (HALF_PAST, TWELVE), ("2026-05-14T10:59:59.999Z", TWELVE), (TEN, TWELVE)]
)
def test_every_overlap_counts(riverside: Riverside, start: str, end: str) -> None:
    insert(riverside, 1, TEN, ELEVEN)
    with pytest.raises(sqlite3.IntegrityError, match="one-spot-one-car"):
        insert(riverside, 2, start, end)


def test_windows_that_touch_and_other_spots_are_fine(riverside: Riverside) -> None:
    insert(riverside, 1, TEN, ELEVEN)
    insert(riverside, 2, ELEVEN, TWELVE)
    insert(riverside, 3, "2026-05-14T09:00:00.000Z", TEN)
    insert(riverside, 4, TEN, TWELVE, spot=OTHER_SPOT)


@pytest.mark.parametrize("ended", ["completed", "expired", "cancelled", "no_show"])
def test_what_has_ended_holds_nothing(riverside: Riverside, ended: str) -> None:
    insert(riverside, 1, TEN, ELEVEN, status=ended)
    insert(riverside, 2, TEN, ELEVEN)


@pytest.mark.parametrize(
    "change",
    [
        "status = 'held'",
        "status = 'checked_in'",
        "status = 'confirmed', spot_id = 'riverside.1-002'",
    ],
)
def test_a_grant_cannot_come_back_over_another(riverside: Riverside, change: str) -> None:
    insert(riverside, 1, TEN, ELEVEN, status="cancelled")
    insert(riverside, 2, HALF_PAST, TWELVE)
    insert(riverside, 3, HALF_PAST, TWELVE, spot=OTHER_SPOT)
    with pytest.raises(sqlite3.IntegrityError, match="one-spot-one-car"):
        riverside.store.connection.execute(f"UPDATE reservation SET {change} WHERE reservation_id = ?", (rid(1),))  # noqa: S608


@pytest.mark.parametrize(
    "change",
    [
        f"end_time = '{TWELVE}'",
        f"start_time = '{HALF_PAST}', end_time = '{TWELVE}'",
        "spot_id = 'riverside.1-002'",
    ],
)
@pytest.mark.parametrize("by", ["UPDATE", "UPDATE OR IGNORE", "UPDATE OR REPLACE"])
def test_a_grant_cannot_move_onto_another(riverside: Riverside, change: str, by: str) -> None:
    insert(riverside, 1, TEN, ELEVEN)
    insert(riverside, 2, ELEVEN, TWELVE)
    insert(riverside, 3, HALF_PAST, TWELVE, spot=OTHER_SPOT)
    with pytest.raises(sqlite3.IntegrityError, match="one-spot-one-car"):
        riverside.store.connection.execute(f"{by} reservation SET {change} WHERE reservation_id = ?", (rid(1),))


@pytest.mark.parametrize(
    "change", [f"end_time = '{HALF_PAST}'", "status = 'checked_in'", "spot_id = 'riverside.2-001'"]
)
def test_a_grant_may_change_where_nothing_is_in_the_way(riverside: Riverside, change: str) -> None:
    insert(riverside, 1, TEN, ELEVEN)
    insert(riverside, 2, ELEVEN, TWELVE)
    riverside.store.connection.execute(f"UPDATE reservation SET {change} WHERE reservation_id = ?", (rid(1),))  # noqa: S608


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-05-14T10:00:00Z", ELEVEN),
        (TEN, "2026-05-14T11:00:00+00:00"),
        ("2026-05-14 10:00:00.000", ELEVEN),
        (ELEVEN, TEN),
        (TEN, TEN),
    ],
)
def test_instants_that_would_not_compare_as_text_are_refused(riverside: Riverside, start: str, end: str) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        insert(riverside, 1, start, end)


def test_a_status_that_the_triggers_do_not_know_is_refused(riverside: Riverside) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        insert(riverside, 1, TEN, ELEVEN, status="HELD")


def test_the_code_above_is_held_to_it_too(riverside: Riverside) -> None:
    """Were the book to overlook a grant, the database would still refuse, and nothing would be told."""
    riverside.booked(1)
    before = len(riverside.facts())
    forgetful = riverside.lot.spots
    forgetful.is_granted = lambda spot_id, window: False  # type: ignore[method-assign]
    with pytest.raises(sqlite3.IntegrityError, match="one-spot-one-car"):
        riverside.hold(hold_request(2, start=0.5, end=2), NOW.later(HOUR_MS // 2))
    assert riverside.lot.book.find(rid(2)) is None
    assert len(riverside.facts()) == before


def test_a_lot_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    """What is in its file stays as it was; a confirmed reservation without an instant counts from its start."""
    with closing(Store(tmp_path / "old.db")) as store:
        migrations.apply(store.db, stop_before="no_shows_withdrawals_and_moves")
        assert "withdrawal" not in store.db.table_names()
        sql = store.connection
        sql.execute("INSERT INTO spot VALUES (?, 'large', 1)", (SPOT,))
        sql.execute("INSERT INTO gate VALUES ('riverside.entry-1', 'entry')")
        values = (rid(1), 2, "confirmed", SPOT, "u", "v", "Ada", "standard", "00", "00", TEN, ELEVEN, 100, "EUR")
        sql.execute(f"INSERT INTO reservation ({COLUMNS}) VALUES ({', '.join('?' * len(values))})", values)  # noqa: S608
        stay = ("riverside.entry-1/1/1", None, None, "00", TEN, None, "no-right")
        sql.execute("INSERT INTO stay VALUES (?, ?, ?, ?, ?, ?, ?)", stay)
        for _ in range(2):
            lot = Lot(store, Journal(store, "riverside", "boot-1"), KEY)
        kept = lot.book.find(rid(1))
        assert kept is not None
        assert (kept.status, kept.revision, kept.confirmed_at, kept.no_show_at) == (Status.CONFIRMED, 2, None, None)
        assert kept.booked_kind is SpotKind.LARGE
        assert lot.next_wakeup_ms(NOW) == NOW.mono_ms  # noon: nobody came at ten
        assert lot.woken(NOW)
        [car] = lot.stays.inside()
        assert (car["evidence"], car["ticket_id"], car["told_at"]) == ("none", None, TEN)
