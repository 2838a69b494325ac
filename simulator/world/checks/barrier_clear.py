"""barrier-clear: no arm is lowered onto a car, and none is raised without a decision.

A decision lies on disk before the arm is asked to move, and lets nobody in on a right that was withdrawn, used up or
replaced long enough ago for every gate to have heard of it. Nor on an attendant's word that is old: of each time that
one has pressed the button comes one decision at most, and soon.
"""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from cloud_sync.link.ticket import verify
from cloud_sync.link.v1.facts import Mode
from domain.admission import Reason
from simulator.world.checks.scene import Finding, Scene, StoredFact
from simulator.world.seen import Arm, LotPlan

NAME = "barrier-clear"

DECIDED_WITHIN_MS = 15 * 60_000
"""A gate that was down for longer does not know any more whom it let pass (`gate_firmware/resuming.py`)."""

DROVE_WITHIN_MS = 90_000
"""From a decision to the car on the far side, at the slowest."""

CLOSES_MS = 2_000
"""How long an arm takes to close: while its gate runs, a car that comes under it is seen, and the arm raised again."""

OPENS_WITHIN_MS = 15_000
"""From the button to the gate's decision: for so long the challenge lives that the request answers."""

_PASSES = ("admit", "release")


_OVER = ("cancelled", "expired", "completed")


def check(scene: Scene) -> Iterator[Finding]:
    for _, gate_id, _ in scene.gates():
        yield from _lowered_onto_cars(scene, gate_id)
        yield from _raised_for_nobody(scene, gate_id)
        yield from _opened_by_nobody(scene, gate_id)
    for lot in scene.seen.lots:
        yield from _let_in_on_nothing(scene, lot)
        yield from _let_in_by_old_tickets(scene, lot)


def _lowered_onto_cars(scene: Scene, gate_id: str) -> Iterator[Finding]:
    for arm in scene.arms.get(gate_id, []):
        if arm.arm is Arm.LOWER and arm.under:
            yield Finding(NAME, gate_id, "the arm was asked to close with a car under it", arm.at_ms)
        if arm.arm is Arm.DOWN and arm.under and not scene.was_down(gate_id, arm.at_ms - CLOSES_MS, arm.at_ms):
            yield Finding(NAME, gate_id, "the arm came down on a car that had come under it", arm.at_ms)


def _raised_for_nobody(scene: Scene, gate_id: str) -> Iterator[Finding]:
    decided, passed = _log(scene, gate_id)
    times = [at_ms for at_ms, _ in decided]
    is_down = True
    for arm in scene.arms.get(gate_id, []):
        held_open = scene.was_in_mode(gate_id, Mode.HELD_OPEN.value, arm.at_ms, arm.at_ms)
        if arm.arm is Arm.RAISE and is_down and not held_open:
            latest = [passage for at_ms, passage in decided[: bisect_right(times, arm.at_ms)]
                      if arm.at_ms - at_ms <= DECIDED_WITHIN_MS]  # fmt: skip
            if not any(passed.get(passage, arm.at_ms) >= arm.at_ms for passage in latest):
                yield Finding(NAME, gate_id, "the arm was raised, and no decision to let anybody pass lay on disk",
                              arm.at_ms)  # fmt: skip
        is_down = arm.arm is Arm.DOWN


def _opened_by_nobody(scene: Scene, gate_id: str) -> Iterator[Finding]:
    """Decisions of attendants without a press of the button, just before, that no other decision came of."""
    presses = [press.at_ms for press in scene.seen.presses if press.gate_id == gate_id]
    opened = {
        (at_ms, fact.payload["passage_id"])
        for store in (*scene.lost(gate_id), scene.store(gate_id))
        for fact in store.of_kind(gate_id, "gate.decided")
        if fact.payload.get("by") is not None and (at_ms := scene.made_at_ms(fact)) is not None
    }
    for at_ms, _ in sorted(opened):
        led_to_it = [pressed_ms for pressed_ms in presses if pressed_ms <= at_ms <= pressed_ms + OPENS_WITHIN_MS]
        if led_to_it:
            presses.remove(led_to_it[0])
        else:
            yield Finding(NAME, gate_id, "it opened on an attendant's word, and none had just asked for that", at_ms)


def _let_in_on_nothing(scene: Scene, lot: LotPlan) -> Iterator[Finding]:
    """Cars that were let in on a reservation that, as every gate must have heard, had ended."""
    ended: dict[str, tuple[int, str]] = {}
    for fact in scene.store(lot.lot_id).of_kind(lot.lot_id, "reservation.changed"):
        now, at_ms = fact.payload, scene.made_at_ms(fact)
        if at_ms is not None and now["status"] in _OVER:
            ended.setdefault(now["reservation_id"], (at_ms, now["status"]))
    for gate_id in lot.gates:
        for fact in scene.store(gate_id).of_kind(gate_id, "gate.decided"):
            decided, at_ms = fact.payload, scene.made_at_ms(fact)
            over = ended.get(decided["reservation_id"])
            if at_ms is None or over is None or decided["verdict"] != "admit" or _is_by_people(decided):
                continue
            if scene.have_heard(lot.lot_id, over[0], at_ms):
                what = f"let a car in by {decided['evidence']} on {decided['reservation_id']}, which is {over[1]}"
                yield Finding(NAME, gate_id, what, at_ms)


def _let_in_by_old_tickets(scene: Scene, lot: LotPlan) -> Iterator[Finding]:
    """Cars that came in on a ticket which a newer one had replaced, as every gate must have heard."""
    hub = scene.store(lot.lot_id)
    keys = {
        fact.payload["key_id"]: fact.payload["public_key"] for fact in hub.of_kind(lot.lot_id, "ticket_key.published")
    }
    sql = "SELECT reservation_id, moved_at, ticket FROM reservation WHERE moved_at IS NOT NULL AND ticket IS NOT NULL"
    latest = {row["reservation_id"]: (scene.ms_of(row["moved_at"]), row["ticket"]) for row in hub.rows(sql)}
    for gate_id in lot.gates:
        decisions = scene.store(gate_id).of_kind(gate_id, "gate.decided")
        waved_through = {fact.payload["passage_id"] for fact in decisions if _is_by_people(fact.payload)}
        for fact in scene.store(gate_id).of_kind(gate_id, "gate.passed"):
            passed, at_ms = fact.payload, scene.made_at_ms(fact)
            if at_ms is None or passed["ticket_id"] is None or passed["reservation_id"] not in latest:
                continue
            if passed["passage_id"] in waved_through:
                continue
            moved_ms, ticket = latest[passed["reservation_id"]]
            came_ms = at_ms - DROVE_WITHIN_MS
            is_old = verify(ticket, keys).ticket_id != passed["ticket_id"]
            if is_old and moved_ms < came_ms and scene.have_heard(lot.lot_id, moved_ms, came_ms):
                yield Finding(NAME, gate_id, f"let {passed['reservation_id']} in on a ticket that was replaced", at_ms)


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


def _is_by_people(decided: dict[str, Any]) -> bool:
    return decided["reason"] in (Reason.ATTENDANT.value, Reason.HELD_OPEN.value)


def _lets_pass(fact: StoredFact) -> bool:
    return fact.kind.startswith("gate.decided/") and fact.payload["verdict"] in _PASSES
