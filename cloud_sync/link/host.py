"""What a unit gets from the machine that it runs on; a simulated world gives it another."""

from dataclasses import dataclass

from cloud_sync.link.carrier import Connect
from cloud_sync.link.clock import Clock, boot_id, system_clock
from cloud_sync.link.mqtt import Link
from domain.now import Trust


@dataclass(frozen=True, slots=True)
class Host:
    """Clocks, the id of the machine's boot, and the way to a broker."""

    clock: Clock
    boot: str
    connect: Connect


def this_machine(trust: Trust) -> Host:
    """The machine we run on. `trust` is what the operator says of its clock."""
    return Host(system_clock(trust), boot_id(), Link)
