"""Two runs of one disk: one is fenced, an operator switches it off, and whoever looks on has seen both."""

from pathlib import Path

import pytest

from simulator.world.campaign import Orders, play
from simulator.world.dice import dice
from simulator.world.faults import Kind
from simulator.world.plan import Size, draw_plan
from simulator.world.seen import Seen
from simulator.world.units import Unit
from simulator.world.world import World

SMALL = Size(lots=1, entries=1, exits=1, cars_a_day=60)
OF_A_HUB, OF_A_GATE = 0, 4
"""Seeds that draw one within these hours."""

HOURS = 6.0


def lived(folder: Path, seed: int) -> tuple[Seen, list[str]]:
    world = World(draw_plan(seed, HOURS, SMALL, dice(seed, "plan")), frozenset({Kind.CLONE}), folder)
    world.run()
    assert world.seen.unsettled == []
    return world.seen, world.tally.failures


@pytest.mark.parametrize(("seed", "is_hub"), [(OF_A_HUB, True), (OF_A_GATE, False)])
def test_one_of_the_two_is_left_and_the_disk_of_the_other_is_kept(tmp_path: Path, seed: int, is_hub: bool) -> None:
    seen, failures = lived(tmp_path, seed)
    assert failures == []
    copied = next(fault for fault in seen.faults if fault.kind == "clone" and fault.until_ms is None)
    assert ("." not in copied.unit) is is_hub
    put_right = [fault for fault in seen.faults if fault.kind == "clone" and fault.unit == copied.unit]
    assert any(fault.until_ms is not None and fault.at_ms == copied.at_ms for fault in put_right)
    disks = [disk for disk in seen.disks if disk.unit == copied.unit]
    assert len([disk for disk in disks if disk.lost_at_ms is None]) == 1
    assert len(disks) == 1 + seen.counts["stopped for good"] == 1 + seen.counts["clones"]
    assert all(disk.path.exists() for disk in disks)


def test_two_of_which_none_is_fenced_are_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Unit, "is_fenced", property(lambda _: False))
    found = play(OF_A_HUB, Orders(HOURS, frozenset({Kind.CLONE}), SMALL)).findings
    assert any(one.invariant == "converges" and "two runs of it speak" in one.what for one in found)
