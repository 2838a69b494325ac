"""The arm as its lane knows it."""

from gate_firmware.arm import CLOSE_TRIES_MAX, Arm
from gate_firmware.events import LowerArm, RaiseArm
from hardware.barrier import Position


def test_one_that_was_asked_to_rise_does_not_rest_before_it_has_been_down_again() -> None:
    arm = Arm()
    assert arm.rests
    assert arm.raised() == [RaiseArm()]
    assert (arm.is_down, arm.rests) == (True, False)
    arm.moved(Position.BETWEEN)
    arm.moved(Position.UP)
    assert (arm.is_up, arm.rests) == (True, False)
    arm.moved(Position.DOWN)
    assert arm.rests


def test_it_is_asked_to_close_so_often_and_never_onto_a_car() -> None:
    arm = Arm()
    arm.moved(Position.UP)
    arm.begin_to_close()
    for number in range(CLOSE_TRIES_MAX):
        assert arm.may_be_asked_to_close
        assert arm.lowered(under=number == 1) == ([] if number == 1 else [LowerArm()])
    assert not arm.may_be_asked_to_close
    arm.begin_to_close()
    assert arm.may_be_asked_to_close


def test_one_that_was_asked_to_close_does_not_stay_up_although_it_is() -> None:
    arm = Arm()
    for ask in (arm.lowered, arm.kept_down):
        arm.raised()
        arm.moved(Position.UP)
        assert arm.stays_up
        assert ask(under=True) == []
        assert arm.stays_up
        ask(under=False)
        assert (arm.is_up, arm.stays_up) == (True, False)
        arm.raised()
        assert arm.stays_up
    arm.lowered(under=False)
    arm.moved(Position.DOWN)
    arm.moved(Position.UP)
    assert arm.stays_up, "somebody has raised it by hand"


def test_one_that_is_down_needs_not_be_kept_there() -> None:
    arm = Arm()
    assert arm.kept_down(under=False) == []
    arm.moved(Position.BETWEEN)
    assert arm.kept_down(under=False) == [LowerArm()]
    assert arm.kept_down(under=True) == []
