"""A quiet afternoon at one small lot, run once; each test spoils a copy of it in one place."""

import copy
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.now import rfc3339
from simulator.world.bank import WorldBank
from simulator.world.checks.scene import Finding, Scene
from simulator.world.dice import dice
from simulator.world.plan import Size, draw_plan
from simulator.world.seen import ArmSeen, CarMoved, Disk, Seen, StreetEvent
from simulator.world.world import World

LOT = "riverside"
ENTRY, EXIT = f"{LOT}.entry-1", f"{LOT}.exit-1"
SEED, HOURS = 4, 5
SIZE = Size(lots=1, entries=1, exits=1, cars_a_day=110)


class Run:
    """A finished run on disks of its own, that may be spoiled."""

    def __init__(self, seen: Seen, bank: WorldBank) -> None:
        self.seen = seen
        self.bank = bank

    def copied(self, folder: Path) -> "Run":
        seen = copy.deepcopy(self.seen)
        for number, disk in enumerate(seen.disks):
            target = folder / disk.unit / disk.path.name
            shutil.copytree(disk.path.parent, target.parent)
            seen.disks[number] = replace(disk, path=target)
        assert seen.log is not None and seen.wire is not None, "a run that is over has written them"  # noqa: PT018
        seen.log = Path(shutil.copyfile(seen.log, folder / "log.jsonl"))
        seen.wire = Path(shutil.copyfile(seen.wire, folder / "wire"))
        bank = WorldBank(lambda: seen.ends_ms, dice(SEED, "bank"), seen.begins)
        bank.provider.intents = copy.deepcopy(self.bank.provider.intents)
        bank.provider.refunds = dict(self.bank.provider.refunds)
        bank.provider.deeds = list(self.bank.deeds)
        return Run(seen, bank)

    def disk(self, unit: str) -> Disk:
        return next(disk for disk in self.seen.disks if disk.unit == unit and disk.lost_at_ms is None)

    def sql(self, unit: str, statement: str, *values: object) -> list[dict[str, Any]]:
        """Ask, or change, what lies on a unit's disk."""
        with closing(sqlite3.connect(self.disk(unit).path)) as connection, connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(statement, values).fetchall()]

    def facts(self, unit: str, kind: str) -> list[dict[str, Any]]:
        """A unit's own facts of a kind, with their payloads."""
        rows = self.sql(unit, "SELECT * FROM fact WHERE unit = ? AND kind = ? ORDER BY epoch, seq", unit, kind)
        return [{**row, "payload": json.loads(row["payload"])} for row in rows]

    def append(
        self, unit: str, kind: str, payload: dict[str, Any], at_ms: int, *, copies: tuple[str, ...] = ()
    ) -> None:
        """Write a fact into a unit's own log at an instant, and into those of others who have taken it in."""
        boot = next(boot for boot in self.seen.boots if boot.unit == unit)
        last = self.sql(unit, "SELECT epoch, seq FROM fact WHERE unit = ? ORDER BY epoch DESC, seq DESC LIMIT 1", unit)[
            0
        ]
        at = rfc3339(self.seen.begins + timedelta(milliseconds=at_ms))
        fact = (unit, last["epoch"], last["seq"] + 1, kind, at, boot.boot, at_ms - boot.at_ms, json.dumps(payload))
        for holder in (unit, *copies):
            table = "facts" if holder == "central" else "fact"
            columns = "unit, epoch, seq, kind, at, boot, mono_ms, payload, trust, chain"
            self.sql(holder, f"INSERT INTO {table} ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'ntp', '-')", *fact)  # noqa: S608

    def keep(self, wanted: Callable[[StreetEvent], bool]) -> None:
        """Have the street seen without what is not wanted."""
        self.seen.street[:] = [event for event in self.seen.street if wanted(event)]

    def see(self, *events: CarMoved | ArmSeen | StreetEvent) -> None:
        self.seen.street.extend(events)
        self.seen.street.sort(key=lambda event: event.at_ms)

    def found(self, check: Callable[[Scene], Iterator[Finding]]) -> list[Finding]:
        with Scene(self.seen, self.bank) as scene:
            return list(check(scene))

    def reservations(self, where: str) -> list[dict[str, Any]]:
        return self.sql(LOT, f"SELECT * FROM reservation WHERE {where} ORDER BY reservation_id")  # noqa: S608


@pytest.fixture(scope="session")
def afternoon(tmp_path_factory: pytest.TempPathFactory) -> Run:
    world = World(draw_plan(SEED, HOURS, SIZE, dice(SEED, "plan")), frozenset(), tmp_path_factory.mktemp("afternoon"))
    world.run()
    return Run(world.seen, world.bank)


@pytest.fixture
def run(afternoon: Run, tmp_path: Path) -> Run:
    return afternoon.copied(tmp_path)
