"""The whole story through real processes, with a seed of its own; then the checker that does not take its word."""

import json
import secrets
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from domain.plate import Plate, SealedPlate
from simulator.demo.audit import CHECKS, Car, Kept, audit
from simulator.demo.replay import replay
from simulator.ports import free_ports

pytestmark = pytest.mark.long

STORY_S_MAX = 240


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """What a demo left behind, and what it said."""
    folder = tmp_path_factory.mktemp("story") / "kept"
    seed = secrets.randbits(31)
    port = free_ports(7)[0]
    ports = ["--central-port", str(port), "--hub-port", str(port + 1), "--gate-port", str(port + 3)]
    command = [
        sys.executable,
        "-m",
        "gatehouse",
        "demo",
        "--once",
        "--json",
        "--seed",
        str(seed),
        "--keep",
        str(folder),
    ]
    done = subprocess.run([*command, *ports], capture_output=True, text=True, timeout=STORY_S_MAX, check=False)
    assert done.returncode == 0, f"seed {seed}\n{done.stdout[-3000:]}\n{done.stderr}"
    return folder, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def kept(told: tuple[Path, list[dict[str, Any]]], tmp_path: Path) -> Path:
    """A copy of what the demo left, to be tampered with."""
    folder = told[0]
    shutil.copytree(folder, tmp_path / folder.name)
    record = folder.with_name(f"{folder.name}.street.jsonl")
    shutil.copy(record, tmp_path / record.name)
    return tmp_path / folder.name


def test_every_step_held_and_says_when(told: tuple[Path, list[dict[str, Any]]]) -> None:
    steps = told[1]
    assert all(step["ok"] for step in steps)
    assert [set(step) for step in steps] == [{"step", "ok", "at_ms", "took_ms", "detail"}] * len(steps)
    assert all(step["at_ms"] > 0 <= step["took_ms"] for step in steps[1:])


def test_what_it_left_holds_every_invariant(told: tuple[Path, list[dict[str, Any]]]) -> None:
    assert audit(told[0]) == []


def test_nothing_that_it_started_is_left(told: tuple[Path, list[dict[str, Any]]]) -> None:
    ours = [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(told[0]).encode() in _bytes_of(path)]
    assert ours == []


@pytest.mark.parametrize(
    ("database", "sql"),
    [
        ("riverside", "DELETE FROM fact WHERE unit = 'riverside.entry-1' AND seq = 2"),
        ("central", "DELETE FROM facts WHERE unit = 'hillside' AND epoch = 1 AND seq = 5"),
        ("hillside.exit-1", "DELETE FROM fact WHERE unit = 'hillside' AND epoch = 1 AND seq = 3"),
        ("hillside.entry-1", "UPDATE fact SET seq = 1000 WHERE unit = 'hillside.entry-1' AND seq = 1"),
        ("central", "UPDATE facts SET set_aside = 'why' WHERE unit = 'riverside' AND epoch = 1 AND seq = 1"),
    ],
)
def test_the_checker_finds_a_lost_fact(kept: Path, database: str, sql: str) -> None:
    _execute(kept, database, sql)
    assert list(CHECKS["no-lost-fact"](Kept(kept)))


@pytest.mark.parametrize("path", ["/v1/refunds", "/capture"])
def test_the_checker_finds_money_that_moved_twice(kept: Path, path: str) -> None:
    _repeat_line(kept / "provider.jsonl", path)
    assert list(CHECKS["money-adds-up"](Kept(kept)))


def test_the_checker_finds_a_ledger_that_is_off(kept: Path) -> None:
    _execute(kept, "central", "DELETE FROM ledger WHERE entry_id = 1")
    assert list(CHECKS["money-adds-up"](Kept(kept)))


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE payments SET step = 'void' WHERE rowid = (SELECT min(rowid) FROM payments)",
        "UPDATE bookings SET state = 'cancelling' WHERE rowid = (SELECT min(rowid) FROM bookings)",
    ],
)
def test_the_checker_finds_what_came_to_no_end(kept: Path, sql: str) -> None:
    _execute(kept, "central", sql)
    [finding] = CHECKS["money-adds-up"](Kept(kept))
    assert "still" in finding.detail


def test_the_checker_finds_a_plate_in_clear(kept: Path) -> None:
    (kept / "logs" / "hub.log").write_text(f"saw {Kept(kept).cars[0].plate.open} today", encoding="ascii")
    assert list(CHECKS["plates-sealed"](Kept(kept)))


def test_the_checker_finds_another_cars_frames(kept: Path) -> None:
    booked, stranger = _booked_and_stranger(kept)
    for own, other in zip(booked.frames, stranger.frames, strict=True):
        shutil.copy(kept / "frames" / other, kept / "frames" / own)
    assert list(CHECKS["plates-decided"](Kept(kept)))


def test_another_cars_frame_is_refused_and_a_black_one_asks(kept: Path) -> None:
    booked, stranger = _booked_and_stranger(kept)
    own, other, black = (kept / "frames" / name for name in (booked.frames[-1], stranger.frames[-1], "black.jpg"))
    cv2.imwrite(str(black), np.zeros((720, 1280, 3), np.uint8))
    expected = kept / "expected.txt"
    seal = Kept(kept).seal("riverside")
    rights = Kept(kept).rows("riverside.entry-1", "SELECT plate_box, plate_mark FROM rights")
    plates = [seal.open(SealedPlate(row["plate_box"], row["plate_mark"])).open for row in rights]
    expected.write_text("\n".join(plates), encoding="ascii")
    command = [sys.executable, "-m", "gatehouse", "lpr", "read", "--json", "--expect", str(expected)]
    done = subprocess.run([*command, str(own), str(other), str(black)], capture_output=True, text=True, check=True)
    decisions = ["accept", "refuse", "ask"]
    assert [json.loads(line)["decision"] for line in done.stdout.splitlines()] == decisions
    # And a whole approach of such frames, by the gate's own vote.
    approaches = [car.frames for car in (booked, stranger)] + [("black.jpg",) * len(booked.frames)]
    votes = [replay([kept / "frames" / name for name in names], map(Plate, plates)) for names in approaches]
    assert votes == decisions


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended meanwhile
        return b""


def _execute(kept: Path, database: str, sql: str) -> None:
    connection = sqlite3.connect(kept / "data" / f"{database}.db")
    with connection:
        assert connection.execute(sql).rowcount == 1
    connection.close()


def _repeat_line(path: Path, holds: str) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    line = next(line for line in lines if holds in json.loads(line)["path"] and json.loads(line)["method"] == "POST")
    path.write_text("\n".join([*lines, line]) + "\n", encoding="utf-8")


def _booked_and_stranger(kept: Path) -> tuple[Car, Car]:
    """The first two cars at the first lot's entry: one with a booking, one without."""
    booked, stranger = [car for car in Kept(kept).cars if car.gate_id == "riverside.entry-1"][:2]
    return booked, stranger
