"""Every checker, by the name of its invariant."""

from collections.abc import Callable, Iterator

from simulator.world.bank import WorldBank
from simulator.world.checks import (
    barrier_clear,
    converges,
    gate_never_waits,
    inside_gets_out,
    lists_kept,
    money_adds_up,
    no_false_no_show,
    no_lost_fact,
    one_spot_one_car,
    paid_gets_in,
    plates_sealed,
)
from simulator.world.checks.scene import Finding, Scene
from simulator.world.seen import Seen

CHECKS: dict[str, Callable[[Scene], Iterator[Finding]]] = {
    module.NAME: module.check
    for module in (
        one_spot_one_car,
        no_lost_fact,
        money_adds_up,
        barrier_clear,
        gate_never_waits,
        paid_gets_in,
        inside_gets_out,
        no_false_no_show,
        converges,
        plates_sealed,
        lists_kept,
    )
}


def findings(seen: Seen, bank: WorldBank) -> list[Finding]:
    """Every finding of a run; none where all is as it must be."""
    with Scene(seen, bank) as scene:
        return [finding for check in CHECKS.values() for finding in check(scene)]
