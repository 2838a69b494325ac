"""A whole world: central, hubs and gates as they are, on virtual time; drivers, faults, and somebody who looks on."""

import asyncio
import gc
import logging
import random
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cloud_sync.link.v1.facts import Direction
from simulator.world.attendant import Attendant
from simulator.world.bank import WorldBank
from simulator.world.clock import MachineClock
from simulator.world.desk import Desk
from simulator.world.dice import dice, loaded
from simulator.world.disk import Disk, watched
from simulator.world.drivers import Driver
from simulator.world.faults import Faults, Kind
from simulator.world.loop import VirtualLoop
from simulator.world.manager import Manager
from simulator.world.network import Broker, Way
from simulator.world.plan import Plan
from simulator.world.process import How, Process
from simulator.world.seen import SECOND_RUN, Seen
from simulator.world.seen import Disk as SeenDisk
from simulator.world.settings import CENTRAL, CENTRAL_PORT, LOT_PORT, Site
from simulator.world.statements import compiled_once
from simulator.world.street import Lane
from simulator.world.tally import LogTaker, Tally
from simulator.world.town import Town
from simulator.world.units import CentralUnit, GateUnit, HubUnit, Machine, Unit, is_death

BEGINS = datetime(2030, 4, 1, 6, 0, tzinfo=UTC)
CONVERGES_S = 300.0
"""After the faults have ended, everything must be right within this."""

QUIET_S, QUIET_WAITS_MAX = 5.0, 12
"""A run ends when no fact was under way for a while: what is cut off in the middle is nobody's fault."""

PROGRESS_STEPS = 24

LOG, WIRE = "log.jsonl", "wire"

LOOPBACK_S, LAN_S, INTERNET_S = 0.000_2, 0.001, 0.02
THREAD_S = (0.000_3, 0.003)
COLLECTIONS = (100_000, 50, 100)


class World:
    """One run of one plan, in a folder of its own."""

    def __init__(self, plan: Plan, kinds: frozenset[Kind], folder: Path, *, tell: bool = False) -> None:
        """`tell`: keep the trace itself beside its digest."""
        self.plan = plan
        self.seen = Seen(BEGINS, plan.lots, plan.plates, log=folder / LOG, wire=folder / WIRE)
        threads = self._dice("threads")
        self.loop = VirtualLoop(lambda: threads.uniform(*THREAD_S))
        self.tally = Tally(self.loop, self.seen, tell)
        self.bank = WorldBank(lambda: self.loop.now_ms, self._dice("bank"), BEGINS)
        self._kinds = kinds
        self._folder = folder
        self._site = Site(folder / "secrets", plan, self._dice("secrets"))
        self._ways: dict[str, Way] = {}
        self._seconds = 0
        self._heard_s = 0.0
        self._broken: BaseException | None = None

    def run(self, progress: Callable[[], None] = lambda: None) -> None:
        """From the first virtual second to the end. `progress` is called `PROGRESS_STEPS` times."""
        taker = LogTaker(self._folder / LOG, self.loop, self.tally)
        with (
            _logging_to(taker),
            (self._folder / WIRE).open("wb") as self._wire,
            loaded(self.plan.seed),
            watched(self._committed),
            compiled_once(),
        ):
            asyncio.set_event_loop(self.loop)
            self.loop.set_exception_handler(self._not_handled)
            try:
                self.loop.run_until_complete(self._run(progress))
            except RuntimeError:
                if self._broken is None:
                    raise
                self._abandon()
                raise self._broken from None
            finally:
                asyncio.set_event_loop(None)
                self.loop.close()

    async def _run(self, progress: Callable[[], None]) -> None:
        units = self._units = self._build()
        self._faults.begin()
        self._living = [self._go(unit.live()) for unit in units]
        people = [self._go(driver.live()) for driver in self._drivers]
        people += [self._go(manager.live()) for manager in self._managers]
        people += [self._go(attendant.live()) for attendant in self._attendants]
        for _ in range(PROGRESS_STEPS):
            await asyncio.sleep(self.plan.ends_ms / 1000 / PROGRESS_STEPS)
            progress()
        await self._faults.end()
        self.seen.faults_end_ms = self.loop.now_ms
        await asyncio.sleep(CONVERGES_S)
        for _ in range(QUIET_WAITS_MAX):
            if self.loop.time() - self._heard_s >= QUIET_S:
                break
            await asyncio.sleep(QUIET_S)
        self.seen.ends_ms = self.loop.now_ms
        for unit in units:
            if isinstance(unit, CentralUnit) and (unit.office is None or unit.office.catching_up.is_under_way()):
                self.tally.unsettled(CENTRAL, "it still tells drivers that it may not know of their bookings")
        for event in (*self.seen.street, *self.seen.drivers):
            self.tally.trace("seen", repr(event).encode())
        for unit in units:
            unit.is_over = True
            unit.die(How.STOP, "the end")
        for person in people:
            person.cancel()
        await asyncio.gather(*people, return_exceptions=True)
        await asyncio.gather(*self._living)
        for unit in units:
            self.seen.disks.append(SeenDisk(unit.speaks_for, unit.machine.disk.path))

    def _go(self, life: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Begin a life of this world; what is wrong with the world itself ends the run."""
        task = asyncio.ensure_future(life)
        task.add_done_callback(self._lived)
        return task

    def _lived(self, life: "asyncio.Task[None]") -> None:
        if not life.cancelled() and life.exception() is not None:
            self._broken = life.exception()
            self.loop.stop()

    def _abandon(self) -> None:
        """End everything at once: something is wrong with this world."""
        for unit in self._units:
            unit.is_over = True
            unit.die(How.STOP, "the end")
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))

    def _build(self) -> list[Unit]:
        central_broker = Broker(self.loop, CENTRAL, self._traced, self._flooded)
        self._brokers = {CENTRAL: central_broker}
        lan, internet = self._way("central", INTERNET_S), INTERNET_S
        central = CentralUnit(
            self._machine(CENTRAL, {CENTRAL_PORT: (central_broker, lan)}), self.tally, self._site, self.bank
        )
        units: list[Unit] = [central]
        self._managers: list[Manager] = []
        self._attendants: list[Attendant] = []
        entries: dict[str, list[GateUnit]] = {}
        exits: dict[str, list[GateUnit]] = {}
        for lot in self.plan.lots:
            broker = self._brokers[lot.lot_id] = Broker(self.loop, lot.lot_id, self._traced, self._flooded)
            sockets = {
                CENTRAL_PORT: (central_broker, self._way(lot.lot_id, internet)),
                LOT_PORT: (broker, Way(self.loop, self._dice(f"loopback {lot.lot_id}"), LOOPBACK_S)),
            }
            machine = self._machine(lot.lot_id, sockets)
            machine.broker = broker
            hub = HubUnit(machine, self.tally, self._site, lot.lot_id)
            units.append(hub)
            manager_dice = self._dice(f"manager {lot.lot_id}")
            listed = [trip for trip in self.plan.trips if trip.lot_id == lot.lot_id and trip.listing is not None]
            self._managers.append(Manager(hub, self._site.manager_code, listed, self.seen, manager_dice))
            gates: list[GateUnit] = []
            for gate_id, direction in lot.gates.items():
                lane = Lane(gate_id, direction, self.loop, self.seen)
                machine = self._machine(gate_id, {LOT_PORT: (broker, self._way(gate_id, LAN_S))})
                gate = GateUnit(machine, self.tally, self._site, lane)
                units.append(gate)
                gates.append(gate)
                (entries if direction is Direction.ENTRY else exits).setdefault(lot.lot_id, []).append(gate)
            attendant_dice = self._dice(f"attendant {lot.lot_id}")
            self._attendants.append(Attendant(hub, gates, self.seen, lambda: self.loop.now_ms, attendant_dice))
        town = Town(
            loop=self.loop,
            seen=self.seen,
            desk=Desk(central, self._dice("desk")),
            bank=self.bank,
            lots={lot.lot_id: lot for lot in self.plan.lots},
            entries=entries,
            exits=exits,
            ends_ms=self.plan.ends_ms,
        )
        self._drivers = [Driver(town, trip, self._dice(trip.driver)) for trip in self.plan.trips]
        self._faults = Faults(
            self._kinds,
            units=units,
            ways=self._ways,
            brokers=list(self._brokers.values()),
            bank=self.bank,
            tally=self.tally,
            dice=self._dice,
            beside=self._beside,
        )
        self._disks = {unit.name: unit.machine.disk for unit in units}
        return units

    def _beside(self, unit: Unit, backup: str) -> Unit:
        """Start a second machine from a backup of a unit's disk: a hub's in the same lot, a gate's on a bench."""
        self._seconds += 1
        name, lot_id = f"{unit.speaks_for}{SECOND_RUN}{self._seconds}", unit.speaks_for.partition(".")[0]
        second: Unit
        if isinstance(unit, GateUnit):
            machine = self._machine(name, {LOT_PORT: (self._brokers[lot_id], self._way(name, LAN_S))})
            bench = Lane(unit.speaks_for, unit.lane.direction, self.loop, Seen(BEGINS, ()))  # nobody drives up there
            second = GateUnit(machine, self.tally, self._site, bench)
        else:
            in_the_lot = Way(self.loop, self._dice(f"way {name} in the lot"), LAN_S)
            sockets = {
                CENTRAL_PORT: (self._brokers[CENTRAL], self._way(name, INTERNET_S)),
                LOT_PORT: (self._brokers[lot_id], in_the_lot),
            }
            second = HubUnit(self._machine(name, sockets), self.tally, self._site, lot_id)
        second.machine.disk.begin_with(backup, unit.machine.disk)
        self._disks[name] = second.machine.disk
        self._living.append(self._go(second.live()))
        return second

    def _machine(self, name: str, sockets: dict[int, tuple[Broker, Way]]) -> Machine:
        clock = MachineClock(lambda: self.loop.now_ms, BEGINS)
        return Machine(name, clock, Disk(self._folder / "disks", name), sockets, self._dice(f"machine {name}"))

    def _way(self, name: str, base_s: float) -> Way:
        way = self._ways[name] = Way(self.loop, self._dice(f"way {name}"), base_s, self.seen.counts)
        return way

    def _dice(self, purpose: str) -> random.Random:
        return dice(self.plan.seed, purpose)

    def _flooded(self, broker: str) -> None:
        self.tally.unsettled(broker, "its units answered each other without end")

    def _traced(self, topic: str, payload: bytes) -> None:
        if "/facts/" not in topic:
            self._wire.write(b"%s %s\n" % (topic.encode(), payload))
        elif topic.endswith("/ack"):
            self._heard_s = self.loop.time()
        else:
            self._heard_s = self.loop.time()
            self.tally.facts_sent(payload)
        self.tally.trace(topic, payload)

    def _committed(self, process: Process, synchronous: int) -> None:
        self._disks[process.unit].committed(synchronous)
        self.tally.trace("commit", process.unit.encode())

    def _not_handled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is None or not is_death(error):
            logging.getLogger(__name__).critical(context["message"], exc_info=error)


@contextmanager
def _logging_to(taker: LogTaker) -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = [taker]
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        taker.close()


@contextmanager
def rare_collections() -> Iterator[None]:
    """Look for garbage in cycles now and then only: a run, and who judges it, make much that is young and keep most of
    what is old."""
    usual = gc.get_threshold()
    gc.set_threshold(*COLLECTIONS)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


@contextmanager
def scratch(name: str) -> Iterator[Path]:
    """A folder in memory where there is one, gone afterwards: stores write and sync all the time."""
    memory = Path("/dev/shm")  # noqa: S108  private, by mkdtemp
    folder = Path(tempfile.mkdtemp(prefix=f"gatehouse-{name}-", dir=memory if memory.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
