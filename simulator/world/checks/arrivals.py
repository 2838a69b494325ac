"""Cars before an arm, by the street: from when each was the first in the lane, and until when it stood there."""

from collections.abc import Iterator
from dataclasses import dataclass

from simulator.world.checks.scene import Scene
from simulator.world.seen import At


@dataclass(frozen=True, slots=True)
class Arrival:
    """`first_ms`: on the arrival loop with nobody ahead. `until_ms`: under the arm or gone, or the end of the run."""

    car: str
    first_ms: int
    until_ms: int
    passed: bool


def arrivals(scene: Scene, gate_id: str) -> Iterator[Arrival]:
    """In the order in which they were first in the lane."""
    came: dict[str, int] = {}
    under: set[str] = set()
    clear_ms = 0
    for event in scene.moved.get(gate_id, []):
        match event.to:
            case At.LOOP:
                came[event.car] = event.at_ms
            case At.UNDER_ARM:
                if event.car in came:
                    first_ms = max(came.pop(event.car), clear_ms)
                    yield Arrival(event.car, min(first_ms, event.at_ms), event.at_ms, passed=True)
                under.add(event.car)
            case At.THROUGH | At.GONE:
                if event.car in came:
                    first_ms = max(came.pop(event.car), clear_ms)
                    passed = event.to is At.THROUGH
                    yield Arrival(event.car, min(first_ms, event.at_ms), event.at_ms, passed=passed)
                under.discard(event.car)
                clear_ms = event.at_ms
    if not under:
        for car, at_ms in came.items():
            yield Arrival(car, max(at_ms, clear_ms), scene.seen.ends_ms, passed=False)
