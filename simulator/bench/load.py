"""`python -m simulator.bench.load`: a process full of clients, each asking for one hold after the other.

It reads a job from its standard input, connects, says `ready`, waits for a line, and then says as JSON what it got.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.link.host import this_machine
from cloud_sync.link.journal import Journal
from cloud_sync.link.store import Store
from cloud_sync.link.ticket import TicketKey
from cloud_sync.link.v1.facts import Direction
from domain.errors import Refused
from domain.now import Trust
from domain.spot import SpotKind
from hub.commit import GroupCommit
from hub.lot import Lot
from simulator.bench.asks import LOT, MIXES, SPOTS, Ask, asks
from simulator.bench.hub_site import Address, Requests, at_the_hub

READY = "ready"


@dataclass(frozen=True, slots=True)
class Job:
    """What one process of several does: every `of`th ask, from its `number`th on, by so many clients at once."""

    side: str
    where: dict[str, Any]
    mix: str
    count: int
    number: int
    of: int
    clients: int


@dataclass(frozen=True, slots=True)
class Got:
    """What became of a process's asks; `failed` were neither granted nor refused."""

    granted: int
    refused: int
    failed: int
    failure: str


class Desk(Protocol):
    """Where holds are asked for."""

    async def hold(self, ask: Ask) -> bool: ...


@asynccontextmanager
async def _hub(job: Job) -> AsyncIterator[Desk]:
    async with at_the_hub(Address(**job.where), f"central-{job.number}") as desk:
        yield desk


@asynccontextmanager
async def _redis_postgres(job: Job) -> AsyncIterator[Desk]:
    from simulator.bench.redis_postgres import Servers, lock_and_rows  # noqa: PLC0415  the hub's clients need it not

    where = dict(job.where)
    connections = where.pop("connections") // job.of
    async with lock_and_rows(Servers(**where), job.clients, connections) as desk:
        yield desk


class _Core:
    """The hub's core and its commits, with nothing between it and its clients."""

    def __init__(self, store: Store) -> None:
        host = this_machine(Trust.NTP)
        self._clock = host.clock
        self._lot = Lot(store, Journal(store, LOT, host.boot), TicketKey(Ed25519PrivateKey.generate()))
        spots = {f"{LOT}.1-{number:03}": SpotKind.STANDARD for number in range(1, SPOTS + 1)}
        self._lot.lay_out(spots, {f"{LOT}.entry-1": Direction.ENTRY}, self._clock())
        self._commits = GroupCommit(store, lambda: None)
        self._requests = Requests("5e" * 32)

    async def hold(self, ask: Ask) -> bool:
        payload = self._requests.hold(ask).encode()
        try:
            await self._commits.carry_out(lambda: self._lot.request("hold", payload, self._clock()))
        except Refused as refused:
            if refused.code != "spot_taken":
                raise
            return False
        return True


@asynccontextmanager
async def _core(job: Job) -> AsyncIterator[Desk]:
    store = Store(Path(job.where["path"]))
    try:
        yield _Core(store)
    finally:
        store.close()


DESKS: dict[str, Callable[[Job], AbstractAsyncContextManager[Desk]]] = {
    "hub": _hub,
    "redis_postgres": _redis_postgres,
    "core": _core,
}


async def work(job: Job) -> Got:
    """Connect, wait for the sign, ask."""
    mix = next(mix for mix in MIXES if mix.name == job.mix)
    first = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    mine = list(islice(asks(mix, job.count, first), job.number, None, job.of))
    async with DESKS[job.side](job) as desk:
        print(READY, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        return await _asked(desk, iter(mine), job.clients)


async def _asked(desk: Desk, waiting: Iterator[Ask], clients: int) -> Got:
    granted, refused, failures = 0, 0, []

    async def client() -> None:
        nonlocal granted, refused
        for ask in waiting:  # all clients take from the same
            try:
                held = await desk.hold(ask)
            except Exception as failure:  # whatever it is, it is told with the figures
                failures.append(f"{type(failure).__name__}: {failure}")
                continue
            granted, refused = granted + held, refused + (not held)

    await asyncio.gather(*(client() for _ in range(clients)))
    return Got(granted, refused, len(failures), failures[0] if failures else "")


def main() -> None:
    job = Job(**json.loads(sys.stdin.readline()))
    print(json.dumps(asdict(asyncio.run(work(job)))), flush=True)


if __name__ == "__main__":
    main()
