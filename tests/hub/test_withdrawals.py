"""When it is known who came in on a right that was taken back: told once, and complete only where all have answered."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.link.journal import Journal
from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import (
    AlarmRaised,
    ReservationChanged,
    WithdrawalNoted,
    WithdrawalSettled,
    WithdrawalVouched,
    payload_of,
)
from domain.errors import Refused
from domain.now import Trust
from domain.plate import Plate
from domain.policy import Policy
from domain.reservation import Status
from domain.stay import Conflict
from hub.lot import Lot
from hub.no_shows import LISTENS_FIRST_MS
from hub.withdrawals import LOG_LOST
from tests.hub.riverside import (
    GATES,
    HOUR_MS,
    KEY,
    NOW,
    OTHER_SPOT,
    PLATE,
    SPOTS,
    Riverside,
    at,
    decided,
    hold_request,
    rid,
)
from tests.parts import ENTRY, EXIT, LOT

GRACE_H = Policy().grace_s / 3_600
SECOND_ENTRY = "riverside.entry-2"
MS = 1 / HOUR_MS
HALF = NOW.later(HOUR_MS // 2)


@pytest.fixture
def lot(riverside: Riverside) -> Riverside:
    """With two entry gates and one exit, all heard, and one confirmed reservation from noon to one."""
    riverside.lot.lay_out(SPOTS, {**GATES, SECOND_ENTRY: GATES[ENTRY]}, NOW)
    riverside.heard(ENTRY, SECOND_ENTRY, EXIT)
    riverside.booked()
    return riverside


def settled(lot: Riverside) -> list[tuple[str, int, bool]]:
    return [(told.reservation_id, told.revision, told.complete) for told in lot.told(WithdrawalSettled)]


class TestAnswers:
    def test_of_all_entry_gates_settle_a_no_show(self, lot: Riverside) -> None:
        lot.woken(GRACE_H)
        lot.noted(unit=ENTRY)
        assert not settled(lot)
        lot.noted(unit=SECOND_ENTRY)
        assert settled(lot) == [(rid(1), 3, True)]

    def test_and_a_cancellation(self, lot: Riverside) -> None:
        lot.cancel()
        lot.noted(unit=SECOND_ENTRY)
        lot.noted(unit=ENTRY)
        assert settled(lot) == [(rid(1), 3, True)]

    def test_who_came_in_before_is_known_by_then(self, lot: Riverside) -> None:
        """The answer is in the gate's own log, behind the passage."""
        lot.woken(GRACE_H)
        lot.noted(unit=SECOND_ENTRY)
        entry = lot.crossed(ENTRY, at(0.1), number=1)
        log = lot.log_of(ENTRY)
        with log.transaction():
            answer = log.append(WithdrawalNoted(reservation_id=rid(1), revision=3), NOW)
        lot.take(entry, answer)
        kinds = [fact.kind for fact in lot.facts()]
        assert kinds.index("stay.changed/1") < kinds.index("withdrawal.settled/1")

    def test_again_changes_nothing(self, lot: Riverside) -> None:
        lot.cancel()
        for unit in (ENTRY, ENTRY, SECOND_ENTRY, SECOND_ENTRY, ENTRY):
            lot.noted(unit=unit)
        assert len(settled(lot)) == 1
        assert not lot.set_aside()
        assert not lot.woken(30)
        assert len(settled(lot)) == 1

    def test_to_an_earlier_revision_is_none(self, lot: Riverside) -> None:
        lot.woken(GRACE_H)
        lot.cancel(requested_at=at(0), now=NOW.later(HOUR_MS // 3))
        for unit in (ENTRY, SECOND_ENTRY):
            lot.noted(unit=unit, revision=3)
        assert not settled(lot)

    @pytest.mark.parametrize(("number", "revision"), [(1, 9), (7, 1)])
    def test_to_what_this_lot_never_withdrew_is_set_aside(self, lot: Riverside, number: int, revision: int) -> None:
        lot.cancel()
        lot.noted(number, revision=revision)
        assert [why.partition(":")[0] for why in lot.set_aside()] == ["fact_contradicts"]
        assert not settled(lot)

    def test_of_an_exit_gate_or_of_central_are_misplaced(self, lot: Riverside) -> None:
        lot.cancel()
        lot.noted(unit=EXIT)
        lot.noted(unit=f"central:{LOT}")
        assert [why.partition(":")[0] for why in lot.set_aside()] == ["fact_misplaced"] * 2

    def test_to_a_hold_that_was_given_up_are_not_awaited(self, lot: Riverside) -> None:
        lot.hold(hold_request(2, start=2, end=3))
        lot.release(2)
        lot.hold(hold_request(3, start=2, end=3))
        lot.cancel(3)
        for unit in (ENTRY, SECOND_ENTRY):
            lot.noted(2, unit=unit)
            lot.noted(3, unit=unit)
        assert not settled(lot)
        assert not lot.set_aside()


class TestNoAnswer:
    def test_a_cancellation_waits_until_the_windows_end(self, lot: Riverside) -> None:
        lot.cancel()
        lot.noted(unit=ENTRY)
        assert lot.lot.next_wakeup_ms(NOW) == NOW.mono_ms + HOUR_MS
        assert not lot.woken(1 - MS)
        assert lot.woken(1)
        assert settled(lot) == [(rid(1), 3, False)]
        lot.noted(unit=SECOND_ENTRY, hours=1)
        assert len(settled(lot)) == 1

    def test_a_no_show_a_day_longer(self, lot: Riverside) -> None:
        lot.woken(GRACE_H)
        lot.noted(unit=ENTRY)
        assert not lot.woken(25 - MS)
        assert lot.lot.next_wakeup_ms(NOW) == NOW.mono_ms + 25 * HOUR_MS
        assert lot.woken(25)
        assert settled(lot) == [(rid(1), 3, False)]

    def test_and_a_day_from_its_decision_where_that_came_late(self, riverside: Riverside) -> None:
        """The hub was off for days: the gates have had no time to answer yet."""
        riverside.booked()
        assert riverside.woken(100)
        assert riverside.status() is Status.NO_SHOW
        assert not settled(riverside)
        assert not riverside.woken(124 - MS)
        assert riverside.woken(124)
        assert settled(riverside) == [(rid(1), 3, False)]

    def test_a_cancellation_after_the_windows_end_waits_for_nobody(self, lot: Riverside) -> None:
        lot.cancel(requested_at=at(-1), now=NOW.later(2 * HOUR_MS))
        assert lot.woken(2)
        assert settled(lot) == [(rid(1), 3, False)]

    def test_after_a_restart_it_goes_on_waiting(self, lot: Riverside, tmp_path: Path) -> None:
        lot.cancel()
        with closing(Store(tmp_path / "riverside.db")) as store:
            again = Lot(store, Journal(store, LOT, "boot-2"), KEY)
            again.lay_out(SPOTS, {**GATES, SECOND_ENTRY: GATES[ENTRY]}, NOW)
            assert again.next_wakeup_ms(NOW) == NOW.mono_ms + HOUR_MS
        lot.noted(unit=ENTRY)
        lot.noted(unit=SECOND_ENTRY)
        assert settled(lot) == [(rid(1), 3, True)]

    def test_of_a_gate_that_is_taken_out_is_not_waited_for(self, lot: Riverside) -> None:
        lot.woken(GRACE_H)
        lot.noted(unit=ENTRY)
        lot.lot.lay_out(SPOTS, GATES, NOW)
        assert settled(lot) == [(rid(1), 3, False)]

    def test_and_others_still_are(self, lot: Riverside) -> None:
        lot.woken(GRACE_H)
        lot.lot.lay_out(SPOTS, {SECOND_ENTRY: GATES[ENTRY], ENTRY: GATES[EXIT]}, NOW)
        assert not settled(lot)
        lot.noted(unit=SECOND_ENTRY)
        assert settled(lot) == [(rid(1), 3, False)]

    def test_of_a_gate_that_came_later_is_not_waited_for_either(self, lot: Riverside) -> None:
        lot.cancel()
        lot.lot.lay_out(SPOTS, {**GATES, SECOND_ENTRY: GATES[ENTRY], "riverside.entry-3": GATES[ENTRY]}, NOW)
        lot.noted(unit=ENTRY)
        lot.noted(unit=SECOND_ENTRY)
        assert settled(lot) == [(rid(1), 3, True)]

    def test_without_entry_gates_it_is_settled_at_once(self, riverside: Riverside) -> None:
        riverside.lot.lay_out(SPOTS, {EXIT: GATES[EXIT]}, NOW)
        riverside.booked()
        riverside.cancel()
        assert settled(riverside) == [(rid(1), 3, True)]


class TestLostLog:
    def test_a_gate_that_has_lost_some_of_its_log_may_have_lost_a_passage(self, lot: Riverside) -> None:
        lot.woken(GRACE_H)
        lot.noted(unit=SECOND_ENTRY)
        lot.tells(ENTRY, AlarmRaised(alarm=LOG_LOST, detail="a new disk"))
        lot.noted(unit=ENTRY)
        assert settled(lot) == [(rid(1), 3, False)]

    def test_one_that_had_answered_before_has_told_of_all(self, lot: Riverside) -> None:
        lot.woken(GRACE_H)
        lot.noted(unit=ENTRY)
        lot.tells(ENTRY, AlarmRaised(alarm=LOG_LOST, detail="a new disk"))
        lot.noted(unit=SECOND_ENTRY)
        assert settled(lot) == [(rid(1), 3, True)]

    @pytest.mark.parametrize(("lost", "complete"), [(-0.26, True), (-0.24, False), (0, False), (GRACE_H, False)])
    def test_what_is_decided_after_the_loss_is_not_sure_where_the_car_may_have_come_before_it(
        self, lot: Riverside, lost: float, complete: bool
    ) -> None:
        """From a quarter of an hour before its window on: nobody knows, whatever the gates answer."""
        self.loses_its_log(lot, ENTRY, lost)
        lot.woken(GRACE_H)
        for unit in (ENTRY, SECOND_ENTRY):
            lot.noted(unit=unit)
        assert settled(lot) == [(rid(1), 3, complete)]

    def test_a_restart_of_the_hub_forgets_none(self, lot: Riverside) -> None:
        self.loses_its_log(lot, ENTRY, 0)
        again = Lot(lot.store, Journal(lot.store, LOT, "boot-2"), KEY)
        again.link_is(up=True, now=NOW)
        again.woken(HALF)
        for unit in (ENTRY, SECOND_ENTRY):
            lot.noted(unit=unit)
        assert settled(lot) == [(rid(1), 3, False)]

    def test_a_clock_that_nobody_trusts_places_it_at_the_time_that_it_is_heard(self, lot: Riverside) -> None:
        self.loses_its_log(lot, ENTRY, -5, heard=0, trust=Trust.NONE)
        lot.woken(GRACE_H)
        for unit in (ENTRY, SECOND_ENTRY):
            lot.noted(unit=unit)
        assert settled(lot) == [(rid(1), 3, False)]

    def test_an_exit_gates_is_no_matter(self, lot: Riverside) -> None:
        self.loses_its_log(lot, EXIT, 0)
        lot.woken(GRACE_H)
        for unit in (ENTRY, SECOND_ENTRY):
            lot.noted(unit=unit)
        assert settled(lot) == [(rid(1), 3, True)]

    def loses_its_log(
        self, lot: Riverside, unit: str, hours: float, *, heard: float | None = None, trust: Trust = Trust.NTP
    ) -> None:
        log, at_ms = lot.log_of(unit), round(hours * HOUR_MS)
        with log.transaction():
            told = replace(NOW.later(at_ms), trust=trust)
            fact = log.append(AlarmRaised(alarm=LOG_LOST, detail="a new disk"), told)
        lot.take(fact, now=NOW.later(at_ms if heard is None else round(heard * HOUR_MS)))

    def test_a_gate_that_was_started_anew_has_lost_nothing(self, lot: Riverside) -> None:
        lot.tells(ENTRY, decided())
        lot.woken(GRACE_H)
        lot.noted(unit=SECOND_ENTRY)
        lot.log_of(ENTRY).begin_run()
        lot.noted(unit=ENTRY)
        assert settled(lot) == [(rid(1), 3, True)]


class TestSomebodyUnknown:
    """Has come in by an attendant, or a lane that was held open, and may have been the one who is missed."""

    def nobody_came(self, lot: Riverside) -> list[tuple[str, int, bool]]:
        lot.woken(GRACE_H)
        for unit in (ENTRY, SECOND_ENTRY):
            lot.noted(unit=unit, hours=GRACE_H)
        return settled(lot)

    @pytest.mark.parametrize("hours", [-0.2, GRACE_H / 2])
    def test_so_nobody_pays_for_not_coming(self, lot: Riverside, hours: float) -> None:
        lot.came_in(None, hours=hours, plate=Plate("XXX99"))
        assert self.nobody_came(lot) == [(rid(1), 3, False)]

    def test_also_one_who_came_after_the_spot_was_released_and_before_the_gates_had_answered(
        self, lot: Riverside
    ) -> None:
        lot.woken(GRACE_H)
        lot.noted(unit=SECOND_ENTRY, hours=GRACE_H)
        lot.came_in(None, hours=GRACE_H + 0.01)
        lot.noted(unit=ENTRY, hours=GRACE_H + 0.02)
        assert settled(lot) == [(rid(1), 3, False)]

    def test_not_one_who_came_too_early_for_that(self, lot: Riverside) -> None:
        lot.came_in(None, hours=-0.3)
        assert self.nobody_came(lot) == [(rid(1), 3, True)]

    def test_nor_somebody_of_the_staff(self, lot: Riverside) -> None:
        lot.take(lot.crossed(ENTRY, at(0), plate=Plate("XXX99"), staff=True))
        assert self.nobody_came(lot) == [(rid(1), 3, True)]

    def test_nor_whose_booking_is_known(self, lot: Riverside) -> None:
        lot.booked(2, hold_request(2, spot_id=OTHER_SPOT))
        lot.came_in(2)
        assert self.nobody_came(lot) == [(rid(1), 3, True)]

    def test_also_one_on_this_very_booking_before_it_was_paid_for(self, lot: Riverside) -> None:
        """As a hub knows it that has got its stays back from central, and not how they came about."""
        lot.take(lot.crossed(ENTRY, at(0), number=1))
        (stay,) = lot.stays()
        lot.lot.book.put(replace(lot.reservation(), status=Status.CONFIRMED))
        lot.lot.stays.restore(stay.model_copy(update={"conflict": Conflict.NO_RIGHT}), NOW)
        assert self.nobody_came(lot)[-1][2] is False

    @pytest.mark.parametrize(("left", "complete"), [(None, False), (0.4, False), (-0.1, True)])
    def test_whose_plate_stood_in_the_lot_on_another_booking(
        self, lot: Riverside, left: float | None, complete: bool
    ) -> None:
        """Who did not drive out and in again between two bookings did not fail to come."""
        lot.booked(2, hold_request(2, spot_id=OTHER_SPOT, start=-2, end=-0.01), now=NOW.later(-2 * HOUR_MS))
        lot.came_in(2, hours=-1.9, plate=PLATE)
        if left is not None:
            lot.went_out(2, hours=left, plate=PLATE)
        assert self.nobody_came(lot) == [(rid(1), 3, complete)]

    def test_who_cancelled_is_settled_as_ever(self, lot: Riverside) -> None:
        lot.came_in(None)
        lot.cancel()
        for unit in (ENTRY, SECOND_ENTRY):
            lot.noted(unit=unit)
        assert settled(lot) == [(rid(1), 3, True)]


class TestVouchedFor:
    """By a manager, in the place of a gate that does not answer."""

    @pytest.fixture(autouse=True)
    def waiting(self, lot: Riverside) -> None:
        """Nobody has come, and the second entry is cut off."""
        lot.heard(SECOND_ENTRY, online=False)
        lot.woken(2 * GRACE_H)

    def test_the_fee_is_decided_once_all_others_have_answered(self, lot: Riverside) -> None:
        lot.lot.vouch(rid(1), SECOND_ENTRY, "Ruth", HALF)
        assert not settled(lot)
        lot.noted(unit=ENTRY)
        assert settled(lot) == [(rid(1), 3, True)]

    def test_it_is_told_with_who_and_when_before_what_follows_from_it(self, lot: Riverside) -> None:
        lot.noted(unit=ENTRY)
        lot.lot.vouch(rid(1), SECOND_ENTRY, "Ruth", HALF)
        vouched, after = lot.facts()[-2:]
        said = WithdrawalVouched(reservation_id=rid(1), revision=3, gate_id=SECOND_ENTRY, by="Ruth")
        assert (payload_of(vouched), vouched.at) == (said, HALF.utc)
        assert payload_of(after) == WithdrawalSettled(reservation_id=rid(1), revision=3, complete=True)

    def test_what_the_gate_tells_in_the_end_counts_all_the_same(self, lot: Riverside) -> None:
        lot.noted(unit=ENTRY)
        lot.lot.vouch(rid(1), SECOND_ENTRY, "Ruth", HALF)
        lot.came_in(unit=SECOND_ENTRY, hours=0.1)
        lot.noted(unit=SECOND_ENTRY)
        assert [stay.conflict for stay in lot.stays()] == [Conflict.AFTER_NO_SHOW], "central gives the fee back for it"
        assert len(settled(lot)) == 1
        assert not lot.set_aside()

    @pytest.mark.parametrize("gate_id", [EXIT, ENTRY, "riverside.nowhere"])
    def test_not_where_nothing_waits_for_that_gate(self, lot: Riverside, gate_id: str) -> None:
        lot.heard(ENTRY, EXIT, online=False)
        lot.noted(unit=ENTRY)
        with pytest.raises(Refused, match="any more"):
            lot.lot.vouch(rid(1), gate_id, "Ruth", HALF)
        assert not lot.told(WithdrawalVouched)

    def test_not_twice(self, lot: Riverside) -> None:
        lot.lot.vouch(rid(1), SECOND_ENTRY, "Ruth", HALF)
        with pytest.raises(Refused, match="any more"):
            lot.lot.vouch(rid(1), SECOND_ENTRY, "Tom", HALF)
        assert [told.by for told in lot.told(WithdrawalVouched)] == ["Ruth"]

    def test_not_for_a_gate_that_is_there(self, lot: Riverside) -> None:
        lot.heard(SECOND_ENTRY)
        with pytest.raises(Refused, match="answers for itself"):
            lot.lot.vouch(rid(1), SECOND_ENTRY, "Ruth", HALF)

    def test_not_while_the_hub_itself_may_not_hear_a_gate(self, lot: Riverside) -> None:
        lot.listens(up=False)
        with pytest.raises(Refused, match="look again later") as refused:
            lot.lot.vouch(rid(1), SECOND_ENTRY, "Ruth", HALF)
        assert refused.value.code == "gates_not_heard"
        lot.listens(now=HALF)
        with pytest.raises(Refused, match="look again later"):
            lot.lot.vouch(rid(1), SECOND_ENTRY, "Ruth", HALF.later(LISTENS_FIRST_MS - 1))
        assert not lot.told(WithdrawalVouched)
        lot.lot.vouch(rid(1), SECOND_ENTRY, "Ruth", HALF.later(LISTENS_FIRST_MS))
        assert [told.by for told in lot.told(WithdrawalVouched)] == ["Ruth"]

    def test_not_for_a_cancellation(self, lot: Riverside) -> None:
        lot.cancel(requested_at=at(0.1), now=HALF)
        with pytest.raises(Refused, match="any more"):
            lot.lot.vouch(rid(1), SECOND_ENTRY, "Ruth", HALF)

    def test_not_where_a_log_was_lost(self, lot: Riverside) -> None:
        lot.tells(SECOND_ENTRY, AlarmRaised(alarm=LOG_LOST, detail="a new disk"))
        with pytest.raises(Refused, match="any more"):
            lot.lot.vouch(rid(1), SECOND_ENTRY, "Ruth", HALF)


class TestSeenGoingOut:
    """An attendant let the car in, or the entry's camera failed: nobody says who came, and the exit reads it."""

    @pytest.mark.parametrize("left", [0.1, 0.3])
    def test_the_bookings_own_plate_leaves_no_fee_that_is_sure(self, lot: Riverside, left: float) -> None:
        lot.came_in(None)
        exit_ = lot.crossed(EXIT, at(left), number=1, plate=PLATE)
        if left < GRACE_H:
            lot.take(exit_)
        lot.woken(GRACE_H)
        if left > GRACE_H:
            lot.take(exit_)
        for unit in (ENTRY, SECOND_ENTRY):
            lot.noted(unit=unit)
        assert lot.status() is Status.NO_SHOW
        assert settled(lot) == [(rid(1), 3, False)]

    @pytest.mark.parametrize("plate", [None, Plate("XYZ987")])
    def test_another_plate_or_none_proves_nothing(self, lot: Riverside, plate: Plate | None) -> None:
        lot.went_out(1, hours=0.1, plate=plate)
        lot.woken(GRACE_H)
        for unit in (ENTRY, SECOND_ENTRY):
            lot.noted(unit=unit)
        assert settled(lot) == [(rid(1), 3, True)]


class TestMoreThanOnce:
    def test_a_no_show_that_turns_out_to_be_cancelled_is_settled_anew(self, lot: Riverside) -> None:
        lot.woken(GRACE_H)
        for unit in (ENTRY, SECOND_ENTRY):
            lot.noted(unit=unit)
        lot.cancel(requested_at=at(0.1), now=NOW.later(HOUR_MS // 2))
        assert settled(lot) == [(rid(1), 3, True)]
        for unit in (ENTRY, SECOND_ENTRY):
            lot.noted(unit=unit)
        assert settled(lot) == [(rid(1), 3, True), (rid(1), 4, True)]

    def test_before_it_was_settled_it_is_settled_once(self, lot: Riverside) -> None:
        lot.woken(GRACE_H)
        lot.noted(unit=ENTRY)
        lot.cancel(requested_at=at(0.1), now=NOW.later(HOUR_MS // 2))
        lot.noted(unit=ENTRY)
        lot.noted(unit=SECOND_ENTRY)
        assert settled(lot) == [(rid(1), 4, True)]

    def test_cancelling_again_withdraws_nothing_more(self, lot: Riverside) -> None:
        for _ in range(2):
            lot.cancel()
        for unit in (ENTRY, SECOND_ENTRY):
            lot.noted(unit=unit)
        lot.cancel(now=NOW.later(HOUR_MS))
        assert len(settled(lot)) == 1

    def test_the_mark_and_the_withdrawal_are_one_transaction(self, lot: Riverside) -> None:
        """A crash between the two would leave a no-show that nobody waits for."""
        begin = lot.lot.withdrawals.begin

        def full_disk(*_: object) -> None:
            raise OSError("disk full")

        lot.lot.withdrawals.begin = full_disk  # type: ignore[method-assign,assignment]
        with pytest.raises(OSError, match="disk full"):
            lot.woken(GRACE_H)
        lot.lot.withdrawals.begin = begin  # type: ignore[method-assign]
        assert lot.status() is Status.CONFIRMED
        assert Status.NO_SHOW not in {told.status for told in lot.told(ReservationChanged)}
