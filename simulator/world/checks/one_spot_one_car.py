"""one-spot-one-car: no two windows that a hub granted on one spot overlap, and nobody is sent where somebody stands.

Read from the log of each hub, fact by fact in the order in which it decided, also on disks that were lost: a hub that
sold a spot twice and forgot it has sold it twice. Where two hubs ran from one disk, what each granted counts against
what the other did, as far as drivers were told of it. A gate may send a car only to where the hub has not told it, in
time, that another one stands.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from domain.reservation import HOLDS_SPOT, Status
from simulator.world.checks.scene import Finding, Scene, StoredFact
from simulator.world.seen import LotPlan, Told

NAME = "one-spot-one-car"
_HOLDS = frozenset(status.value for status in HOLDS_SPOT)


def check(scene: Scene) -> Iterator[Finding]:
    for lot in scene.seen.lots:
        for store in (*scene.lost(lot.lot_id), scene.store(lot.lot_id)):
            log = store.facts.get(lot.lot_id, [])
            for fact, what in (*granted_twice(log), *_stood_on_twice(log)):
                yield Finding(NAME, lot.lot_id, what, scene.made_at_ms(fact))
        yield from _sold_by_two(scene, lot)
        yield from _sent_onto_others(scene, lot)


def granted_twice(log: Iterable[StoredFact]) -> Iterator[tuple[StoredFact, str]]:
    """Each grant that overlaps one that stood when it was made."""
    where: dict[str, str] = {}
    granted: dict[str, dict[str, tuple[str, str]]] = defaultdict(dict)
    for fact in log:
        if not fact.kind.startswith("reservation.changed/"):
            continue
        now = fact.payload
        reservation_id, spot_id = now["reservation_id"], now["spot_id"]
        granted[where.get(reservation_id, spot_id)].pop(reservation_id, None)
        if now["status"] not in _HOLDS:
            continue
        start, end = now["start_time"], now["end_time"]
        for other, (its_start, its_end) in granted[spot_id].items():
            if start < its_end and its_start < end:
                yield fact, f"{spot_id} was granted to {reservation_id} and to {other} for overlapping windows"
        granted[spot_id][reservation_id] = start, end
        where[reservation_id] = spot_id


@dataclass(slots=True)
class _Grant:
    """A spot as it was first granted to a reservation, by whichever hub; by `until_ms` any hub has given it up."""

    spot_id: str
    start: str
    end: str
    from_ms: int
    until_ms: int


def _sold_by_two(scene: Scene, lot: LotPlan) -> Iterator[Finding]:
    """Reservations that drivers were told they have, on one spot at one time, whichever hubs granted them."""
    told = {one.reservation_id for one in scene.seen.drivers if one.told is Told.HELD}
    grants = {key: grant for key, grant in _grants(scene, lot).items() if key in told}
    for second, its in grants.items():
        for first, other in grants.items():
            both = other.from_ms < its.from_ms < other.until_ms and other.spot_id == its.spot_id
            if both and its.start < other.end and other.start < its.end:
                what = f"{its.spot_id} was granted to {second} and to {first}, by two hubs, and both were told so"
                yield Finding(NAME, lot.lot_id, what, its.from_ms)


def _grants(scene: Scene, lot: LotPlan) -> dict[str, _Grant]:
    """The first grant to each reservation, of all that ever lay on this lot's hubs' disks."""
    facts = [
        (at_ms, fact.payload)
        for store in (*scene.lost(lot.lot_id), scene.store(lot.lot_id))
        for fact in store.of_kind(lot.lot_id, "reservation.changed")
        if (at_ms := scene.made_at_ms(fact)) is not None
    ]
    found: dict[str, _Grant] = {}
    for at_ms, now in sorted(facts, key=lambda one: one[0]):
        grant = found.get(now["reservation_id"])
        if grant is None:
            grant = _Grant(now["spot_id"], now["start_time"], now["end_time"], at_ms, scene.seen.ends_ms)
            found[now["reservation_id"]] = grant
        if now["status"] == Status.HELD.value:
            grant.until_ms = scene.ms_of(now["hold_expires_at"])
        elif now["status"] not in _HOLDS or now["spot_id"] != grant.spot_id:
            grant.until_ms = min(grant.until_ms, at_ms)
        elif grant.until_ms > at_ms:
            grant.until_ms = scene.seen.ends_ms
    return found


def _stood_on_twice(log: Iterable[StoredFact]) -> Iterator[tuple[StoredFact, str]]:
    """Each stay that begins where the hub knew that another car stands."""
    where: dict[str, str] = {}
    standing: dict[str, set[str]] = defaultdict(set)
    for fact in log:
        if not fact.kind.startswith("stay.changed/"):
            continue
        stay = fact.payload
        stay_id, spot_id = stay["stay_id"], stay["spot_id"]
        before = where.pop(stay_id, None)
        if before is not None:
            standing[before].discard(stay_id)
        if spot_id is None or stay["left_at"] is not None:
            continue
        if before != spot_id and standing[spot_id]:
            yield fact, f"{spot_id} was given to {stay_id} while {', '.join(sorted(standing[spot_id]))} stood there"
        standing[spot_id].add(stay_id)
        where[stay_id] = spot_id


def _sent_onto_others(scene: Scene, lot: LotPlan) -> Iterator[Finding]:
    """Each car that a gate sent to a spot on which, as every unit must have heard, another one stood."""
    standing = _standing(scene, lot)
    for gate_id in lot.gates:
        for fact in scene.store(gate_id).of_kind(gate_id, "gate.decided"):
            decided, at_ms = fact.payload, scene.made_at_ms(fact)
            if at_ms is None or decided["verdict"] != "admit" or decided["spot_id"] is None:
                continue
            for since_ms, until_ms, reservation_id in standing[decided["spot_id"]]:
                is_other = reservation_id != decided["reservation_id"]
                if is_other and since_ms < at_ms < until_ms and scene.have_heard(lot.lot_id, since_ms, at_ms):
                    what = f"sent {decided['reservation_id']} to {decided['spot_id']}, where {reservation_id} stood"
                    yield Finding(NAME, gate_id, what, at_ms)


def _standing(scene: Scene, lot: LotPlan) -> dict[str, list[tuple[int, int, str | None]]]:
    """By spot: from when until when the hub knew that a car stood there, and on which reservation."""
    began: dict[str, tuple[str, int, str | None]] = {}
    found: dict[str, list[tuple[int, int, str | None]]] = defaultdict(list)
    for fact in scene.store(lot.lot_id).of_kind(lot.lot_id, "stay.changed"):
        stay, at_ms = fact.payload, scene.made_at_ms(fact)
        if at_ms is None:
            continue
        before = began.pop(stay["stay_id"], None)
        if stay["left_at"] is None and stay["spot_id"] is not None:
            same = before is not None and before[0] == stay["spot_id"]
            began[stay["stay_id"]] = before if same and before else (stay["spot_id"], at_ms, stay["reservation_id"])
        elif before is not None:
            found[before[0]].append((before[1], at_ms, before[2]))
    for spot_id, since_ms, reservation_id in began.values():
        found[spot_id].append((since_ms, scene.seen.ends_ms, reservation_id))
    return found
