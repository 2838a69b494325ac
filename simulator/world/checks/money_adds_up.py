"""money-adds-up: the ledger balances and agrees with the bank, no cause is moved twice, and every total follows from
what happened.

The totals are worked out anew from the hub's book and stays (`simulator/account.py`), for every reservation about
which nothing was decided in the run's last minutes. That its driver wished to cancel, and when, is central's word.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from cloud_sync.central.booking import State
from domain.now import parse_instant
from domain.stay import Conflict
from simulator import books
from simulator.account import BY_HAND, CHARGED_LATER, TAKEN, Account, Moved, wrong
from simulator.world.checks.scene import Finding, Scene
from simulator.world.provider import Deed, What
from simulator.world.seen import LotPlan, Told

NAME = "money-adds-up"

ON_ITS_WAY = timedelta(minutes=5)
"""What was decided less than this before the end may still be on its way to the bank."""

HELD_BACK_MS_MAX = 2 * 3_600_000
"""How long money may be held on a card of which a saga still knows; longer only while its hub is asked."""

_GONE = (What.VOIDED, What.LAPSED, What.DECLINED)


def check(scene: Scene) -> Iterator[Finding]:
    moved = scene.bank.moved()
    for what in books.wrong(scene.central.rows, moved):
        yield Finding(NAME, "central", what)
    for key in scene.bank.provider.misused_keys:
        yield Finding(NAME, key, "one cause came to the bank with two different orders")
    for held in scene.bank.held_back():
        if scene.seen.ends_ms - held.created_ms > HELD_BACK_MS_MAX and not _is_in_hand(scene, held.intent_id):
            yield Finding(NAME, held.cause, "authorised, and neither taken nor given back", held.created_ms)
    yield from _by_hand(scene, moved)
    deeds = _deeds(scene)
    known = set()
    for lot in scene.seen.lots:
        for reservation_id, account, settling in _accounts(scene, lot, deeds):
            known.add(reservation_id)
            for what in wrong(account, moved.get(reservation_id, []), lot.policy, lot.tariff):
                if not settling or "twice" in what:
                    yield Finding(NAME, reservation_id, what)
    for reservation_id in sorted(moved.keys() - known):
        if sum(-one.minor if one.is_refund else one.minor for one in moved[reservation_id]):
            yield Finding(NAME, reservation_id, "the bank keeps money for a reservation that no hub knows")


def _by_hand(scene: Scene, moved: Mapping[str, Sequence[Moved]]) -> Iterator[Finding]:
    """Each complaint was paid back once at most, and once where the operator was told so."""
    told = Counter((one.told, one.reservation_id) for one in scene.seen.drivers)
    paid = Counter({name: sum(one.kind in BY_HAND for one in all_moved) for name, all_moved in moved.items()})
    for reservation_id in sorted(
        paid.keys() | {one.reservation_id for one in scene.seen.drivers if one.reservation_id}
    ):
        least, most = told[Told.MADE_GOOD, reservation_id], told[Told.COMPLAINS, reservation_id]
        if not least <= paid[reservation_id] <= most:
            what = f"{most} complaints, {least} told to be made good, and {paid[reservation_id]} refunds by hand"
            yield Finding(NAME, reservation_id, what)


def _is_in_hand(scene: Scene, intent_id: str) -> bool:
    """Whether a payment that has not ended yet has this authorisation."""
    sql = "SELECT 1 FROM payments WHERE intent_id = ? AND step NOT IN ('paid', 'failed')"
    return bool(scene.central.rows(sql, intent_id))


def _deeds(scene: Scene) -> dict[str, list[Deed]]:
    by_reservation: dict[str, list[Deed]] = defaultdict(list)
    for deed in scene.bank.deeds:
        by_reservation[deed.cause.partition(":")[0]].append(deed)
    return by_reservation


def _accounts(scene: Scene, lot: LotPlan, deeds: dict[str, list[Deed]]) -> Iterator[tuple[str, Account, bool]]:
    """Each reservation of a lot with its account, and whether something about it was decided only just now."""
    hub, recently = scene.store(lot.lot_id), scene.instant(scene.seen.ends_ms) - ON_ITS_WAY
    stays: dict[str, list[sqlite3.Row]] = defaultdict(list)
    for row in hub.rows("SELECT * FROM stay WHERE reservation_id IS NOT NULL"):
        stays[row["reservation_id"]].append(row)
    left_unseen = {
        fact.payload["reservation_id"]
        for fact in hub.of_kind(lot.lot_id, "stay.changed")
        if fact.payload["conflict"] == Conflict.EXIT_WITHOUT_ENTRY.value
    }
    settled = {row["reservation_id"]: row for row in hub.rows("SELECT * FROM withdrawal")}
    wishes = {row["reservation_id"]: row for row in scene.central.rows("SELECT * FROM bookings")}
    changed = {
        row["reservation_id"]: row["changed_at"]
        for row in scene.central.rows("SELECT reservation_id, changed_at FROM reservations")
    }
    for row in hub.rows("SELECT * FROM reservation"):
        reservation_id = row["reservation_id"]
        account, instants = _account(
            row,
            stays[reservation_id],
            settled.get(reservation_id),
            wishes.get(reservation_id),
            deeds.get(reservation_id, []),
        )
        instants.append(changed.get(reservation_id))
        account = replace(account, left_unseen=reservation_id in left_unseen)
        is_cancelled = account.reservation["status"] == "cancelled"
        if is_cancelled and account.settled is None and parse_instant(row["end_time"]) <= recently:
            account = replace(account, settled=False)  # it does not wait for the gates any more
        settling = any(at is not None and parse_instant(at) > recently for at in instants)
        yield reservation_id, account, settling or (is_cancelled and _ends_now(scene, row["end_time"]))


def _account(
    row: sqlite3.Row,
    stays: list[sqlite3.Row],
    settled: sqlite3.Row | None,
    booking: sqlite3.Row | None,
    deeds: list[Deed],
) -> tuple[Account, list[str | None]]:
    """What became of a reservation, and the instants at which it did."""
    wished = None if booking is None else booking["cancel_requested_at"]
    # Where the lot could not be told in time, its driver's wish counts all the same.
    is_cancelled = booking is not None and booking["state"] == State.CANCELLED.value
    reservation = {
        "status": "cancelled" if is_cancelled else row["status"],
        "start_time": row["start_time"],
        "end_time": row["end_time"],
        "price": {"amount_minor": row["price_minor"], "currency": row["currency"]},
    }
    declined = {deed.cause: deed.amount.amount_minor for deed in deeds
                if deed.what is What.DECLINED and _kind(deed) in CHARGED_LATER}  # fmt: skip
    gone = any(deed.what in _GONE and deed.intent_id and _kind(deed) in TAKEN for deed in deeds)
    settled_at = None if settled is None else settled["settled_at"]
    account = Account(
        reservation,
        tuple(dict(stay) for stay in stays),
        None if settled is None or settled_at is None else bool(settled["complete"]),
        None if wished is None else parse_instant(wished),
        sum(declined.values()),
        gone,
    )
    return account, [settled_at, wished, *(stay["told_at"] for stay in stays)]


def _ends_now(scene: Scene, end_time: str) -> bool:
    end = scene.ms_of(end_time)
    return abs(end - scene.seen.ends_ms) < ON_ITS_WAY // timedelta(milliseconds=1)


def _kind(deed: Deed) -> str:
    return Moved.by(deed.cause, 0, is_refund=False).kind
