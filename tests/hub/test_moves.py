"""Nobody is sent to a spot where somebody stands: the booking moves before its window starts."""

from datetime import datetime

import pytest

from cloud_sync.link.ticket import verify
from cloud_sync.link.v1.facts import AlarmRaised, PolicyChanged, ReservationChanged
from domain.policy import Policy, Tariff
from domain.reservation import Status
from domain.spot import SpotKind, VehicleType
from hub.moves import OVERSTAY_GRACE
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
from tests.parts import ENTRY, EXIT

MOVE_MS = Policy().move_s * 1_000
MOVE_H = Policy().move_s / 3_600
MS = 1 / HOUR_MS
KEYS = {KEY.key_id: KEY.public_key}


@pytest.fixture
def lot(riverside: Riverside) -> Riverside:
    """The car of 1 is inside from noon, booked until one; 2 has its spot from two to three."""
    riverside.heard(ENTRY, EXIT)
    riverside.booked(1)
    riverside.booked(2, hold_request(2, start=2, end=3))
    riverside.came_in(1)
    return riverside


def causes(lot: Riverside, number: int = 2) -> list[str]:
    return [told.cause for told in lot.told(ReservationChanged) if told.reservation_id == rid(number)]


def taken(lot: Riverside, number: int, spot_id: str, *, start: float = 2, now_h: float = 0) -> None:
    """A booking that is in the way of others."""
    lot.booked(number, hold_request(number, spot_id=spot_id, start=start, end=3), NOW.later(int(now_h * HOUR_MS)))


class TestMove:
    def test_a_timer_that_rings_a_moment_early_does_not_lose_the_move(self, lot: Riverside) -> None:
        due = NOW.later(2 * HOUR_MS - MOVE_MS)
        assert not lot.woken(2 - MOVE_H - MS)
        assert lot.lot.next_wakeup_ms(due.later(1)) == due.later(1).mono_ms

    def test_before_its_window_and_not_sooner(self, lot: Riverside) -> None:
        lot.woken(1.5)
        assert not lot.woken(2 - MOVE_H - MS)
        assert lot.reservation(2).spot_id == SPOT
        assert lot.woken(2 - MOVE_H)
        assert lot.reservation(2).spot_id == OTHER_SPOT
        told = lot.told(ReservationChanged)[-1]
        assert (told.reservation_id, told.revision, told.status, told.spot_id, told.cause) == (
            rid(2),
            3,
            Status.CONFIRMED,
            OTHER_SPOT,
            "moved",
        )

    def test_it_wakes_for_it(self, lot: Riverside) -> None:
        later = NOW.later(int(1.5 * HOUR_MS))
        assert lot.lot.next_wakeup_ms(later) == NOW.mono_ms + 2 * HOUR_MS - MOVE_MS
        assert lot.woken(2 - MOVE_H)
        after = NOW.later(2 * HOUR_MS - MOVE_MS)
        grace_ms = Policy().grace_s * 1_000
        assert lot.lot.next_wakeup_ms(after) == NOW.mono_ms + 2 * HOUR_MS + grace_ms  # should 2 not come

    def test_the_new_ticket_replaces_the_old_one(self, lot: Riverside) -> None:
        first = lot.confirm(2)
        lot.woken(2 - MOVE_H)
        second = lot.confirm(2, NOW.later(2 * HOUR_MS))
        assert (first.revision, second.revision) == (2, 3)
        old, new = verify(first.ticket, KEYS), verify(second.ticket, KEYS)
        assert (old.spot_id, new.spot_id) == (SPOT, OTHER_SPOT)
        assert (new.revision, new.window) == (3, old.window)
        assert new.ticket_id != old.ticket_id

    def test_none_where_the_car_has_left_in_time(self, lot: Riverside) -> None:
        lot.went_out(1, hours=1.5)
        lot.woken(2 - MOVE_H)
        assert lot.reservation(2).spot_id == SPOT

    def test_at_once_where_a_car_is_sent_there_that_came_late(self, riverside: Riverside) -> None:
        riverside.heard(ENTRY, EXIT)
        riverside.booked(1, hold_request(1, spot_id=OTHER_SPOT, end=3))
        riverside.woken(0.5)
        assert riverside.reservation(1).status is Status.NO_SHOW
        riverside.booked(2, hold_request(2, start=2, end=3))
        riverside.came_in(1, hours=2 - MOVE_H, sent_to=SPOT)
        assert riverside.reservation(2).spot_id == OTHER_SPOT
        assert causes(riverside) == ["held", "paid", "moved"]

    def test_the_sooner_of_two_bookings_goes_first(self, lot: Riverside) -> None:
        lot.booked(3, hold_request(3, start=3, end=4))
        lot.woken(2 - MOVE_H)
        assert lot.reservation(3).spot_id == SPOT
        lot.woken(3 - MOVE_H)
        assert [lot.reservation(n).spot_id for n in (2, 3)] == [OTHER_SPOT] * 2

    def test_who_is_inside_is_never_moved(self, lot: Riverside) -> None:
        lot.lot.lay_out({OTHER_SPOT: SpotKind.STANDARD, LARGE_SPOT: SpotKind.LARGE}, GATES, NOW)
        lot.woken(1)
        assert lot.reservation(1).spot_id == SPOT
        assert causes(lot, 1) == ["held", "paid", "passage"]

    def test_what_is_only_held_stays_until_it_is_confirmed(self, lot: Riverside) -> None:
        """It may come to nothing; the ticket is signed for the spot that is free then."""
        lot.cancel(2)
        lot.hold(hold_request(3, start=1, end=2), NOW.later(HOUR_MS - MINUTE_MS))
        assert lot.reservation(3).spot_id == SPOT
        answer = lot.confirm(3, NOW.later(HOUR_MS - MINUTE_MS + 1))
        assert (answer.revision, verify(answer.ticket, KEYS).spot_id) == (3, OTHER_SPOT)
        assert causes(lot, 3) == ["held", "paid", "moved"]

    def test_when_the_policy_says(self, lot: Riverside) -> None:
        changed = PolicyChanged(policy=Policy(move_s=3_600), tariff=Tariff("EUR", 30, 250))
        lot.tells("central:riverside", changed, NOW.later(int(1.2 * HOUR_MS)))
        assert lot.reservation(2).spot_id == OTHER_SPOT

    def test_a_spot_that_a_late_car_was_given_counts_too(self, riverside: Riverside) -> None:
        riverside.heard(ENTRY, EXIT)
        riverside.booked(1)
        riverside.woken(0.25)
        riverside.booked(2, hold_request(2, start=1, end=2), NOW.later(HOUR_MS // 3))
        riverside.came_in(1, hours=0.5)  # after its no-show: it has no grant any more
        assert riverside.stays()[0].spot_id == SPOT
        riverside.woken(1 - MOVE_H)
        assert riverside.reservation(2).spot_id == OTHER_SPOT


class TestWhereTo:
    def test_a_better_one_where_none_is_equal(self, lot: Riverside) -> None:
        taken(lot, 3, OTHER_SPOT)
        lot.woken(2 - MOVE_H)
        assert lot.reservation(2).spot_id == LARGE_SPOT

    def test_equal_is_what_was_booked_and_not_what_it_was_moved_to(self, lot: Riverside) -> None:
        taken(lot, 3, OTHER_SPOT)
        lot.woken(2 - MOVE_H)
        assert lot.reservation(2).spot_id == LARGE_SPOT
        lot.cancel(3, NOW.later(2 * HOUR_MS - MOVE_MS))
        lot.lot.lay_out({OTHER_SPOT: SpotKind.STANDARD}, GATES, NOW.later(2 * HOUR_MS))
        assert lot.reservation(2).spot_id == OTHER_SPOT

    def test_never_a_lesser_one(self, lot: Riverside) -> None:
        lot.booked(3, hold_request(3, spot_id=LARGE_SPOT, end=1))
        lot.came_in(3)
        lot.booked(4, hold_request(4, spot_id=LARGE_SPOT, start=2, end=3))
        lot.woken(2 - MOVE_H)
        assert lot.reservation(4).spot_id == LARGE_SPOT  # although a standard car would fit elsewhere

    def test_nor_one_that_does_not_fit(self, riverside: Riverside) -> None:
        suv = VehicleType.SUV
        riverside.booked(1, hold_request(1, spot_id=LARGE_SPOT, vehicle_type=suv))
        riverside.booked(2, hold_request(2, spot_id=LARGE_SPOT, vehicle_type=suv, start=1, end=2))
        riverside.came_in(1)
        riverside.woken(1 - MOVE_H)
        assert riverside.reservation(2).spot_id == LARGE_SPOT
        assert "no-spot-to-move" in riverside.alarms()

    def test_nor_one_that_is_occupied_or_closed(self, lot: Riverside) -> None:
        lot.booked(3, hold_request(3, spot_id=OTHER_SPOT, end=1))
        lot.came_in(3)
        lot.lot.lay_out({SPOT: SpotKind.STANDARD, OTHER_SPOT: SpotKind.STANDARD}, GATES, NOW)
        lot.woken(2 - MOVE_H)
        assert lot.reservation(2).spot_id == SPOT
        assert "no-spot-to-move" in lot.alarms()


class TestNoSpot:
    @pytest.fixture
    def full(self, lot: Riverside) -> Riverside:
        for number, spot_id in ((3, OTHER_SPOT), (4, LARGE_SPOT)):
            taken(lot, number, spot_id)
        lot.woken(2 - MOVE_H)
        return lot

    def test_is_said_once(self, full: Riverside) -> None:
        assert full.alarms().count("no-spot-to-move") == 1
        assert full.reservation(2).spot_id == SPOT
        assert not full.woken(2 - MOVE_H)
        full.woken(2)
        full.confirm(2)
        assert full.alarms().count("no-spot-to-move") == 1
        [detail] = [told.detail for told in full.told(AlarmRaised) if told.alarm == "no-spot-to-move"]
        assert SPOT in detail

    def test_and_again_where_it_has_moved_since_and_cannot_stay_there_either(self, full: Riverside) -> None:
        soon = NOW.later(2 * HOUR_MS - MINUTE_MS)
        full.cancel(4, soon)
        assert full.reservation(2).spot_id == LARGE_SPOT
        full.store.connection.execute("UPDATE spot SET in_service = 0 WHERE spot_id = ?", (LARGE_SPOT,))
        assert full.lot.next_wakeup_ms(soon.later(1)) == soon.later(1).mono_ms
        full.lot.woken(soon.later(1))
        assert full.alarms().count("no-spot-to-move") == 2
        assert not full.lot.woken(soon.later(2))

    def test_the_car_leaves_after_all(self, full: Riverside) -> None:
        full.went_out(1, hours=1.99)
        assert full.reservation(2).spot_id == SPOT
        assert causes(full) == ["held", "paid"]

    def test_another_car_leaves(self, lot: Riverside) -> None:
        lot.booked(3, hold_request(3, spot_id=OTHER_SPOT))
        lot.came_in(3)
        taken(lot, 4, LARGE_SPOT)
        lot.woken(2 - MOVE_H)
        assert lot.reservation(2).spot_id == SPOT
        lot.went_out(3, hours=1.95)
        assert lot.reservation(2).spot_id == OTHER_SPOT

    def test_another_booking_is_cancelled(self, full: Riverside) -> None:
        full.cancel(3, NOW.later(2 * HOUR_MS - MINUTE_MS))
        assert full.reservation(2).spot_id == OTHER_SPOT
        assert causes(full) == ["held", "paid", "moved"]

    def test_another_does_not_come(self, full: Riverside) -> None:
        full.came_in(2, hours=2)  # it is let in, and there is nowhere to send it
        assert full.alarms().count("no-spot") == 1
        full.woken(2.25)
        assert full.reservation(2).spot_id == SPOT  # its car is inside: somebody has found it a place by now

    def test_another_hold_runs_out_or_is_given_up(self, lot: Riverside) -> None:
        taken(lot, 3, OTHER_SPOT)
        late = NOW.later(2 * HOUR_MS - MOVE_MS - MINUTE_MS)
        lot.hold(hold_request(4, spot_id=LARGE_SPOT, start=2, end=3), late)
        lot.lot.woken(late.later(MINUTE_MS))
        assert lot.reservation(2).spot_id == SPOT
        lot.release(4, late.later(2 * MINUTE_MS))
        assert lot.reservation(2).spot_id == LARGE_SPOT

    def test_a_spot_is_laid_out_meanwhile(self, full: Riverside) -> None:
        new = "riverside.3-001"
        full.lot.lay_out({**SPOTS, new: SpotKind.STANDARD}, GATES, NOW.later(2 * HOUR_MS - MINUTE_MS))
        assert full.reservation(2).spot_id == new


class TestClosedSpot:
    def test_a_booking_of_it_moves_before_its_window(self, riverside: Riverside) -> None:
        riverside.booked(1, hold_request(1, start=2, end=3))
        fewer = {spot: kind for spot, kind in SPOTS.items() if spot != SPOT}
        riverside.lot.lay_out(fewer, GATES, NOW)
        assert riverside.reservation().spot_id == SPOT  # it may be open again by then
        assert riverside.lot.next_wakeup_ms(NOW) == NOW.mono_ms + 2 * HOUR_MS - MOVE_MS
        assert riverside.woken(2 - MOVE_H)
        assert riverside.reservation().spot_id == OTHER_SPOT

    def test_at_once_where_it_is_to_start(self, riverside: Riverside) -> None:
        riverside.booked()
        fewer = {spot: kind for spot, kind in SPOTS.items() if spot != SPOT}
        riverside.lot.lay_out(fewer, GATES, NOW)
        assert riverside.reservation().spot_id == OTHER_SPOT

    def test_one_that_is_open_again_in_time_keeps_it(self, riverside: Riverside) -> None:
        riverside.booked(1, hold_request(1, start=2, end=3))
        riverside.lot.lay_out({OTHER_SPOT: SpotKind.STANDARD}, GATES, NOW)
        riverside.lot.lay_out(SPOTS, GATES, NOW)
        riverside.woken(2 - MOVE_H)
        assert riverside.reservation().spot_id == SPOT


class TestOverstay:
    def overstays(self, lot: Riverside) -> list[str]:
        return [told.detail for told in lot.told(AlarmRaised) if told.alarm == "overstay"]

    def told_at(self, lot: Riverside) -> datetime:
        return next(fact.at for fact in lot.facts() if fact.payload.get("alarm") == "overstay")

    def test_is_said_when_the_next_booking_comes_near(self, lot: Riverside) -> None:
        lot.woken(1.5)
        assert not self.overstays(lot)
        lot.woken(2 - MOVE_H)
        [detail] = self.overstays(lot)
        assert detail.startswith(f"{SPOT}: ")
        lot.woken(2)
        lot.woken(2.1)
        assert len(self.overstays(lot)) == 1

    def test_and_not_before_it_is_one(self, riverside: Riverside) -> None:
        """Bookings back to back: the second is moved while the first may still leave in time."""
        riverside.booked(1)
        for number, spot_id in enumerate(SPOTS, 2):
            riverside.booked(number, hold_request(number, spot_id=spot_id, start=1, end=2))
        riverside.came_in(1)
        riverside.woken(1 - MOVE_H)
        assert riverside.alarms() == ["no-spot-to-move"]
        over_ms = HOUR_MS + int(OVERSTAY_GRACE.total_seconds() * 1_000)
        assert riverside.lot.next_wakeup_ms(NOW.later(HOUR_MS)) == NOW.mono_ms + over_ms
        assert not riverside.lot.woken(NOW.later(over_ms - 1))
        assert riverside.lot.woken(NOW.later(over_ms))
        assert len(self.overstays(riverside)) == 1

    def test_of_two_the_first_wakes(self, riverside: Riverside) -> None:
        riverside.booked(1)
        riverside.booked(2, hold_request(2, spot_id=OTHER_SPOT, end=1.05))
        for number, spot_id in enumerate([SPOT, OTHER_SPOT, LARGE_SPOT], 3):
            riverside.booked(number, hold_request(number, spot_id=spot_id, start=1.06, end=2))
        riverside.came_in(1)
        riverside.came_in(2)
        riverside.woken(1)
        over_ms = HOUR_MS + int(OVERSTAY_GRACE.total_seconds() * 1_000)
        assert riverside.lot.next_wakeup_ms(NOW.later(HOUR_MS)) == NOW.mono_ms + over_ms

    def test_that_disturbs_nobody_is_none_of_theirs(self, riverside: Riverside) -> None:
        riverside.booked(1)
        riverside.booked(2, hold_request(2, start=20, end=21))
        riverside.came_in(1)
        for hour in range(1, 19):
            riverside.woken(hour)
        assert not riverside.alarms()

    def test_nor_is_one_before_a_hold_that_may_come_to_nothing(self, riverside: Riverside) -> None:
        riverside.booked(1)
        riverside.came_in(1)
        now = NOW.later(HOUR_MS + 10 * MINUTE_MS)
        riverside.hold(hold_request(2, start=1.2, end=2), now)
        assert not riverside.lot.woken(now)
        riverside.confirm(2, now)
        assert len(self.overstays(riverside)) == 1
        assert riverside.reservation(2).spot_id == OTHER_SPOT


def test_the_database_would_refuse_a_move_onto_another(lot: Riverside) -> None:
    taken(lot, 3, OTHER_SPOT)
    lot.lot.spots.as_good_spot = lambda *_: OTHER_SPOT  # type: ignore[method-assign]
    before = lot.facts()
    with pytest.raises(Exception, match="one-spot-one-car"):
        lot.woken(2 - MOVE_H)
    assert lot.facts() == before
