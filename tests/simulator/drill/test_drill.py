"""A drill on real processes, without cars; whole, and over many seeds, it is part of `make soak`."""

import secrets
from pathlib import Path

import pytest

from simulator.demo.timeline import Timeline
from simulator.drill.story import drill

pytestmark = pytest.mark.long


async def test_a_lost_disk_costs_nobody_a_booking(tmp_path: Path) -> None:
    seed = secrets.randbits(31)
    print(f"seed {seed}")  # pytest shows it where the drill fails
    timeline = Timeline(as_json=False)
    await drill(tmp_path / "site", seed, timeline, cars=False)
    assert timeline.ok
    assert len(timeline.steps) > 15
