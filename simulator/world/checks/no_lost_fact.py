"""no-lost-fact: what a unit has recorded reaches every unit that needs it exactly once, and survives any one disk.

Logs are compared as multisets of unit, epoch and sequence number, and by what each fact says, as far back as both ends
keep all of them: of what is older, or came as a snapshot, the copies must be right (converges). Exactly once is more
than to have a fact once: what follows from it must have happened once too, and the hub's log says of each stay from
which fact it follows.

And what a driver was told of a booking is known for good to hub and central both, whatever any unit acknowledged.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator

from simulator.world.checks.scene import BACKUP_AGE_MS_MAX, CENTRAL, Finding, Scene, StoredFact, StoreSeen
from simulator.world.seen import NEW_DISK, DriverTold, LotPlan, Told

NAME = "no-lost-fact"

Key = tuple[str, int, int]

_PROMISES = frozenset({Told.HELD, Told.PAID, Told.TICKET})


def check(scene: Scene) -> Iterator[Finding]:
    for unit, owner, copies in _logs(scene):
        own = scene.store(owner).facts.get(unit, [])
        yield from _gaps(unit, scene.store(owner).whole(unit))
        for copy in copies:
            floor = scene.store(owner).thinned.get(unit, (0, 0))
            taken = scene.store(copy).whole(unit, floor)
            floor = max(floor, scene.store(copy).thinned.get(unit, floor))
            yield from _differences(unit, scene.store(owner).whole(unit, floor), copy, taken)
            yield from _told_otherwise(unit, own, copy, taken)
            for fact in scene.store(copy).facts.get(unit, []):
                if fact.set_aside is not None:
                    what = f"{copy} set {fact.kind} {fact.epoch}/{fact.seq} aside: {fact.set_aside}"
                    yield Finding(NAME, unit, what, scene.made_at_ms(fact))
        for disk in scene.lost(owner):
            yield from _forgotten(unit, disk, own, copies)
    for lot in scene.seen.lots:
        yield from _promised(scene, lot)
        for gate_id in lot.gates:
            yield from _followed_once(scene, lot.lot_id, gate_id)


def _logs(scene: Scene) -> Iterator[tuple[str, str, list[str]]]:
    """Each log: its unit, whose store it is in, and the units that must hold a copy."""
    for lot in scene.seen.lots:
        yield lot.lot_id, lot.lot_id, [CENTRAL, *lot.gates]
        yield f"{CENTRAL}:{lot.lot_id}", CENTRAL, [lot.lot_id]
        for gate_id in lot.gates:
            yield gate_id, gate_id, [lot.lot_id]


def _gaps(unit: str, log: list[StoredFact]) -> Iterator[Finding]:
    before: StoredFact | None = None
    for fact in log:
        if before is not None and fact.epoch == before.epoch and fact.seq != before.seq + 1:
            yield Finding(NAME, unit, f"its own log has a gap from {before.seq} to {fact.seq} in epoch {fact.epoch}")
        before = fact


def _differences(unit: str, own: list[StoredFact], copy: str, taken: list[StoredFact]) -> Iterator[Finding]:
    """What a copy has not that it must have, and what it has too much."""
    have, must = Counter(fact.key for fact in taken), Counter(fact.key for fact in own)
    if missing := must - have:
        yield Finding(NAME, unit, f"{copy} has not {_named(missing)}")
    if too_many := have - must:
        yield Finding(NAME, unit, f"{copy} has {_named(too_many)}, which {unit} does not know")


def _told_otherwise(unit: str, own: list[StoredFact], copy: str, taken: list[StoredFact]) -> Iterator[Finding]:
    """Facts that do not say at both ends the same under the same number."""
    log = {fact.key: fact for fact in own}
    for fact in taken:
        said = log.get(fact.key)
        if said is not None and (said.kind, said.payload) != (fact.kind, fact.payload):
            yield Finding(NAME, unit, f"{copy} has another {fact.kind} {fact.epoch}/{fact.seq} than its unit")


def _forgotten(unit: str, disk: StoreSeen, own: list[StoredFact], copies: list[str]) -> Iterator[Finding]:
    """What the log on a lost disk had that others had acknowledged, and that is gone."""
    where = "acknowledged WHERE unit = ?" if disk.unit == CENTRAL else "acknowledged"
    values = (unit,) if disk.unit == CENTRAL else ()
    marks = [
        (row["epoch"], row["seq"])
        for row in disk.rows(f"SELECT subscriber, epoch, seq FROM {where}", *values)  # noqa: S608
        if row["subscriber"] in copies
    ]
    if not marks:
        return
    known = {_said(fact, disk.unit) for fact in own}
    for fact in disk.facts.get(unit, []):
        if (fact.epoch, fact.seq) <= max(marks) and _said(fact, disk.unit) not in known:
            yield Finding(NAME, unit, f"{fact.kind} {fact.epoch}/{fact.seq} was acknowledged before its disk was lost,"
                                      " and is gone", disk.lost_at_ms)  # fmt: skip


def _said(fact: StoredFact, unit: str) -> str:
    """What a lost fact is known by where it was told again.

    Central tells how a payment stands; where it has lost its books it tells that again as it is by then. A hub tells
    what became of a booking by a higher revision, and maybe on another spot, where it had told something else since.
    """
    if unit == CENTRAL:
        return f"{fact.kind} {fact.payload.get('reservation_id')}"
    if fact.kind.startswith("reservation.changed/"):
        return f"{fact.kind} {fact.payload['reservation_id']} {fact.payload['status']}"
    return fact.text + fact.at


def _followed_once(scene: Scene, lot_id: str, gate_id: str) -> Iterator[Finding]:
    """Each passage that the hub has taken in made or changed one stay, once; two runs of it may both have said so."""
    hub = scene.store(lot_id)
    follows: dict[Key, set[str]] = defaultdict(set)
    for fact in hub.of_kind(lot_id, "stay.changed"):
        origin = fact.payload["origin"]
        follows[origin["unit"], origin["epoch"], origin["seq"]].add(fact.text)
    for fact in hub.of_kind(gate_id, "gate.passed"):
        changes = len(follows[fact.key])
        if fact.set_aside is None and changes != 1:
            what = f"passage {fact.epoch}/{fact.seq} was taken in, and {changes} changes of stays follow"
            yield Finding(NAME, gate_id, what, scene.made_at_ms(fact))


def _promised(scene: Scene, lot: LotPlan) -> Iterator[Finding]:
    """The bookings that a driver was told of, and that hub or central does not know.

    Nothing can be asked of them where both were set back to before it.
    """
    know = {
        lot.lot_id: {row[0] for row in scene.store(lot.lot_id).rows("SELECT reservation_id FROM reservation")},
        CENTRAL: {row[0] for row in scene.central.rows("SELECT reservation_id FROM reservations WHERE revision > 0")},
    }
    first_told: dict[str, DriverTold] = {}
    for one in scene.seen.drivers:
        if one.reservation_id is not None and one.told in _PROMISES and one.driver.rpartition("-")[0] == lot.lot_id:
            first_told.setdefault(one.reservation_id, one)
    for reservation_id, one in first_told.items():
        not_known = [unit for unit, known in know.items() if reservation_id not in known]
        if not_known and not all(_is_set_back(scene, unit, one.at_ms) for unit in know):
            what = f"{one.driver} was told that {reservation_id} is {one.told.value}; not known to {not_known}"
            yield Finding(NAME, lot.lot_id, what, one.at_ms)


def _is_set_back(scene: Scene, unit: str, at_ms: int) -> bool:
    """Whether a unit's disk was lost so soon after this that its backup, if there was one, may be older."""
    return any(
        fault.unit == unit and fault.kind in NEW_DISK and at_ms <= fault.at_ms <= at_ms + BACKUP_AGE_MS_MAX
        for fault in scene.seen.faults
    )


def _named(facts: Counter[Key]) -> str:
    """The first few, and how many more."""
    first = [f"{epoch}/{seq}" for _, epoch, seq in sorted(facts)[:3]]
    more = f" and {len(facts) - 3} more" if len(facts) > 3 else ""
    return ", ".join(first) + more
