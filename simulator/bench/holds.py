"""`gatehouse bench holds`: durable holds a second at the hub, beside a Redis lock around a PostgreSQL transaction.

Both sides get the same clients in the same processes, the same asks in the same order, the same disk, and a start with
an empty book; they take turns, several times. What each side has answered is then counted in its database.
"""

import asyncio
import json
import os
import secrets
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from domain.errors import OperatorError
from simulator.bench import redis_postgres, servers
from simulator.bench.asks import MIXES, Mix
from simulator.bench.figure import Figure, middle, spread
from simulator.bench.hub_site import BOOK, HubSite
from simulator.bench.load import READY, Got, Job
from simulator.bench.redis_postgres import Servers
from simulator.demo.site import PYTHON
from simulator.demo.supervisor import DIES_WITH_US, Supervisor
from simulator.ports import free_ports

AIM = 10.0
"""Times as many holds as the rival."""
PATIENCE_S = 300.0
SYNCS, SYNC_BYTES = 50, 8_192

CORE = "core.db"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is asked for."""

    clients: int = 64
    asks: int = 4_000
    rounds: int = 5
    processes: int = 2
    """That the clients are divided among, alike on both sides: one alone would be busier than what it asks."""
    connections: int = 16
    """To PostgreSQL, of all processes together; 8, 32 and 64 were slower."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of those compared: where its clients find it, how it begins with an empty book, and what it has stored."""

    name: str
    where: dict[str, Any]
    begin_anew: Callable[[], Awaitable[None]]
    stored: Callable[[], Awaitable[tuple[int, int]]]
    """How many holds, and how many pairs of them overlap."""


async def holds(folder: Path, say: Say, scale: Scale = Scale()) -> list[Figure]:
    """Measure in `folder`, which is empty and on the disk that is meant.

    Raises OperatorError where a server is missing or does not start, or where a side has not stored what it answered.
    """
    sync_ms = _sync_ms(folder)
    async with Supervisor() as supervisor:
        sides = await _started(folder, supervisor, scale, say)
        rates = await _measured(sides, scale, say)
    return [sync_ms, *_figures(rates, scale)]


async def _started(folder: Path, supervisor: Supervisor, scale: Scale, say: Say) -> list[Side]:
    postgres_port, redis_port = free_ports(2)
    rival = Servers(postgres_port, redis_port, secrets.token_hex(16))
    hub = HubSite(folder)
    units = [servers.redis(folder, rival), servers.postgres(folder, rival), *hub.write()]
    for unit in units:
        supervisor.add(unit)
    await supervisor.start(*(unit.name for unit in units))
    say(f"started: {', '.join(unit.name for unit in units)}")

    async def stored_in(book: str) -> tuple[int, int]:
        return hub.stored(book)

    async def forget_core() -> None:
        hub.forget(CORE)

    where = {**asdict(rival), "connections": scale.connections}
    return [
        Side("hub", asdict(hub.address), lambda: hub.begin_anew(supervisor), lambda: stored_in(BOOK)),
        Side("redis_postgres", where, lambda: redis_postgres.lay_out(rival), lambda: redis_postgres.stored(rival)),
        Side("core", {"path": str(hub.data / CORE)}, forget_core, lambda: stored_in(CORE)),
    ]


def _sync_ms(folder: Path) -> Figure:
    """What every commit waits for here. In memory, and on some virtual disks, it is next to nothing."""
    took: list[float] = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            file.write(bytes(SYNC_BYTES))
            began_s = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(1000 * (time.perf_counter() - began_s))
    note = f"until {SYNC_BYTES:,} bytes more of a file are on this disk; {spread(took)}"
    return Figure("disk_sync", middle(took), "ms", None, "lower", note)


Rates = dict[tuple[str, str], list[float]]
"""Holds a second in each round, by side and mix."""


async def _measured(sides: Sequence[Side], scale: Scale, say: Say) -> Rates:
    rates: Rates = defaultdict(list)
    for number in range(scale.rounds):
        for mix in MIXES:
            turn = [*sides[number % len(sides) :], *sides[: number % len(sides)]]  # nobody always comes first
            for side in turn:
                rate = await _run(side, mix, scale)
                rates[side.name, mix.name].append(rate)
                say(f"{number + 1}/{scale.rounds} {mix.name:<7}{side.name:<15}{rate:8,.0f} holds/s")
    return rates


async def _run(side: Side, mix: Mix, scale: Scale) -> float:
    """Durable holds a second."""
    await side.begin_anew()
    processes = 1 if side.name == "core" else scale.processes
    jobs = [
        Job(side.name, side.where, mix.name, scale.asks, number, processes, scale.clients // processes)
        for number in range(processes)
    ]
    got, took_s = await _asked(jobs)
    granted = sum(one.granted for one in got)
    if failure := next((one.failure for one in got if one.failure), None):
        raise OperatorError("bench_failed", f"{side.name}: {sum(one.failed for one in got)} asks failed: {failure}")
    if await side.stored() != (granted, 0) or granted * mix.drivers != scale.asks:
        raise OperatorError("bench_failed", f"{side.name} has granted {granted} and stored {await side.stored()}")
    return granted / took_s


async def _asked(jobs: Sequence[Job]) -> tuple[list[Got], float]:
    """What each process got, and how long all of them took, from one sign on."""
    processes = [await _process() for _ in jobs]
    try:
        async with asyncio.timeout(PATIENCE_S):
            for process, job in zip(processes, jobs, strict=True):
                _write(process, json.dumps(asdict(job)))
            for process in processes:
                if (await _line(process)) != READY:
                    raise OperatorError("bench_failed", "a process of clients did not come up; see what it says above")
            began_s = time.monotonic()
            for process in processes:
                _write(process, "go")
            said = [await _line(process) for process in processes]
            return [Got(**json.loads(one)) for one in said], time.monotonic() - began_s
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _process() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *DIES_WITH_US,
        *PYTHON,
        "-m",
        "simulator.bench.load",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ,
        process_group=0,  # a Ctrl-C in the terminal is for the bench, which stops them
    )


def _write(process: asyncio.subprocess.Process, line: str) -> None:
    assert process.stdin is not None, "it was given one"
    process.stdin.write(f"{line}\n".encode())


async def _line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None, "it was given one"
    return (await process.stdout.readline()).decode().strip()


def _figures(rates: Rates, scale: Scale) -> list[Figure]:
    figures = []
    for mix in MIXES:
        hub, rival, core = (rates[name, mix.name] for name in ("hub", "redis_postgres", "core"))
        ratios = [ours / theirs for ours, theirs in zip(hub, rival, strict=True)]
        asked = f"{scale.clients} clients; {mix.words}"
        over = f"over MQTT from a hub's process; {asked}; {spread(hub)}"
        beside = f"Redis lock around a PostgreSQL transaction with row locks; {asked}; {spread(rival)}"
        alone = f"the hub's core and its commits in one process, without MQTT; {asked}; {spread(core)}"
        times = f"hub over MQTT to Redis and PostgreSQL in the same round; {spread(ratios)}"
        figures += [
            Figure(f"holds_{mix.name}_hub", middle(hub), "holds/s", None, "higher", over),
            Figure(f"holds_{mix.name}_redis_postgres", middle(rival), "holds/s", None, "higher", beside),
            Figure(f"holds_{mix.name}_ratio", middle(ratios), "times", AIM, "higher", times),
            Figure(f"holds_{mix.name}_core", middle(core), "holds/s", None, "higher", alone),
        ]
    return figures
