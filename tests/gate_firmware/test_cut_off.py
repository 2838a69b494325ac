"""A lot that is cut off while five hundred cars come and go: everything is told afterwards, once.

The gates are the real service with its store and its link, in this process, on lanes without inertia; their plates are
known without pictures, since five hundred cars before a camera take the better part of an hour. Hub, central, bank and
both brokers are processes.
"""

import asyncio
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from cloud_sync.link.host import this_machine
from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import GateDecided, Mode
from domain.plate import Plate
from gate_firmware.events import CodeSeen, Looked, ModeSet, Sight
from gate_firmware.service import GateService
from gate_firmware.settings import GateSettings
from simulator.demo.audit import CHECKS, Kept
from simulator.demo.driver import Driver, until, window_from_now
from simulator.demo.site import Ports, Site
from simulator.demo.steps import HTTP_S
from simulator.demo.supervisor import Supervisor
from simulator.ports import free_ports
from simulator.street.plates import draw_plate
from simulator.street.quick_lane import QuickLane

pytestmark = pytest.mark.long

CARS_EACH_WAY = 250
BOOKED = 4
SETTLED_S_MAX = 60.0


class Eyes:
    """Knows the plate of whoever stands there."""

    def __init__(self) -> None:
        self.plate, self.is_booked = Plate("XX1"), False

    async def look(self, passage_id: str) -> Looked:
        return Looked(passage_id, Sight.KNOWN if self.is_booked else Sight.STRANGER, self.plate, None, 3)

    async def look_for_code(self, _passage_id: str, _but: frozenset[str] = frozenset()) -> CodeSeen:
        await asyncio.Event().wait()
        raise AssertionError("nobody shows a code")


class Lane:
    """One gate that runs."""

    def __init__(self, config: Path) -> None:
        self.devices, self.eyes = QuickLane(), Eyes()
        settings = GateSettings.load(config)
        self.store = Store(settings.store.path)
        self.service = GateService(settings, this_machine(settings.clock.said), self.store)

    async def passes(self, plate: Plate, *, booked: bool) -> None:
        self.eyes.plate, self.eyes.is_booked = plate, booked
        await self.devices.drive_through()

    async def stranger_enters(self, plate: Plate) -> None:
        """Through an entry that is held open."""
        self.eyes.plate, self.eyes.is_booked = plate, False
        decided = self._decided()
        self.devices.arrival_loop.becomes(True)
        async with asyncio.timeout(HTTP_S):
            while True:
                await asyncio.sleep(0)
                if self._decided() > decided:
                    break
        self.devices.safety_loop.becomes(True)
        self.devices.arrival_loop.becomes(False)
        self.devices.safety_loop.becomes(False)
        await self.service.is_served()

    def _decided(self) -> int:
        last = self.service.journal.last_own(GateDecided.kind)
        return 0 if last is None else last.seq


@asynccontextmanager
async def running(config: Path) -> AsyncIterator[Lane]:
    lane = Lane(config)
    with closing(lane.store):
        task = asyncio.create_task(lane.service.work(lane.devices, lane.eyes))
        await asyncio.sleep(0)
        try:
            yield lane
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_what_happens_while_the_broker_is_away_is_told_once_when_it_is_back(tmp_path: Path) -> None:
    folder, rng, first = tmp_path / "site", random.Random(7), free_ports(7)[0]
    site = Site(folder, rng, Ports(first, first + 1, first + 3))
    site.lots = tuple(replace(lot, grace_s=600) for lot in site.lots)  # nobody is missed while all are cut off
    lot = site.lots[0]
    units = {unit.name: unit for unit in site.write()}
    broker = f"{lot.lot_id}.broker"
    processes = ("central.broker", broker, "bank", "central", lot.lot_id)
    configs = [folder / "config" / f"{lot.gate(way).gate_id}.toml" for way in ("entry", "exit")]
    async with Supervisor() as supervisor, httpx.AsyncClient(base_url=site.central.url, timeout=HTTP_S) as http:
        for name in processes:
            supervisor.add(units[name])
        await supervisor.start(*processes[:3])
        await supervisor.start(*processes[3:])
        async with running(configs[0]) as way_in, running(configs[1]) as way_out:
            drivers = [await booked(http, lot.lot_id, rng, number) for number in range(BOOKED)]
            for lane in (way_in, way_out):
                await until(partial(knows, lane, drivers), bool, "known at the gate")
            await supervisor.stop(broker)
            for driver in drivers:
                await way_in.passes(driver.number.plate, booked=True)
            await way_in.service._ask(ModeSet(Mode.HELD_OPEN, "Ada"))
            for number in range(CARS_EACH_WAY - BOOKED):
                await way_in.stranger_enters(Plate(f"ZZ{number:04}"))
            for driver in drivers:
                await way_out.passes(driver.number.plate, booked=True)
            for number in range(CARS_EACH_WAY - BOOKED):
                await way_out.passes(Plate(f"ZZ{number:04}"), booked=False)
            assert not way_in.service._link.connected
            await supervisor.start(broker)
            await settled(folder)
    kept = Kept(folder)
    assert list(CHECKS["no-lost-fact"](kept)) == []
    for way in ("entry", "exit"):
        gate_id = lot.gate(way).gate_id
        decided, passed = (by_passage(kept, lot.lot_id, gate_id, kind) for kind in ("decided", "passed"))
        assert len(passed) == CARS_EACH_WAY
        assert decided.keys() == passed.keys()
        assert set(passed.values()) == {1}
    whole = {(True, None): BOOKED, (False, "no-right"): CARS_EACH_WAY - BOOKED}
    assert stays(folder, lot.lot_id, "stay") == whole
    assert stays(folder, "central", "stays") == whole
    with closing(sqlite3.connect(folder / "data" / "central.db")) as central:
        done = central.execute("SELECT count(*) FROM reservations WHERE status = 'completed'").fetchone()
    assert done == (BOOKED,)


async def booked(http: httpx.AsyncClient, lot_id: str, rng: random.Random, number: int) -> Driver:
    """A driver whose booking, paid for, is about to begin."""
    driver = Driver(http, f"ada-{number}-{uuid4().hex}", draw_plate(rng))
    await driver.sign_up(uuid4().hex)
    window = window_from_now(4, begins_in_s=20)
    spots = await until(lambda: driver.search(lot_id, window), bool, "any spot on offer")
    reservation = (await driver.reserve(spots[0]["spot_id"], window)).json()
    await driver.pay(reservation["reservation_id"])
    return driver


async def knows(lane: Lane, drivers: list[Driver]) -> bool:
    """Whether the gate expects all of them."""
    now = lane.service._clock()
    return len(lane.service.replica.expected(now)) == len(drivers)


async def settled(folder: Path) -> None:
    """Wait until every log is where it belongs; what is missing then is for the test to tell."""
    try:
        async with asyncio.timeout(SETTLED_S_MAX):
            while True:
                if not await asyncio.to_thread(lambda: list(CHECKS["no-lost-fact"](Kept(folder)))):
                    return
                await asyncio.sleep(0.2)
    except TimeoutError:
        return


def stays(folder: Path, unit: str, table: str) -> dict[tuple[bool, str | None], int]:
    """How many cars came in and left again, by a unit's own tables: with a booking or without, and in what conflict."""
    sql = (
        f"SELECT reservation_id IS NOT NULL, conflict, count(*), count(entered_at), count(left_at) FROM {table}"  # noqa: S608
        " GROUP BY 1, 2"
    )
    with closing(sqlite3.connect(folder / "data" / f"{unit}.db")) as store:
        rows = store.execute(sql).fetchall()
    assert all(count == entered == left for *_, count, entered, left in rows)
    return {(bool(is_booked), conflict): count for is_booked, conflict, count, *_ in rows}


def by_passage(kept: Kept, hub: str, gate_id: str, kind: str) -> Counter[str]:
    """How many facts of a kind the hub has of each passage at a gate."""
    return Counter(fact["payload"]["passage_id"] for fact in kept.facts(hub, gate_id, f"gate.{kind}/%"))
