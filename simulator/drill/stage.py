"""What every chapter of a drill plays on: a running site, its backups, drivers who book, and an onlooker."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from simulator.demo.audit import Finding
from simulator.demo.configuration import IN_HASTE, LotSite
from simulator.demo.site import Ports, Site
from simulator.demo.supervisor import Supervisor
from simulator.demo.timeline import Notes, StepFailed, Timeline
from simulator.drill.backup import Backup
from simulator.drill.load import Load
from simulator.drill.outside import Loss, Onlooker, loss
from simulator.ports import free_ports

HTTP_S = 30.0
"""Longer than a payment waits for the lot before it is answered 202."""
SOME_S = (0.5, 3.0)
"""Longer than litestream takes at times, and shorter at others."""
LOOKS_MAX, LOOK_EVERY_S = 1_000, 0.05
SETTLE_LOOKS_MAX, SETTLE_EVERY_S = 60, 1.0


@dataclass(frozen=True, slots=True)
class Stage:
    """One drill, at one lot."""

    site: Site
    lot: LotSite
    supervisor: Supervisor
    http: httpx.AsyncClient
    timeline: Timeline
    rng: random.Random
    load: Load
    onlooker: Onlooker

    @asynccontextmanager
    async def booking(self) -> AsyncIterator[None]:
        """Drivers book meanwhile; at the end each has completed what they were at."""
        load = self.load.begin()
        try:
            yield
        finally:
            self.load.enough()
            await load

    async def some_time(self) -> None:
        """Let pass what the seed draws: a disk is lost at any moment."""
        await asyncio.sleep(self.rng.uniform(*SOME_S))

    async def lose_disk(self, backup: Backup) -> Path:
        """A unit, its backup and their disk are gone; where what was on it can be looked at."""
        lost = await backup.lose_disk(self.supervisor, self.site.folder / "lost" / f"{len(self.onlooker.lost)}")
        self.onlooker.loses(backup.unit_name, lost)
        return lost

    async def settled(self, notes: Notes) -> None:
        """Wait until nobody finds anything. Raises StepFailed where somebody does after `SETTLE_LOOKS_MAX`."""
        self.load.enough()
        findings: list[Finding] = []
        for _ in range(SETTLE_LOOKS_MAX):
            findings = await asyncio.to_thread(self.onlooker.findings, self.load.promises)
            if not findings:
                break
            await asyncio.sleep(SETTLE_EVERY_S)
        if wrong := [*self.load.refused, *(f"{finding.invariant}: {finding.detail}" for finding in findings)]:
            raise StepFailed("; ".join(wrong))
        notes.say(f"{len(self.load.promises)} bookings, {len(self.load.paid)} of them paid for with their tickets")


@asynccontextmanager
async def stage(folder: Path, seed: int, timeline: Timeline) -> AsyncIterator[Stage]:
    """A site in `folder`, which is empty, with nothing running on it yet; at the end nothing runs any more."""
    rng = random.Random(seed)  # noqa: S311  a drill, not a secret
    first = free_ports(7)[0]
    site = Site(folder, rng, Ports(first, first + 1, first + 3), IN_HASTE)
    lot = site.lots[0]
    soon = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=2)
    async with Supervisor() as supervisor, httpx.AsyncClient(base_url=site.central.url, timeout=HTTP_S) as http:
        load = Load(http, lot, soon, f"{rng.getrandbits(31)}")
        yield Stage(site, lot, supervisor, http, timeline, rng, load, Onlooker(folder, lot))


async def seen(look: Callable[[], Awaitable[bool]], what: str) -> None:
    """Look until it is so. Raises StepFailed after `LOOKS_MAX`."""
    for _ in range(LOOKS_MAX):
        if await look():
            return
        await asyncio.sleep(LOOK_EVERY_S)
    raise StepFailed(f"not {what} after {LOOKS_MAX} looks")


def behind(notes: Notes, unit: str, lost: Path, restored: Path) -> Loss:
    """Tell how much a backup had not."""
    found = loss(unit, lost, restored)
    notes.say(f"{found.behind_s:.2f} s and {len(found.facts)} facts of {unit} behind the disk that was lost")
    return found
