"""The lane's core, and what people do on a street: back out, doze, push in behind; and loops that lie."""

import pytest

from cloud_sync.link.v1.facts import AlarmRaised, Direction, GatePassed, LaneNoted, Mode, Noted, WithdrawalNoted
from domain.errors import TryLater
from domain.plate import Plate
from domain.reservation import Status
from gate_firmware.arm import CLOSE_TRIES_MAX
from gate_firmware.arrival_watch import FRUITLESS_MAX, MOMENT_MS, MOMENTS_MAX
from gate_firmware.bystanders import CALL_EVERY_MS
from gate_firmware.events import (
    ArmMoved,
    ArrivalLoop,
    Beep,
    ById,
    CabinetDoor,
    CallButton,
    FireAlarm,
    Look,
    LowerArm,
    ModeSet,
    Photocell,
    RaiseArm,
    SafetyLoop,
    Sight,
    Warn,
)
from gate_firmware.lane_states import State
from gate_firmware.under_arm import UNNOTICED_MAX
from hardware.barrier import Position as Arm
from tests.gate_firmware.gate import KEY_KNOWN, MOTION_MS_MAX, OTHER, TIMING, Gate, brought_to, rid, right, ticket


def noted(gate: Gate) -> list[tuple[Noted, str]]:
    return [(said.what, said.passage_id) for said in gate.told(LaneNoted)]


class TestBackingOut:
    def test_before_it_is_decided_on_and_after(self, entry: Gate) -> None:
        entry.car_comes()
        entry.passes_ms(MOMENT_MS)
        entry.happens(ArrivalLoop(False))
        entry.seen(entry.car_comes(), Sight.STRANGER, OTHER)
        entry.happens(ArrivalLoop(False))
        assert noted(entry) == [(Noted.BACKED_OUT, "p1"), (Noted.BACKED_OUT, "p2")]
        assert entry.lane.state is State.IDLE

    @pytest.mark.parametrize("arm", [Arm.BETWEEN, Arm.UP])
    def test_from_an_arm_that_goes_up_or_is_up(self, entry: Gate, arm: Arm) -> None:
        """It is not waited for as long as for one that stands there: the next car might drive in on its decision."""
        entry.hub_says(right())
        entry.admitted()
        entry.happens(ArmMoved(arm), ArrivalLoop(False), ArmMoved(Arm.UP))
        assert entry.passes_ms(TIMING.gap_ms_max - 1) == []
        assert LowerArm() in entry.passes_ms(1)
        assert noted(entry) == [(Noted.BACKED_OUT, "p1")]
        assert entry.passages == []

    def test_who_is_between_the_two_loops_drives_on(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        entry.happens(ArrivalLoop(False))
        entry.passes_ms(TIMING.gap_ms_max - 1)
        entry.happens(SafetyLoop(True), SafetyLoop(False))
        assert [passed.reservation_id for passed in entry.passages] == [rid(1)]
        assert noted(entry) == []


class TestNextCarBehind:
    """The car that may pass has left the arrival loop, and the next one has come onto it."""

    @pytest.fixture
    def two(self, entry: Gate) -> Gate:
        brought_to(entry, State.OPEN)
        entry.happens(ArrivalLoop(False))
        entry.passes_ms(1_000)
        assert Look("p2") in entry.happens(ArrivalLoop(True))
        return entry

    def test_the_first_crosses_on_its_own_decision_and_the_other_is_looked_at_anew(self, two: Gate) -> None:
        """It is short, or the loops are far apart: for a moment it was on none."""
        two.happens(SafetyLoop(True))
        commands = two.happens(SafetyLoop(False))
        assert [(passed.passage_id, passed.reservation_id) for passed in two.passages] == [("p1", rid(1))]
        assert {LowerArm(), Look("p3")} < set(commands)
        assert noted(two) == []

    def test_also_where_the_other_is_held_back_already(self, two: Gate) -> None:
        assert LowerArm() not in two.seen("p2", Sight.STRANGER, OTHER)
        two.happens(SafetyLoop(True), SafetyLoop(False))
        assert [passed.passage_id for passed in two.passages] == ["p1"]

    def test_one_that_does_not_cross_in_time_has_backed_out(self, two: Gate) -> None:
        two.seen("p2", Sight.STRANGER, OTHER)
        two.hub_says(right(status=Status.CANCELLED, revision=3))
        assert WithdrawalNoted.kind not in two.stored(), "it may still come through"
        assert LowerArm() in two.passes_ms(TIMING.gap_ms_max)
        assert noted(two) == [(Noted.BACKED_OUT, "p1")]
        assert two.stored()[-1] == WithdrawalNoted.kind

    def test_the_other_drives_on_its_own_decision(self, two: Gate) -> None:
        two.hub_says(right(2, plate=OTHER))
        two.seen("p2", plate=OTHER)
        two.happens(SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        assert [(passed.passage_id, passed.reservation_id) for passed in two.passages] == [("p2", rid(2))]
        two.passes_ms(TIMING.gap_ms_max)
        assert noted(two) == [(Noted.BACKED_OUT, "p1")]

    def test_the_other_goes_back_while_the_first_is_under_the_arm(self, two: Gate) -> None:
        two.happens(SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        two.passes_ms(TIMING.gap_ms_max)
        assert [(passed.passage_id, passed.reservation_id) for passed in two.passages] == [("p1", rid(1))]

    def test_the_first_is_under_the_arm_for_long(self, two: Gate) -> None:
        two.hub_says(right(2, plate=OTHER))
        two.seen("p2", plate=OTHER)
        two.happens(SafetyLoop(True))
        two.hub_says(right(status=Status.CANCELLED, revision=3))
        two.passes_ms(2 * TIMING.gap_ms_max)
        assert noted(two) == []
        two.happens(SafetyLoop(False))
        assert [passed.passage_id for passed in two.passages] == ["p1"]
        kinds = two.stored()
        assert kinds.index(GatePassed.kind) < kinds.index(WithdrawalNoted.kind)


class TestHeldOpenInAQueue:
    @pytest.fixture
    def held(self, entry: Gate) -> Gate:
        entry.hub_says(right(), right(2, plate=OTHER))
        entry.happens(ModeSet(Mode.HELD_OPEN, "Anna"), ArmMoved(Arm.UP))
        return entry

    def test_each_comes_in_on_its_own_booking(self, held: Gate) -> None:
        held.seen(held.car_comes())
        held.happens(ArrivalLoop(False))
        held.seen(held.car_comes(), plate=OTHER)
        commands = held.happens(SafetyLoop(True), SafetyLoop(False))
        [again] = [command for command in commands if isinstance(command, Look)]
        held.seen(again.passage_id, plate=OTHER)
        held.happens(SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        assert [passed.reservation_id for passed in held.passages] == [rid(1), rid(2)]

    def test_who_is_between_the_loops_as_it_begins_is_known_still(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        entry.happens(ArrivalLoop(False), ModeSet(Mode.HELD_OPEN, "Anna"), SafetyLoop(True), SafetyLoop(False))
        assert [passed.reservation_id for passed in entry.passages] == [rid(1)]

    @pytest.mark.parametrize("begins", [ModeSet(Mode.HELD_OPEN, "Anna"), FireAlarm(True)])
    def test_an_arm_that_comes_down_is_raised_at_once(self, entry: Gate, begins: ModeSet | FireAlarm) -> None:
        entry.happens(begins, ArmMoved(Arm.UP))
        assert RaiseArm() in entry.happens(ArmMoved(Arm.BETWEEN))


class TestArmOverACar:
    def test_one_that_comes_down_before_a_car_that_may_pass_is_raised_at_once(self, exit_: Gate) -> None:
        brought_to(exit_, State.OPEN)
        assert RaiseArm() in exit_.happens(ArmMoved(Arm.BETWEEN))
        assert exit_.lane.state is State.OPENING

    @pytest.mark.parametrize("arm", [Arm.BETWEEN, Arm.DOWN])
    def test_so_is_one_over_a_car(self, entry: Gate, arm: Arm) -> None:
        brought_to(entry, State.PASSING)
        assert RaiseArm() in entry.happens(ArmMoved(arm))

    def test_one_that_does_not_rise_over_a_car_is_asked_again_and_an_alarm(self, exit_: Gate) -> None:
        exit_.seen(exit_.car_comes())
        assert RaiseArm() in exit_.happens(SafetyLoop(True))
        assert exit_.passes_ms(3 * MOTION_MS_MAX) == [RaiseArm()] * 3
        assert exit_.alarms == ["arm-stuck"]
        exit_.happens(ArmMoved(Arm.BETWEEN), ArmMoved(Arm.UP))
        assert exit_.passes_ms(TIMING.drive_ms_max) == []
        assert exit_.alarms == ["arm-stuck", "lane-blocked"]

    def test_one_that_stays_up_before_a_car_that_may_not_pass_is_an_alarm(self, entry: Gate) -> None:
        brought_to(entry, State.PASSING)
        entry.happens(ArrivalLoop(True), SafetyLoop(False))
        entry.seen(entry.lane._passage.passage_id, Sight.STRANGER, OTHER)
        commands = entry.passes_ms(20 * MOTION_MS_MAX)
        assert commands.count(LowerArm()) < CLOSE_TRIES_MAX + 1
        assert entry.alarms == ["arm-stuck"]


class TestRollingBack:
    def test_a_car_that_has_not_left_the_arrival_loop_has_perhaps_gone_back(self, entry: Gate) -> None:
        """It counts as inside, and who comes on its ticket is let in all the same."""
        entry.hub_says(KEY_KNOWN, right())
        entry.seen(entry.car_comes(), code=ticket())
        entry.happens(ArmMoved(Arm.UP), SafetyLoop(True), SafetyLoop(False))
        [passed] = entry.passages
        assert (passed.reservation_id, passed.unseen) == (rid(1), True)
        assert entry.alarms == ["passage-unseen"]
        assert RaiseArm() in entry.seen(entry.lane._passage.passage_id, code=ticket())

    def test_where_that_never_gets_free_it_is_the_loop(self, entry: Gate) -> None:
        entry.hub_says(*(right(number, plate=Plate(f"HHAB12{number}")) for number in range(1, 6)))
        entry.car_comes()
        for number in range(1, 6):
            entry.seen(entry.lane._passage.passage_id, plate=Plate(f"HHAB12{number}"))
            entry.happens(ArmMoved(Arm.UP), SafetyLoop(True), SafetyLoop(False), ArmMoved(Arm.DOWN))
        assert [passed.unseen for passed in entry.passages] == [True, True, False, False, False]
        assert entry.alarms == ["passage-unseen", "passage-unseen", "arrival-loop-stuck"]


class TestSafetyLoopSilent:
    def test_cars_that_leave_an_open_arm_and_are_never_seen_count_as_passed_in_the_end(self, entry: Gate) -> None:
        entry.hub_says(*(right(number, plate=Plate(f"HHAB12{number}")) for number in range(1, 6)))
        for number in range(1, 6):
            entry.seen(entry.car_comes(), plate=Plate(f"HHAB12{number}"))
            entry.happens(ArmMoved(Arm.UP), ArrivalLoop(False))
            entry.passes_ms(TIMING.gap_ms_max)
            entry.happens(ArmMoved(Arm.DOWN))
        assert noted(entry) == [(Noted.BACKED_OUT, "p1"), (Noted.BACKED_OUT, "p2")]
        assert [(passed.reservation_id, passed.unseen) for passed in entry.passages] == [
            (rid(number), True) for number in (3, 4, 5)
        ]
        assert entry.alarms == ["safety-loop-silent", *["passage-unseen"] * 3]

    def test_one_that_notices_again_is_believed_again(self, entry: Gate) -> None:
        entry.hub_says(right(end=9))
        for _ in range(2 * UNNOTICED_MAX):
            entry.admitted()
            entry.happens(ArmMoved(Arm.UP), ArrivalLoop(False))
            entry.passes_ms(TIMING.gap_ms_max)
            entry.happens(ArmMoved(Arm.DOWN))
            entry.happens(SafetyLoop(True), SafetyLoop(False))
        assert entry.passages == []


class TestArrivalLoopSilent:
    def test_who_stands_at_an_exits_arm_gets_out(self, exit_: Gate) -> None:
        exit_.happens(SafetyLoop(True))
        assert RaiseArm() in exit_.passes_ms(TIMING.exit_identify_ms_max)
        exit_.happens(ArmMoved(Arm.UP), SafetyLoop(False))
        assert len(exit_.passages) == 1
        assert exit_.alarms == ["arrival-loop-silent"]

    def test_nor_is_one_that_rolls_on_before_it_was_decided_on_forgotten(self, exit_: Gate) -> None:
        exit_.car_comes()
        exit_.passes_ms(1_000)
        commands = exit_.happens(SafetyLoop(True)) + exit_.happens(ArrivalLoop(False))
        assert RaiseArm() in commands + exit_.passes_ms(TIMING.exit_identify_ms_max)

    def test_nor_one_that_stands_there_as_the_gate_starts(self, exit_: Gate) -> None:
        assert RaiseArm() in exit_.start(safety=True) + exit_.passes_ms(TIMING.exit_identify_ms_max)

    def test_the_arm_is_asked_until_it_rises(self, exit_: Gate) -> None:
        exit_.happens(SafetyLoop(True))
        commands = exit_.passes_ms(TIMING.exit_identify_ms_max + 5 * MOTION_MS_MAX)
        assert commands.count(RaiseArm()) >= 4
        assert exit_.alarms == ["arrival-loop-silent", "arm-stuck"]


class TestChatter:
    def test_a_loop_that_chatters_fills_no_disk(self, entry: Gate) -> None:
        for _ in range(10 * MOMENTS_MAX):
            entry.happens(ArrivalLoop(True))
            entry.passes_ms(MOMENT_MS - 1)
            entry.happens(ArrivalLoop(False))
        assert entry.stored() == [AlarmRaised.kind]
        assert entry.alarms == ["arrival-loop-chatters"]

    @pytest.mark.parametrize("contact", [CabinetDoor, SafetyLoop])
    def test_nor_does_any_other_contact(self, entry: Gate, contact: type[CabinetDoor | SafetyLoop]) -> None:
        for _ in range(100):
            entry.happens(contact(True), contact(False))
        assert len(entry.alarms) == 1


class TestSafetyLoopStuckOn:
    def test_who_drives_past_it_is_known_all_the_same(self, entry: Gate) -> None:
        brought_to(entry, State.PASSING)
        entry.hub_says(right(2, plate=OTHER))
        entry.passes_ms(TIMING.drive_ms_max)
        assert entry.alarms == ["lane-blocked"]
        entry.seen(entry.car_comes(), plate=OTHER)
        assert entry.decisions[-1].reservation_id == rid(2)
        entry.happens(ArrivalLoop(False))
        assert [(passed.reservation_id, passed.unseen) for passed in entry.passages] == [(rid(1), True), (rid(2), True)]
        assert LowerArm() in entry.happens(SafetyLoop(False))
        assert len(entry.passages) == 2

    def test_so_is_who_drives_through_a_photocell_that_is_dirty(self, entry: Gate) -> None:
        brought_to(entry, State.PASSING)
        entry.happens(Photocell(True), SafetyLoop(False))
        entry.hub_says(right(2, plate=OTHER))
        entry.passes_ms(TIMING.drive_ms_max)
        entry.seen(entry.car_comes(), plate=OTHER)
        entry.happens(ArrivalLoop(False))
        assert [passed.reservation_id for passed in entry.passages] == [rid(1), rid(2)]

    def test_who_had_to_wait_under_the_arm_with_the_next_one_close_behind_has_come_in(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        entry.happens(SafetyLoop(True))
        entry.passes_ms(TIMING.drive_ms_max)
        entry.happens(SafetyLoop(False))
        assert [(passed.reservation_id, passed.unseen) for passed in entry.passages] == [(rid(1), True)]

    def test_nobody_passes_an_arm_that_is_down(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.happens(SafetyLoop(True))
        entry.passes_ms(TIMING.drive_ms_max)
        entry.happens(ArrivalLoop(False))
        assert entry.passages == []


class TestNotDriving:
    def test_is_noted_and_the_arm_comes_down(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        assert LowerArm() in entry.passes_ms(TIMING.drive_ms_max)
        assert noted(entry) == [(Noted.NOT_DRIVEN, "p1")]

    def test_nor_does_who_was_let_in_from_afar_come(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.named(ById(rid(1)), car_required=False)
        entry.happens(ArmMoved(Arm.UP))
        assert LowerArm() in entry.passes_ms(TIMING.drive_ms_max)
        assert noted(entry) == [(Noted.NOT_COME, "p1")]


class TestTailgating:
    def test_the_second_car_on_one_opening_is_noted(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.through()
        entry.happens(ArmMoved(Arm.BETWEEN), ArrivalLoop(True), SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        first, second = entry.passages
        assert (first.reservation_id, second.reservation_id) == (rid(1), None)
        assert noted(entry) == [(Noted.TAILGATED, second.passage_id)]

    def test_a_car_that_waits_behind_is_looked_at_while_the_arm_comes_down(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.happens(ArmMoved(Arm.UP), SafetyLoop(True), ArrivalLoop(False), ArrivalLoop(True))
        assert LowerArm() in entry.happens(SafetyLoop(False))
        assert entry.lane.state is State.LOOKING
        assert noted(entry) == []

    def test_two_that_may_pass_one_after_the_other_do_not_tailgate(self, entry: Gate) -> None:
        entry.hub_says(right(), right(2, plate=OTHER))
        entry.admitted()
        entry.through()
        entry.seen(entry.car_comes(), plate=OTHER)
        entry.through()
        assert [passed.reservation_id for passed in entry.passages] == [rid(1), rid(2)]
        assert noted(entry) == []


class TestArrivalLoopStuckOn:
    def test_at_an_entry_nothing_is_let_in_and_somebody_is_called_once(self, entry: Gate) -> None:
        entry.seen(entry.car_comes(), Sight.UNSURE, None)
        assert RaiseArm() not in entry.passes_ms(TIMING.stuck_ms)
        assert RaiseArm() not in entry.passes_ms(TIMING.stuck_ms)
        assert entry.alarms == ["arrival-loop-stuck"]

    def test_a_booked_car_is_let_in_all_the_same(self, entry: Gate) -> None:
        entry.hub_says(right())
        passage_id = entry.car_comes()
        entry.seen(passage_id, Sight.UNSURE, None)
        entry.passes_ms(2 * TIMING.stuck_ms)
        assert RaiseArm() in entry.seen(passage_id)

    def test_at_an_exit_the_arm_goes_up_a_few_times_and_then_stays_up(self, exit_: Gate) -> None:
        exit_.car_comes()
        for _ in range(FRUITLESS_MAX):
            exit_.passes_ms(TIMING.exit_identify_ms_max)
            exit_.happens(ArmMoved(Arm.UP))
            exit_.passes_ms(TIMING.drive_ms_max)
            if exit_.lane.state is State.CLOSING:
                exit_.happens(ArmMoved(Arm.DOWN))
        assert exit_.passes_ms(100 * TIMING.drive_ms_max) == []
        assert exit_.lane.state is State.OPEN
        assert exit_.alarms == ["arrival-loop-stuck"]

    @pytest.mark.parametrize("direction", Direction)
    def test_a_loop_that_is_free_again_is_believed_again(self, entry: Gate, exit_: Gate, direction: Direction) -> None:
        gate = entry if direction is Direction.ENTRY else exit_
        for _ in range(2):
            gate.seen(gate.car_comes(), Sight.UNSURE, None)
            gate.happens(ArmMoved(Arm.UP))
            gate.passes_ms(FRUITLESS_MAX * TIMING.stuck_ms)
            gate.happens(ArmMoved(Arm.DOWN), ArrivalLoop(False), ArmMoved(Arm.DOWN))
            gate.passes_ms(TIMING.stuck_ms)
            gate.happens(ArmMoved(Arm.DOWN))
        assert gate.alarms.count("arrival-loop-stuck") == (2 if direction is Direction.ENTRY else 0)


class TestPhotocell:
    def test_the_arm_does_not_close_on_whoever_is_in_it(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.happens(ArmMoved(Arm.UP), SafetyLoop(True), ArrivalLoop(False), Photocell(True))
        assert entry.happens(SafetyLoop(False)) == []
        assert entry.lane.state is State.PASSING
        assert LowerArm() in entry.happens(Photocell(False))
        assert [passed.reservation_id for passed in entry.passages] == [rid(1)]

    def test_a_falling_arm_goes_up_for_somebody_on_foot_who_is_no_passage(self, entry: Gate) -> None:
        brought_to(entry, State.CLOSING)
        assert RaiseArm() in entry.happens(Photocell(True))
        entry.happens(ArmMoved(Arm.UP))
        assert LowerArm() in entry.happens(Photocell(False))
        assert len(entry.passages) == 1

    def test_the_arm_stays_up_for_the_car_that_waits_for_somebody_on_foot(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        entry.happens(Photocell(True))
        assert LowerArm() not in entry.happens(Photocell(False))
        assert entry.lane.state is State.OPEN
        entry.happens(SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        assert [passed.reservation_id for passed in entry.passages] == [rid(1)]

    def test_somebody_on_foot_before_a_closed_arm_is_nothing(self, entry: Gate) -> None:
        assert entry.happens(Photocell(True)) == []
        assert entry.happens(Photocell(False)) == []
        assert entry.stored() == []

    def test_a_car_before_a_closed_arm_is_told_off(self, entry: Gate) -> None:
        entry.happens(Photocell(True))
        assert entry.happens(SafetyLoop(True)) == [Warn()]
        assert entry.alarms == ["uninvited-car"]

    def test_a_car_that_the_safety_loop_does_not_notice_has_crossed_all_the_same(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        entry.happens(ArrivalLoop(False), Photocell(True))
        assert LowerArm() in entry.happens(Photocell(False))
        [passed] = entry.passages
        assert (passed.reservation_id, passed.unseen) == (rid(1), True)
        assert entry.alarms == ["safety-loop-silent"]


class TestFire:
    @pytest.mark.parametrize("state", State)
    def test_the_arm_goes_up_and_stays(self, entry: Gate, state: State) -> None:
        brought_to(entry, state)
        was_up = entry.lane._arm.is_up
        commands = entry.happens(FireAlarm(True))
        assert (RaiseArm() in commands) is (not was_up and state is not State.FIRE)
        entry.happens(ArmMoved(Arm.BETWEEN), ArmMoved(Arm.UP))
        assert entry.passes_ms(100 * MOTION_MS_MAX) == []
        assert entry.alarms.count("fire") == 1

    def test_an_arm_that_does_not_rise_is_asked_again(self, entry: Gate) -> None:
        entry.happens(FireAlarm(True))
        assert entry.passes_ms(2 * MOTION_MS_MAX) == [RaiseArm(), RaiseArm()]
        assert entry.alarms == ["fire", "arm-stuck"]

    def test_who_drives_out_is_counted(self, exit_: Gate) -> None:
        exit_.happens(FireAlarm(True), ArmMoved(Arm.UP))
        for _ in range(2):
            exit_.happens(ArrivalLoop(True), SafetyLoop(True), ArrivalLoop(False))
            assert exit_.happens(SafetyLoop(False)) == []
        assert len(exit_.passages) == 2

    def test_nobody_is_decided_on_meanwhile(self, entry: Gate) -> None:
        entry.hub_says(right())
        passage_id = entry.car_comes()
        entry.happens(FireAlarm(True))
        assert entry.seen(passage_id) == []
        with pytest.raises(TryLater, match="fire alarm"):
            entry.named(ById(rid(1)))
        assert entry.decisions == []

    def test_when_it_is_over_the_lane_goes_on_as_usual(self, entry: Gate) -> None:
        entry.happens(FireAlarm(True), ArmMoved(Arm.UP), SafetyLoop(True))
        assert LowerArm() not in entry.happens(FireAlarm(False))
        assert LowerArm() in entry.happens(SafetyLoop(False)) + entry.passes_ms(MOTION_MS_MAX)
        entry.happens(ArmMoved(Arm.DOWN))
        assert entry.lane.state is State.IDLE

    def test_one_that_lasts_while_the_gate_starts(self, entry: Gate) -> None:
        assert RaiseArm() in entry.start(fire=True)
        assert entry.lane.state is State.FIRE


class TestBystanders:
    def test_a_call_is_heard_and_raised_once_in_a_while(self, entry: Gate) -> None:
        for _ in range(3):
            assert entry.happens(CallButton(True)) == [Beep()]
            assert entry.happens(CallButton(False)) == []
        assert entry.alarms == ["call"]
        entry.passes_ms(CALL_EVERY_MS)
        entry.happens(CallButton(True))
        assert entry.alarms == ["call"] * 2

    def test_a_cabinet_that_is_opened_is_an_alarm_each_time(self, entry: Gate) -> None:
        entry.start(cabinet_open=True)
        for is_open in (True, False, True):
            assert entry.happens(CabinetDoor(is_open)) == []
            entry.passes_ms(CALL_EVERY_MS)
        assert entry.alarms == ["cabinet-open"] * 2
