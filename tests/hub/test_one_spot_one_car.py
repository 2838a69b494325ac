"""One-spot-one-car over whatever drivers, central, gates and attendants may do, in whatever order.

The database is asked after each step: no two grants overlap, no two cars stand on one spot, and no booking that is to
start is left on a spot that is not to be had while another as good is free. At the end, what was told agrees with it.
"""

from collections import Counter, defaultdict
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

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
    rid,
)
from tests.parts import ENTRY

SECOND_ENTRY = "riverside.entry-2"
ENTRIES = [ENTRY, SECOND_ENTRY]
MOVE_MS = Policy().move_s * 1_000
WAKEUPS_MAX = 60
"""More than there is to do in the longest wait: a lot that is woken more often spins."""

OPERATIONS = ["hold", "hold", "book", "book", "book", "confirm", "cancel", "release", "in", "in", "in", "out"]
OPERATIONS += ["wait", "wait", "wait", "heard", "noted", "noted", "lay out"]
STEPS = st.tuples(
    st.sampled_from(OPERATIONS),
    st.integers(1, 5),
    st.sampled_from([SPOT, SPOT, OTHER_SPOT, LARGE_SPOT]),
    st.sampled_from([(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)]),
    st.sampled_from([1_000, 6 * MINUTE_MS, 10 * MINUTE_MS, 20 * MINUTE_MS, HOUR_MS]),
)
Step = tuple[str, int, str, tuple[int, int], int]


@settings(max_examples=80)
@given(st.lists(STEPS, min_size=14, max_size=36))
def test_one_spot_one_car_and_every_change_told_once(steps: list[Step]) -> None:
    with TemporaryDirectory() as folder, closing(Riverside(Path(folder))) as riverside:
        riverside.lot.lay_out(SPOTS, {**GATES, SECOND_ENTRY: GATES[ENTRY]}, NOW)
        riverside.heard(*ENTRIES)
        now = NOW
        for step in steps:
            now = _perform(riverside, step, now)
            _check_spots(riverside, now)
        _check_facts(riverside, Path(folder))
        _wait(riverside, now, 60 * 24 * HOUR_MS)
        _check_settlements(riverside)


def _perform(riverside: Riverside, step: Step, now: Now) -> Now:  # noqa: PLR0912  one branch an operation
    operation, number, spot_id, (start, end), ms = step
    hours = (now.utc - NOW.utc).total_seconds() / 3_600
    gate = ENTRIES[ms % 7 % 2]
    try:
        match operation:
            case "hold":
                riverside.hold(hold_request(number, spot_id=spot_id, start=start, end=end), now)
            case "book":
                riverside.booked(number, hold_request(number, spot_id=spot_id, start=start, end=end), now)
            case "confirm":
                riverside.confirm(number, now)
            case "cancel":
                riverside.cancel(number, now, requested_at=now.later(-ms).utc)
            case "release":
                riverside.release(number, now)
            case "in":
                riverside.came_in(number, hours=hours, unit=gate, sent_to=spot_id if end > 1 else None)
            case "out":
                riverside.went_out(number, hours=hours)
            case "wait":
                now = _wait(riverside, now, ms)
            case "heard":
                riverside.heard(gate, online=end > 1, now=now)
            case "noted":
                if riverside.lot.book.find(rid(number)) is not None:
                    riverside.noted(number, unit=gate, hours=hours)
            case "lay out":
                spots = {spot: kind for spot, kind in SPOTS.items() if spot != spot_id or end > 1}
                riverside.lot.lay_out(spots, {**GATES, SECOND_ENTRY: GATES[ENTRY]}, now)
    except (Refused, TryLater):
        pass  # a request may be refused; what must be true is checked after it
    assert not riverside.set_aside()
    return now


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
        assert _inside(riverside) - _entered_twice(riverside) == replica.inside() - _entered_twice(riverside)


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
