"""inside-gets-out: a car on an exit loop sees the arm go up within 5 seconds.

By the street alone. The time while the gate did not run does not count; a car behind another is there once that one is
through, and one that backs out does not wait any more.
"""

from collections.abc import Iterator

from cloud_sync.link.v1.facts import Direction
from simulator.world.checks.arrivals import arrivals
from simulator.world.checks.scene import Finding, Scene
from simulator.world.seen import Arm

NAME = "inside-gets-out"
WITHIN_MS = 5_000


def check(scene: Scene) -> Iterator[Finding]:
    for _, gate_id, direction in scene.gates():
        if direction is not Direction.EXIT:
            continue
        for arrival in arrivals(scene, gate_id):
            deadline_ms = scene.alive_until(gate_id, arrival.first_ms, WITHIN_MS)
            waited_ms = min(deadline_ms, arrival.until_ms)
            if scene.arm_arrived(gate_id, Arm.UP, arrival.first_ms, waited_ms) or arrival.until_ms <= deadline_ms:
                continue
            yield Finding(NAME, gate_id, f"{arrival.car} stood there for {WITHIN_MS} ms, and the arm did not go up",
                          arrival.first_ms)  # fmt: skip
