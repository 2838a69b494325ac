"""How long after a driver has paid the gate lets them in: the demo's site, its processes, both brokers, loopback."""

import asyncio
import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx

from domain.now import rfc3339
from simulator.bench.gate_disk import SEED
from simulator.demo.configuration import LotSite
from simulator.demo.driver import Driver, until
from simulator.demo.site import Ports, Site
from simulator.demo.steps import HTTP_S
from simulator.demo.supervisor import Supervisor
from simulator.demo.timeline import StepFailed
from simulator.ports import free_ports
from simulator.street.plates import draw_plate

LOOK_EVERY_S = 0.001
USABLE_S_MAX = 10.0


async def paid_to_usable(folder: Path, payments: int, say: Callable[[str], None]) -> tuple[list[float], list[float]]:
    """For each of so many bookings, in milliseconds, how long after the request to pay, and after central's answer that
    it is paid, the booking stood as confirmed in the gate's own database."""
    rng = random.Random(SEED)  # noqa: S311  a bench, not a secret
    first = free_ports(7)[0]
    site = Site(folder, rng, Ports(first, first + 1, first + 3))
    since_asked: list[float] = []
    since_paid: list[float] = []
    async with Supervisor() as supervisor, httpx.AsyncClient(base_url=site.central.url, timeout=HTTP_S) as http:
        units = site.write()
        for unit in units:
            supervisor.add(unit)
        ours = [unit.name for unit in units if unit.name != "bank" and not unit.name.endswith(".broker")]
        await supervisor.start(*(unit.name for unit in units if unit.name not in ours))
        await supervisor.start(*ours)
        lot = site.lots[0]
        driver = Driver(http, f"bench-{uuid4().hex}", draw_plate(rng))
        await driver.sign_up(uuid4().hex)
        path = folder / "data" / f"{lot.gate('entry').gate_id}.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as gate:
            for number in range(payments):
                asked_ms, paid_ms = await _one(driver, lot, gate, number)
                since_asked.append(asked_ms)
                since_paid.append(paid_ms)
                if (number + 1) % 50 == 0:
                    say(f"{number + 1} of {payments} bookings paid and usable")
    return since_asked, since_paid


async def _one(driver: Driver, lot: LotSite, gate: sqlite3.Connection, number: int) -> tuple[float, float]:
    window = _window(number)
    spots = await until(lambda: driver.search(lot.lot_id, window), bool, "any spot on offer")
    answer = await driver.reserve(spots[0]["spot_id"], window)
    if answer.status_code != httpx.codes.CREATED:
        raise StepFailed(f"POST /reservations: {answer.status_code} {answer.text}")
    reservation_id = answer.json()["reservation_id"]
    asked_s = time.perf_counter()
    usable = asyncio.create_task(_usable(gate, reservation_id))
    await driver.pay(reservation_id)
    paid_s = time.perf_counter()
    usable_s = await usable
    return 1_000 * (usable_s - asked_s), 1_000 * (usable_s - paid_s)


async def _usable(gate: sqlite3.Connection, reservation_id: str) -> float:
    sql = "SELECT 1 FROM rights WHERE reservation_id = ? AND status = 'confirmed'"
    async with asyncio.timeout(USABLE_S_MAX):
        while True:
            if gate.execute(sql, (reservation_id,)).fetchone() is not None:
                return time.perf_counter()
            await asyncio.sleep(LOOK_EVERY_S)


def _window(number: int) -> dict[str, str]:
    """Each driver's own hours: a lot of the demo is small."""
    start = datetime.now(UTC) + timedelta(hours=1 + number % 20, days=number // 20)
    return {"start_time": rfc3339(start), "end_time": rfc3339(start + timedelta(minutes=50))}
