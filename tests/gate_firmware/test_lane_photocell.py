"""The lane's core, and somebody in the photocell: it holds the arm up, and the safety loop tells who crosses."""

import pytest

from cloud_sync.link.v1.facts import Mode, Noted
from domain.admission import Reason
from gate_firmware.arrival_watch import MOMENT_MS
from gate_firmware.events import (
    ArmMoved,
    ArrivalLoop,
    ById,
    FireAlarm,
    Look,
    LowerArm,
    ModeSet,
    Photocell,
    RaiseArm,
    SafetyLoop,
    Sight,
    Tell,
    Warn,
)
from gate_firmware.lane_states import State
from gate_firmware.words import IDLE, LOOKING
from hardware.barrier import Position as Arm
from hardware.lights import Signal
from tests.gate_firmware.gate import (
    KEY_KNOWN,
    MOTION_MS_MAX,
    OTHER,
    PLATE,
    TIMING,
    Gate,
    brought_to,
    rid,
    right,
    spot,
    spot_id,
    stay,
    ticket,
)

RED_IDLE = Tell(Signal.RED, *IDLE)
RED_LOOKING = Tell(Signal.RED, *LOOKING)
DRIVES = (SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
"""What a car that is let pass does to the loops."""


class TestPhotocell:
    def test_the_arm_does_not_close_on_whoever_is_in_it(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.happens(ArmMoved(Arm.UP), SafetyLoop(True), ArrivalLoop(False), Photocell(True))
        assert LowerArm() not in entry.happens(SafetyLoop(False))
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

    def test_somebody_on_foot_closes_no_arm_on_a_car_that_is_between_the_loops(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        entry.happens(ArrivalLoop(False), Photocell(True), Photocell(False))
        assert LowerArm() not in entry.passes_ms(TIMING.gap_ms_max - 1)
        entry.happens(SafetyLoop(True), SafetyLoop(False))
        assert [(passed.reservation_id, passed.unseen) for passed in entry.passages] == [(rid(1), False)]
        assert entry.alarms == []

    def test_a_car_that_the_safety_loop_does_not_notice_has_crossed_all_the_same(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        entry.happens(ArrivalLoop(False), Photocell(True))
        assert LowerArm() not in entry.happens(Photocell(False)), "it may have been somebody on foot"
        assert LowerArm() in entry.passes_ms(TIMING.gap_ms_max)
        [passed] = entry.passages
        assert (passed.reservation_id, passed.unseen) == (rid(1), True)
        assert entry.alarms == ["safety-loop-silent"]


class TestWhileTheFirstPasses:
    """Somebody comes into the photocell as the first drives, and stays there: the arm is up for whoever comes next."""

    @pytest.fixture
    def one_in(self, entry: Gate) -> Gate:
        entry.hub_says(right(end=9), right(2, plate=OTHER, end=9, spot_id=spot_id(43)), spot(43))
        entry.seen(entry.car_comes())
        entry.happens(ArmMoved(Arm.UP), Photocell(True), *DRIVES)
        entry.passes_ms(MOMENT_MS)
        return entry

    def test_it_is_counted_as_it_leaves_the_loop_and_the_light_is_red(self, one_in: Gate) -> None:
        assert [(passed.reservation_id, passed.unseen) for passed in one_in.passages] == [(rid(1), False)]
        assert one_in.lane.told == RED_IDLE
        one_in.passes_ms(TIMING.gap_ms_max)
        one_in.happens(Photocell(False))
        assert len(one_in.passages) == 1

    def test_the_next_is_looked_at_and_comes_in_on_its_own_booking(self, one_in: Gate) -> None:
        passage_id = one_in.car_comes()
        assert one_in.lane.told == RED_LOOKING
        one_in.seen(passage_id, plate=OTHER)
        assert one_in.lane.told.signal is Signal.GREEN
        one_in.happens(*DRIVES)
        assert LowerArm() in one_in.happens(Photocell(False))
        assert [(passed.reservation_id, passed.unseen) for passed in one_in.passages] == [
            (rid(1), False),
            (rid(2), False),
        ]
        assert (one_in.alarms, one_in.noted) == ([], [])

    def test_at_an_exit_the_stay_of_the_next_ends_too(self, exit_: Gate) -> None:
        exit_.hub_says(right(end=9), right(2, plate=OTHER, end=9, spot_id=spot_id(43)), spot(43))
        exit_.hub_says(stay(), stay(2, stay_id="s2", spot_id=spot_id(43)))
        exit_.seen(exit_.car_comes())
        exit_.happens(ArmMoved(Arm.UP), Photocell(True), *DRIVES)
        exit_.seen(exit_.car_comes(), plate=OTHER)
        exit_.happens(*DRIVES, Photocell(False))
        assert [passed.reservation_id for passed in exit_.passages] == [rid(1), rid(2)]

    def test_one_that_drives_through_before_it_was_looked_at_has_tailgated(self, one_in: Gate) -> None:
        passage_id = one_in.car_comes()
        one_in.happens(*DRIVES, Photocell(False))
        assert [passed.reservation_id for passed in one_in.passages] == [rid(1), None]
        assert one_in.noted == [(Noted.TAILGATED, passage_id)]

    def test_a_stranger_is_held_back_and_the_arm_closes_once_it_may(self, one_in: Gate) -> None:
        commands = one_in.seen(one_in.car_comes(), Sight.STRANGER, OTHER) + one_in.passes_ms(TIMING.gap_ms_max)
        assert one_in.lane.told.signal is Signal.RED
        assert LowerArm() not in commands
        assert LowerArm() in one_in.happens(Photocell(False))
        assert one_in.lane.state is State.HELD_BACK

    def test_an_arm_that_comes_down_before_a_stranger_goes_up_again(self, one_in: Gate) -> None:
        one_in.seen(one_in.car_comes(), Sight.STRANGER, OTHER)
        assert RaiseArm() in one_in.happens(ArmMoved(Arm.BETWEEN))

    def test_one_that_goes_away_again_leaves_the_arm_up(self, one_in: Gate) -> None:
        one_in.seen(one_in.car_comes(), Sight.STRANGER, OTHER)
        assert LowerArm() not in one_in.happens(ArrivalLoop(False))
        assert one_in.lane.state is State.PASSING
        assert LowerArm() in one_in.happens(Photocell(False))

    def test_with_the_next_close_behind_a_look_tells(self, entry: Gate) -> None:
        """It shows another one: the first has crossed. That the photocell is free again is not its doing."""
        brought_to(entry, State.OPEN)
        entry.happens(Photocell(True), SafetyLoop(True))
        assert Look("p2") in entry.happens(SafetyLoop(False))
        entry.happens(Photocell(False))
        entry.seen("p2", Sight.STRANGER, OTHER)
        assert [(passed.reservation_id, passed.unseen) for passed in entry.passages] == [(rid(1), False)]


class TestBeforeTheArm:
    def test_one_that_goes_back_from_the_loop_has_not_been_seen_to_pass(self, entry: Gate) -> None:
        """It may have crossed, with another one close behind: it has its ticket still."""
        entry.hub_says(KEY_KNOWN, right(end=9))
        entry.seen(entry.car_comes(), Sight.UNSURE, None, code=ticket(end=9))
        entry.happens(ArmMoved(Arm.UP), Photocell(True), SafetyLoop(True), SafetyLoop(False))
        entry.passes_ms(2_000)
        entry.happens(ArrivalLoop(False), Photocell(False), ArmMoved(Arm.DOWN))
        assert [(passed.unseen, passed.ticket_id) for passed in entry.passages] == [(True, None)]
        assert RaiseArm() in entry.seen(entry.car_comes(), Sight.UNSURE, None, code=ticket(end=9))

    def test_the_next_behind_one_that_went_back_is_looked_at(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        entry.happens(Photocell(True))
        entry.car_leaves()
        entry.seen(entry.car_comes(), Sight.STRANGER, OTHER)
        assert entry.lane.told.signal is Signal.RED
        entry.passes_ms(TIMING.gap_ms_max)
        entry.happens(*DRIVES)
        assert [(passed.reservation_id, passed.unseen) for passed in entry.passages] == [(rid(1), True), (None, False)]

    def test_one_that_stands_there_is_waited_for(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        entry.happens(Photocell(True))
        assert LowerArm() not in entry.passes_ms(3 * TIMING.drive_ms_max)
        assert (entry.lane.told.signal, entry.noted) == (Signal.GREEN, [])
        entry.happens(*DRIVES, Photocell(False))
        assert [(passed.reservation_id, passed.unseen) for passed in entry.passages] == [(rid(1), False)]

    def test_one_that_has_left_the_arrival_loop_no_longer_than_it_may_take_to_drive(self, entry: Gate) -> None:
        """It may have crossed where the safety loop is silent; the light is green for nobody else."""
        brought_to(entry, State.OPEN)
        entry.happens(Photocell(True), ArrivalLoop(False))
        entry.passes_ms(TIMING.drive_ms_max - 1)
        assert (entry.lane.told.signal, entry.passages) == (Signal.GREEN, [])
        assert LowerArm() not in entry.passes_ms(1)
        assert entry.lane.told == RED_IDLE
        assert [(passed.reservation_id, passed.unseen) for passed in entry.passages] == [(rid(1), True)]
        assert entry.alarms.count("safety-loop-silent") == 1
        assert LowerArm() in entry.happens(Photocell(False))

    def test_it_has_the_time_to_cross_once_they_have_gone(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        entry.happens(Photocell(True), ArrivalLoop(False))
        entry.passes_ms(TIMING.gap_ms_max + 1_000)
        entry.happens(Photocell(False))
        assert LowerArm() not in entry.passes_ms(TIMING.gap_ms_max - 1)
        assert LowerArm() in entry.passes_ms(1)

    def test_of_an_arm_that_does_not_rise_somebody_is_told_once_whoever_walks_through(self, entry: Gate) -> None:
        brought_to(entry, State.FAULT)
        for _ in range(5):
            entry.happens(Photocell(True))
            entry.passes_ms(MOTION_MS_MAX // 2)
            entry.happens(Photocell(False))
            entry.passes_ms(MOTION_MS_MAX)
        assert entry.alarms == ["arm-stuck"]
        entry.happens(ArmMoved(Arm.UP))
        assert entry.lane.state is State.OPEN

    def test_nobody_else_comes_in_for_one_that_is_awaited(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.named(ById(rid(1)), car_required=False)
        entry.happens(ArmMoved(Arm.UP), Photocell(True))
        entry.passes_ms(TIMING.drive_ms_max)
        assert entry.noted == [(Noted.NOT_COME, "p1")]
        entry.seen(entry.car_comes(), Sight.STRANGER, OTHER)
        assert entry.reasons[-1] is Reason.NO_BOOKING

    @pytest.mark.parametrize("arm", [Arm.UP, Arm.BETWEEN])
    def test_an_arm_on_its_way_down_goes_up_and_who_waits_is_looked_at_all_the_same(
        self, exit_: Gate, arm: Arm
    ) -> None:
        exit_.car_comes()
        exit_.passes_ms(TIMING.exit_identify_ms_max)
        exit_.happens(ArmMoved(Arm.UP), SafetyLoop(True), ArrivalLoop(False), ArrivalLoop(True))
        assert {LowerArm(), Look("p2")} < set(exit_.happens(SafetyLoop(False)))
        exit_.happens(ArmMoved(arm))
        assert RaiseArm() in exit_.happens(Photocell(True))
        exit_.happens(ArmMoved(Arm.UP))
        assert LowerArm() not in exit_.passes_ms(TIMING.exit_identify_ms_max)
        assert exit_.lane.told.signal is Signal.GREEN
        assert exit_.decisions[-1].passage_id == "p2"

    def test_after_one_that_did_not_drive_the_arm_goes_up_for_it_again(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        assert LowerArm() in entry.passes_ms(TIMING.drive_ms_max)
        assert RaiseArm() in entry.happens(Photocell(True))
        assert entry.lane.told.signal is Signal.GREEN
        entry.happens(*DRIVES)
        assert [passed.reservation_id for passed in entry.passages] == [rid(1)]

    def test_a_restart_looks_at_who_waits(self, entry: Gate) -> None:
        brought_to(entry, State.CLOSING)
        entry.crash()
        commands = entry.start(arrival=True, photocell=True, arm=Arm.BETWEEN)
        assert RaiseArm() in commands
        assert any(isinstance(command, Look) for command in commands)


class TestUpForEveryone:
    def test_each_comes_in_on_its_own_booking(self, entry: Gate) -> None:
        entry.hub_says(right(end=9), right(2, plate=OTHER, end=9, spot_id=spot_id(43)), spot(43))
        entry.happens(ModeSet(Mode.HELD_OPEN, "Anna"), ArmMoved(Arm.UP), Photocell(True))
        for plate in (PLATE, OTHER):
            entry.seen(entry.car_comes(), plate=plate)
            entry.happens(*DRIVES)
            entry.passes_ms(MOMENT_MS)
        entry.happens(Photocell(False))
        assert [passed.reservation_id for passed in entry.passages] == [rid(1), rid(2)]

    def test_in_a_fire_each_is_counted(self, exit_: Gate) -> None:
        exit_.happens(FireAlarm(True), ArmMoved(Arm.UP), Photocell(True))
        for _ in range(2):
            exit_.happens(ArrivalLoop(True), *DRIVES)
        exit_.happens(Photocell(False))
        assert len(exit_.passages) == 2

    @pytest.mark.parametrize("begins", [ModeSet(Mode.HELD_OPEN, "Anna"), FireAlarm(True)])
    @pytest.mark.parametrize("crosses", [True, False])
    def test_whoever_was_between_the_loops_as_it_began_is_counted_once(
        self, entry: Gate, begins: ModeSet | FireAlarm, crosses: bool
    ) -> None:
        """Where nobody crosses in time, the safety loop may be silent."""
        brought_to(entry, State.OPEN)
        entry.happens(ArrivalLoop(False), begins, Photocell(True), Photocell(False))
        assert entry.passages == []
        entry.happens(*([SafetyLoop(True), SafetyLoop(False)] if crosses else []))
        entry.passes_ms(TIMING.gap_ms_max)
        assert [(passed.reservation_id, passed.unseen) for passed in entry.passages] == [(rid(1), not crosses)]
        assert ("safety-loop-silent" in entry.alarms) is not crosses

    @pytest.mark.parametrize("begins", [ModeSet(Mode.HELD_OPEN, "Anna"), FireAlarm(True)])
    def test_when_it_is_over_who_may_pass_drives_on(self, entry: Gate, begins: ModeSet | FireAlarm) -> None:
        ends = ModeSet(Mode.AUTOMATIC, "Anna") if isinstance(begins, ModeSet) else FireAlarm(False)
        brought_to(entry, State.OPEN)
        entry.happens(begins, Photocell(True))
        assert LowerArm() not in entry.happens(ends)
        assert entry.lane.told.signal is Signal.GREEN
        entry.happens(*DRIVES)
        assert [passed.reservation_id for passed in entry.passages] == [rid(1)]


class TestDirty:
    """Something is in it for good: the arm stays up, and the lane does its work."""

    def test_somebody_is_called_once_however_many_cars_come(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.happens(Photocell(True))
        entry.seen(entry.car_comes())
        entry.happens(ArmMoved(Arm.UP), *DRIVES)
        for _ in range(10):
            entry.passes_ms(TIMING.drive_ms_max // 3)
            entry.seen(entry.car_comes(), Sight.STRANGER, OTHER)
            entry.happens(ArrivalLoop(False))
        assert entry.alarms == ["lane-blocked"]
        assert entry.alarm_details == ["something is in the photocell for 30 s: the arm stays up"]

    def test_cars_are_decided_on_and_counted_as_ever(self, entry: Gate) -> None:
        brought_to(entry, State.PASSING)
        entry.happens(Photocell(True), SafetyLoop(False))
        entry.hub_says(right(2, plate=OTHER, spot_id=spot_id(43)), spot(43))
        entry.passes_ms(TIMING.drive_ms_max)
        assert entry.alarms == ["lane-blocked"]
        entry.seen(entry.car_comes(), plate=OTHER)
        assert entry.lane.told.signal is Signal.GREEN
        entry.happens(*DRIVES)
        assert [(passed.reservation_id, passed.unseen) for passed in entry.passages] == [
            (rid(1), False),
            (rid(2), False),
        ]

    def test_a_car_that_stands_in_it_is_one_alarm(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        entry.happens(SafetyLoop(True), Photocell(True))
        entry.passes_ms(2 * TIMING.drive_ms_max)
        assert entry.alarms == ["lane-blocked"]
        assert entry.alarm_details == ["the safety loop is occupied for 30 s: the arm stays up"]

    def test_a_safety_loop_that_gets_stuck_too_is_another(self, entry: Gate) -> None:
        entry.happens(Photocell(True))
        entry.passes_ms(TIMING.drive_ms_max)
        entry.happens(SafetyLoop(True))
        entry.passes_ms(TIMING.drive_ms_max)
        assert entry.alarms == ["lane-blocked", "uninvited-car", "lane-blocked"]
