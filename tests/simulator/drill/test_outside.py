"""The onlooker finds what a drill must never leave behind, in databases made by hand."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.now import rfc3339
from domain.window import Window
from simulator.demo.audit import Kept
from simulator.drill.load import Promise
from simulator.drill.outside import broken, loss

LOT = "riverside"
NOON, ONE, TWO = (datetime(2026, 5, 14, hour, tzinfo=UTC) for hour in (12, 13, 14))
PAID = Promise("R1", "riverside.1-001", Window(NOON, ONE), 250, "a ticket")
HELD = Promise("R2", "riverside.1-001", Window(ONE, TWO), 250)


def kept(folder: Path, hub: Mapping[str, Promise], central: Mapping[str, Promise]) -> Kept:
    """What hub and central know, as if these were all the promises that there were."""
    (folder / "data").mkdir()
    with closing(sqlite3.connect(folder / "data" / f"{LOT}.db")) as database, database:
        names = "reservation_id, status, spot_id, start_time, end_time, price_minor, ticket"
        database.execute(f"CREATE TABLE reservation ({names})")
        for promise in hub.values():
            status = "held" if promise.ticket is None else "confirmed"
            times = rfc3339(promise.window.start), rfc3339(promise.window.end)
            row = (promise.reservation_id, status, promise.spot_id, *times, promise.price_minor, promise.ticket)
            database.execute("INSERT INTO reservation VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    with closing(sqlite3.connect(folder / "data" / "central.db")) as database, database:
        database.execute("CREATE TABLE bookings (reservation_id, ticket)")
        rows = [(promise.reservation_id, promise.ticket) for promise in central.values()]
        database.executemany("INSERT INTO bookings VALUES (?, ?)", rows)
    return Kept(folder)


def by_id(*promises: Promise) -> dict[str, Promise]:
    return {promise.reservation_id: promise for promise in promises}


def test_what_was_promised_and_is_known_is_no_finding(tmp_path: Path) -> None:
    both = by_id(PAID, HELD)
    assert list(broken(kept(tmp_path, both, both), LOT, both)) == []


@pytest.mark.parametrize(
    ("at_hub", "at_central"),
    [
        (by_id(PAID), by_id(PAID, HELD)),
        (by_id(PAID, HELD), by_id(PAID)),
        (by_id(replace(PAID, ticket=None), HELD), by_id(PAID, HELD)),
        (by_id(replace(PAID, ticket="another"), HELD), by_id(PAID, HELD)),
        (by_id(PAID, HELD), by_id(replace(PAID, ticket="another"), HELD)),
        (by_id(PAID, replace(HELD, spot_id="riverside.1-002")), by_id(PAID, HELD)),
        (by_id(PAID, replace(HELD, price_minor=0)), by_id(PAID, HELD)),
    ],
)
def test_a_broken_promise_is_found(tmp_path: Path, at_hub: dict[str, Promise], at_central: dict[str, Promise]) -> None:
    found = list(broken(kept(tmp_path, at_hub, at_central), LOT, by_id(PAID, HELD)))
    assert {finding.invariant for finding in found} == {"promise-kept"}


def test_a_spot_that_was_promised_twice_is_found(tmp_path: Path) -> None:
    twice = by_id(PAID, replace(HELD, window=PAID.window))
    found = list(broken(kept(tmp_path, twice, twice), LOT, twice))
    assert [finding.invariant for finding in found] == ["one-spot-one-car"]


def log(path: Path, *facts: tuple[int, int, int]) -> Path:
    """A hub's log: epoch, number, and the second at which each happened, which is also what it tells."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE fact (unit, epoch, seq, kind, at, boot, mono_ms, set_aside, payload)")
        for epoch, seq, second in facts:
            at, payload = rfc3339(NOON.replace(second=second)), json.dumps(second)
            database.execute(
                "INSERT INTO fact VALUES (?, ?, ?, 'k/1', ?, '', 0, NULL, ?)", (LOT, epoch, seq, at, payload)
            )
    return path


def test_what_a_backup_had_not_is_told_and_what_of_it_came_back(tmp_path: Path) -> None:
    lost = log(tmp_path / "lost.db", (1, 1, 1), (1, 2, 2), (1, 3, 3), (1, 4, 5))
    missing = loss(LOT, lost, log(tmp_path / "restored.db", (1, 1, 1)))
    assert missing.behind_s == 4
    assert len(missing.facts) == 3
    back = log(tmp_path / "back.db", (1, 1, 1), (1, 2, 2), (2, 1, 9), (2, 2, 3))
    assert missing.taken_back(LOT, back) == 2, "one in its place, one told again"
