"""Where a car that has come in stands: where its driver was sent, and never where somebody stands already."""

import pytest

from cloud_sync.link.v1.facts import ReservationChanged
from domain.reservation import Status
from domain.stay import Conflict
from tests.hub.riverside import HOUR_MS, LARGE_SPOT, NOW, OTHER_SPOT, SPOT, Riverside, at, hold_request
from tests.parts import EXIT

SECOND_ENTRY = "riverside.entry-2"


class TestSpotOfAConflict:
    def test_after_cancel_its_own_if_it_is_still_free(self, riverside: Riverside) -> None:
        riverside.brought_to(Status.CANCELLED)
        riverside.came_in(hours=0.2)
        assert riverside.stays()[-1].spot_id == SPOT

    def test_after_cancel_the_one_that_the_gate_named(self, riverside: Riverside) -> None:
        riverside.brought_to(Status.CANCELLED)
        riverside.came_in(hours=0.2, sent_to=OTHER_SPOT)
        assert riverside.stays()[-1].spot_id == OTHER_SPOT

    def test_after_cancel_another_where_it_was_given_away(self, riverside: Riverside) -> None:
        riverside.brought_to(Status.CANCELLED)
        riverside.booked(2, hold_request(2, start=0.5, end=2))
        riverside.came_in(hours=0.2)
        assert riverside.stays()[-1].spot_id == OTHER_SPOT

    def test_after_cancel_none_where_the_window_is_over(self, riverside: Riverside) -> None:
        riverside.brought_to(Status.CANCELLED)
        riverside.came_in(hours=1)
        assert riverside.stays()[-1].spot_id is None

    def test_after_no_show_whatever_is_free(self, riverside: Riverside) -> None:
        riverside.brought_to(Status.NO_SHOW)
        riverside.booked(2, hold_request(2, spot_id=SPOT))
        riverside.booked(3, hold_request(3, spot_id=OTHER_SPOT))
        riverside.came_in(hours=0.2)
        assert riverside.stays()[-1].spot_id == LARGE_SPOT

    def test_none_where_the_lot_is_full(self, riverside: Riverside) -> None:
        riverside.brought_to(Status.NO_SHOW)
        for number, spot_id in enumerate((SPOT, OTHER_SPOT, LARGE_SPOT), 2):
            riverside.booked(number, hold_request(number, spot_id=spot_id))
        riverside.came_in(hours=0.2)
        assert riverside.stays()[-1].spot_id is None

    def test_a_booking_that_starts_next_month_is_no_reason_to_lose_the_fact(self, riverside: Riverside) -> None:
        """A gate without a trusted clock lets such a car in; from now to its end is longer than any window may be."""
        riverside.booked(1, hold_request(1, start=24 * 60, end=24 * 60 + 2))
        riverside.cancel()
        riverside.came_in(hours=0.2)
        assert not riverside.set_aside()
        assert [stay.conflict for stay in riverside.stays()] == [Conflict.AFTER_CANCEL]


class TestSpotOfACarWithTheRight:
    @pytest.fixture
    def overstayed(self, riverside: Riverside) -> Riverside:
        """The car of 1 stands where 2 has booked from one to two, and nobody has woken the lot since."""
        riverside.booked(1)
        riverside.booked(2, hold_request(2, start=1, end=2))
        riverside.came_in(1)
        return riverside

    def test_its_own_while_nobody_stands_there(self, riverside: Riverside) -> None:
        riverside.booked()
        riverside.came_in(sent_to=SPOT)
        assert riverside.stays()[0].spot_id == SPOT

    def test_the_one_that_the_gate_named_and_the_booking_goes_there_with_the_check_in(
        self, overstayed: Riverside
    ) -> None:
        overstayed.came_in(2, hours=1, sent_to=LARGE_SPOT)
        assert overstayed.stays()[-1].spot_id == LARGE_SPOT
        told = overstayed.told(ReservationChanged)[-1]
        assert (told.status, told.spot_id, told.revision, told.cause) == (
            Status.CHECKED_IN,
            LARGE_SPOT,
            3,
            "passage",
        )
        assert not overstayed.alarms()

    def test_the_one_that_the_gate_named_also_where_its_own_is_free(self, riverside: Riverside) -> None:
        """That is where the driver was sent: by a gate that did not know yet that the booking was moved."""
        riverside.booked()
        riverside.came_in(sent_to=OTHER_SPOT)
        assert riverside.stays()[0].spot_id == riverside.reservation().spot_id == OTHER_SPOT

    @pytest.mark.parametrize("named", [None, SPOT, OTHER_SPOT, "riverside.9-999"])
    def test_another_as_good_where_that_is_not_to_be_had(self, overstayed: Riverside, named: str | None) -> None:
        overstayed.booked(3, hold_request(3, spot_id=OTHER_SPOT, start=1, end=2))
        overstayed.came_in(2, hours=1, sent_to=named)
        assert overstayed.stays()[-1].spot_id == overstayed.reservation(2).spot_id == LARGE_SPOT
        assert not overstayed.set_aside()

    def test_none_where_the_lot_is_full(self, overstayed: Riverside) -> None:
        for number, spot_id in ((3, OTHER_SPOT), (4, LARGE_SPOT)):
            overstayed.booked(number, hold_request(number, spot_id=spot_id, start=1, end=2))
        overstayed.came_in(2, hours=0.8)
        assert (overstayed.stays()[-1].spot_id, overstayed.reservation(2).spot_id) == (None, SPOT)
        assert overstayed.status(2) is Status.CHECKED_IN
        assert overstayed.alarms() == ["no-spot"]
        overstayed.went_out(2, hours=0.9)
        assert overstayed.alarms() == ["no-spot"]

    def test_nobody_looks_for_one_for_a_car_that_has_left_again(self, overstayed: Riverside) -> None:
        exit_ = overstayed.crossed(EXIT, at(1.5), number=2)
        overstayed.take(exit_, overstayed.crossed(SECOND_ENTRY, at(1.1), number=2), now=NOW.later(2 * HOUR_MS))
        assert overstayed.stays()[-1].spot_id == SPOT
        assert "no-spot" not in overstayed.alarms()
