"""A campaign: one world after the other, each from its seed, each judged by every checker."""

import os
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import active_children, get_context
from pathlib import Path

from domain.admission import Reason
from domain.stay import Conflict
from simulator.world.checks.all import findings
from simulator.world.checks.scene import Finding
from simulator.world.dice import dice
from simulator.world.faults import Kind
from simulator.world.plan import Plan, Size, draw_plan
from simulator.world.process import Place
from simulator.world.seen import Seen, Told
from simulator.world.world import World, rare_collections, scratch

LONG_H = 1_000.0
"""A campaign of so many virtual hours has seen everything that can happen."""

OWN_FAILURE = "no-unit-fails"
"""The name under which a unit's own bug is told: what it logged with a stack trace, or died of."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one seed."""

    seed: int
    plan: str
    findings: tuple[Finding, ...]
    counts: Counter[str]
    digest: str
    virtual_h: float
    took_s: float
    """Of a core's time: how long it would take with one for itself."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What a campaign plays."""

    hours: float
    kinds: frozenset[Kind]
    size: Size = field(default_factory=Size)
    keep: Path | None = None
    """Leave stores, logs and traces here."""


def play(seed: int, orders: Orders, progress: Callable[[], None] = lambda: None) -> Result:
    """Run the world of one seed and judge it."""
    plan = draw_plan(seed, orders.hours, orders.size, dice(seed, "plan"))
    began = time.process_time()
    with _folder(orders, seed) as folder, rare_collections():
        world = World(plan, orders.kinds, folder, tell=orders.keep is not None)
        world.run(progress)
        found = [*findings(world.seen, world.bank), *_own_failures(world.tally.failures)]
        _count(world.seen, plan)
        if world.tally.lines is not None:
            (folder / "trace").write_text("".join(world.tally.lines), encoding="utf-8")
    took_s = time.process_time() - began
    hours = world.seen.ends_ms / 3_600_000
    return Result(seed, str(plan), tuple(found), world.seen.counts, world.tally.digest, hours, took_s)


def campaign(seeds: Iterable[int], orders: Orders, jobs: int, progress: Callable[[], None]) -> Iterator[Result]:
    """Each seed's result, in whatever order they come; with one job in this process."""
    if jobs == 1:
        for seed in seeds:
            yield play(seed, orders, progress)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=end_when_told) as pool:
        try:
            for playing in as_completed([pool.submit(_play_beside, seed, orders) for seed in seeds]):
                yield playing.result()
        except BaseException:  # nobody waits for the rest any more
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in active_children():
                worker.terminate()
            raise


def _play_beside(seed: int, orders: Orders) -> Result:
    try:
        return play(seed, orders)
    except SystemExit:
        os._exit(1)  # where it goes on its way, the pool hands out the next seed


def end_when_told() -> None:
    """Have SIGTERM end this process as Ctrl-C does: the folders in memory go too."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


NEVER_IN_A_WORLD = frozenset({Reason.TICKET_INVALID, Reason.TICKET_ELSEWHERE, Reason.NO_SHOW, Reason.DENIED})
"""Nobody forges a ticket, or drives to another lot with it. There is room for whoever comes late. Whose plate is denied
has no booking, and is refused for that."""

_OF_KIND: Mapping[Kind, Sequence[str]] = {
    Kind.LOSS: ["messages lost up", "messages lost down"],
    Kind.DUPLICATES: ["messages doubled up", "messages doubled down"],
    Kind.REORDER: ["messages overtaken up", "messages overtaken down"],
    Kind.DELAY: ["messages slowed up", "messages slowed down"],
    Kind.PARTITION: ["partitions", "one-way partitions", "late facts", "vouched"],
    Kind.BROKER: ["broker restarts"],
    Kind.CRASH: [f"crash {place.value}" for place in Place],
    Kind.POWER_CUT: ["power-cut at random"],
    Kind.CLOCK: ["fault clock-step", "fault clock-stands", "fault clock-lost"],
    Kind.BANK: ["fault bank", "in-doubt payments", "in-doubt releases", "in-doubt cancellations", "in-doubt movements"],
    Kind.CAMERA: ["fault camera"],
    Kind.RESTORE: ["restores", "hub and central restored"],
    Kind.LOST_DISK: ["lost disks"],
    Kind.CLONE: ["clones", "stopped for good", "stopped to start anew"],
}


def never_seen(counts: Counter[str], kinds: frozenset[Kind]) -> list[str]:
    """What ought to have happened in a long campaign with these faults, and has not."""
    wanted = ["entries", "exits", "no-shows", "cancelled", "moved bookings", "entry given up"]
    wanted += [f"conflict {one.value}" for one in Conflict]
    wanted += [f"decided {one.value}" for one in Reason if one not in NEVER_IN_A_WORLD]
    wanted += [f"driver {one.value}" for one in Told]
    wanted += [name for kind in Kind if kind in kinds for name in _OF_KIND[kind]]
    return [name for name in wanted if not counts[name]]


@contextmanager
def _folder(orders: Orders, seed: int) -> Iterator[Path]:
    if orders.keep is None:
        with scratch(str(seed)) as folder:
            yield folder
        return
    folder = orders.keep / str(seed)
    folder.mkdir(parents=True)
    yield folder


def _own_failures(failures: list[str]) -> Iterator[Finding]:
    for failure in failures:
        where, _, trace = failure.partition("\n")
        yield Finding(OWN_FAILURE, where, trace)


def _count(seen: Seen, plan: Plan) -> None:
    """Count what the hubs have on record at the end."""
    for disk in seen.disks:
        if disk.lost_at_ms is not None or disk.unit not in {lot.lot_id for lot in plan.lots}:
            continue
        store = sqlite3.connect(f"file:{disk.path}?mode=ro", uri=True)
        sums = {
            "entries": "SELECT count(*) FROM stay WHERE entered_at IS NOT NULL",
            "exits": "SELECT count(*) FROM stay WHERE left_at IS NOT NULL",
            "no-shows": "SELECT count(*) FROM reservation WHERE no_show_at IS NOT NULL",
            "cancelled": "SELECT count(*) FROM reservation WHERE status = 'cancelled'",
            "vouched": "SELECT count(*) FROM fact WHERE kind LIKE 'withdrawal.vouched%'",
            "moved bookings": 'SELECT count(*) FROM fact WHERE payload LIKE \'%"cause": "moved"%\'',
        }
        for name, sql in sums.items():
            seen.counts[name] += store.execute(sql).fetchone()[0]
        for conflict, count in store.execute("SELECT conflict, count(*) FROM stay GROUP BY 1 HAVING conflict NOT NULL"):
            seen.counts[f"conflict {conflict}"] += count
        decided = "SELECT payload ->> 'reason', count(*) FROM fact WHERE kind LIKE 'gate.decided/%' GROUP BY 1"
        for reason, count in store.execute(decided):
            seen.counts[f"decided {reason}"] += count
        for alarm, count in store.execute(
            "SELECT payload ->> 'alarm', count(*) FROM fact WHERE kind LIKE 'alarm%' GROUP BY 1"
        ):
            seen.counts[f"alarm {alarm}"] += count
        store.close()
