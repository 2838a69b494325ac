"""converges: some minutes after the faults have ended, every copy equals its owner's data, and nothing is in doubt.

The hub owns spots, gates, reservations, stays, keys, lists; central owns policies and payments. Of a lot's rows a gate
need have only those that it may still want. What is over may have been forgotten, and what was just said may be on its
way.
"""

import json
import sqlite3
from collections.abc import Hashable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter

from domain.now import rfc3339
from domain.policy import Policy
from domain.reservation import Status
from simulator.world.checks.scene import CENTRAL, Finding, Scene, StoreSeen
from simulator.world.seen import LotPlan

NAME = "converges"

CONVERGED_WITHIN = timedelta(minutes=5)
"""After this everything that was in doubt when the faults ended is decided."""

AHEAD = timedelta(hours=23)
"""A gate knows the bookings that start within a day; an hour is left to it for taking them in."""

_POLICY = TypeAdapter(Policy)
_WANTED = frozenset(status.value for status in (Status.CONFIRMED, Status.CHECKED_IN, Status.NO_SHOW))

Row = tuple[Any, ...]
Rows = Mapping[Hashable, Row]


def check(scene: Scene) -> Iterator[Finding]:
    for unsettled in scene.seen.unsettled:
        yield Finding(NAME, unsettled.where, unsettled.what, unsettled.at_ms)
    for lot in scene.seen.lots:
        hub = scene.store(lot.lot_id)
        for gate_id in lot.gates:
            for what in _gate(scene, lot, hub, scene.store(gate_id)):
                yield Finding(NAME, gate_id, what, scene.seen.ends_ms)
        told = _told(lot, hub, scene.central)
        for what in (*_central(lot, hub, scene.central), *told, *_tickets(scene, hub), *_overdue(scene, hub)):
            yield Finding(NAME, lot.lot_id, what, scene.seen.ends_ms)
    for what in _in_doubt(scene):
        yield Finding(NAME, CENTRAL, what, scene.seen.ends_ms)


def _gate(scene: Scene, lot: LotPlan, hub: StoreSeen, gate: StoreSeen) -> Iterator[str]:
    columns = "reservation_id, revision, status, spot_id, start_time, end_time, vehicle_type, plate_mark"
    owned = _keyed(hub.rows(f"SELECT {columns} FROM reservation"))  # noqa: S608
    copied = _keyed(gate.rows(f"SELECT {columns} FROM rights"))  # noqa: S608
    now = scene.instant(scene.seen.ends_ms)
    from_time, until_time = rfc3339(now), rfc3339(now + AHEAD)
    needed = {key for key, row in owned.items() if row[2] in _WANTED and row[5] > from_time and row[4] < until_time}
    yield from _differ("reservation", owned, copied, needed)
    stays = "SELECT stay_id, reservation_id, spot_id, evidence FROM"
    inside = _keyed(hub.rows(f"{stays} stay WHERE left_at IS NULL"))
    known = _keyed(gate.rows(f"{stays} open_stay"))
    yield from _differ("open stay", _by_what(inside), _by_what(known), set(inside))
    spots = "SELECT spot_id, kind, in_service FROM spot"
    yield from _differ("spot", _keyed(hub.rows(spots)), _keyed(gate.rows(spots)))
    yield from _differ("key", _keys_of(hub, lot), _keyed(gate.rows("SELECT key_id, public_key FROM ticket_key")))
    listed = "SELECT mark, listing FROM listed WHERE until IS NULL"
    yield from _differ("listed plate", _keyed(hub.rows(listed)), _keyed(gate.rows(listed)))
    used = _used(hub, from_time) - {row["ticket_id"] for row in gate.rows("SELECT ticket_id FROM used_ticket")}
    if used:
        yield f"does not know that these tickets are used up: {sorted(used)}"
    policy = gate.rows("SELECT policy FROM policy")
    if not policy or _POLICY.validate_json(policy[0]["policy"]) != lot.policy:
        yield "has another policy than the lot"


def _central(lot: LotPlan, hub: StoreSeen, central: StoreSeen) -> Iterator[str]:
    columns = "reservation_id, revision, status, spot_id, start_time, end_time, price_minor, currency, user_id"
    copied = central.rows(f"SELECT {columns} FROM reservations WHERE lot_id = ?", lot.lot_id)  # noqa: S608
    yield from _differ("reservation", _keyed(hub.rows(f"SELECT {columns} FROM reservation")), _keyed(copied))  # noqa: S608
    stays = "SELECT stay_id, reservation_id, spot_id, entered_at, left_at, conflict FROM"
    yield from _differ(
        "stay", _keyed(hub.rows(f"{stays} stay")), _keyed(central.rows(f"{stays} stays WHERE lot_id = ?", lot.lot_id))
    )
    settled = hub.rows("SELECT reservation_id, revision, complete FROM withdrawal WHERE settled_at IS NOT NULL")
    known = central.rows("SELECT reservation_id, revision, complete FROM withdrawals WHERE lot_id = ?", lot.lot_id)
    yield from _differ("withdrawal", _keyed(settled), _keyed(known), _keyed(settled).keys())
    for table, columns in (("spot", "spot_id, kind, in_service"), ("gate", "gate_id, direction")):
        mine = hub.rows(f"SELECT {columns} FROM {table}")  # noqa: S608
        theirs = central.rows(f"SELECT {columns} FROM {table}s WHERE lot_id = ?", lot.lot_id)  # noqa: S608
        yield from _differ(table, _keyed(mine), _keyed(theirs))
    keys = central.rows("SELECT key_id, public_key FROM ticket_keys WHERE lot_id = ?", lot.lot_id)
    yield from _differ("key", _keys_of(hub, lot), _keyed(keys))


def _told(lot: LotPlan, hub: StoreSeen, central: StoreSeen) -> Iterator[str]:
    """What central has told the hub: policy, tariff, and what was paid."""
    promise = hub.rows("SELECT policy, tariff FROM promise")
    if not promise or _POLICY.validate_json(promise[0]["policy"]) != lot.policy:
        yield "has another policy than central"
    elif json.loads(promise[0]["tariff"])["step_minor"] != lot.tariff.step_minor:
        yield "has another tariff than central"
    paid = central.rows(
        "SELECT reservation_id, captured_minor, refunded_minor FROM payments WHERE lot_id = ? AND captured_minor > 0",
        lot.lot_id,
    )
    known = hub.rows("SELECT reservation_id, paid_minor, refunded_minor FROM reservation WHERE paid_minor > 0")
    yield from _differ("payment", _keyed(paid), _keyed(known))


def _tickets(scene: Scene, hub: StoreSeen) -> Iterator[str]:
    """The tickets that drivers fetch from central, of cars that may still come."""
    sql = "SELECT reservation_id, ticket FROM reservation WHERE status = 'confirmed' AND end_time > ?"
    signed = _keyed(hub.rows(sql, rfc3339(scene.instant(scene.seen.ends_ms))))
    fetched = _keyed(scene.central.rows("SELECT reservation_id, ticket FROM bookings WHERE ticket IS NOT NULL"))
    yield from _differ("ticket", signed, {key: row for key, row in fetched.items() if key in signed}, signed.keys())


def _overdue(scene: Scene, hub: StoreSeen) -> Iterator[str]:
    """What the hub has had the time to end."""
    since = rfc3339(scene.instant(scene.seen.ends_ms) - CONVERGED_WITHIN)
    held = "SELECT reservation_id FROM reservation WHERE status = 'held' AND hold_expires_at < ?"
    for row in hub.rows(held, since):
        yield f"the hold {row['reservation_id']} has run out and is still held"
    waiting = "SELECT reservation_id FROM withdrawal WHERE settled_at IS NULL AND settle_by < ?"
    for row in hub.rows(waiting, since):
        yield f"the withdrawal of {row['reservation_id']} is still not settled"


def _in_doubt(scene: Scene) -> Iterator[str]:
    """What central is still at although it has had the time to end it."""
    since = rfc3339(scene.instant(scene.seen.ends_ms) - CONVERGED_WITHIN)
    for row in scene.central.rows(
        "SELECT reservation_id, state FROM bookings WHERE state IN ('asked', 'releasing') AND asked_at < ?1"
        " OR state = 'cancelling' AND cancel_requested_at < ?1",
        since,
    ):
        yield f"booking {row['reservation_id']} is still {row['state']}"
    for row in scene.central.rows(
        "SELECT reservation_id, step FROM payments WHERE step NOT IN ('paid', 'failed') AND created_at < ?1"
        " AND (step <> 'authenticate' OR hold_expires_at < ?1)",
        since,
    ):
        yield f"the payment of {row['reservation_id']} is still at {row['step']}"
    for row in scene.central.rows(
        "SELECT reservation_id, kind FROM movements WHERE state = 'pending' AND kind <> 'charge' AND created_at < ?",
        since,
    ):
        yield f"the {row['kind']} of {row['reservation_id']} has not been moved yet"


def _differ(what: str, owned: Rows, copied: Rows, needed: Iterable[Hashable] | None = None) -> Iterator[str]:
    """Where a copy is not as its owner's; of `needed` rows (of all, if not given) none may be missing."""
    for key in sorted(set(owned if needed is None else needed) - set(copied), key=str):
        yield f"{what} {key} is missing"
    for key, row in copied.items():
        if key not in owned:
            yield f"{what} {key} is unknown to its owner"
        elif row != owned[key]:
            yield f"{what} {key} is {row} in place of {owned[key]}"


def _keyed(rows: Iterable[sqlite3.Row]) -> dict[Hashable, Row]:
    return {row[0]: tuple(row) for row in rows}


def _by_what(stays: Rows) -> Rows:
    """A car that came in unseen, or before gates said so, counts as one that came in by its plate."""
    return {key: (*row[:3], "plate" if row[3] == "none" else row[3]) for key, row in stays.items()}


def _keys_of(hub: StoreSeen, lot: LotPlan) -> Rows:
    published = hub.of_kind(lot.lot_id, "ticket_key.published")
    return {fact.payload["key_id"]: (fact.payload["key_id"], fact.payload["public_key"]) for fact in published}


def _used(hub: StoreSeen, from_time: str) -> set[str]:
    """The tickets that cars came in on and whose windows are not over."""
    used = "SELECT stay.ticket_id FROM stay JOIN reservation USING (reservation_id) WHERE stay.ticket_id IS NOT NULL"
    return {row["ticket_id"] for row in hub.rows(f"{used} AND end_time > ?", from_time)}
