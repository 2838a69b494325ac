"""A run as its checkers look at it: what an onlooker has seen, the bank's record, and the stores, opened to read."""

import json
import sqlite3
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from cloud_sync.link.seal import Seal
from cloud_sync.link.v1.facts import Direction
from domain.plate import Plate
from simulator.world.bank import WorldBank
from simulator.world.seen import (
    DOWN,
    RESTORED,
    SECOND_RUN,
    Arm,
    ArmSeen,
    At,
    Boot,
    CarMoved,
    Disk,
    Fault,
    LotPlan,
    Presented,
    Seen,
)

CENTRAL = "central"

BACKUP_AGE_MS_MAX = 1_000_000
"""Of what `--faults restore` goes on from, with the time that a driver's answer takes."""

HEARD_MS, CONVERGED_MS = 60_000, 300_000
"""How long news may take to every unit of a lot: without faults, and after faults have ended."""

Event = TypeVar("Event", CarMoved, ArmSeen, Presented)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be; `invariant` is its name in docs/architecture.md, `at_ms` true time, where known."""

    invariant: str
    which: str
    what: str
    at_ms: int | None = None


@dataclass(slots=True)
class StoredFact:
    """A fact as it lies in a store."""

    unit: str
    epoch: int
    seq: int
    kind: str
    at: str
    boot: str
    mono_ms: int
    set_aside: str | None
    text: str
    _payload: dict[str, Any] | None = field(default=None, repr=False)

    @property
    def key(self) -> tuple[str, int, int]:
        return self.unit, self.epoch, self.seq

    @property
    def payload(self) -> dict[str, Any]:
        if self._payload is None:
            self._payload = json.loads(self.text)
        return self._payload


class StoreSeen:
    """One unit's store, on one disk."""

    def __init__(self, disk: Disk) -> None:
        self.unit = disk.unit
        self.lost_at_ms = disk.lost_at_ms
        self.path: Path = disk.path
        self._sql = sqlite3.connect(f"file:{disk.path}?mode=ro", uri=True)
        self._sql.row_factory = sqlite3.Row

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        return self._sql.execute(sql, values).fetchall()

    def close(self) -> None:
        self._sql.close()

    @cached_property
    def facts(self) -> dict[str, list[StoredFact]]:
        """Every fact here, its own and others', by the unit that made it, in the order in which it made them."""
        table = "facts" if self.unit == CENTRAL else "fact"
        by_unit: dict[str, list[StoredFact]] = defaultdict(list)
        columns = "unit, epoch, seq, kind, at, boot, mono_ms, set_aside, payload"
        for row in self._sql.execute(f"SELECT {columns} FROM {table} ORDER BY unit, epoch, seq"):  # noqa: S608
            by_unit[row["unit"]].append(StoredFact(*row))
        return by_unit

    @cached_property
    def thinned(self) -> dict[str, tuple[int, int]]:
        """By unit: up to which epoch and number of its log only the latest facts are kept here, if not all."""
        if not self.rows("SELECT 1 FROM sqlite_master WHERE name = 'thinned'"):
            return {}
        return {row["unit"]: (row["epoch"], row["seq"]) for row in self.rows("SELECT unit, epoch, seq FROM thinned")}

    def whole(self, unit: str, after: tuple[int, int] = (0, 0)) -> list[StoredFact]:
        """The facts of `unit` of that part of its log, behind `after`, of which all are kept."""
        floor = max(after, self.thinned.get(unit, after))
        return [fact for fact in self.facts.get(unit, []) if (fact.epoch, fact.seq) > floor]

    def of_kind(self, unit: str, kind: str) -> list[StoredFact]:
        """The facts of `unit` of a kind, whatever its version, in order."""
        return [fact for fact in self.facts.get(unit, []) if fact.kind.partition("/")[0] == kind]


class Scene:
    """One run. Close it after use."""

    def __init__(self, seen: Seen, bank: WorldBank) -> None:
        self.seen = seen
        self.bank = bank
        self.stores = [StoreSeen(disk) for disk in seen.disks]
        self._now = {store.unit: store for store in self.stores if store.lost_at_ms is None}
        self._boots = {(boot.unit, boot.boot): boot for boot in seen.boots}

    def __enter__(self) -> "Scene":
        return self

    def __exit__(self, *_: object) -> None:
        for store in self.stores:
            store.close()

    @property
    def central(self) -> StoreSeen:
        return self._now[CENTRAL]

    def store(self, unit: str) -> StoreSeen:
        """What is on a unit's disk at the end."""
        return self._now[unit]

    def lost(self, unit: str) -> list[StoreSeen]:
        """What was on the disks that the unit has lost."""
        return [store for store in self.stores if store.unit == unit and store.lost_at_ms is not None]

    def gates(self) -> Iterator[tuple[LotPlan, str, Direction]]:
        """Every gate of every lot."""
        for lot in self.seen.lots:
            for gate_id, direction in lot.gates.items():
                yield lot, gate_id, direction

    def made_at_ms(self, fact: StoredFact) -> int | None:
        """When a fact was made, in true time: by its machine's monotonic clock, which nobody sets."""
        boot = self._boots.get((machine_of(fact.unit), fact.boot))
        return None if boot is None else boot.at_ms + _true_span(fact.mono_ms, boot)

    def on_a_bench(self, fact: StoredFact) -> bool:
        """Whether it was made by a second run of a unit's disk (`World._beside`): a gate's has no street before it."""
        return SECOND_RUN in fact.boot

    def off_ms(self, fact: StoredFact) -> int:
        """By how much its unit's time of day was ahead when it made this fact; 0 where nobody can tell."""
        made_at_ms = self.made_at_ms(fact)
        if made_at_ms is None:
            return 0
        said = datetime.fromisoformat(fact.at)
        return round((said - self.seen.instant(made_at_ms)).total_seconds() * 1000)

    def instant(self, at_ms: int) -> datetime:
        """True time as UTC."""
        return self.seen.instant(at_ms)

    def ms(self, instant: datetime) -> int:
        """An instant as true time in milliseconds."""
        return round((instant - self.seen.begins).total_seconds() * 1000)

    def ms_of(self, text: str) -> int:
        return self.ms(datetime.fromisoformat(text))

    @cached_property
    def moved(self) -> dict[str, list[CarMoved]]:
        """What cars did at each gate, in order."""
        return _by_gate(event for event in self.seen.street if isinstance(event, CarMoved))

    @cached_property
    def arms(self) -> dict[str, list[ArmSeen]]:
        return _by_gate(event for event in self.seen.street if isinstance(event, ArmSeen))

    @cached_property
    def presented(self) -> dict[str, list[Presented]]:
        return _by_gate(event for event in self.seen.street if isinstance(event, Presented))

    @cached_property
    def plates(self) -> dict[str, Plate]:
        """Each car's plate."""
        return {event.car: event.plate for events in self.moved.values() for event in events}

    @cached_property
    def entries(self) -> list[CarMoved]:
        """Every car that came in somewhere, in order."""
        return self._through(Direction.ENTRY)

    @cached_property
    def exits(self) -> list[CarMoved]:
        return self._through(Direction.EXIT)

    def _through(self, wanted: Direction) -> list[CarMoved]:
        lanes = [gate_id for _, gate_id, direction in self.gates() if direction is wanted]
        found = [event for lane in lanes for event in self.moved.get(lane, []) if event.to is At.THROUGH]
        return sorted(found, key=lambda event: event.at_ms)

    @cached_property
    def cars(self) -> dict[str, str]:
        """By reservation: the car that was booked for, where one with that plate came to a gate of its lot."""
        found = {}
        for lot in self.seen.lots:
            marks = self.marks[lot.lot_id]
            for row in self.store(lot.lot_id).rows("SELECT reservation_id, plate_mark FROM reservation"):
                if row["plate_mark"] in marks:
                    found[row["reservation_id"]] = marks[row["plate_mark"]]
        return found

    @cached_property
    def marks(self) -> dict[str, dict[str, str]]:
        """By lot: the cars by the marks of their plates."""
        by_lot = {}
        for lot in self.seen.lots:
            seal = Seal.from_hex(lot.plate_key)
            by_lot[lot.lot_id] = {seal.mark(plate): car for car, plate in self.plates.items()}
        return by_lot

    @cached_property
    def _down(self) -> dict[str, list[tuple[int, int]]]:
        spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for fault in self.seen.faults:
            if fault.kind in DOWN:
                spans[fault.unit].append((fault.at_ms, fault.until_ms or fault.at_ms))
        return {unit: _joined(of_unit) for unit, of_unit in spans.items()}

    def alive_until(self, unit: str, from_ms: int, span_ms: int) -> int:
        """The instant at which a unit has run for `span_ms` since `from_ms`: the time while it was down is added."""
        until_ms = from_ms + span_ms
        for begin_ms, end_ms in self._down.get(unit, []):
            if begin_ms <= until_ms and end_ms >= from_ms:
                until_ms += end_ms - max(begin_ms, from_ms)
        return until_ms

    def was_down(self, unit: str, from_ms: int, until_ms: int) -> bool:
        """Whether a unit did not run for some of this time."""
        return any(begin <= until_ms and end >= from_ms for begin, end in self._down.get(unit, []))

    def faults_of(self, lot_id: str, from_ms: int, until_ms: int) -> list[Fault]:
        """What was done in this time to a lot's units or their network, or to the network as a whole."""
        return [
            fault
            for fault in self.seen.faults
            if fault.at_ms <= until_ms
            and (fault.until_ms or fault.at_ms) >= from_ms
            and (lot_id in fault.unit or lot_id in fault.detail or CENTRAL in fault.unit or not fault.unit)
        ]

    def have_heard(self, lot_id: str, since_ms: int, at_ms: int) -> bool:
        """Whether all of a lot's units must know at `at_ms` what one of them knew at `since_ms`.

        They do soon where nothing was wrong since, and within minutes where nothing is wrong any more.
        """
        if at_ms - since_ms >= CONVERGED_MS and not self.faults_of(lot_id, at_ms - CONVERGED_MS, at_ms):
            return True
        return at_ms - since_ms >= HEARD_MS and not self.faults_of(lot_id, since_ms, at_ms)

    def modes(self, gate_id: str) -> list[tuple[int, str]]:
        """From when on a lane was in which mode, by its own word on all disks that it ever had; at first automatic."""
        said = [
            (at_ms, fact.payload["mode"])
            for store in (*self.lost(gate_id), self.store(gate_id))
            for fact in store.of_kind(gate_id, "lane.mode")
            if (at_ms := self.made_at_ms(fact)) is not None
        ]
        return sorted(said)

    def was_in_mode(self, gate_id: str, mode: str, from_ms: int, until_ms: int) -> bool:
        """Whether a lane was, or may have been, in this mode for some of this time.

        One that goes on from a backup is in the backup's mode, until it has heard from its hub of a later one.
        """
        lot_id = gate_id.partition(".")[0]
        return self._was_set_to(gate_id, mode, from_ms, until_ms) or any(
            self._was_set_to(gate_id, mode, fault.at_ms - BACKUP_AGE_MS_MAX, fault.at_ms)
            for fault in self.seen.faults
            if fault.unit == gate_id and fault.kind == RESTORED and fault.at_ms <= until_ms
            if not self.have_heard(lot_id, fault.at_ms, from_ms)
        )

    def _was_set_to(self, gate_id: str, mode: str, from_ms: int, until_ms: int) -> bool:
        modes = [(0, "automatic"), *self.modes(gate_id)]
        ends = [*(at_ms for at_ms, _ in modes[1:]), self.seen.ends_ms]
        return any(
            one == mode and since_ms <= until_ms and until >= from_ms
            for (since_ms, one), until in zip(modes, ends, strict=True)
        )

    def arm_at(self, gate_id: str, at_ms: int) -> Arm:
        """Where an arm was last seen to arrive by then; they all begin down."""
        times, positions = self._positions.get(gate_id, ([], []))
        index = bisect_right(times, at_ms)
        return positions[index - 1] if index else Arm.DOWN

    def arm_arrived(self, gate_id: str, arm: Arm, from_ms: int, until_ms: int) -> bool:
        """Whether an arm was there at the beginning of this time, or came there in it."""
        if self.arm_at(gate_id, from_ms) is arm:
            return True
        times, positions = self._positions.get(gate_id, ([], []))
        begin, end = bisect_right(times, from_ms), bisect_right(times, until_ms)
        return arm in positions[begin:end]

    @cached_property
    def _positions(self) -> dict[str, tuple[list[int], list[Arm]]]:
        found = {}
        for gate_id, arms in self.arms.items():
            arrived = [event for event in arms if event.arm in (Arm.UP, Arm.DOWN)]
            found[gate_id] = [event.at_ms for event in arrived], [event.arm for event in arrived]
        return found


def machine_of(unit: str) -> str:
    """Central's logs, one a lot, are all of one machine."""
    return CENTRAL if unit.startswith(f"{CENTRAL}:") else unit


def _true_span(mono_ms: int, boot: Boot) -> int:
    return round(mono_ms / (1 + boot.drift_ppm / 1_000_000))


def _by_gate(events: Iterable[Event]) -> dict[str, list[Event]]:
    by_gate: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_gate[event.gate_id].append(event)
    for of_gate in by_gate.values():
        of_gate.sort(key=lambda event: event.at_ms)
    return dict(by_gate)


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same time, in order and without overlaps."""
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((begin, end))
    return joined
