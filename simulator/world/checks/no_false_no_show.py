"""no-false-no-show: nobody who came in pays for not coming.

The street says who came in and when they left, the bank what they paid in the end. Where a no-show's own car came in
within its window, the lot keeps no more than a stay of that length costs; while nobody knows that the car has left, it
may cost all of the window. Whatever comes of it, that nobody came is sure only behind every entry gate's own word.
"""

from collections.abc import Iterator
from datetime import timedelta

from cloud_sync.link.v1.facts import Direction
from domain.money import Money
from domain.now import parse_instant
from domain.policy import early_exit_refund
from domain.window import Window
from simulator.world.checks.scene import Finding, Scene
from simulator.world.seen import LotPlan

NAME = "no-false-no-show"

SLACK_MS = 10 * 60_000
"""How much longer than by the street a stay may count: clocks are off, and a money total is still on its way."""


def check(scene: Scene) -> Iterator[Finding]:
    for lot in scene.seen.lots:
        yield from _decided_too_soon(scene, lot)
        yield from _settled_too_soon(scene, lot)
    yield from _paid_for_not_coming(scene)


def _decided_too_soon(scene: Scene, lot: LotPlan) -> Iterator[Finding]:
    """No-shows whose time to come was not over yet, by the hub's own clock."""
    hub = scene.store(lot.lot_id)
    expected = {row["reservation_id"]: row["expected_at"]
                for row in hub.rows("SELECT reservation_id, expected_at FROM reservation")}  # fmt: skip
    for fact in hub.of_kind(lot.lot_id, "reservation.changed"):
        now = fact.payload
        if now["status"] != "no_show" or now["reservation_id"] not in expected:
            continue
        over = parse_instant(expected[now["reservation_id"]]) + timedelta(seconds=lot.policy.grace_s)
        if parse_instant(fact.at) < over:
            yield Finding(NAME, now["reservation_id"], "its spot was released before its time to come was over",
                          scene.made_at_ms(fact))  # fmt: skip


def _settled_too_soon(scene: Scene, lot: LotPlan) -> Iterator[Finding]:
    """Withdrawals that the hub called complete before each entry gate had written its answer down, or a manager had
    vouched for it."""
    noted: dict[tuple[str, str, int], int] = {}
    entries = [gate_id for gate_id, direction in lot.gates.items() if direction is Direction.ENTRY]
    for gate_id in entries:
        for store in (*scene.lost(gate_id), scene.store(gate_id)):
            for fact in store.of_kind(gate_id, "withdrawal.noted"):
                at_ms, said = scene.made_at_ms(fact), fact.payload
                if at_ms is not None:
                    noted.setdefault((gate_id, said["reservation_id"], said["revision"]), at_ms)
    hub = scene.store(lot.lot_id)
    for fact in hub.of_kind(lot.lot_id, "withdrawal.vouched"):
        at_ms, said = scene.made_at_ms(fact), fact.payload
        if at_ms is not None:
            key = said["gate_id"], said["reservation_id"], said["revision"]
            noted[key] = min(at_ms, noted.get(key, at_ms))
    for fact in hub.of_kind(lot.lot_id, "withdrawal.settled"):
        settled, at_ms = fact.payload, scene.made_at_ms(fact)
        if not settled["complete"] or at_ms is None:
            continue
        for gate_id in entries:
            answered_ms = noted.get((gate_id, settled["reservation_id"], settled["revision"]))
            if answered_ms is None or answered_ms > at_ms:
                what = f"the hub was sure that nobody came in, and nobody had said so of {gate_id}"
                yield Finding(NAME, settled["reservation_id"], what, at_ms)


def _paid_for_not_coming(scene: Scene) -> Iterator[Finding]:
    moved = scene.bank.moved()
    for lot in scene.seen.lots:
        for row in scene.store(lot.lot_id).rows("SELECT * FROM reservation WHERE status = 'no_show'"):
            reservation_id = row["reservation_id"]
            by_bank = moved.get(reservation_id, [])
            paid_minor = sum(one.minor for one in by_bank if one.kind == "charge")
            kept_minor = paid_minor - sum(one.minor for one in by_bank if one.is_refund)
            window = Window(parse_instant(row["start_time"]), parse_instant(row["end_time"]))
            visit = _visit(scene, lot, reservation_id, window)
            if visit is None or not paid_minor or _is_inside(scene, lot, reservation_id):
                continue
            came_ms, left_ms = visit
            if left_ms + SLACK_MS >= scene.seen.ends_ms:
                continue  # inside, or only just out: what goes back is not decided, or on its way
            left_at = scene.instant(left_ms + SLACK_MS)
            paid = Money(paid_minor, row["currency"])
            worth_minor = paid_minor - early_exit_refund(paid, window, left_at, lot.policy).amount_minor
            if kept_minor > worth_minor:
                what = f"came in and pays {kept_minor} of {paid_minor} for not coming; the stay was worth {worth_minor}"
                yield Finding(NAME, reservation_id, what, came_ms)


def _is_inside(scene: Scene, lot: LotPlan, reservation_id: str) -> bool:
    """Whether the hub has a stay that is not over: nobody was seen to leave, or it was not known who that was."""
    sql = "SELECT 1 FROM stay WHERE reservation_id = ? AND left_at IS NULL"
    return bool(scene.store(lot.lot_id).rows(sql, reservation_id))


def _visit(scene: Scene, lot: LotPlan, reservation_id: str, window: Window) -> tuple[int, int] | None:
    """When the booked car came in within the window, and when it was last seen to leave; the run's end if it was not.

    None where it did not come, and where it has another booking around that time: it may have come on that one.
    """
    car = scene.cars.get(reservation_id)
    if car is None or len(_bookings(scene, lot, car, window)) > 1:
        return None
    # Who had pushed in behind another car before there was a booking has not come on it.
    booked_ms = min((one.at_ms for one in scene.seen.drivers if one.reservation_id == reservation_id), default=0)
    from_ms = max(scene.ms(window.start) - lot.policy.early_s * 1000, booked_ms)
    came = [
        event.at_ms
        for event in scene.entries
        if event.car == car and event.gate_id in lot.gates and from_ms <= event.at_ms < scene.ms(window.end)
    ]
    if not came:
        return None
    left = [event.at_ms for event in scene.exits if event.car == car and event.gate_id in lot.gates]
    after = [at_ms for at_ms in left if at_ms >= came[-1]]
    return came[0], max(after, default=scene.seen.ends_ms)


def _bookings(scene: Scene, lot: LotPlan, car: str, window: Window) -> list[str]:
    """The bookings of a car in this lot that a visit around this window may have been on."""
    early_ms = lot.policy.early_s * 1000
    return [
        row["reservation_id"]
        for row in scene.store(lot.lot_id).rows("SELECT reservation_id, start_time, end_time, status FROM reservation")
        if scene.cars.get(row["reservation_id"]) == car
        and row["status"] != "expired"
        and scene.ms_of(row["start_time"]) - early_ms < scene.ms(window.end)
        and scene.ms_of(row["end_time"]) > scene.ms(window.start) - early_ms
    ]
