"""What goes wrong: drawn from the seed, each kind by itself, until the faults end and everything is put right."""

import asyncio
import math
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from enum import Enum
from functools import partial
from typing import Any

from domain.now import Trust
from simulator.world.bank import DOWN, Trouble, WorldBank
from simulator.world.clones import Pair
from simulator.world.network import FAIR, Broker, Way, Weather
from simulator.world.process import How, Place
from simulator.world.seen import DISK_LOST, RESTORED
from simulator.world.tally import Tally
from simulator.world.units import CentralUnit, GateUnit, HubUnit, Unit

HOUR_S = 3600.0


class Kind(Enum):
    """What `--faults` names."""

    LOSS = "loss"
    DUPLICATES = "duplicates"
    REORDER = "reorder"
    DELAY = "delay"
    PARTITION = "partition"
    BROKER = "broker"
    CRASH = "crash"
    POWER_CUT = "power-cut"
    CLOCK = "clock"
    BANK = "bank"
    CAMERA = "camera"
    RESTORE = "restore"
    LOST_DISK = "lost-disk"
    CLONE = "clone"


_ANYWHERE = (
    Place.BEFORE_COMMIT,
    Place.AFTER_COMMIT,
    Place.BEFORE_PUBLISH,
    Place.AFTER_PUBLISH,
    Place.BEFORE_ACKNOWLEDGE,
    Place.BEFORE_ANSWER,
)
_PLACES: Mapping[type[Unit], Sequence[Place]] = {
    GateUnit: (*_ANYWHERE, Place.BEFORE_ARM, Place.AFTER_ARM),
    HubUnit: _ANYWHERE,
    CentralUnit: (*_ANYWHERE, Place.BEFORE_BANK, Place.AFTER_BANK),
}
BOTH = 0.4
"""Of the hubs that are set back are set back together with central."""

AT_RANDOM = 0.15
"""Of the crashes come at no place of the unit's own."""


class Faults:
    """Does to a world what is drawn for it. `end` puts everything right."""

    def __init__(
        self,
        kinds: frozenset[Kind],
        *,
        units: list[Unit],
        ways: dict[str, Way],
        brokers: Sequence[Broker],
        bank: WorldBank,
        tally: Tally,
        dice: Callable[[str], random.Random],
        beside: Callable[[Unit, str], Unit],
    ) -> None:
        """`ways` are those that a router or a cable is on, by name; `dice` makes dice for a purpose. `beside` starts a
        second machine from a backup of a unit's disk; it is one of `units` until it is switched off."""
        self._kinds = kinds
        self._units = units
        self._ways = ways
        self._brokers = brokers
        self._bank = bank
        self._tally = tally
        self._dice = dice
        self._beside = beside
        self._pairs: list[Pair] = []
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Begin to do harm."""
        if Kind.CLOCK in self._kinds:
            dice = self._dice("clocks")
            for unit in self._units:
                unit.machine.clock.is_off(dice.randint(-1_500, 1_500), drift_ppm=dice.randint(-80, 80))
        for name in self._ways:
            self._begin_weather(name)
        for kind, often_s, fault in (
            (Kind.PARTITION, 0.6 * HOUR_S, self._partition),
            (Kind.BROKER, 5 * HOUR_S, self._broker_restarts),
            (Kind.CRASH, 0.3 * HOUR_S, self._crash),
            (Kind.POWER_CUT, 3 * HOUR_S, self._power_cut),
            (Kind.CLOCK, 2 * HOUR_S, self._clock_goes_wrong),
            (Kind.BANK, 2 * HOUR_S, self._bank_is_in_trouble),
            (Kind.CAMERA, 4 * HOUR_S, self._camera_goes_blind),
            (Kind.RESTORE, 8 * HOUR_S, self._restore),
            (Kind.LOST_DISK, 10 * HOUR_S, self._lose_disk),
            (Kind.CLONE, 6 * HOUR_S, self._clone),
        ):
            if kind in self._kinds:
                self._start(self._now_and_then(often_s, fault, self._dice(kind.value)))

    async def end(self) -> None:
        """No more harm from now on; what was done is put right."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for way in self._ways.values():
            way.weather = FAIR
        for unit in self._units:
            unit.machine.clock.put_right()
            unit.come_back()
            if unit.process is not None:
                unit.process.spare()
        self._bank.trouble = Trouble()
        operator = self._dice("operator")
        for pair in self._pairs:
            self._switched_off(await pair.sorted_out_soon(operator))

    def _start(self, doing: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.ensure_future(doing))

    async def _now_and_then(
        self, often_s: float, fault: Callable[[random.Random], Coroutine[Any, Any, None]], dice: random.Random
    ) -> None:
        async with asyncio.TaskGroup() as under_way:
            while True:
                await asyncio.sleep(dice.expovariate(1 / often_s))
                under_way.create_task(fault(dice))

    def _begin_weather(self, name: str) -> None:
        weathers = {Kind.LOSS, Kind.DUPLICATES, Kind.REORDER, Kind.DELAY} & self._kinds
        if weathers:
            self._start(self._weather(name, self._ways[name], weathers, self._dice(f"weather {name}")))

    async def _weather(self, name: str, way: Way, kinds: set[Kind], dice: random.Random) -> None:
        while name in self._ways:
            await asyncio.sleep(dice.uniform(600, 7_200))
            strong = dice.choice((0.02, 0.1, 0.3))
            way.weather = Weather(
                lose=strong if Kind.LOSS in kinds else 0.0,
                twice=strong if Kind.DUPLICATES in kinds else 0.0,
                overtaken=strong if Kind.REORDER in kinds else 0.0,
                slow_s=dice.choice((0.5, 3.0, 8.0)) if Kind.DELAY in kinds else 0.0,
            )
            lasts_s = dice.uniform(60, 1_800)
            self._fault("weather", name, str(way.weather), lasts_s)
            await asyncio.sleep(lasts_s)
            way.weather = FAIR

    async def _partition(self, dice: random.Random) -> None:
        name, way = dice.choice(list(self._ways.items()))
        up, down = dice.choice(((True, True), (True, True), (True, False), (False, True)))
        lasts_s = _log_uniform(dice, 2, 5_400)
        self._fault("partition", name, f"{'up ' * up}{'down' * down}", lasts_s)
        self._tally.count("one-way partitions" if up != down else "partitions")
        way.shut(up=up, down=down)
        try:
            await asyncio.sleep(lasts_s)
        finally:
            way.reopen(up=up, down=down)

    async def _broker_restarts(self, dice: random.Random) -> None:
        broker = dice.choice(self._brokers)
        if not broker.up:
            return
        lasts_s = dice.uniform(1, 60)
        self._fault("broker", broker.name, "", lasts_s)
        self._tally.count("broker restarts")
        broker.stop(silently=False)
        try:
            await asyncio.sleep(lasts_s)
        finally:
            broker.start()

    async def _crash(self, dice: random.Random) -> None:
        unit = dice.choice(self._units)
        if not unit.is_alive or unit.process is None or unit.process.is_doomed:
            return
        if dice.random() < AT_RANDOM:
            unit.die(How.CRASH)
        else:
            unit.process.doom(dice.choice(_PLACES[type(unit)]), dice.randint(1, 4), How.CRASH)

    async def _power_cut(self, dice: random.Random) -> None:
        unit = dice.choice(self._units)
        if not unit.is_alive or unit.process is None:
            return
        if dice.random() < 0.5:
            unit.die(How.POWER_CUT)
        else:
            unit.process.doom(dice.choice(_PLACES[type(unit)]), dice.randint(1, 4), How.POWER_CUT)

    async def _restore(self, dice: random.Random) -> None:
        """A disk is lost, and its machine goes on from a backup some seconds or minutes old; a hub's and central's may
        be lost together."""
        units = [dice.choice(self._units)]
        if isinstance(units[0], HubUnit) and dice.random() < BOTH:
            units += [unit for unit in self._units if isinstance(unit, CentralUnit)]
        backup = f"{self._tally.now_ms}"
        for unit in units:
            unit.machine.disk.back_up(backup)
        await asyncio.sleep(_log_uniform(dice, 1, 900))
        lost = [unit for unit in units if unit.is_alive]
        for unit in lost:
            self._tally.count("restores")
            unit.lose_disk(partial(unit.machine.disk.restore, backup), RESTORED)
        if len(lost) > 1:
            self._tally.count("hub and central restored")

    async def _lose_disk(self, dice: random.Random) -> None:
        unit = dice.choice(self._units)
        if unit.is_alive:
            self._tally.count("lost disks")
            unit.lose_disk(unit.machine.disk.keep_nothing, DISK_LOST)

    async def _clone(self, dice: random.Random) -> None:
        """A disk is copied, and a second machine runs from the copy, until an operator comes."""
        unit = dice.choice([unit for unit in self._units if not isinstance(unit, CentralUnit)])
        backup = f"clone-{self._tally.now_ms}"
        unit.machine.disk.back_up(backup)
        await asyncio.sleep(_log_uniform(dice, 1, 900))
        if not unit.is_alive or any(unit in pair.runs for pair in self._pairs):
            return
        second = self._beside(unit, backup)
        pair = Pair(unit, second, self._tally)
        self._pairs.append(pair)
        self._units.append(second)
        self._begin_weather(second.name)
        self._fault("clone", unit.name, second.name)
        self._tally.count("clones")
        await asyncio.sleep(_log_uniform(dice, 60, 7_200))
        self._switched_off(await pair.sorted_out(dice))
        self._pairs.remove(pair)

    def _switched_off(self, unit: Unit) -> None:
        """It is not there any more for anything to be done to it."""
        self._units.remove(unit)
        del self._ways[unit.name]

    async def _clock_goes_wrong(self, dice: random.Random) -> None:
        """A gate's time may be lost; hubs and central have a time server, or an operator who looks."""
        unit = dice.choice(self._units)
        clock = unit.machine.clock
        if not isinstance(unit, GateUnit) or dice.random() < 0.2:
            step_ms = dice.randint(-1_500, 1_500)
            self._fault("clock-step", unit.name, f"{step_ms} ms")
            clock.step(step_ms, Trust.NTP)
            return
        lasts_s = _log_uniform(dice, 30, 7_200)
        try:
            if dice.random() < 0.4:
                self._fault("clock-stands", unit.name, "", lasts_s)
                clock.stand_still(Trust.NONE)
            else:
                behind_ms = int(_log_uniform(dice, 1, 7_200) * 1000)
                self._fault("clock-lost", unit.name, f"{behind_ms} ms behind", lasts_s)
                clock.step(-behind_ms, Trust.NONE)
            await asyncio.sleep(lasts_s)
        finally:
            clock.put_right()

    async def _bank_is_in_trouble(self, dice: random.Random) -> None:
        lasts_s = dice.uniform(20, 1_200)
        self._fault("bank", "bank", "", lasts_s)
        self._bank.trouble = dice.choice((DOWN, Trouble(0.3, 0.3), Trouble(0.0, 0.6)))
        try:
            await asyncio.sleep(lasts_s)
        finally:
            self._bank.trouble = Trouble()

    async def _camera_goes_blind(self, dice: random.Random) -> None:
        gate = dice.choice([unit for unit in self._units if isinstance(unit, GateUnit)])
        lasts_s = dice.uniform(60, 2_400)
        self._fault("camera", gate.name, "", lasts_s)
        gate.lane.is_blind = True
        try:
            await asyncio.sleep(lasts_s)
        finally:
            gate.lane.is_blind = False

    def _fault(self, kind: str, unit: str, detail: str, lasts_s: float = 0.0) -> None:
        self._tally.fault(kind, unit, detail, lasts_s)


def _log_uniform(dice: random.Random, least: float, most: float) -> float:
    return math.exp(dice.uniform(math.log(least), math.log(most)))
