"""paid-gets-in: a captured booking is admitted at any entry gate from start - early to start + grace, and until its end
where it is not a no-show by then; but by an entry that somebody of the lot has closed nobody is.

Judged by the bank (when the money was taken), the street (what was shown, and whether the arm went up) and the hub's
book for the window. By ticket it holds at every gate, also at one that was cut off before the booking was made. By a
typed id, and by a plate that was surely read, it holds where the gate must have heard of the booking: nothing was wrong
with the lot's network since, or for some minutes. Margins allow for the units' clocks, whose errors are known from
their facts.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from cloud_sync.central.copies import MOVED
from cloud_sync.link.v1.facts import Direction, Mode
from domain.admission import Reason
from gate_firmware.settings import KeypadSection
from hub.recovery import NO_SPOT
from simulator.world.checks.arrivals import Arrival, arrivals
from simulator.world.checks.scene import HEARD_MS, Finding, Scene
from simulator.world.provider import What
from simulator.world.seen import NEW_DISK, Arm, Credential, LotPlan, Presented

NAME = "paid-gets-in"

WITHIN_MS = 15_000
"""From what is shown to the arm up: a whole look at the plate, a code beside it, and the arm's way."""

MARGIN_MS = 60_000
"""At the ends of the window, on top of what the clocks are off."""

_TURNED_AWAY = frozenset(
    reason.value
    for reason in (
        Reason.NO_BOOKING,
        Reason.TOO_EARLY,
        Reason.ENDED,
        Reason.CANCELLED,
        Reason.PAYMENT_PENDING,
        Reason.ALREADY_INSIDE,
        Reason.NO_SHOW,
    )
)
"""What a gate says to a plate that it has read and does not let in; where it is not sure it asks, and may."""


@dataclass(frozen=True, slots=True)
class _Right:
    """A booking that was paid for, and from when until when it must let its car in."""

    reservation_id: str
    car: str | None
    paid_ms: int
    from_ms: int
    until_ms: int
    plate_mark: str
    has_moved: bool  # to another spot: the driver may have the old ticket still

    def stands(self, at_ms: int) -> bool:
        return max(self.paid_ms, self.from_ms) <= at_ms <= self.until_ms


def check(scene: Scene) -> Iterator[Finding]:
    for lot in scene.seen.lots:
        rights = _rights(scene, lot)
        came_in = _came_in(scene, lot)
        for gate_id, direction in lot.gates.items():
            if direction is not Direction.ENTRY:
                continue
            turned_away = (*_by_code(scene, lot, gate_id, rights), *_by_plate(scene, lot, gate_id, rights))
            for at_ms, right, how in turned_away:
                if came_in.get(right.reservation_id, at_ms) >= at_ms:
                    what = f"{right.car} has paid for {right.reservation_id}, came in time, and {how}"
                    yield Finding(NAME, gate_id, what, at_ms)


def _rights(scene: Scene, lot: LotPlan) -> dict[str, _Right]:
    paid = {deed.cause.partition(":")[0]: deed.at_ms for deed in scene.bank.deeds if deed.what is What.CAPTURED}
    sql = "SELECT reservation_id, cancel_requested_at AS at FROM bookings WHERE cancel_requested_at IS NOT NULL"
    wished = {row["reservation_id"]: scene.ms_of(row["at"]) for row in scene.central.rows(sql)}
    missed, without_spot, moved = _told_of(scene, lot)
    margin_ms = MARGIN_MS + _off_ms(scene, lot)
    rights = {}
    for row in scene.store(lot.lot_id).rows("SELECT * FROM reservation"):
        reservation_id = row["reservation_id"]
        if reservation_id not in paid or reservation_id in without_spot:
            continue
        start_ms, end_ms = scene.ms_of(row["start_time"]), scene.ms_of(row["end_time"])
        until_ms = min(max(start_ms + lot.policy.grace_s * 1000, missed.get(reservation_id, end_ms)), end_ms)
        rights[reservation_id] = _Right(
            reservation_id,
            scene.cars.get(reservation_id),
            paid[reservation_id],
            start_ms - lot.policy.early_s * 1000 + margin_ms,
            min(until_ms, wished.get(reservation_id, until_ms)) - margin_ms,
            row["plate_mark"],
            reservation_id in moved,
        )
    return rights


def _told_of(scene: Scene, lot: LotPlan) -> tuple[dict[str, int], set[str], set[str]]:
    """When the hub first called each no-show one; the bookings that came back to it and for which it had no spot any
    more (no other that was paid for may end by the lot alone); and those that it has moved."""
    missed: dict[str, int] = {}
    without_spot, moved = set(), set()
    for fact in scene.store(lot.lot_id).of_kind(lot.lot_id, "reservation.changed"):
        now, at_ms = fact.payload, scene.made_at_ms(fact)
        if now["status"] == "no_show":
            missed.setdefault(now["reservation_id"], 0 if at_ms is None else at_ms)
        elif now["cause"] == NO_SPOT:
            without_spot.add(now["reservation_id"])
        elif now["cause"] == MOVED:
            moved.add(now["reservation_id"])
    return missed, without_spot, moved


def _off_ms(scene: Scene, lot: LotPlan) -> int:
    """By how much the lot's clocks were off at worst; a gate that is behind, and knows that it may be, lets cars in."""
    of_hub = max((abs(scene.off_ms(fact)) for fact in scene.store(lot.lot_id).facts.get(lot.lot_id, [])), default=0)
    logs = [scene.store(gate_id).facts.get(gate_id, []) for gate_id in lot.gates]
    return of_hub + max((scene.off_ms(fact) for log in logs for fact in log), default=0)


def _came_in(scene: Scene, lot: LotPlan) -> dict[str, int]:
    """When the first car came in on each reservation: one that had shown what belongs to it, or bore its plate."""
    found: dict[str, int] = {}
    for event in scene.entries:
        if event.gate_id not in lot.gates:
            continue
        theirs = {one.reservation_id for one in scene.presented.get(event.gate_id, []) if one.car == event.car}
        theirs.update(reservation_id for reservation_id, car in scene.cars.items() if car == event.car)
        for reservation_id in theirs:
            found.setdefault(reservation_id, event.at_ms)
    return found


def _passed(scene: Scene, lot: LotPlan) -> dict[str, int]:
    """When a car first passed an entry of the lot on each reservation, whoever it was, as the gates have written it."""
    found: dict[str, int] = {}
    for gate_id, direction in lot.gates.items():
        for fact in scene.store(gate_id).of_kind(gate_id, "gate.passed") if direction is Direction.ENTRY else ():
            reservation_id, at_ms = fact.payload["reservation_id"], scene.made_at_ms(fact)
            if reservation_id is not None and at_ms is not None:
                found[reservation_id] = min(at_ms, found.get(reservation_id, at_ms))
    return found


def _by_code(scene: Scene, lot: LotPlan, gate_id: str, rights: dict[str, _Right]) -> Iterator[tuple[int, _Right, str]]:
    """The cars that showed a ticket, or typed an id, which must let them in, and waited in vain."""
    for arrival in arrivals(scene, gate_id):
        for one in scene.presented.get(gate_id, []):
            right = rights.get(one.reservation_id)
            if one.car != arrival.car or right is None or right.car != one.car:
                continue
            here = arrival.first_ms <= one.at_ms <= arrival.until_ms and not _is_blind(scene, gate_id, arrival)
            if not here or not right.stands(one.at_ms) or not _must_take(scene, lot, gate_id, right, one):
                continue
            if scene.was_in_mode(gate_id, Mode.CLOSED.value, arrival.first_ms, arrival.until_ms):
                continue
            is_in = _let_in(scene, gate_id, arrival, one.at_ms)
            if not is_in and not _was_taken_for_another(scene, lot, gate_id, arrival):
                yield one.at_ms, right, f"showed the {one.by.value} in vain"
                break


def _must_take(scene: Scene, lot: LotPlan, gate_id: str, right: _Right, one: Presented) -> bool:
    """Whether a gate must know what it is shown, by itself or by now, and must look at it."""
    if one.by is Credential.TICKET:
        return not right.has_moved and _has_keys(scene, gate_id, lot, one.at_ms)
    return scene.have_heard(lot.lot_id, right.paid_ms, one.at_ms) and not _is_slowed_down(scene, gate_id, one)


def _is_slowed_down(scene: Scene, gate_id: str, one: Presented) -> bool:
    """Whether the keypad may not take anything: somebody typed what may have been wrong not long before."""
    since_ms = one.at_ms - KeypadSection().locked_s * 1000
    typed = [other.at_ms for other in scene.presented[gate_id] if other.by is Credential.ID and other is not one]
    return any(since_ms <= at_ms <= one.at_ms for at_ms in typed)


def _by_plate(scene: Scene, lot: LotPlan, gate_id: str, rights: dict[str, _Right]) -> Iterator[tuple[int, _Right, str]]:
    """The cars whose plates were surely read, and which were turned away by a gate that knew of their bookings."""
    by_mark, passed = defaultdict(list), _passed(scene, lot)
    for right in rights.values():
        by_mark[right.plate_mark].append(right)
    for fact in scene.store(gate_id).of_kind(gate_id, "gate.decided"):
        decided, at_ms = fact.payload, scene.made_at_ms(fact)
        if at_ms is None or decided["plate"] is None or decided["reason"] not in _TURNED_AWAY:
            continue
        theirs = [right for right in by_mark[decided["plate"]["mark"]] if right.stands(at_ms)]
        is_inside = decided["reason"] == Reason.ALREADY_INSIDE.value
        if is_inside and passed.get(decided["reservation_id"], at_ms) < at_ms:
            continue  # a car did come in on it that was taken for this one: its ticket lets this one in
        if len(theirs) == 1 and scene.have_heard(lot.lot_id, theirs[0].paid_ms, at_ms):
            yield at_ms, theirs[0], f"was told {decided['reason']}"


def _is_blind(scene: Scene, gate_id: str, arrival: Arrival) -> bool:
    """Whether the camera showed nothing for some of the time."""
    return any(
        fault.kind == "camera" and fault.unit == gate_id
        and fault.at_ms <= arrival.until_ms and (fault.until_ms or scene.seen.ends_ms) >= arrival.first_ms
        for fault in scene.seen.faults
    )  # fmt: skip


def _was_taken_for_another(scene: Scene, lot: LotPlan, gate_id: str, arrival: Arrival) -> bool:
    """Whether another plate than this car's was surely read in its place: then its driver is asked."""
    marks = scene.marks[lot.lot_id]
    for fact in scene.store(gate_id).of_kind(gate_id, "gate.decided"):
        plate, at_ms = fact.payload["plate"], scene.made_at_ms(fact)
        here = at_ms is not None and arrival.first_ms <= at_ms <= arrival.until_ms and plate is not None
        differs = fact.payload["reason"] == Reason.PLATE_DIFFERS.value
        if here and differs and marks.get(plate["mark"]) != arrival.car:
            return True
    return False


def _has_keys(scene: Scene, gate_id: str, lot: LotPlan, at_ms: int) -> bool:
    """Whether a gate can verify tickets: a new disk has none of the lot's keys before the hub has sent them."""
    news = [
        fault.until_ms or fault.at_ms
        for fault in scene.seen.faults
        if fault.unit == gate_id and fault.kind in NEW_DISK and fault.at_ms <= at_ms
    ]
    since_ms = max(news, default=0)
    heard_ms = since_ms + HEARD_MS
    return at_ms >= heard_ms and not scene.faults_of(lot.lot_id, since_ms, heard_ms)


def _let_in(scene: Scene, gate_id: str, arrival: Arrival, shown_ms: int) -> bool:
    """Whether the arm went up, or the car did not wait for it."""
    by_ms = scene.alive_until(gate_id, shown_ms, WITHIN_MS)
    return arrival.until_ms <= by_ms or scene.arm_arrived(gate_id, Arm.UP, shown_ms, by_ms)
