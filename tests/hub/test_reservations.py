"""Holds, confirmations, cancellations: what is granted, what is refused, and that every change is told once."""

import pytest

from cloud_sync.link.ticket import PLATE_MARK_BYTES, verify
from cloud_sync.link.v1.facts import PolicyChanged, ReservationChanged
from cloud_sync.link.v1.messages import HoldRequest
from domain.errors import BadInput, IllegalStep, NotFound, Refused, TryLater
from domain.now import Now
from domain.policy import Policy, Tariff
from domain.reservation import Status
from domain.spot import SpotKind, VehicleType
from domain.window import LONGEST, Window
from hub.reservations import EXPIRED_AT_ONCE_MAX
from tests.hub.riverside import (
    GATES,
    HOUR_MS,
    KEY,
    LARGE_SPOT,
    MINUTE_MS,
    NOW,
    OTHER_SPOT,
    PLATE,
    SEAL,
    SPOT,
    Riverside,
    at,
    hold_request,
    rid,
)
from tests.parts import LOT

HOLD_MS = Policy().hold_s * 1_000


class TestHold:
    def test_keeps_the_spot_and_tells_of_it(self, riverside: Riverside) -> None:
        answer = riverside.hold()
        assert answer.hold_expires_at == NOW.later(HOLD_MS).utc
        [told] = riverside.told(ReservationChanged)
        assert (told.reservation_id, told.revision, told.status, told.spot_id) == (rid(1), 1, Status.HELD, SPOT)
        assert (told.start_time, told.end_time, told.cause) == (at(0), at(1), "held")
        assert SEAL.open(told.plate) == PLATE

    def test_the_same_request_again_gets_the_same_answer(self, riverside: Riverside) -> None:
        odd = Now(NOW.mono_ms, NOW.utc.replace(microsecond=123_456))  # finer than the wire
        request = hold_request()
        assert riverside.hold(request, odd) == riverside.hold(request, odd.later(HOLD_MS // 2))
        assert len(riverside.told(ReservationChanged)) == 1

    @pytest.mark.parametrize(
        "other",
        [hold_request(spot_id=OTHER_SPOT), hold_request(end=2), hold_request(start=0.5), hold_request(user_id="u2")],
    )
    def test_an_id_that_another_hold_has_is_refused(self, riverside: Riverside, other: HoldRequest) -> None:
        riverside.hold()
        with pytest.raises(Refused) as refused:
            riverside.hold(other)
        assert refused.value.code == "hold_differs"

    def test_sealed_anew_it_is_still_the_same_request(self, riverside: Riverside) -> None:
        assert hold_request() != hold_request()
        assert riverside.hold(hold_request()) == riverside.hold(hold_request())

    def test_a_request_that_comes_too_late_may_be_made_again(self, riverside: Riverside) -> None:
        request = hold_request(answer_by=NOW.utc)
        with pytest.raises(TryLater) as late:
            riverside.hold(request, NOW.later(1))
        assert late.value.code == "hold_late"
        assert riverside.lot.book.find(rid(1)) is None
        riverside.hold(request, NOW)

    def test_a_late_repetition_still_gets_its_answer(self, riverside: Riverside) -> None:
        request = hold_request(answer_by=NOW.utc)
        assert riverside.hold(request) == riverside.hold(request, NOW.later(5_000))

    def test_one_that_was_released_before_it_came_is_refused(self, riverside: Riverside) -> None:
        riverside.release()
        with pytest.raises(Refused) as refused:
            riverside.hold()
        assert refused.value.code == "hold_given_up"
        assert not riverside.told(ReservationChanged)
        riverside.hold(hold_request(2))

    @pytest.mark.parametrize(("start", "end"), [(0, 1), (0.5, 2), (-1, 0.001), (0.2, 0.3)])
    def test_a_taken_spot_is_refused(self, riverside: Riverside, start: float, end: float) -> None:
        riverside.hold()
        with pytest.raises(Refused) as refused:
            riverside.hold(hold_request(2, start=start, end=end))
        assert refused.value.code == "spot_taken"

    def test_windows_may_touch(self, riverside: Riverside) -> None:
        riverside.hold(hold_request(1, start=1, end=2))
        riverside.hold(hold_request(2, start=2, end=3))
        riverside.hold(hold_request(3, start=0, end=1))
        riverside.hold(hold_request(4, start=1, end=2, spot_id=OTHER_SPOT))

    def test_a_hold_that_ran_out_is_in_nobodys_way(self, riverside: Riverside) -> None:
        riverside.hold()
        riverside.hold(hold_request(2), NOW.later(HOLD_MS))
        assert riverside.status(1) is Status.EXPIRED
        with pytest.raises(Refused, match="given up"):
            riverside.hold(hold_request(1), NOW.later(HOLD_MS))

    def test_it_does_not_outlive_its_window(self, riverside: Riverside) -> None:
        """Else it could be paid for when there is nothing left of it."""
        assert riverside.hold(hold_request(end=0.05)).hold_expires_at == at(0.05)
        with pytest.raises(IllegalStep):
            riverside.confirm(now=NOW.later(HOUR_MS // 20))

    def test_it_is_as_long_as_the_policy_says(self, riverside: Riverside) -> None:
        changed = PolicyChanged(policy=Policy(hold_s=30), tariff=Tariff("EUR", 30, 250))
        riverside.lot.book.set_policy(changed, NOW)
        assert riverside.hold().hold_expires_at == NOW.later(30_000).utc
        assert riverside.told(PolicyChanged) == [changed]

    def test_an_unknown_spot(self, riverside: Riverside) -> None:
        with pytest.raises(NotFound, match=r"no spot riverside\.9-999 in service"):
            riverside.hold(hold_request(spot_id="riverside.9-999"))

    def test_a_spot_out_of_service(self, riverside: Riverside) -> None:
        riverside.lot.lay_out({OTHER_SPOT: SpotKind.STANDARD}, GATES, NOW)
        with pytest.raises(NotFound, match="in service"):
            riverside.hold()

    def test_a_vehicle_that_does_not_fit(self, riverside: Riverside) -> None:
        with pytest.raises(Refused, match="suv does not fit standard"):
            riverside.hold(hold_request(vehicle_type=VehicleType.SUV))
        riverside.hold(hold_request(vehicle_type=VehicleType.SUV, spot_id=LARGE_SPOT))

    def test_a_window_in_the_past(self, riverside: Riverside) -> None:
        with pytest.raises(Refused) as refused:
            riverside.hold(hold_request(start=-2, end=0))
        assert refused.value.code == "window_past"

    def test_a_window_that_is_none(self, riverside: Riverside) -> None:
        for end in (0.0, 0.000_000_1):  # less than the millisecond that is kept
            with pytest.raises(BadInput):
                riverside.hold(hold_request(start=0, end=end))

    def test_nobody_is_sent_to_a_spot_where_an_overstayer_stands(self, riverside: Riverside) -> None:
        riverside.booked(1)
        riverside.came_in(1)
        after = NOW.later(2 * HOUR_MS)
        with pytest.raises(Refused) as refused:
            riverside.hold(hold_request(2, start=1.5, end=4), after)
        assert refused.value.code == "spot_taken"
        riverside.hold(hold_request(3, start=3, end=4), after)  # by then it may have gone
        riverside.went_out(1, hours=2.1)
        riverside.hold(hold_request(4, start=1.5, end=3), NOW.later(int(2.2 * HOUR_MS)))

    def test_nor_to_one_that_a_late_car_has_until_its_window_ends(self, riverside: Riverside) -> None:
        riverside.brought_to(Status.NO_SHOW)
        riverside.came_in(hours=0.3, sent_to=SPOT)
        with pytest.raises(Refused) as refused:
            riverside.hold(hold_request(2, start=1 - 1 / HOUR_MS, end=2), NOW.later(HOUR_MS // 2))
        assert refused.value.code == "spot_taken"
        riverside.hold(hold_request(3, start=1, end=2), NOW.later(HOUR_MS // 2))
        riverside.went_out(hours=0.6)
        riverside.hold(hold_request(4, start=0.7, end=1), NOW.later(int(0.6 * HOUR_MS)))

    def test_whose_car_came_early_is_in_nobodys_way_before_its_window(self, riverside: Riverside) -> None:
        """It holds the spot from its own start, and may be moved no more; who comes before it is sent elsewhere."""
        riverside.booked(1, hold_request(1, start=1, end=2))
        riverside.came_in(hours=0.5)
        riverside.hold(hold_request(2, start=0.7, end=1), NOW.later(HOUR_MS // 2))


class TestRelease:
    def test_gives_a_hold_up(self, riverside: Riverside) -> None:
        riverside.hold()
        riverside.release()
        riverside.release()
        assert [(told.status, told.cause) for told in riverside.told(ReservationChanged)] == [
            (Status.HELD, "held"),
            (Status.CANCELLED, "released"),
        ]
        riverside.hold(hold_request(2))

    def test_does_nothing_to_what_is_confirmed(self, riverside: Riverside) -> None:
        riverside.booked()
        riverside.release()
        assert riverside.status() is Status.CONFIRMED


class TestConfirm:
    def test_signs_a_ticket_that_the_published_key_verifies(self, riverside: Riverside) -> None:
        riverside.hold()
        answer = riverside.confirm()
        ticket = verify(answer.ticket, {KEY.key_id: KEY.public_key})
        assert (ticket.lot_id, ticket.reservation_id, ticket.revision) == (LOT, rid(1), 2)
        assert (ticket.spot_id, ticket.window, ticket.vehicle_type) == (
            SPOT,
            Window(at(0), at(1)),
            VehicleType.STANDARD,
        )
        assert ticket.plate_mark == SEAL.mark(PLATE)[: 2 * PLATE_MARK_BYTES]
        told = riverside.told(ReservationChanged)[-1]
        assert (told.status, told.revision, told.hold_expires_at) == (Status.CONFIRMED, answer.revision, None)

    def test_the_same_request_again_gets_the_same_ticket(self, riverside: Riverside) -> None:
        riverside.hold()
        assert riverside.confirm() == riverside.confirm(now=NOW.later(HOUR_MS))
        assert len(riverside.told(ReservationChanged)) == 2

    def test_also_when_the_car_has_come_and_gone_since(self, riverside: Riverside) -> None:
        """The first answer was lost. The driver has parked, so this must not look like a no, and void the payment."""
        riverside.hold()
        first = riverside.confirm()
        riverside.came_in()
        assert riverside.confirm().ticket == first.ticket
        riverside.went_out()
        assert riverside.status() is Status.COMPLETED
        assert riverside.confirm().ticket == first.ticket

    def test_every_ticket_has_an_id_of_its_own(self, riverside: Riverside) -> None:
        riverside.hold(hold_request(1))
        riverside.hold(hold_request(2, start=1, end=2))
        keys = {KEY.key_id: KEY.public_key}
        assert (
            verify(riverside.confirm(1).ticket, keys).ticket_id != verify(riverside.confirm(2).ticket, keys).ticket_id
        )

    def test_a_hold_that_ran_out_is_a_definite_no(self, riverside: Riverside) -> None:
        riverside.hold()
        with pytest.raises(IllegalStep) as refused:
            riverside.confirm(now=NOW.later(HOLD_MS))
        assert refused.value.code == "reservation_expired"
        assert riverside.status() is Status.EXPIRED  # the refusal did not undo it

    def test_and_stays_one_when_the_clock_steps_back(self, riverside: Riverside) -> None:
        riverside.hold()
        with pytest.raises(IllegalStep):
            riverside.confirm(now=NOW.later(HOLD_MS))
        with pytest.raises(IllegalStep):
            riverside.confirm(now=NOW)

    def test_until_the_last_millisecond_it_is_a_yes(self, riverside: Riverside) -> None:
        riverside.hold()
        riverside.confirm(now=NOW.later(HOLD_MS - 1))

    def test_after_a_cancellation(self, riverside: Riverside) -> None:
        riverside.booked()
        riverside.cancel()
        with pytest.raises(IllegalStep) as refused:
            riverside.confirm()
        assert refused.value.code == "reservation_cancelled"

    def test_of_what_was_never_held(self, riverside: Riverside) -> None:
        with pytest.raises(NotFound) as refused:
            riverside.confirm()
        assert refused.value.code == "reservation_unknown"


class TestExpiry:
    def test_wakes_at_the_next_one_and_not_before(self, riverside: Riverside) -> None:
        assert riverside.lot.next_wakeup_ms(NOW) is None
        riverside.hold(hold_request(1))
        riverside.hold(hold_request(2, spot_id=OTHER_SPOT), NOW.later(MINUTE_MS))
        first = riverside.lot.next_wakeup_ms(NOW.later(MINUTE_MS))
        assert first == NOW.mono_ms + HOLD_MS
        assert not riverside.lot.woken(NOW.later(HOLD_MS - 1))
        assert riverside.lot.woken(NOW.later(HOLD_MS))
        assert [riverside.status(n) for n in (1, 2)] == [Status.EXPIRED, Status.HELD]
        assert riverside.lot.next_wakeup_ms(NOW.later(HOLD_MS)) == NOW.mono_ms + HOLD_MS + MINUTE_MS

    @pytest.mark.parametrize("microsecond", [0, 1, 499, 999, 1_001])
    def test_who_wakes_then_never_wakes_in_vain(self, riverside: Riverside, microsecond: int) -> None:
        riverside.hold()
        now = Now(5, NOW.utc.replace(microsecond=microsecond))
        wakeup = riverside.lot.next_wakeup_ms(now)
        assert wakeup is not None
        assert riverside.lot.woken(now.later(wakeup - now.mono_ms))

    def test_what_is_overdue_wakes_at_once(self, riverside: Riverside) -> None:
        riverside.hold()
        late = NOW.later(HOUR_MS)
        assert riverside.lot.next_wakeup_ms(late) == late.mono_ms

    def test_a_clock_that_steps_back_only_makes_it_wait(self, riverside: Riverside) -> None:
        riverside.hold()
        stepped = Now(NOW.mono_ms + HOLD_MS, NOW.utc)
        assert not riverside.lot.woken(stepped)
        assert riverside.lot.next_wakeup_ms(stepped) == stepped.mono_ms + HOLD_MS

    def test_a_confirmed_one_does_not_run_out(self, riverside: Riverside) -> None:
        riverside.booked()
        assert not riverside.lot.woken(NOW.later(HOLD_MS))
        assert riverside.status() is Status.CONFIRMED

    def test_more_than_one_transaction_takes(self, riverside: Riverside) -> None:
        """A hub that was off for a night: each part is bounded, none is forgotten, no request sees an overdue hold."""
        count = EXPIRED_AT_ONCE_MAX + 5
        for number in range(count):
            riverside.hold(hold_request(number, start=number + 1, end=number + 2))
        late = NOW.later(HOLD_MS)
        assert riverside.lot.reservations.expire(late) == EXPIRED_AT_ONCE_MAX
        assert riverside.lot.next_wakeup_ms(late) == late.mono_ms
        held = next(n for n in range(count) if riverside.status(n) is Status.HELD)
        with pytest.raises(IllegalStep):
            riverside.confirm(held, late)
        assert riverside.lot.next_wakeup_ms(late) is None
        assert {riverside.status(n) for n in range(count)} == {Status.EXPIRED}
        revisions = [told.revision for told in riverside.told(ReservationChanged)]
        assert (revisions.count(1), revisions.count(2)) == (count, count)

    def test_a_confirmation_finds_its_own_among_many_overdue(self, riverside: Riverside) -> None:
        for number in range(EXPIRED_AT_ONCE_MAX + 5):
            riverside.hold(hold_request(number, start=number + 1, end=number + 2))
        with pytest.raises(IllegalStep):
            riverside.confirm(EXPIRED_AT_ONCE_MAX + 4, NOW.later(HOLD_MS))


def test_the_longest_window_is_granted(riverside: Riverside) -> None:
    riverside.booked(1, hold_request(end=LONGEST.total_seconds() / 3_600))
