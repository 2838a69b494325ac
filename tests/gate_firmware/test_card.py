"""What a gate writes to its card: nothing while nobody comes, a few pages for a car, and a contact that chatters adds
hardly any. Counted is what each commit puts into SQLite's WAL, whoever has asked for it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

from cloud_sync.link.seal import KEY_BYTES
from cloud_sync.link.v1.facts import Direction
from domain.plate import Plate
from domain.policy import Policy, Tariff
from domain.spot import SpotKind, VehicleType
from gate_firmware.bystanders import CALL_EVERY_MS
from gate_firmware.events import (
    ArmMoved,
    ArrivalLoop,
    CabinetDoor,
    CallButton,
    Event,
    FireAlarm,
    Photocell,
    SafetyLoop,
)
from hardware.barrier import Position as Arm
from simulator.world.disk import Disk
from simulator.world.plan import MINUTE_MS, Plan, Trip
from simulator.world.provider import Card
from simulator.world.seen import LotPlan
from simulator.world.world import World, scratch
from tests.gate_firmware.gate import Gate
from tests.parts import ENTRY, EXIT, LOT

WAL_HEADER, FRAME = 32, 24 + 4096
"""Bytes: https://www.sqlite.org/fileformat2.html#the_write_ahead_log"""

BOOKED_MIN, COMES_MIN, LEAVES_MIN, ENDS_MIN = 2, 40, 60, 80

LOT_PLAN = LotPlan(
    lot_id=LOT,
    spots={f"{LOT}.1-{number:03}": SpotKind.STANDARD for number in range(1, 21)},
    gates={ENTRY: Direction.ENTRY, EXIT: Direction.EXIT},
    policy=Policy(),
    tariff=Tariff("EUR", 30, 250),
    plate_key=bytes(KEY_BYTES).hex(),
)
VISIT = Trip(
    driver=f"{LOT}-000",
    lot_id=LOT,
    plate=Plate("HHAB123"),
    vehicle=VehicleType.STANDARD,
    card=Card.GOOD,
    agrees=True,
    books_ms=BOOKED_MIN * MINUTE_MS,
    start_ms=COMES_MIN * MINUTE_MS,
    end_ms=ENDS_MIN * MINUTE_MS,
    cancels_ms=None,
    comes_ms=COMES_MIN * MINUTE_MS,
    leaves_ms=LEAVES_MIN * MINUTE_MS,
    has_phone=True,
    knows_id=True,
    second_car=None,
)


@dataclass(frozen=True, slots=True)
class Written:
    """By one unit, until an instant."""

    unit: str
    at_ms: int
    pages: int


@dataclass(slots=True)
class Commits:
    """Of a whole lot, as they came."""

    all: list[Written] = field(default_factory=list)

    def pages(self, unit: str, from_min: float, to_min: float) -> list[int]:
        """Those of each commit of a unit in some minutes."""
        its = [written for written in self.all if written.unit == unit]
        return [
            after.pages - before.pages
            for before, after in pairwise(its)
            if from_min * MINUTE_MS <= after.at_ms < to_min * MINUTE_MS
        ]


def pages_in_wal(store: Path) -> int:
    return (store.with_name(f"{store.name}-wal").stat().st_size - WAL_HEADER) // FRAME


@pytest.fixture(scope="module")
def commits() -> Commits:
    """A lot in which one car comes and goes: central, the hub and both gates as they are, on virtual time."""
    commits = Commits()
    with scratch("card") as folder, pytest.MonkeyPatch.context() as patch:
        world = World(Plan(1, ENDS_MIN / 60, (LOT_PLAN,), (VISIT,)), frozenset(), folder)
        committed = Disk.committed

        def counted(disk: Disk, synchronous: int) -> None:
            committed(disk, synchronous)
            commits.all.append(Written(disk.path.stem, world.loop.now_ms, pages_in_wal(disk.path)))

        patch.setattr(Disk, "committed", counted)
        world.run()
    return commits


@pytest.mark.parametrize("gate_id", [ENTRY, EXIT])
def test_while_nobody_comes_nothing_is_written(commits: Commits, gate_id: str) -> None:
    assert commits.pages(gate_id, BOOKED_MIN + 10, COMES_MIN) == []


@pytest.mark.parametrize(("gate_id", "at_min"), [(ENTRY, COMES_MIN), (EXIT, LEAVES_MIN)])
def test_a_car_is_two_commits_of_the_gates_own_and_what_the_hub_says_to_them(
    commits: Commits, gate_id: str, at_min: int
) -> None:
    """Each of the two is acknowledged, and the hub tells what it has made of the passage."""
    pages = commits.pages(gate_id, at_min - 1, at_min + 10)
    assert 5 <= len([count for count in pages if count]) <= 6
    assert 20 <= sum(pages) <= 36


def arm_trembles(on: bool) -> ArmMoved:
    return ArmMoved(Arm.BETWEEN if on else Arm.DOWN)


@pytest.mark.parametrize(
    "contact", [ArrivalLoop, SafetyLoop, Photocell, FireAlarm, CallButton, CabinetDoor, arm_trembles]
)
def test_a_contact_that_chatters_is_an_alarm_once_in_a_while(entry: Gate, contact: Callable[[bool], Event]) -> None:
    before, pages_before = entry.store.commits, pages_in_wal(entry.folder / "gate.db")
    alarms_max = 4
    for number in range(alarms_max * CALL_EVERY_MS // 100):
        entry.happens(contact(number % 2 == 0))
        entry.passes_ms(100)
    assert entry.store.commits - before == len(entry.stored()) <= alarms_max
    assert pages_in_wal(entry.folder / "gate.db") - pages_before <= 3 * alarms_max
