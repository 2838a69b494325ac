"""Who has crossed, who has gone back, and who may have done either."""

from cloud_sync.link.v1.facts import Mode, Noted, WithdrawalNoted
from domain.reservation import Status
from gate_firmware.arrival_watch import MOMENT_MS, MOMENTS_MAX
from gate_firmware.events import (
    ArmMoved,
    ArrivalLoop,
    ById,
    FireAlarm,
    Look,
    ModeSet,
    Photocell,
    SafetyLoop,
    Sight,
)
from gate_firmware.lane_states import State
from hardware.barrier import Position as Arm
from tests.gate_firmware.gate import OTHER, TIMING, Gate, brought_to, rid, right

CHATTER_MS = 100


def first_is_between_the_loops(gate: Gate) -> str:
    """Behind it stands a stranger; the first's passage."""
    gate.hub_says(right())
    passage_id = gate.admitted()
    gate.happens(ArmMoved(Arm.UP))
    gate.car_leaves()
    gate.seen(gate.car_comes(), Sight.STRANGER, OTHER)
    return passage_id


class TestSomebodyInThePhotocell:
    def test_before_the_car_that_stands_there_does_not_count_it_as_it_goes_back(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        entry.happens(Photocell(True), Photocell(False), ArrivalLoop(False))
        entry.passes_ms(TIMING.gap_ms_max)
        assert (entry.passages, entry.noted) == ([], [(Noted.BACKED_OUT, "p1")])
        assert entry.alarms == []

    def test_before_the_one_that_is_awaited_has_come_does_not_count_it_either(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.named(ById(rid(1)), car_required=False)
        entry.happens(ArmMoved(Arm.UP), Photocell(True), Photocell(False))
        entry.happens(ArrivalLoop(True))
        entry.car_leaves()
        entry.passes_ms(TIMING.gap_ms_max)
        assert (entry.passages, entry.noted) == ([], [(Noted.BACKED_OUT, "p1")])

    def test_in_a_lane_that_is_held_open_the_gap_of_who_has_left_the_loop_goes_on(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.happens(ModeSet(Mode.HELD_OPEN, "Anna"), ArmMoved(Arm.UP))
        entry.seen(entry.car_comes())
        entry.car_leaves()
        entry.happens(Photocell(True), Photocell(False))
        assert entry.passages == []
        entry.passes_ms(2 * TIMING.gap_ms_max)
        assert [(passed.reservation_id, passed.unseen) for passed in entry.passages] == [(rid(1), True)]

    def test_in_a_fire_is_not_whoever_has_left_the_loop_unlooked_at(self, entry: Gate) -> None:
        entry.happens(FireAlarm(True), ArmMoved(Arm.UP), ArrivalLoop(True))
        entry.passes_ms(MOMENT_MS)
        entry.happens(ArrivalLoop(False), Photocell(True))
        entry.passes_ms(TIMING.gap_ms_max)
        assert (entry.passages, [what for what, _ in entry.noted]) == ([], [Noted.BACKED_OUT])

    def test_is_nobody_of_whom_a_loop_that_chatters_tells(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        for _ in range(MOMENTS_MAX + 1):
            for occupied in (False, True):
                entry.happens(ArrivalLoop(occupied))
                entry.passes_ms(CHATTER_MS)
        entry.happens(ArrivalLoop(False), Photocell(True), Photocell(False))
        entry.passes_ms(TIMING.gap_ms_max)
        assert (entry.passages, [what for what, _ in entry.noted]) == ([], [Noted.BACKED_OUT])


class TestInAFire:
    def test_who_drives_is_counted_whatever_the_limit_switches_say_of_the_arm(self, entry: Gate) -> None:
        entry.happens(FireAlarm(True), ArrivalLoop(True), SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        assert len(entry.passages) == 1

    def test_who_never_leaves_the_arrival_loop_is_seen_to_drive(self, entry: Gate) -> None:
        entry.happens(FireAlarm(True), ArmMoved(Arm.UP), ArrivalLoop(True), SafetyLoop(True), SafetyLoop(False))
        assert [passed.unseen for passed in entry.passages] == [False]


class TestHeldOpen:
    def test_the_next_that_the_loop_loses_for_a_moment_before_it_was_read_is_not_the_one_before(
        self, entry: Gate
    ) -> None:
        entry.hub_says(right())
        entry.happens(ModeSet(Mode.HELD_OPEN, "Anna"), ArmMoved(Arm.UP))
        entry.seen(entry.car_comes())
        entry.car_leaves()
        entry.car_comes()
        entry.passes_ms(MOMENT_MS)
        entry.happens(ArrivalLoop(False))
        entry.passes_ms(CHATTER_MS)
        assert any(isinstance(command, Look) for command in entry.happens(ArrivalLoop(True)))


class TestTheFirst:
    def test_of_two_is_under_the_arm_for_long_and_the_next_has_followed_it(self, entry: Gate) -> None:
        first = first_is_between_the_loops(entry)
        entry.happens(SafetyLoop(True), ArrivalLoop(False))
        entry.passes_ms(MOMENT_MS)
        entry.happens(ArrivalLoop(True))
        entry.passes_ms(TIMING.drive_ms_max)
        assert entry.passages[0].passage_id == first
        assert Noted.TAILGATED in [what for what, _ in entry.noted]

    def test_is_gone_once_the_arm_is_down_and_what_was_withdrawn_is_said(self, entry: Gate) -> None:
        first_is_between_the_loops(entry)
        entry.hub_says(right(status=Status.NO_SHOW, revision=3))
        assert entry.told(WithdrawalNoted) == []
        entry.happens(ArmMoved(Arm.BETWEEN), ArmMoved(Arm.DOWN))
        assert [said.revision for said in entry.told(WithdrawalNoted)] == [3]

    def test_is_gone_once_its_time_is_over_and_what_was_withdrawn_is_said(self, entry: Gate) -> None:
        first_is_between_the_loops(entry)
        entry.hub_says(right(status=Status.NO_SHOW, revision=3))
        entry.passes_ms(TIMING.gap_ms_max)
        assert [said.revision for said in entry.told(WithdrawalNoted)] == [3]

    def test_is_not_the_next_one_whom_the_loop_has_lost_for_a_moment(self, entry: Gate) -> None:
        first_is_between_the_loops(entry)
        entry.car_leaves()
        entry.happens(ArrivalLoop(True), ArrivalLoop(False))
        entry.passes_ms(CHATTER_MS)
        assert any(isinstance(command, Look) for command in entry.happens(ArrivalLoop(True)))
