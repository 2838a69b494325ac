"""One street soak: two lots of real processes, cars and faults for as long as it lasts, and then the judgement."""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from domain.errors import OperatorError
from simulator import as_installed
from simulator.cli import street_record
from simulator.demo.configuration import Pace
from simulator.demo.site import Ports, Site
from simulator.demo.street import Street
from simulator.demo.supervisor import Supervisor
from simulator.ports import free_port, free_ports
from simulator.soak.street.at_lane import Scene
from simulator.soak.street.breaking import Breaking
from simulator.soak.street.cable import Cable
from simulator.soak.street.lane import StreetLane
from simulator.soak.street.memory import Memory
from simulator.soak.street.plan import GRACE_S, faults, trips
from simulator.soak.street.processes import Processes
from simulator.soak.street.report import progress
from simulator.soak.street.rest import Rest
from simulator.soak.street.tally import Tally
from simulator.soak.street.trouble import Trouble, now_ms
from simulator.soak.street.visitor import Visitor
from simulator.world.campaign import OWN_FAILURE

PACE = Pace(arm_travel_ms=900, car_speed_mm_per_s=4_000)
SPOTS = 40
"""Of a lot: who was not seen to leave, because a camera was out of order, keeps one to the end."""
GATES = {**as_installed.GATE, "GATEHOUSE_HARDWARE__PHOTOCELL__PIN": "5"}
"""A lane has a photocell."""
HTTP_S = 15.0
PROGRESS_S = 60.0
LOOK_EVERY_S = 10.0
HOME_S = 420.0
"""After the last fault everybody is out of the lots within this."""
RESTS_S, REST_LOOK_S = 330.0, 5.0
"""`converges` allows for five minutes."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for."""

    folder: Path
    seed: int
    minutes: float
    cars_per_hour: float


async def soak(order: Order, say: Callable[[str], None]) -> tuple[Tally, Memory]:
    """Play it in `folder`, which is empty; all findings are in the tally."""
    rng = random.Random(order.seed)  # noqa: S311  a plan, not a secret
    first = free_ports(7)[0]
    site = Site(order.folder, rng, Ports(first, first + 1, first + 3), PACE)
    site.lots = tuple(replace(lot, grace_s=GRACE_S, standard_spots=SPOTS) for lot in site.lots)
    tally, trouble = Tally(say), Trouble()
    async with AsyncExitStack() as stack:
        supervisor = await stack.enter_async_context(Supervisor())
        cables = {lot.lot_id: Cable(site.central.broker_port) for lot in site.lots}
        environment = {}
        for lot_id, cable in cables.items():
            port = free_port()
            await cable.start(port)
            stack.push_async_callback(cable.stop)
            environment[lot_id] = {"GATEHOUSE_CENTRAL__PORT": str(port)}
        units = site.write()
        for unit in units:
            if "." in unit.name and not unit.name.endswith(".broker"):
                unit.environment = GATES
            elif unit.name in environment:
                unit.environment = environment[unit.name]
            supervisor.add(unit)
        names = [unit.name for unit in units]
        below = [name for name in names if name == "bank" or name.endswith(".broker")]
        await supervisor.start(*below)
        for name in names:
            if name not in below:
                await supervisor.start(name)  # one after the other: four plate readers that load at once take long
        say(f"{', '.join(names)} are up")
        run = _Run(order, site, supervisor, cables, names, trouble, tally)
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=site.central.url, timeout=HTTP_S))
        await run.play(http)
    return tally, run.processes.memory


class _Run:
    """The half hour itself, on a running site."""

    def __init__(
        self,
        order: Order,
        site: Site,
        supervisor: Supervisor,
        cables: dict[str, Cable],
        names: list[str],
        trouble: Trouble,
        tally: Tally,
    ) -> None:
        self.lanes = {gate.gate_id: StreetLane(gate) for lot in site.lots for gate in lot.gates}
        self.processes = Processes(supervisor, names, trouble, tally)
        self.rest = Rest(site.folder, site.lots, self.lanes, trouble, tally)
        self._order = order
        self._site = site
        self._supervisor = supervisor
        self._killable = [name for name in names if name != "bank"]
        self._breaking = Breaking(supervisor, self.lanes, cables, trouble, tally)
        self._trouble = trouble
        self._tally = tally
        self._visitors: list[Visitor] = []
        self._began_s = time.monotonic()

    def clock_s(self) -> float:
        return time.monotonic() - self._began_s

    async def play(self, http: httpx.AsyncClient) -> None:
        """Cars and faults, then everybody goes home, then all comes to rest."""
        self._began_s = time.monotonic()
        watching = [
            asyncio.create_task(one)
            for one in (
                *(lane.watch() for lane in self.lanes.values()),
                self.processes.watch(),
                self._supervised(),
                self._progress(),
                self._look(),
            )
        ]
        try:
            breaking = asyncio.create_task(self._break())
            try:
                async with asyncio.timeout(self._order.minutes * 60 + HOME_S):
                    await self._drive(http)
            except TimeoutError:
                left = [f"{one.name} ({one.doing})" for one in self._visitors if one.doing != "home"]
                self._tally.found("inside-gets-out", f"not home {HOME_S:.0f} s after the end: {', '.join(left)}")
            await breaking
            await self._come_to_rest(now_ms())
        finally:
            for one in watching:
                one.cancel()
            for done in await asyncio.gather(*watching, return_exceptions=True):
                if isinstance(done, Exception):
                    raise done

    async def _drive(self, http: httpx.AsyncClient) -> None:
        folder, seed = self._site.folder, self._order.seed
        street = Street(None, street_record(folder), "car", seed)
        planned = trips(seed, self._order.minutes, self._order.cars_per_hour, [lot.lot_id for lot in self._site.lots])
        async with asyncio.TaskGroup() as tasks:
            scene = Scene(http, street, self.lanes, self._trouble, self._tally, tasks.create_task, self.clock_s)
            for trip in planned:
                await asyncio.sleep(trip.books_s - self.clock_s())
                visitor = Visitor(scene, trip, random.Random(f"{seed} {trip.number}"))  # noqa: S311  not a secret
                self._visitors.append(visitor)
                tasks.create_task(visitor.visit())

    async def _break(self) -> None:
        planned = faults(self._order.seed, self._order.minutes, self._killable, list(self.lanes))
        async with asyncio.TaskGroup() as tasks:
            for fault in planned:
                await asyncio.sleep(fault.at_s - self.clock_s())
                self._tally.say(f"{_clock(self.clock_s())} {fault}")
                tasks.create_task(self._breaking.make(fault))

    async def _supervised(self) -> None:
        try:
            await self._supervisor.serve()
        except OperatorError as error:
            self._tally.found(OWN_FAILURE, error.message)

    async def _progress(self) -> None:
        for minute in range(1, 10_000):
            await asyncio.sleep(minute * PROGRESS_S - self.clock_s())
            inside = sum(visitor.doing == "inside" for visitor in self._visitors)
            memory = self.processes.memory.latest_mb()
            self._tally.say(f"{_clock(self.clock_s())} {progress(self._tally, inside, memory)}")

    async def _look(self) -> None:
        """What can be judged while it runs is."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            for finding in await asyncio.to_thread(self.rest.while_running):
                self._tally.found(finding.invariant, finding.detail)

    async def _come_to_rest(self, faults_end_ms: int) -> None:
        """Wait until nobody finds anything; what is still found after `RESTS_S` is."""
        self._tally.say(f"{_clock(self.clock_s())} everybody is home, and nothing breaks any more")
        until_s = self.clock_s() + RESTS_S
        while found := await asyncio.to_thread(self.rest.at_rest, faults_end_ms):
            if self.clock_s() > until_s:
                break
            await asyncio.sleep(REST_LOOK_S)
        self._tally.say(f"{_clock(self.clock_s())} {'not ' if found else ''}at rest")
        self.rest.keep(self._site.folder.with_name("seen.json"), self.processes.memory)
        for finding in [*found, *await asyncio.to_thread(self.rest.at_the_end, faults_end_ms)]:
            self._tally.found(finding.invariant, finding.detail)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:02}:{int(seconds) % 60:02}"
