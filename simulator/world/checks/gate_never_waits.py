"""gate-never-waits: no decision waits for the network.

Every car that is first in a lane is decided on within the time that the gate takes to look, whatever the network does,
and an arm that may go up is asked to at once. Both in true time; a gate that does not run decides nothing.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from gate_firmware.settings import Timing
from simulator.world.checks.arrivals import arrivals
from simulator.world.checks.scene import Finding, Scene
from simulator.world.seen import Arm

NAME = "gate-never-waits"

SLACK_MS = 2_000
"""For an arm on its way down that belongs to the car before, and for what reading and storing take."""

ASKED_WITHIN_MS = 500


def check(scene: Scene) -> Iterator[Finding]:
    timing = Timing()
    for _, gate_id, direction in scene.gates():
        within_ms = timing.decide_ms_max(direction) + SLACK_MS
        decided = _decided(scene, gate_id)
        times = [at_ms for at_ms, _ in decided]
        for arrival in arrivals(scene, gate_id):
            by_ms = arrival.first_ms + within_ms
            if arrival.until_ms < by_ms or scene.was_down(gate_id, arrival.first_ms, by_ms):
                continue
            index = bisect_left(times, arrival.first_ms)
            if index == len(times) or times[index] > by_ms:
                yield Finding(NAME, gate_id, f"{arrival.car} was not decided on for {within_ms} ms", arrival.first_ms)
        yield from _asked_late(scene, gate_id, [at_ms for at_ms, passes in decided if passes])


def _decided(scene: Scene, gate_id: str) -> list[tuple[int, bool]]:
    """When each decision was stored, in true time, and whether it lets a car pass; none where that is not known."""
    found = []
    for store in (*scene.lost(gate_id), scene.store(gate_id)):
        for fact in store.of_kind(gate_id, "gate.decided"):
            at_ms = scene.made_at_ms(fact)
            if at_ms is not None and not scene.on_a_bench(fact):
                found.append((at_ms, fact.payload["verdict"] in ("admit", "release")))
    return sorted(set(found))


def _asked_late(scene: Scene, gate_id: str, lets_pass: list[int]) -> Iterator[Finding]:
    arms = scene.arms.get(gate_id, [])
    times = [arm.at_ms for arm in arms]
    for at_ms in lets_pass:
        by_ms = at_ms + ASKED_WITHIN_MS
        if by_ms > scene.seen.ends_ms or scene.was_down(gate_id, at_ms, by_ms):
            continue
        before, after = bisect_left(times, at_ms), bisect_right(times, by_ms)
        asked_already = before > 0 and arms[before - 1].arm in (Arm.RAISE, Arm.UP)
        if not asked_already and all(arm.arm is not Arm.RAISE for arm in arms[before:after]):
            yield Finding(NAME, gate_id, "a car may pass, and the arm was not asked to rise", at_ms)
