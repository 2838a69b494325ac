"""What all drivers of a world have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simulator.world.bank import WorldBank
from simulator.world.desk import Desk
from simulator.world.loop import VirtualLoop
from simulator.world.seen import LotPlan, Seen
from simulator.world.units import GateUnit


@dataclass(frozen=True, slots=True)
class Town:
    """`entries` and `exits` are the gates of each lot."""

    loop: VirtualLoop
    seen: Seen
    desk: Desk
    bank: WorldBank
    lots: Mapping[str, LotPlan]
    entries: Mapping[str, Sequence[GateUnit]]
    exits: Mapping[str, Sequence[GateUnit]]
    ends_ms: int
