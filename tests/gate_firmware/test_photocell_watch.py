"""Something that stays in the photocell: when somebody is called, and how often."""

from gate_firmware.events import ArmMoved, ArrivalLoop, Photocell, SafetyLoop
from gate_firmware.lane_states import State
from hardware.barrier import Position as Arm
from tests.gate_firmware.gate import MOTION_MS_MAX, TIMING, Gate, brought_to, right


def test_an_arm_that_leaves_its_limit_over_it_for_a_moment_calls_nobody_again(entry: Gate) -> None:
    brought_to(entry, State.OPEN)
    entry.happens(Photocell(True))
    entry.passes_ms(TIMING.drive_ms_max)
    assert entry.alarms == ["lane-blocked"]
    entry.happens(ArmMoved(Arm.BETWEEN), ArmMoved(Arm.UP))
    entry.passes_ms(2 * TIMING.drive_ms_max)
    assert entry.alarms == ["lane-blocked"]


def test_its_time_begins_anew_as_the_arm_leaves_the_lower_limit(entry: Gate) -> None:
    entry.hub_says(right())
    entry.happens(Photocell(True))
    entry.passes_ms(TIMING.drive_ms_max - MOTION_MS_MAX // 2)
    entry.seen(entry.car_comes())
    entry.happens(ArmMoved(Arm.BETWEEN), ArmMoved(Arm.UP))
    entry.passes_ms(TIMING.drive_ms_max - 1)
    assert entry.alarms == []
    entry.passes_ms(1)
    assert entry.alarm_details == ["something is in the photocell for 30 s: the arm stays up"]


def test_what_stays_there_once_the_car_over_the_loop_has_gone_is_told_too(entry: Gate) -> None:
    brought_to(entry, State.OPEN)
    entry.happens(SafetyLoop(True), ArrivalLoop(False), Photocell(True))
    entry.passes_ms(TIMING.drive_ms_max)
    entry.happens(SafetyLoop(False))
    entry.passes_ms(TIMING.drive_ms_max)
    assert entry.alarm_details == [
        "the safety loop is occupied for 30 s: the arm stays up",
        "something is in the photocell for 30 s: the arm stays up",
    ]
