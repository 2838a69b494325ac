"""The auditor on logs made by hand: what the demo's own story never shows it."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cloud_sync.link.seal import Seal
from domain.plate import Plate
from simulator.demo.audit import CHECKS, Finding, Kept
from simulator.demo.configuration import plate_key

LOT = "riverside"


def kept(folder: Path, *told: tuple[str, str, str, int, int]) -> Kept:
    """A hub's log: reservation, status, spot, and the hours of its window, fact by fact."""
    (folder / "kept" / "data").mkdir(parents=True)
    with closing(sqlite3.connect(folder / "kept" / "data" / f"{LOT}.db")) as database, database:
        database.execute("CREATE TABLE fact (unit, epoch, seq, kind, payload, set_aside)")
        for seq, (reservation_id, status, spot_id, start, end) in enumerate(told, 1):
            payload = {
                "reservation_id": reservation_id,
                "status": status,
                "spot_id": spot_id,
                "start_time": f"2026-05-14T{start:02}:00:00Z",
                "end_time": f"2026-05-14T{end:02}:00:00Z",
            }
            row = (LOT, 1, seq, "reservation.changed/1", json.dumps(payload), None)
            database.execute("INSERT INTO fact VALUES (?, ?, ?, ?, ?, ?)", row)
    (folder / "kept" / "data" / "central.db").touch()
    return Kept(folder / "kept")


def doubled(found: Kept) -> list[Finding]:
    return list(CHECKS["one-spot-one-car"](found))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE facts SET payload = '{}' WHERE seq = 2", "central of riverside: 1/2 says otherwise"),
        ("UPDATE facts SET kind = 'policy.changed/1' WHERE seq = 1", "central of riverside: 1/1 says otherwise"),
        ("DELETE FROM facts WHERE seq = 2", "central of riverside: missing [('riverside', 1, 2)], too many []"),
        ("UPDATE facts SET set_aside = 'why' WHERE seq = 1", "central set riverside 1 aside: why"),
        ("UPDATE facts SET payload = payload", None),
    ],
)
def test_a_copy_that_is_not_as_the_log_says_is_found(tmp_path: Path, change: str, found: str | None) -> None:
    log = kept(tmp_path, ("A", "held", "s1", 10, 12), ("A", "confirmed", "s1", 10, 12))
    with closing(sqlite3.connect(log.databases["central"])) as central, central:
        central.execute("ATTACH ? AS hub", (str(log.databases[LOT]),))
        central.execute("CREATE TABLE facts AS SELECT * FROM hub.fact")
        central.execute(change)
    expected = [] if found is None else [Finding("no-lost-fact", found)]
    assert list(CHECKS["no-lost-fact"](log)) == expected


@pytest.mark.parametrize("status", ["held", "confirmed", "checked_in"])
def test_two_rights_to_one_spot_at_once_are_found(tmp_path: Path, status: str) -> None:
    found = doubled(kept(tmp_path, ("A", "held", "s1", 10, 12), ("B", status, "s1", 11, 13)))
    assert found == [Finding("one-spot-one-car", "s1: B and A")]


@pytest.mark.parametrize("ended", ["expired", "cancelled", "completed", "no_show"])
def test_after_a_right_has_ended_the_spot_is_somebody_elses(tmp_path: Path, ended: str) -> None:
    first, over = ("A", "held", "s1", 10, 12), ("A", ended, "s1", 10, 12)
    assert doubled(kept(tmp_path, first, over, ("B", "held", "s1", 10, 12))) == []
    assert doubled(kept(tmp_path / "late", first, ("B", "held", "s1", 10, 12), over)) != []


def test_what_touches_or_moves_or_stands_elsewhere_is_no_conflict(tmp_path: Path) -> None:
    a, b = ("A", "confirmed", "s1", 10, 12), ("B", "held", "s1", 12, 13)
    assert doubled(kept(tmp_path, a, b, ("C", "held", "s2", 10, 13))) == []
    moved = ("A", "confirmed", "s2", 10, 12)
    assert doubled(kept(tmp_path / "moved", a, moved, ("B", "held", "s1", 10, 12))) == []
    assert len(doubled(kept(tmp_path / "into", ("B", "held", "s2", 11, 12), a, moved))) == 1


@pytest.mark.parametrize("text", ["KAXY123", "BXY77", "nothing"])
def test_a_plate_that_drove_or_was_registered_is_found_in_clear(tmp_path: Path, text: str) -> None:
    found = kept(tmp_path)
    car = {"car": "car-01", "gate_id": f"{LOT}.entry-1", "plate": "KAXY123", "by": "plate", "frames": []}
    (tmp_path / "kept.street.jsonl").write_text(json.dumps(car) + "\n", encoding="utf-8")
    key = bytes(32)
    (found.folder / "secrets").mkdir()
    (found.folder / plate_key("central")).write_text(key.hex(), encoding="ascii")
    sealed = Seal(key).seal(Plate("BXY77"))
    with closing(sqlite3.connect(found.databases["central"])) as database, database:
        database.execute("CREATE TABLE vehicles (plate_box, plate_mark)")
        database.execute("INSERT INTO vehicles VALUES (?, ?)", (sealed.box, sealed.mark))
    assert list(CHECKS["plates-sealed"](found)) == []
    (found.folder / "hub.log").write_text(f"seen: {text}", encoding="utf-8")
    assert bool(list(CHECKS["plates-sealed"](found))) is (text != "nothing")
