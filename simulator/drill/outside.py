"""What a drill has left, looked at from outside: the databases, also those on lost disks, and the bank's record.

What must be true of any site is checked by the checkers of the simulated worlds and of the demo; what was promised to
drivers is checked here.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from pydantic import TypeAdapter

from cloud_sync.link.v1.facts import Direction
from domain.now import parse_instant, rfc3339
from domain.policy import Policy, Tariff
from domain.spot import SpotKind
from simulator.demo.audit import CENTRAL, CHECKS, Finding, Kept
from simulator.demo.configuration import LotSite, plate_key
from simulator.drill.load import Promise
from simulator.world.bank import WorldBank
from simulator.world.checks import converges, no_lost_fact, one_spot_one_car
from simulator.world.checks.scene import Scene, StoredFact, StoreSeen, machine_of
from simulator.world.seen import Disk, LotPlan, Seen

_POLICY = TypeAdapter(Policy)


@dataclass(slots=True)
class Onlooker:
    """Who looks at one lot and at central."""

    folder: Path
    lot: LotSite
    begins: datetime = field(default_factory=lambda: datetime.now(UTC))
    lost: list[Disk] = field(default_factory=list)
    """Disks that units have lost, as they were at that moment."""
    moved: dict[str, Path] = field(default_factory=dict)
    """Databases of units that go on with another one than the site's own."""

    def loses(self, unit: str, database: Path) -> None:
        """A unit has lost its disk; this is what was on it."""
        self.lost.append(Disk(unit, database, self._now_ms()))

    def epoch(self) -> int:
        """Which one central has granted to the lot's hub last."""
        rows = self._kept().rows(CENTRAL, "SELECT epoch FROM grants WHERE unit = ?", self.lot.lot_id)
        return int(rows[0]["epoch"]) if rows else 0

    def knows(self, gate_id: str, reservation_id: str) -> bool:
        """Whether a gate has a booking in its copy."""
        return bool(self._kept().rows(gate_id, "SELECT 1 FROM rights WHERE reservation_id = ?", reservation_id))

    def findings(self, promises: Mapping[str, Promise]) -> list[Finding]:
        """Every finding; none where all is as it must be."""
        kept = self._kept()
        found = [*broken(kept, self.lot.lot_id, promises), *CHECKS["money-adds-up"](kept)]
        disks = [Disk(unit, path) for unit, path in kept.databases.items()]
        now_ms = self._now_ms()
        seen = Seen(
            self.begins, [lot_plan(kept, self.lot)], disks=[*disks, *self.lost], faults_end_ms=now_ms, ends_ms=now_ms
        )
        no_bank = WorldBank(lambda: now_ms, random.Random(0), self.begins)  # noqa: S311  the audit has seen to the money
        with Scene(seen, no_bank) as scene:
            for check in (no_lost_fact.check, one_spot_one_car.check, converges.check):
                found += [Finding(one.invariant, f"{one.which}: {one.what}") for one in check(scene)]
        return found

    def _kept(self) -> Kept:
        kept = Kept(self.folder)
        kept.databases.update(self.moved)
        return kept

    def _now_ms(self) -> int:
        return round((datetime.now(UTC) - self.begins).total_seconds() * 1000)


def lot_plan(kept: Kept, lot: LotSite) -> LotPlan:
    """A lot as it was built and promised, for the checkers of the simulated worlds."""
    promise = kept.facts(CENTRAL, f"{CENTRAL}:{lot.lot_id}", "policy.changed/%")[-1]["payload"]
    spots = kept.rows(lot.lot_id, "SELECT spot_id, kind FROM spot")
    return LotPlan(
        lot.lot_id,
        {row["spot_id"]: SpotKind(row["kind"]) for row in spots},
        {gate.gate_id: Direction(gate.direction) for gate in lot.gates},
        _POLICY.validate_python(promise["policy"]),
        Tariff(**promise["tariff"]),
        (kept.folder / plate_key(lot.lot_id)).read_text(encoding="ascii").strip(),
    )


def broken(kept: Kept, lot_id: str, promises: Mapping[str, Promise]) -> Iterator[Finding]:
    """promise-kept: what a driver was answered is what hub and central know, and nobody was answered the same."""
    hub = {row["reservation_id"]: row for row in kept.rows(lot_id, "SELECT * FROM reservation")}
    central = {row["reservation_id"]: row for row in kept.rows(CENTRAL, "SELECT * FROM bookings")}
    for promise in promises.values():
        name, known = promise.reservation_id, hub.get(promise.reservation_id)
        if known is None or name not in central:
            yield Finding("promise-kept", f"{name} was promised, and {lot_id if known is None else CENTRAL} has it not")
            continue
        wanted = "held" if promise.ticket is None else "confirmed"
        is_so = known["status"], known["spot_id"], known["start_time"], known["end_time"], known["price_minor"]
        window = promise.window
        said = wanted, promise.spot_id, rfc3339(window.start), rfc3339(window.end), promise.price_minor
        if is_so != said:
            yield Finding("promise-kept", f"{name} was promised as {said} and is {is_so}")
        if promise.ticket is not None and {known["ticket"], central[name]["ticket"]} != {promise.ticket}:
            yield Finding("promise-kept", f"{name}: hub, central and driver have not the same ticket")
    in_order = sorted(promises.values(), key=lambda promise: (promise.spot_id, promise.window.start))
    for one, next_one in pairwise(in_order):
        if one.spot_id == next_one.spot_id and one.window.overlaps(next_one.window):
            yield Finding("one-spot-one-car", f"{one.spot_id}: {one.reservation_id} and {next_one.reservation_id}")


@dataclass(frozen=True, slots=True)
class Loss:
    """What of a unit's own log was on a lost disk and not in its backup."""

    facts: Sequence[StoredFact]
    behind_s: float
    """From the last fact in the backup to the last one on the disk."""

    def taken_back(self, unit: str, database: Path) -> int:
        """How many of them are in the unit's log by now, where they were or told again."""
        with closing(_store(unit, database)) as now:
            known = {(fact.text, fact.at) for fact in now.facts[unit]}
        return sum((fact.text, fact.at) in known for fact in self.facts)


def loss(unit: str, lost: Path, restored: Path) -> Loss:
    """What the backup had not: look before the unit is started on it."""
    with closing(_store(unit, lost)) as was, closing(_store(unit, restored)) as has:
        known = {fact.key for fact in has.facts[unit]}
        gone = [fact for fact in was.facts[unit] if fact.key not in known]
        last = parse_instant(was.facts[unit][-1].at) - parse_instant(has.facts[unit][-1].at)
    return Loss(gone, last.total_seconds())


def reservations(hub: Path) -> set[str]:
    """Those that are in a hub's database."""
    with closing(StoreSeen(Disk("", hub))) as store:
        return {row["reservation_id"] for row in store.rows("SELECT reservation_id FROM reservation")}


def _store(unit: str, database: Path) -> StoreSeen:
    return StoreSeen(Disk(machine_of(unit), database))
