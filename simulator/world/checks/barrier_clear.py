"""barrier-clear: no arm is lowered onto a car, and none that is down is raised without a decision that lies on disk."""

from bisect import bisect_right
from collections.abc import Iterator

from simulator.world.checks.scene import Finding, Scene, StoredFact
from simulator.world.seen import Arm

NAME = "barrier-clear"

DECIDED_WITHIN_MS = 15 * 60_000
"""A gate that was down for longer does not know any more whom it let pass (`gate_firmware/deciding.py`)."""

_PASSES = ("admit", "release")


def check(scene: Scene) -> Iterator[Finding]:
    for _, gate_id, _ in scene.gates():
        yield from _lowered_onto_cars(scene, gate_id)
        yield from _raised_for_nobody(scene, gate_id)


def _lowered_onto_cars(scene: Scene, gate_id: str) -> Iterator[Finding]:
    for arm in scene.arms.get(gate_id, []):
        if arm.arm is Arm.LOWER and arm.under:
            yield Finding(NAME, gate_id, "the arm was asked to close with a car under it", arm.at_ms)


def _raised_for_nobody(scene: Scene, gate_id: str) -> Iterator[Finding]:
    decided, passed = _log(scene, gate_id)
    times = [at_ms for at_ms, _ in decided]
    is_down = True
    for arm in scene.arms.get(gate_id, []):
        if arm.arm is Arm.RAISE and is_down:
            latest = [passage for at_ms, passage in decided[: bisect_right(times, arm.at_ms)]
                      if arm.at_ms - at_ms <= DECIDED_WITHIN_MS]  # fmt: skip
            if not any(passed.get(passage, arm.at_ms) >= arm.at_ms for passage in latest):
                yield Finding(NAME, gate_id, "the arm was raised, and no decision to let anybody pass lay on disk",
                              arm.at_ms)  # fmt: skip
        is_down = arm.arm is Arm.DOWN


def _log(scene: Scene, gate_id: str) -> tuple[list[tuple[int, str]], dict[str, int]]:
    """The decisions to let pass, and the passages, in true time: of all that ever lay on this gate's disks."""
    decided: dict[tuple[int, str], None] = {}
    passed: dict[str, int] = {}
    for store in (*scene.lost(gate_id), scene.store(gate_id)):
        for fact in store.facts.get(gate_id, []):
            at_ms = scene.made_at_ms(fact)
            if at_ms is None:
                continue
            if _lets_pass(fact):
                decided[at_ms, fact.payload["passage_id"]] = None
            elif fact.kind.startswith("gate.passed/"):
                passed[fact.payload["passage_id"]] = at_ms
    return sorted(decided), passed


def _lets_pass(fact: StoredFact) -> bool:
    return fact.kind.startswith("gate.decided/") and fact.payload["verdict"] in _PASSES
