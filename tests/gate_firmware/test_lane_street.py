"""The lane's core, and what happens on a street: a car backs out or dozes, an arm falls, a fire breaks out."""

import pytest

from cloud_sync.link.v1.facts import Noted
from domain.errors import TryLater
from gate_firmware.arm import CLOSE_AGAIN_MS, CLOSE_TRIES_MAX
from gate_firmware.arrival_watch import MOMENT_MS
from gate_firmware.bystanders import CALL_EVERY_MS
from gate_firmware.events import (
    ArmMoved,
    ArrivalLoop,
    Beep,
    ById,
    CabinetDoor,
    CallButton,
    FireAlarm,
    LookAway,
    LowerArm,
    Photocell,
    RaiseArm,
    SafetyLoop,
    Sight,
    Tell,
)
from gate_firmware.lane_states import State
from gate_firmware.words import FIRE, FIRE_ENTRY
from hardware.barrier import Position as Arm
from hardware.lights import Signal
from tests.gate_firmware.gate import MOTION_MS_MAX, OTHER, TIMING, Gate, brought_to, rid, right, spot, spot_id


class TestBackingOut:
    def test_before_it_is_decided_on_and_after(self, entry: Gate) -> None:
        entry.car_comes()
        entry.passes_ms(MOMENT_MS)
        entry.happens(ArrivalLoop(False))
        entry.seen(entry.car_comes(), Sight.STRANGER, OTHER)
        entry.happens(ArrivalLoop(False))
        assert entry.noted == [(Noted.BACKED_OUT, "p1"), (Noted.BACKED_OUT, "p2")]
        assert entry.lane.state is State.IDLE

    @pytest.mark.parametrize("arm", [Arm.BETWEEN, Arm.UP])
    def test_from_an_arm_that_goes_up_or_is_up(self, entry: Gate, arm: Arm) -> None:
        """It is not waited for as long as for one that stands there: the next car might drive in on its decision."""
        entry.hub_says(right())
        entry.admitted()
        entry.happens(ArmMoved(arm), ArrivalLoop(False), ArmMoved(Arm.UP))
        assert entry.passes_ms(TIMING.gap_ms_max - 1) == []
        assert LowerArm() in entry.passes_ms(1)
        assert entry.noted == [(Noted.BACKED_OUT, "p1")]
        assert entry.passages == []

    def test_who_is_between_the_two_loops_drives_on(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        entry.happens(ArrivalLoop(False))
        entry.passes_ms(TIMING.gap_ms_max - 1)
        entry.happens(SafetyLoop(True), SafetyLoop(False))
        assert [passed.reservation_id for passed in entry.passages] == [rid(1)]
        assert entry.noted == []


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


class TestArmThatIsJammed:
    """On its way down, half-way or at its upper limit."""

    def test_who_is_held_back_is_served_as_somebody_walks_through(self, entry: Gate) -> None:
        brought_to(entry, State.CLOSING)
        entry.hub_says(right(2, plate=OTHER, spot_id=spot_id(43)), spot(43))
        entry.seen(entry.car_comes(), Sight.UNSURE, None)
        entry.happens(Photocell(True), Photocell(False))
        assert entry.passes_ms(5 * MOTION_MS_MAX).count(LowerArm()) == CLOSE_TRIES_MAX - 1
        assert (entry.lane.state, entry.alarms) == (State.HELD_BACK, ["arm-stuck"])
        assert RaiseArm() in entry.named(ById(rid(2)))

    def test_so_is_who_has_come_past_what_was_under_it(self, entry: Gate) -> None:
        brought_to(entry, State.FAULT)
        entry.happens(SafetyLoop(True))
        entry.hub_says(right(2, plate=OTHER, spot_id=spot_id(43)), spot(43))
        entry.passes_ms(TIMING.drive_ms_max)
        entry.car_leaves()
        entry.seen(entry.car_comes(), Sight.UNSURE, None)
        entry.passes_ms(MOTION_MS_MAX)
        assert entry.lane._passage.passage_id == "p2", "whoever drives past is not looked at over and over"
        assert LookAway() not in [*entry.happens(SafetyLoop(False)), *entry.passes_ms(MOTION_MS_MAX)]
        assert entry.lane.state is State.HELD_BACK
        assert RaiseArm() in entry.named(ById(rid(2)))

    def test_an_idle_lane_asks_it_to_close_once_in_a_while(self, entry: Gate) -> None:
        brought_to(entry, State.PASSING)
        entry.happens(SafetyLoop(False))
        entry.passes_ms(CLOSE_TRIES_MAX * MOTION_MS_MAX)
        assert (entry.lane.state, entry.alarms) == (State.FAULT, ["arm-stuck"])
        assert entry.passes_ms(10 * CLOSE_AGAIN_MS).count(LowerArm()) == 9
        assert entry.alarms == ["arm-stuck"]
        entry.happens(ArmMoved(Arm.BETWEEN), ArmMoved(Arm.DOWN))
        assert (entry.lane.state, entry.lane.next_wakeup_ms()) == (State.IDLE, None)

    def test_so_does_one_whose_arm_goes_up_again_each_time(self, entry: Gate) -> None:
        """It meets something that no loop reports."""
        brought_to(entry, State.PASSING)
        entry.happens(SafetyLoop(False))
        entry.passes_ms(CLOSE_TRIES_MAX * MOTION_MS_MAX)
        for _ in range(5):
            assert entry.passes_ms(CLOSE_AGAIN_MS + MOTION_MS_MAX) == [LowerArm()]
            entry.happens(ArmMoved(Arm.BETWEEN), ArmMoved(Arm.UP))
        assert (entry.lane.state, entry.alarms) == (State.FAULT, ["arm-stuck"])

    def test_and_one_before_a_car_that_may_not_pass(self, entry: Gate) -> None:
        brought_to(entry, State.CLOSING)
        entry.seen(entry.car_comes(), Sight.STRANGER, OTHER)
        entry.passes_ms(5 * MOTION_MS_MAX)
        for _ in range(5):
            assert LowerArm() in entry.passes_ms(CLOSE_AGAIN_MS + MOTION_MS_MAX)
            entry.happens(ArmMoved(Arm.UP))
        assert entry.alarms.count("arm-stuck") == 1

    def test_never_onto_whoever_is_under_it(self, entry: Gate) -> None:
        entry.happens(Photocell(True))
        brought_to(entry, State.FAULT)
        entry.happens(ArrivalLoop(False))
        assert LowerArm() not in entry.passes_ms(3 * CLOSE_AGAIN_MS)
        assert entry.lane.state is State.FAULT

    def test_nor_at_once_where_a_car_has_gone_that_it_did_not_rise_for(self, entry: Gate) -> None:
        brought_to(entry, State.FAULT)
        entry.happens(ArrivalLoop(False))
        assert LowerArm() not in entry.passes_ms(CLOSE_AGAIN_MS - MOTION_MS_MAX - 1)
        assert LowerArm() in entry.passes_ms(2 * MOTION_MS_MAX)

    def test_where_it_goes_up_after_all_it_is_open_for_who_stands_there_and_may_pass(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        entry.passes_ms(TIMING.drive_ms_max)
        entry.happens(ArmMoved(Arm.BETWEEN))
        entry.passes_ms(CLOSE_TRIES_MAX * MOTION_MS_MAX)
        entry.happens(ArmMoved(Arm.UP))
        assert entry.lane.state is State.OPEN


class TestArmThatNobodyAsked:
    """By the key switch, by hand, or by a limit switch's cable."""

    @pytest.mark.parametrize("arm", [Arm.UP, Arm.BETWEEN])
    def test_is_an_alarm_and_is_asked_to_close(self, entry: Gate, arm: Arm) -> None:
        entry.happens(ArmMoved(arm))
        assert entry.passes_ms(MOTION_MS_MAX - 1) == []
        assert LowerArm() in entry.passes_ms(1)
        assert entry.alarms == ["arm-unasked"]
        entry.happens(ArmMoved(Arm.DOWN))
        assert entry.lane.state is State.IDLE
        assert entry.lane.next_wakeup_ms() is None

    def test_over_a_car_it_is_raised_and_stays_up(self, entry: Gate) -> None:
        entry.happens(SafetyLoop(True))
        assert RaiseArm() in entry.happens(ArmMoved(Arm.BETWEEN))
        assert (entry.lane.state, entry.alarms[-1]) == (State.PASSING, "arm-unasked")

    def test_it_is_raised_where_it_comes_down_on_whoever_is_under_it(self, entry: Gate) -> None:
        """Whoever has the key may stand in the photocell, and the arm is theirs."""
        entry.happens(Photocell(True))
        assert entry.happens(ArmMoved(Arm.BETWEEN), ArmMoved(Arm.UP)) == []
        assert RaiseArm() in entry.happens(ArmMoved(Arm.BETWEEN))

    def test_one_that_is_down_again_soon_is_not(self, entry: Gate) -> None:
        for arm in (Arm.BETWEEN, Arm.UP, Arm.BETWEEN, Arm.DOWN):
            entry.happens(ArmMoved(arm))
            entry.passes_ms(MOTION_MS_MAX // 4)
        entry.passes_ms(2 * MOTION_MS_MAX)
        assert entry.alarms == []

    def test_one_that_does_not_close_is_a_fault(self, entry: Gate) -> None:
        entry.happens(ArmMoved(Arm.UP))
        entry.passes_ms(5 * MOTION_MS_MAX)
        assert entry.alarms == ["arm-unasked", "arm-stuck"]


class TestNotDriving:
    def test_is_noted_and_the_arm_comes_down(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        assert LowerArm() in entry.passes_ms(TIMING.drive_ms_max)
        assert entry.noted == [(Noted.NOT_DRIVEN, "p1")]

    def test_nor_does_who_was_let_in_from_afar_come(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.named(ById(rid(1)), car_required=False)
        entry.happens(ArmMoved(Arm.UP))
        assert LowerArm() in entry.passes_ms(TIMING.drive_ms_max)
        assert entry.noted == [(Noted.NOT_COME, "p1")]


class TestFire:
    @pytest.mark.parametrize("state", State)
    def test_the_arm_goes_up_and_stays(self, entry: Gate, state: State) -> None:
        brought_to(entry, state)
        was_up = entry.lane._parts.arm.is_up
        commands = entry.happens(FireAlarm(True))
        assert (RaiseArm() in commands) is (not was_up and state is not State.FIRE)
        entry.happens(ArmMoved(Arm.BETWEEN), ArmMoved(Arm.UP))
        assert entry.passes_ms(100 * MOTION_MS_MAX) == []
        assert entry.alarms.count("fire") == 1

    def test_nobody_is_asked_in(self, entry: Gate, exit_: Gate) -> None:
        entry.happens(FireAlarm(True))
        exit_.happens(FireAlarm(True))
        assert entry.lane.told == Tell(Signal.RED, *FIRE_ENTRY)
        assert exit_.lane.told == Tell(Signal.GREEN, *FIRE)

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

    def test_a_cabinet_that_is_open_as_the_gate_starts_is_one_alarm(self, entry: Gate) -> None:
        entry.start(cabinet_open=True)
        assert entry.alarms == ["cabinet-open"]
        entry.passes_ms(CALL_EVERY_MS)
        entry.happens(CabinetDoor(True))
        assert entry.alarms == ["cabinet-open"]

    def test_a_cabinet_that_is_opened_is_an_alarm_each_time(self, entry: Gate) -> None:
        entry.start(cabinet_open=True)
        for is_open in (True, False, True):
            assert entry.happens(CabinetDoor(is_open)) == []
            entry.passes_ms(CALL_EVERY_MS)
        assert entry.alarms == ["cabinet-open"] * 2
