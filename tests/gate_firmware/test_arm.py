"""The arm as its lane knows it."""

import pytest

from gate_firmware.arm import CLOSE_AGAIN_MS, CLOSE_TRIES_MAX, Arm
from gate_firmware.events import LowerArm, RaiseArm
from gate_firmware.record import Record
from hardware.barrier import Position
from hardware.wiring import BarrierWiring
from tests.gate_firmware.gate import MOTION_MS_MAX, NOW, Gate


@pytest.fixture
def arm(entry: Gate) -> Arm:
    return Arm(Record(entry.direction, entry.journal, entry.replica), BarrierWiring())


def test_one_that_was_asked_to_rise_does_not_rest_before_it_has_been_down_again(arm: Arm) -> None:
    assert arm.rests
    assert arm.raised(NOW) == [RaiseArm()]
    assert (arm.is_down, arm.rests) == (True, False)
    arm.moved(Position.BETWEEN)
    arm.moved(Position.UP)
    assert (arm.is_up, arm.rests) == (True, False)
    arm.moved(Position.DOWN)
    assert arm.rests


def test_it_is_asked_to_close_so_often_and_never_onto_a_car(arm: Arm) -> None:
    arm.moved(Position.UP)
    arm.begin_to_close()
    for number in range(CLOSE_TRIES_MAX):
        assert arm.may_be_asked_to_close
        assert arm.lowered(NOW, under=number == 1) == ([] if number == 1 else [LowerArm()])
    assert not arm.may_be_asked_to_close
    arm.begin_to_close()
    assert arm.may_be_asked_to_close


def test_one_that_was_asked_to_close_does_not_stay_up_although_it_is(arm: Arm) -> None:
    for number, ask in enumerate((lambda now: arm.lowered(now, under=False), arm.kept_down)):
        arm.begin_to_close()
        arm.raised(NOW)
        arm.moved(Position.UP)
        assert arm.stays_up
        assert arm.lowered(NOW, under=True) == []
        assert arm.stays_up
        ask(NOW.later((number + 1) * MOTION_MS_MAX))
        assert (arm.is_up, arm.stays_up) == (True, False)
        arm.raised(NOW)
        assert arm.stays_up
    arm.lowered(NOW, under=False)
    arm.moved(Position.DOWN)
    arm.moved(Position.UP)
    assert arm.stays_up, "somebody has raised it by hand"


def test_one_that_is_down_needs_not_be_kept_there(arm: Arm) -> None:
    assert arm.kept_down(NOW) == []
    arm.moved(Position.BETWEEN)
    assert arm.kept_down(NOW) == [LowerArm()]


def test_one_that_is_a_fault_is_asked_to_close_once_in_a_while(arm: Arm, entry: Gate) -> None:
    arm.moved(Position.UP)
    arm.lowered(NOW, under=False)
    asked = [arm.lowered_again(NOW.later(ms), under=False) for ms in range(0, 4 * CLOSE_AGAIN_MS, CLOSE_AGAIN_MS // 3)]
    assert asked.count([LowerArm()]) == 3
    assert arm.lowered_again(NOW.later(9 * CLOSE_AGAIN_MS), under=True) == []
    assert entry.alarms == []


def test_one_that_stays_up_before_a_car_is_asked_so_often_and_then_an_alarm_once(arm: Arm, entry: Gate) -> None:
    arm.moved(Position.UP)
    arm.begin_to_close()
    asked = [arm.kept_down(NOW.later(ms)) for ms in range(0, 10 * MOTION_MS_MAX, MOTION_MS_MAX // 2)]
    assert asked.count([LowerArm()]) == CLOSE_TRIES_MAX
    assert entry.alarms == ["arm-stuck"]


def test_one_that_does_not_rise_is_asked_as_long_as_it_ought_to_be_up(arm: Arm, entry: Gate) -> None:
    assert [arm.raised_again(NOW) for _ in range(5)] == [[RaiseArm()]] * 5
    assert entry.alarms == ["arm-stuck"]
    arm.moved(Position.UP)
    assert arm.raised_again(NOW) == []
