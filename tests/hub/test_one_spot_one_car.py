"""One-spot-one-car over whatever drivers, central, gates and attendants may do, in whatever order.

The database is asked after each step: no two grants overlap, no two cars stand on one spot, and no booking that is to
start is left on a spot that is not to be had while another as good is free. At the end, what was told agrees with it.
"""

from collections import Counter, defaultdict
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from cloud_sync.link.store import Store
from cloud_sync.link.ticket import verify
from cloud_sync.link.v1.facts import AlarmRaised, ReservationChanged, WithdrawalSettled
from domain.errors import Refused, TryLater
from domain.now import Now
from domain.policy import Policy
from domain.reservation import HOLDS_SPOT, Status
from domain.stay import Conflict
from domain.window import Window
from gate_firmware.replica import Replica
from hub.book import Reservation
from tests.hub.riverside import (
    GATES,
    HOUR_MS,
    KEY,
    LARGE_SPOT,
    MINUTE_MS,
    NOW,
    OTHER_SPOT,
    SPOT,
    SPOTS,
    Riverside,
    hold_request,
)
from tests.parts import ENTRY

SECOND_ENTRY = "riverside.entry-2"
ENTRIES = [ENTRY, SECOND_ENTRY]
MOVE_MS = Policy().move_s * 1_000
WAKEUPS_MAX = 60
"""More than there is to do in the longest wait: a lot that is woken more often spins."""

OPERATIONS = ["hold", "book", "book", "book", "book", "confirm", "cancel", "release", "in", "in", "in", "out", "out"]
OPERATIONS += ["wait", "wait", "wait", "wait", "heard", "noted", "noted", "noted", "lay out"]
WINDOWS = [(0, 10), (0, 20), (-5, 15), (7, 20), (11, 30), (21, 40)]  # from so many minutes from now, so many minutes
STEPS, SEEDS = 70, 25
Step = tuple[str, int, str, tuple[int, int], int]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_one_spot_one_car_and_every_change_told_once(riverside: Riverside, tmp_path: Path, seed: int) -> None:
    chance = Random(seed)
    riverside.lot.lay_out(SPOTS, {**GATES, SECOND_ENTRY: GATES[ENTRY]}, NOW)
    riverside.heard(*ENTRIES)
    now = NOW
    for _ in range(STEPS):
        spot_id = chance.choice([SPOT, SPOT, OTHER_SPOT, LARGE_SPOT])
        minutes = chance.choice([1, 3, 6, 10, 20])
        step = (chance.choice(OPERATIONS), chance.randrange(8), spot_id, chance.choice(WINDOWS), minutes)
        now = _perform(riverside, step, now)
        _check_spots(riverside, now)
    _check_facts(riverside, tmp_path)
    _wait(riverside, now, 60 * 24 * HOUR_MS)
    _check_settlements(riverside)


def _perform(riverside: Riverside, step: Step, now: Now) -> Now:  # noqa: PLR0912  one branch an operation
    """`which` chooses among what there is."""
    operation, which, spot_id, (start, length), minutes = step
    hours = (now.utc - NOW.utc).total_seconds() / 3_600
    gate, fresh = ENTRIES[which % 2], len(_book(riverside)) + 1
    request = hold_request(fresh, spot_id=spot_id, start=hours + start / 60, end=hours + (start + length) / 60)
    try:
        match operation:
            case "hold":
                riverside.hold(request, now)
            case "book":
                riverside.booked(fresh, request, now)
            case "confirm":
                riverside.confirm(_one_of(riverside, which, Status.HELD), now)
            case "cancel":
                riverside.cancel(which, now, requested_at=now.later(-minutes * MINUTE_MS).utc)
            case "release":
                riverside.release(_one_of(riverside, which, Status.HELD), now)
            case "in":
                number = _one_of(riverside, which, Status.CONFIRMED, Status.NO_SHOW)
                riverside.came_in(number, hours=hours, unit=gate, sent_to=spot_id if length > 20 else None)
            case "out":
                riverside.went_out(_one_of(riverside, which, Status.CHECKED_IN), hours=hours)
            case "wait":
                now = _wait(riverside, now, minutes * MINUTE_MS)
            case "heard":
                riverside.heard(gate, online=length > 20, now=now)
            case "noted":
                number = _one_of(riverside, which, Status.CANCELLED, Status.NO_SHOW)
                if number <= len(_book(riverside)):
                    for unit in ENTRIES if length > 20 else [gate]:
                        riverside.noted(number, unit=unit, hours=hours)
            case "lay out":
                spots = {spot: kind for spot, kind in SPOTS.items() if spot != spot_id or length > 15}
                riverside.lot.lay_out(spots, {**GATES, SECOND_ENTRY: GATES[ENTRY]}, now)
    except (Refused, TryLater):
        pass  # a request may be refused; what must be true is checked after it
    assert not riverside.set_aside()
    return now


def _one_of(riverside: Riverside, which: int, *statuses: Status) -> int:
    """The number of a reservation in one of these, mostly; else one that may not exist."""
    numbers = [number for number in range(1, len(_book(riverside)) + 1) if riverside.status(number) in statuses]
    return numbers[which % len(numbers)] if numbers and which else which + 1


def _wait(riverside: Riverside, now: Now, ms: int) -> Now:
    """Time goes by; the lot is woken whenever it asks for it."""
    until = now.mono_ms + ms
    for _ in range(WAKEUPS_MAX):
        wakeup_ms = riverside.lot.next_wakeup_ms(now)
        if wakeup_ms is None or wakeup_ms > until:
            return now.later(until - now.mono_ms)
        now = now.later(wakeup_ms - now.mono_ms)
        riverside.lot.woken(now)
        _check_spots(riverside, now)
    raise AssertionError("the lot wants to be woken again and again")


def _book(riverside: Riverside) -> list[Reservation]:
    return riverside.lot.book.all_where("true")


def _check_spots(riverside: Riverside, now: Now) -> None:
    windows: dict[str, list[Window]] = defaultdict(list)
    for one in _book(riverside):
        if one.status in HOLDS_SPOT:
            assert not any(one.window.overlaps(other) for other in windows[one.spot_id])
            windows[one.spot_id].append(one.window)
    sql = "SELECT spot_id FROM stay WHERE left_at IS NULL AND spot_id IS NOT NULL"
    occupied = Counter(row["spot_id"] for row in riverside.store.connection.execute(sql))
    assert set(occupied.values()) <= {1}
    unable = " ".join(told.detail for told in riverside.told(AlarmRaised) if told.alarm == "no-spot-to-move")
    for one in _book(riverside):
        is_due = one.window.start <= now.later(MOVE_MS).utc and now.utc < one.window.end
        closed = riverside.lot.spots.kind_in_service(one.spot_id) is None
        if one.status is Status.CONFIRMED and is_due and (one.spot_id in occupied or closed):
            assert riverside.lot.spots.as_good_spot(one.vehicle_type, one.booked_kind, one.window) is None
            assert unable.count(one.reservation_id[:5]) == 1
        if one.status is Status.CONFIRMED:
            assert one.ticket is not None
            ticket = verify(one.ticket, {KEY.key_id: KEY.public_key})
            assert (ticket.spot_id, ticket.revision) == (one.spot_id, one.ticket_revision)


def _check_facts(riverside: Riverside, folder: Path) -> None:
    told = defaultdict(list)
    for changed in riverside.told(ReservationChanged):
        told[changed.reservation_id].append(changed)
    assert [fact.seq for fact in riverside.facts()] == list(range(1, len(riverside.facts()) + 1))
    assert {one.reservation_id for one in _book(riverside)} == told.keys()
    with closing(Store(folder / "gate.db")) as store:
        replica = Replica(store)
        for fact in riverside.facts():
            if fact.kind != WithdrawalSettled.kind:  # central's alone
                replica.apply(fact)
        for kept in _book(riverside):
            changes = told[kept.reservation_id]
            assert [changed.revision for changed in changes] == list(range(1, len(changes) + 1))
            right = replica.right(kept.reservation_id)
            assert right is not None
            assert (kept.revision, kept.status, kept.spot_id, kept.window, kept.plate) == (
                right.revision,
                right.status,
                right.spot_id,
                right.window,
                right.plate,
            )
        assert _inside(riverside) - _entered_twice(riverside) == replica.spots.inside().keys() - _entered_twice(
            riverside
        )


def _check_settlements(riverside: Riverside) -> None:
    """Each withdrawal of a promise was settled, and none twice."""
    withdrawn = {
        (later.reservation_id, later.revision)
        for earlier, later in _steps_told(riverside)
        if later.status is Status.NO_SHOW or (later.status is Status.CANCELLED and earlier.status is not Status.HELD)
    }
    settled = [(told.reservation_id, told.revision) for told in riverside.told(WithdrawalSettled)]
    assert len(set(settled)) == len(settled)
    last = {(one.reservation_id, one.revision) for one in _book(riverside)}
    assert set(settled) <= withdrawn
    assert withdrawn & last <= set(settled)


def _steps_told(riverside: Riverside) -> list[tuple[ReservationChanged, ReservationChanged]]:
    told = sorted(riverside.told(ReservationChanged), key=lambda one: (one.reservation_id, one.revision))
    return [(one, later) for one, later in pairwise(told) if one.reservation_id == later.reservation_id]


def _inside(riverside: Riverside) -> set[str]:
    return {stay.reservation_id for stay in riverside.stays() if stay.reservation_id and stay.left_at is None}


def _entered_twice(riverside: Riverside) -> set[str]:
    """With two stays on one right, a gate knows only whether the last that it heard of was an entry."""
    entries = Counter(stay.reservation_id for stay in riverside.stays() if stay.reservation_id)
    twice = {reservation_id for reservation_id, stays in entries.items() if stays > 1}
    return twice | {
        stay.reservation_id
        for stay in riverside.stays()
        if stay.reservation_id and stay.conflict in (Conflict.DOUBLE_ENTRY, Conflict.NO_RIGHT)
    }
