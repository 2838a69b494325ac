"""What a gate has buffered goes to its hub after a reconnect: both processes, a real Mosquitto between them."""

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from domain.errors import OperatorError
from simulator.bench.gate_disk import ENTRY, LOT
from simulator.bench.gate_site import GateBenchSite
from simulator.demo.supervisor import Supervisor

LOOK_EVERY_S = 0.005
FLUSH_S_MAX = 120.0


async def flush(site: GateBenchSite) -> tuple[int, float]:
    """How many facts the hub took in behind the first message, and the seconds from that to the last. Raises
    OperatorError where not all facts are there, each once."""
    async with Supervisor() as supervisor:
        broker, hub, gate = site.broker(), site.hub(), site.gate(ENTRY)
        for unit in (broker, hub, gate):
            supervisor.add(unit)
        await supervisor.start(broker.name)
        await supervisor.start(hub.name)
        with closing(_reading(site.database(LOT))) as at_hub:
            before = _place(at_hub)
            await supervisor.start(gate.name)
            facts, took_s = await _from_first_to_last(at_hub, before, site.database(ENTRY))
    _compare(site, before)
    return facts, took_s


async def _from_first_to_last(at_hub: sqlite3.Connection, before: tuple[int, int], gate: Path) -> tuple[int, float]:
    with closing(_reading(gate)) as at_gate:
        sql = "SELECT epoch, seq FROM fact WHERE unit = ? AND epoch = 1 ORDER BY epoch DESC, seq DESC LIMIT 1"
        last = at_gate.execute(sql, (ENTRY,)).fetchone()
    async with asyncio.timeout(FLUSH_S_MAX):
        first = await _beyond(at_hub, before)
        began_s = time.perf_counter()
        place = first
        while place < last:
            place = await _beyond(at_hub, place)
    return last[1] - first[1], time.perf_counter() - began_s


async def _beyond(at_hub: sqlite3.Connection, before: tuple[int, int]) -> tuple[int, int]:
    """Wait until the hub has come further."""
    while True:
        if (place := _place(at_hub)) > before:
            return place
        await asyncio.sleep(LOOK_EVERY_S)


def _compare(site: GateBenchSite, before: tuple[int, int]) -> None:
    """What went over is at the hub with the hashes that it has at the gate."""
    sql = (
        "SELECT epoch, seq, chain FROM fact WHERE unit = ? AND (epoch, seq) > (?, ?) AND epoch = 1 ORDER BY epoch, seq"
    )
    sides = []
    for unit in (ENTRY, LOT):
        with closing(_reading(site.database(unit))) as store:
            sides.append(store.execute(sql, (ENTRY, *before)).fetchall())
    if sides[0] != sides[1]:
        raise OperatorError("bench_failed", f"the gate told {len(sides[0])} facts, and the hub has {len(sides[1])}")


def _place(store: sqlite3.Connection) -> tuple[int, int]:
    """How far the hub has taken the gate's log in."""
    row: tuple[int, int] | None
    row = store.execute("SELECT epoch, seq FROM applied WHERE unit = ?", (ENTRY,)).fetchone()
    return row or (0, 0)


def _reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)
