"""The machines of a world, and the real units that run on them: started, killed, and started anew as systemd would."""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from argon2 import PasswordHasher

from cloud_sync.central.office import Office
from cloud_sync.central.service import CentralService
from cloud_sync.link.carrier import Will
from cloud_sync.link.host import Host
from cloud_sync.link.seal import Seal
from cloud_sync.link.settings import Broker as BrokerSettings
from domain.now import Trust
from gate_firmware.service import GateService
from hub.service import HubService
from simulator.world.bank import WorldBank
from simulator.world.carrier import SimulatedCarrier
from simulator.world.clock import MachineClock
from simulator.world.disk import Disk
from simulator.world.eyes import Eyes
from simulator.world.network import Broker, Way
from simulator.world.process import Died, How, Process
from simulator.world.settings import CENTRAL, Site
from simulator.world.street import Devices, Lane
from simulator.world.tally import Tally
from simulator.world.till import Till

log = logging.getLogger(__name__)

RESTART_S = (1.0, 6.0)
POWER_BACK_S = (20.0, 600.0)

Sockets = dict[int, tuple[Broker, Way]]
"""The brokers that a machine reaches, by the port that its configuration has for each."""


@dataclass(slots=True)
class Machine:
    """What a unit runs on; `broker` runs on the same machine, where there is one."""

    name: str
    clock: MachineClock
    disk: Disk
    sockets: Sockets
    dice: random.Random
    broker: Broker | None = None


class Unit:
    """One unit through all its lives, on one machine."""

    def __init__(self, machine: Machine, tally: Tally, speaks_for: str) -> None:
        """`speaks_for` is the unit's id; a second machine with a copy of its disk has it too, and another name."""
        self.name = machine.name
        self.speaks_for = speaks_for
        self.machine = machine
        self.process: Process | None = None
        self.is_over = False
        """Nobody starts it any more."""
        self._lost_disk: tuple[Callable[[], None], str] | None = None
        self._tally = tally
        self._carriers: list[SimulatedCarrier] = []
        self._boots = 0
        self._is_dark = False
        self._down_s = 0.0
        self._comes_back = asyncio.Event()

    async def live(self) -> None:
        """Be there until the world is over."""
        self._tally.booted(self.speaks_for, self._boot_id, self.machine.clock.drift_ppm)
        while not self.is_over:
            process = self.process = Process(self.name, self._dies)
            self._carriers = []
            path = self.machine.disk.path
            process.start(self._run(process))
            await process.gone()
            self._close()
            for connection in process.connections:
                connection.close()
            if self.is_over:
                return
            self.machine.disk.forget(path)
            await self._is_down()
            if self._is_dark:
                self._starts()
            if self.machine.broker is not None:
                self.machine.broker.start()

    def die(self, how: How, where: str = "at random") -> None:
        """Kill it now, where it lives."""
        if self.process is not None:
            self.process.die(how, where)

    def lose_disk(self, replace: Callable[[], None], kind: str) -> None:
        """The machine dies with its disk, now; `replace` puts another in."""
        self._lost_disk = replace, kind
        self.die(How.POWER_CUT, kind)

    def come_back(self) -> None:
        """Be down no longer, where it is: the power is on again, the machine is replaced."""
        self._comes_back.set()

    async def _is_down(self) -> None:
        self._comes_back.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._down_s):
                await self._comes_back.wait()

    def switch_off(self) -> None:
        """Somebody stops it for good, now, where it lives; a broker on its machine runs on."""
        self.is_over = True
        self.die(How.STOPPED, "for good")

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.alive

    @property
    def is_fenced(self) -> bool:
        """Whether it has said that another run speaks for its unit now."""
        return self.is_alive and self.process in self._tally.fenced

    async def _run(self, process: Process) -> None:
        try:
            await self._work(process)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            if process.alive:  # it has failed by itself, and so does the real one
                log.critical("unit.failed", extra={"of": self.name}, exc_info=error)
                process.die(How.CRASH, "by itself")
            elif not is_death(error):
                raise

    def _work(self, process: Process) -> Coroutine[Any, Any, None]:
        raise NotImplementedError

    def _close(self) -> None:
        """Let go of what the dead process held."""

    def _host(self, process: Process) -> Host:
        def connect(
            broker: BrokerSettings, client_id: str, will: Will | None = None, replies: str | None = None
        ) -> SimulatedCarrier:
            there, way = self.machine.sockets[broker.port]
            carrier = SimulatedCarrier(process, there, way, client_id, will, replies)
            self._carriers.append(carrier)
            return carrier

        return Host(self.machine.clock, self._boot_id, connect)

    def _dies(self, process: Process, how: How, where: str) -> None:
        if how is How.STOP:
            for carrier in self._carriers:
                carrier.cut(silently=True)
            return
        machine, self._is_dark = self.machine, how is How.POWER_CUT
        self._down_s = machine.dice.uniform(*(POWER_BACK_S if self._is_dark else RESTART_S))
        self._tally.died(self.name, how, where, self._down_s)
        if self._lost_disk is not None:
            (replace, kind), self._lost_disk = self._lost_disk, None
            kept = machine.disk.lost_copy(str(self._tally.now_ms))
            self._tally.disk_lost(self.speaks_for, kept)
            self._tally.fault(kind, self.name, "", self._down_s)
            replace()
        elif self._is_dark:
            machine.disk.keep_synced()
        else:
            machine.disk.keep_all()
        for carrier in self._carriers:
            carrier.cut(silently=self._is_dark)
        if self._is_dark and machine.broker is not None:
            machine.broker.stop(silently=True)

    def _starts(self) -> None:
        """The machine has power again."""
        self._is_dark = False
        self._boots += 1
        self.machine.clock.boot()
        self._tally.booted(self.speaks_for, self._boot_id, self.machine.clock.drift_ppm)

    @property
    def _boot_id(self) -> str:
        return f"{self.name}-boot-{self._boots}"


def is_death(error: BaseException) -> bool:
    """Whether nothing but a death is behind an error."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_death(inner) for inner in error.exceptions)
    return isinstance(error, Died | asyncio.CancelledError)


class HubUnit(Unit):
    def __init__(self, machine: Machine, tally: Tally, site: Site, lot_id: str) -> None:
        super().__init__(machine, tally, lot_id)
        self.service: HubService | None = None
        self._site = site

    async def _work(self, process: Process) -> None:
        settings = self._site.hub(self.speaks_for, self.machine.disk.path)
        self.service = HubService(settings, self._host(process))
        await self.service.work()

    def _close(self) -> None:
        self.service = None


class GateUnit(Unit):
    def __init__(self, machine: Machine, tally: Tally, site: Site, lane: Lane) -> None:
        super().__init__(machine, tally, lane.gate_id)
        self.lane = lane
        self.service: GateService | None = None
        self._site = site

    async def _work(self, process: Process) -> None:
        settings = self._site.gate(self.lane.gate_id, self.lane.direction, self.machine.disk.path)
        service = GateService(settings, self._host(process))
        seal = settings.keys.plate.parse(Seal.from_hex)
        look_ms_max = settings.timing.look_ms_max(self.lane.direction)
        eyes = Eyes(self.lane, service.replica, seal, self.machine.clock, self.machine.dice, look_ms_max)
        self.service = service
        await service.work(Devices(self.lane, process), eyes)

    def _dies(self, process: Process, how: How, where: str) -> None:
        super()._dies(process, how, where)
        if how is How.POWER_CUT:  # a Pi has no clock of its own: it goes on from where it last wrote the time down
            self.machine.clock.step(-int((self._down_s + self.machine.dice.uniform(0, 3_600)) * 1000), Trust.NONE)
            until_synced_s = self._down_s + self.machine.dice.uniform(5, 900)
            asyncio.get_running_loop().call_later(until_synced_s, self.machine.clock.put_right)

    def _close(self) -> None:
        self.service = None
        self.lane.devices = None


class CentralUnit(Unit):
    def __init__(self, machine: Machine, tally: Tally, site: Site, bank: WorldBank) -> None:
        super().__init__(machine, tally, CENTRAL)
        self.office: Office | None = None
        """Once it is open."""
        self._service: CentralService | None = None
        self._site = site
        self._bank = bank

    async def _work(self, process: Process) -> None:
        settings = self._site.central(self.machine.disk.path)
        bank = Till(self._bank, process)
        quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        self._service = CentralService(settings, self._host(process), bank, quick)
        self._service.office.open()
        self.office = self._service.office
        await self._service.work()

    def _dies(self, process: Process, how: How, where: str) -> None:
        self.office = None
        super()._dies(process, how, where)

    def _close(self) -> None:
        if self._service is not None:
            with suppress(Died):
                self._service.office.close()
        self._service = None
