"""Cancellations: the instant at which one was asked for counts, not the one at which the lot hears of it."""

import pytest

from cloud_sync.link.v1.facts import ReservationChanged
from domain.errors import IllegalStep
from domain.policy import Policy
from domain.reservation import Status
from domain.stay import Conflict
from tests.hub.riverside import HOUR_MS, NOW, SPOT, Riverside, at, hold_request

HOLD_MS = Policy().hold_s * 1_000


class TestCancel:
    def test_of_a_hold_and_of_a_confirmed_one(self, riverside: Riverside) -> None:
        riverside.hold(hold_request(1))
        riverside.booked(2, hold_request(2, start=1, end=2))
        assert (riverside.cancel(1).revision, riverside.cancel(2, cause="unpaid").revision) == (2, 3)
        causes = [told.cause for told in riverside.told(ReservationChanged) if told.status is Status.CANCELLED]
        assert causes == ["driver", "unpaid"]
        riverside.hold(hold_request(3, start=0, end=2))

    def test_again_is_the_same_answer(self, riverside: Riverside) -> None:
        riverside.booked()
        assert riverside.cancel() == riverside.cancel(now=NOW.later(HOUR_MS))
        assert len(riverside.told(ReservationChanged)) == 3

    def test_of_a_car_that_is_in_or_was_in_is_refused(self, riverside: Riverside) -> None:
        riverside.booked()
        riverside.came_in()
        with pytest.raises(IllegalStep, match="checked_in cannot cancel"):
            riverside.cancel()
        riverside.went_out()
        with pytest.raises(IllegalStep, match="completed cannot cancel"):
            riverside.cancel()
        assert riverside.status() is Status.COMPLETED

    def test_before_the_car_came_in_although_it_is_heard_of_after(self, riverside: Riverside) -> None:
        """The instant at which central received it counts."""
        riverside.booked()
        riverside.came_in(hours=0.2)
        answer = riverside.cancel(requested_at=at(0.1), now=NOW.later(HOUR_MS // 2))
        assert (riverside.status(), answer.revision) == (Status.CANCELLED, 4)
        [stay] = riverside.stays()
        assert (stay.conflict, stay.spot_id, stay.left_at) == (Conflict.AFTER_CANCEL, SPOT, None)
        cancelled = next(fact for fact in riverside.facts() if fact.payload.get("status") == "cancelled")
        assert stay.origin == cancelled.ref
        assert riverside.alarms() == ["after-cancel"]
        assert riverside.cancel(requested_at=at(0.1)) == answer
        assert riverside.alarms() == ["after-cancel"]

    def test_its_exit_then_completes_nothing(self, riverside: Riverside) -> None:
        riverside.booked()
        riverside.came_in(hours=0.2)
        riverside.cancel(requested_at=at(0.1), now=NOW.later(HOUR_MS // 4))
        riverside.went_out(hours=0.5)
        [stay] = riverside.stays()
        assert (stay.conflict, stay.left_at) == (Conflict.AFTER_CANCEL, at(0.5))
        assert riverside.status() is Status.CANCELLED

    def test_before_a_car_that_has_come_and_gone(self, riverside: Riverside) -> None:
        riverside.booked()
        riverside.came_in(hours=0.2)
        riverside.went_out(hours=0.4)
        riverside.cancel(requested_at=at(0.1), now=NOW.later(HOUR_MS))
        assert riverside.status() is Status.CANCELLED
        [stay] = riverside.stays()
        assert (stay.conflict, stay.entered_at, stay.left_at) == (Conflict.AFTER_CANCEL, at(0.2), at(0.4))

    @pytest.mark.parametrize("hours", [0.2, 0.3])
    def test_at_the_cars_own_instant_or_later_is_refused(self, riverside: Riverside, hours: float) -> None:
        riverside.booked()
        riverside.came_in(hours=0.2)
        with pytest.raises(IllegalStep) as refused:
            riverside.cancel(requested_at=at(hours), now=NOW.later(HOUR_MS))
        assert refused.value.code == "reservation_checked_in"
        assert not riverside.alarms()

    def test_the_first_of_two_cars_counts(self, riverside: Riverside) -> None:
        riverside.booked()
        riverside.came_in(hours=0.1)
        riverside.came_in(hours=0.4, unit="riverside.entry-2")
        with pytest.raises(IllegalStep):
            riverside.cancel(requested_at=at(0.2), now=NOW.later(HOUR_MS))
        riverside.cancel(requested_at=at(0.05), now=NOW.later(HOUR_MS))
        assert [stay.conflict for stay in riverside.stays()] == [Conflict.AFTER_CANCEL, Conflict.DOUBLE_ENTRY]

    def test_before_the_no_show_was_decided(self, riverside: Riverside) -> None:
        """The driver was in time: what is owed is that of a cancellation."""
        riverside.booked()
        riverside.woken(0.5)
        assert riverside.status() is Status.NO_SHOW
        riverside.cancel(requested_at=at(0.4), now=NOW.later(HOUR_MS))
        assert riverside.status() is Status.CANCELLED
        assert not riverside.alarms()

    @pytest.mark.parametrize("hours", [0.5, 0.6])
    def test_of_a_no_show_is_refused(self, riverside: Riverside, hours: float) -> None:
        riverside.booked()
        riverside.woken(0.5)
        with pytest.raises(IllegalStep) as refused:
            riverside.cancel(requested_at=at(hours), now=NOW.later(HOUR_MS))
        assert refused.value.code == "reservation_no_show"

    def test_before_a_no_show_whose_car_came_late_all_the_same(self, riverside: Riverside) -> None:
        riverside.booked()
        riverside.woken(0.5)
        riverside.came_in(hours=0.7)
        riverside.cancel(requested_at=at(0.4), now=NOW.later(HOUR_MS))
        assert riverside.status() is Status.CANCELLED
        assert [stay.conflict for stay in riverside.stays()] == [Conflict.AFTER_CANCEL]
        assert riverside.alarms() == ["after-cancel"]

    def test_of_a_car_that_was_in_although_its_gate_told_of_it_too_late(self, riverside: Riverside) -> None:
        riverside.booked()
        riverside.woken(0.5)
        riverside.take(riverside.crossed("riverside.entry-1", at(0.1), number=1), now=NOW.later(HOUR_MS))
        with pytest.raises(IllegalStep):
            riverside.cancel(requested_at=at(0.2), now=NOW.later(HOUR_MS))
        assert [stay.conflict for stay in riverside.stays()] == [Conflict.AFTER_NO_SHOW]

    def test_of_two_late_cars_the_first_counts(self, riverside: Riverside) -> None:
        riverside.booked()
        riverside.woken(0.5)
        riverside.take(riverside.crossed("riverside.entry-2", at(0.1), number=1), now=NOW.later(HOUR_MS))
        riverside.came_in(hours=0.7)
        assert [stay.conflict for stay in riverside.stays()] == [Conflict.AFTER_NO_SHOW, Conflict.DOUBLE_ENTRY]
        with pytest.raises(IllegalStep):
            riverside.cancel(requested_at=at(0.2), now=NOW.later(HOUR_MS))

    def test_of_two_late_cars_the_one_that_is_told_of_first_is_theirs(self, riverside: Riverside) -> None:
        riverside.booked()
        riverside.woken(0.5)
        riverside.came_in(hours=0.7)
        riverside.take(riverside.crossed("riverside.entry-2", at(0.1), number=1), now=NOW.later(HOUR_MS))
        riverside.cancel(requested_at=at(0.2), now=NOW.later(HOUR_MS))
        assert [stay.conflict for stay in riverside.stays()] == [Conflict.AFTER_CANCEL, Conflict.DOUBLE_ENTRY]

    def test_of_one_that_ran_out(self, riverside: Riverside) -> None:
        riverside.hold()
        with pytest.raises(IllegalStep) as refused:
            riverside.cancel(now=NOW.later(HOLD_MS))
        assert refused.value.code == "reservation_expired"
