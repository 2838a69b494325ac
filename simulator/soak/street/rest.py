"""What a run has left, once it is at rest: by the checkers of the demo and of the simulated worlds, from outside."""

import json
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

from cloud_sync.link.machine import Machine
from simulator.account import Moved
from simulator.demo import provider
from simulator.demo.audit import CHECKS, Finding, Kept
from simulator.demo.configuration import LotSite
from simulator.drill.outside import lot_plan
from simulator.soak.campaign import AUDITED
from simulator.soak.street.lane import StreetLane
from simulator.soak.street.memory import Memory
from simulator.soak.street.plan import Breaks
from simulator.soak.street.tally import Tally
from simulator.soak.street.trouble import DOWN, LANE, Span, Trouble, now_ms
from simulator.world.bank import WorldBank
from simulator.world.campaign import OWN_FAILURE
from simulator.world.checks import (
    barrier_clear,
    converges,
    gate_never_waits,
    no_false_no_show,
    no_lost_fact,
    one_spot_one_car,
)
from simulator.world.checks import scene as world
from simulator.world.seen import ArmSeen, Boot, Disk, Fault, Seen

HIT_MS = 3_000
"""A gate that died so shortly before raises no arm from what comes under it: the barrier's own controller would."""


class BankRecord(WorldBank):
    """The bank as its record tells of it."""

    def __init__(self, record: Path, begins: datetime) -> None:
        super().__init__(lambda: 0, random.Random(0), begins)  # noqa: S311  nothing is drawn
        self._record = record

    def moved(self) -> dict[str, list[Moved]]:
        return provider.moved(self._record)


class Rest:
    """Judges a run by its folder and by what was seen of its street."""

    def __init__(
        self, folder: Path, lots: Iterable[LotSite], lanes: Mapping[str, StreetLane], trouble: Trouble, tally: Tally
    ) -> None:
        self._folder = folder
        self._lots = list(lots)
        self._lanes = lanes
        self._trouble = trouble
        self._tally = tally
        self._began_ms = now_ms()
        self._begins = datetime.now(UTC)

    def while_running(self) -> list[Finding]:
        """What can be judged at any moment."""
        return [*self._broken(), *CHECKS["one-spot-one-car"](Kept(self._folder))]

    def at_rest(self, faults_end_ms: int) -> list[Finding]:
        """What units have to agree on: while they still tell each other of the last minutes, more than is wrong."""
        kept = Kept(self._folder)
        audited = [finding for check in AUDITED if check is not CHECKS["plates-sealed"] for finding in check(kept)]
        return [*audited, *self._checked(kept, faults_end_ms, no_lost_fact, one_spot_one_car, converges)]

    def at_the_end(self, faults_end_ms: int) -> list[Finding]:
        """What was wrong on the street, and whether a plate stands in clear in any file; nothing of it passes."""
        kept = Kept(self._folder)
        of_street = self._checked(kept, faults_end_ms, no_false_no_show, barrier_clear, gate_never_waits)
        unclosed = sum(len(kept.rows(hub, "SELECT 1 FROM stay WHERE left_at IS NULL")) for hub in kept.hubs)
        self._tally.counts["left, and not known to have"] = unclosed
        return [*self._broken(), *of_street, *CHECKS["plates-sealed"](kept), *failures_logged(self._folder / "logs")]

    def keep(self, path: Path, memory: Memory) -> None:
        """Leave what was seen, without plates; milliseconds of the run, as findings have them, and the memory of each
        process in bytes, by the seconds since its start."""
        off_ms = self._began_ms
        seen = {
            "faults": [
                [one.from_ms - off_ms, one.until_ms and one.until_ms - off_ms, one.unit, one.breaks.value]
                for one in self._trouble.spans
            ],
            "cars": [[one.at_ms - off_ms, one.gate_id, one.car, one.to.value] for one in self._tally.moved],
            "lanes": {
                gate_id: {
                    "arms": [[at_ms - off_ms, arm.value] for at_ms, arm in lane.arms],
                    "events": [[event["mono_ms"] - off_ms, event["event"], event["car"]] for event in lane.events],
                }
                for gate_id, lane in self._lanes.items()
            },
            "memory": [[run.name, run.process_id, run.samples] for run in memory.runs],
            "began_mono_ms": off_ms,
        }
        path.write_text(json.dumps(seen), encoding="utf-8")

    def _checked(self, kept: Kept, faults_end_ms: int, *checks: ModuleType) -> list[Finding]:
        """By checkers of the simulated worlds."""
        bank = BankRecord(self._folder / "provider.jsonl", self._begins)
        with world.Scene(self._seen(kept, faults_end_ms), bank) as scene:
            return [
                Finding(one.invariant, f"{one.which}: {one.what}" + ("" if one.at_ms is None else f" ({one.at_ms} ms)"))
                for check in checks
                for one in check.check(scene)
                if not self._excused(one)
            ]

    def _seen(self, kept: Kept, faults_end_ms: int) -> Seen:
        ends_ms, off_ms = now_ms() - self._began_ms, self._began_ms
        plans = [lot_plan(kept, lot) for lot in self._lots]
        seen = Seen(self._begins, plans, plates=self._tally.plates, ends_ms=ends_ms)
        seen.faults_end_ms = faults_end_ms - off_ms
        seen.disks = [Disk(unit, path) for unit, path in kept.databases.items()]
        boot = Machine().boot
        seen.boots = [Boot(-off_ms, world.machine_of(unit), boot) for unit in kept.databases]
        for one in self._tally.moved:
            seen.street.append(replace(one, at_ms=one.at_ms - off_ms))
        for gate_id, lane in self._lanes.items():
            seen.street += [ArmSeen(at_ms - off_ms, gate_id, arm, under=False) for at_ms, arm in lane.arms]
        seen.faults = [_fault(span, off_ms, ends_ms) for span in self._trouble.spans]
        return seen

    def _excused(self, one: world.Finding) -> bool:
        """Whether it happened at a lane with which something was wrong that the simulated worlds do not know."""
        if one.at_ms is None or one.which not in self._lanes or one.invariant != gate_never_waits.NAME:
            return False
        return self._trouble.felt(one.which, LANE | DOWN, one.at_ms + self._began_ms)

    def _broken(self) -> Iterator[Finding]:
        """barrier-clear, by the memory of each lane: it outlives the gate's process."""
        for gate_id in self._lanes:
            memory = self._folder / "lanes" / gate_id / "lane.json"
            if not memory.exists():
                continue
            for event in json.loads(memory.read_text(encoding="utf-8"))["broken"]:
                name, at_ms, car = event["happening"], event["mono_ms"], event["car"]
                if not closed_blindly(self._trouble, gate_id, name, at_ms):
                    yield Finding("barrier-clear", f"{gate_id}: {name}, {car} at {at_ms - self._began_ms} ms")


def failures_logged(logs: Path) -> Iterator[Finding]:
    """no-unit-fails: what a unit logs with a stack trace is a bug of ours, and so is a trace that no logger wrote."""
    for log in sorted(logs.glob("*.log")):
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if "Traceback (most recent call last)" not in line:
                continue
            try:
                said = json.loads(line)
            except ValueError:
                said = {"event": "died", "trace": f"see {log.name}"}
            last = said.get("trace", "").strip().rpartition("\n")[2]
            yield Finding(OWN_FAILURE, f"{log.stem}: {said.get('event')}: {last}")


def closed_blindly(trouble: Trouble, gate_id: str, name: str, at_ms: int) -> bool:
    """Whether a gate closed on what it could not know of: what would have told it was broken, or it was dead."""
    if name == "arm_hit_car":
        return trouble.felt(gate_id, DOWN, at_ms, HIT_MS)  # never are both the loop and the photocell broken
    return trouble.felt(gate_id, {Breaks.SAFETY_OFF, Breaks.PHOTOCELL_OFF}, at_ms, 0)


def _fault(span: Span, off_ms: int, ends_ms: int) -> Fault:
    kind = "crash" if span.breaks in DOWN else span.breaks.value
    until_ms = ends_ms if span.until_ms is None else span.until_ms - off_ms
    return Fault(span.from_ms - off_ms, kind, span.unit, until_ms=until_ms)
