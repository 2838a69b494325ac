"""What a unit gets from the machine that it runs on; a simulated world gives it another."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cloud_sync.link.carrier import Connect
from cloud_sync.link.clock import Clock, UnitClock
from cloud_sync.link.machine import Machine
from cloud_sync.link.mqtt import Link
from domain.now import Trust


@dataclass(frozen=True, slots=True)
class Host:
    """Clocks, the id of the machine's boot, the way to a broker; `keep_floor` stores what the clock has to remember."""

    clock: Clock
    boot: str
    connect: Connect
    keep_floor: Callable[[], None] = lambda: None


def this_machine(said: Trust | None, floor: Path | None = None) -> Host:
    """The machine we run on; `said` of its clock, which is measured otherwise, and the file of its `floor`."""
    machine = Machine()
    clock = UnitClock(machine, floor, said)
    return Host(clock, machine.boot, Link, clock.keep)
