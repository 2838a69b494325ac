"""The lane's core before a single-pulse barrier: it has no close contact, and closes by itself after a while."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cloud_sync.link.v1.facts import Mode, Noted
from gate_firmware.events import (
    ArmMoved,
    ArrivalLoop,
    ById,
    Event,
    FireAlarm,
    Look,
    LookAway,
    ModeSet,
    Photocell,
    RaiseArm,
    SafetyLoop,
    Sight,
)
from gate_firmware.lane_states import State
from hardware.barrier import Position as Arm
from hardware.wiring import BarrierWiring
from tests.gate_firmware.gate import MOTION_MS_MAX, OTHER, PLATE, TIMING, Gate, rid, right, spot, spot_id
from tests.gate_firmware.on_pins import RISE_MS, STEP_MS, Built

CLOSES_AFTER_MS = 45_000


@pytest.fixture
def single(tmp_path: Path) -> Iterator[Gate]:
    with closing(Gate(tmp_path, barrier=BarrierWiring(kind="single-pulse", closes_after_ms=CLOSES_AFTER_MS))) as gate:
        gate.start()
        gate.hub_says(right())
        yield gate


def backed_out(gate: Gate) -> None:
    """A car has got its arm, and gone back: the lane waits for the barrier to close."""
    gate.admitted()
    gate.happens(ArmMoved(Arm.UP), ArrivalLoop(False))
    gate.passes_ms(TIMING.gap_ms_max)
    assert gate.lane.state is State.CLOSING


def test_it_takes_its_time_to_close_and_that_is_no_fault(single: Gate) -> None:
    backed_out(single)
    single.passes_ms(CLOSES_AFTER_MS)
    single.happens(ArmMoved(Arm.BETWEEN))
    single.passes_ms(MOTION_MS_MAX - 1)
    single.happens(ArmMoved(Arm.DOWN))
    assert single.lane.state is State.IDLE
    assert (single.alarms, single.noted) == ([], [(Noted.BACKED_OUT, "p1")])


def test_one_that_does_not_close_is_a_fault(single: Gate) -> None:
    backed_out(single)
    single.passes_ms(CLOSES_AFTER_MS + MOTION_MS_MAX)
    assert single.lane.state is State.FAULT
    assert single.alarms == ["arm-stuck"]


def test_nor_is_it_one_that_it_stays_up_before_a_car_that_may_not_pass(single: Gate) -> None:
    backed_out(single)
    single.seen(single.car_comes(), Sight.STRANGER, OTHER)
    single.passes_ms(CLOSES_AFTER_MS)
    assert single.alarms == []


@pytest.mark.parametrize("holds", [ModeSet(Mode.HELD_OPEN, "Anna"), FireAlarm(True)])
def test_what_is_to_stay_up_is_asked_to_open_long_before_it_closes(single: Gate, holds: Event) -> None:
    single.happens(holds, ArmMoved(Arm.UP))
    for _ in range(10):
        assert single.passes_ms(CLOSES_AFTER_MS // 2) == [RaiseArm()]


def test_so_is_one_that_is_up_as_the_gate_starts(single: Gate) -> None:
    """Nobody knows how long ago it was asked."""
    single.happens(ModeSet(Mode.HELD_OPEN, "Anna"), ArmMoved(Arm.UP))
    single.crash()
    assert RaiseArm() in single.start(arm=Arm.UP) + single.passes_ms(1)


def test_so_is_one_over_a_car(single: Gate) -> None:
    single.admitted()
    single.happens(ArmMoved(Arm.UP), SafetyLoop(True))
    assert single.passes_ms(CLOSES_AFTER_MS).count(RaiseArm()) == 2


def test_not_one_that_may_close(single: Gate) -> None:
    backed_out(single)
    assert RaiseArm() not in single.passes_ms(CLOSES_AFTER_MS)
    single.happens(ArmMoved(Arm.DOWN))
    assert single.passes_ms(CLOSES_AFTER_MS) == []


def test_who_is_held_back_is_served_as_somebody_walks_through(single: Gate) -> None:
    """The barrier closes some time after: until then the arm is up from the car before."""
    backed_out(single)
    single.seen(single.car_comes(), Sight.UNSURE, None)
    single.happens(Photocell(True))
    assert LookAway() not in single.happens(Photocell(False))
    assert single.lane.state is State.HELD_BACK
    assert Look("p2") in single.passes_ms(TIMING.retry_ms)
    assert RaiseArm() in single.named(ById(rid(1)))
    assert [(said.passage_id, said.reservation_id) for said in single.decisions[1:]] == [("p2", None), ("p2", rid(1))]


def test_nor_does_who_stands_there_as_the_lane_is_held_open_no_more_wait_for_it(single: Gate) -> None:
    single.happens(ModeSet(Mode.HELD_OPEN, "Anna"), ArmMoved(Arm.UP))
    single.seen(single.car_comes(), Sight.STRANGER, OTHER)
    assert Look("p2") in single.happens(ModeSet(Mode.AUTOMATIC, "Anna"))
    assert single.lane.state is State.LOOKING


def test_nor_is_one_that_somebody_has_opened_with_the_key_but_for_as_long_as_it_needs(single: Gate) -> None:
    """Its wait begins anew with the key, whenever the gate has asked it to open before."""
    backed_out(single)
    single.happens(ArmMoved(Arm.DOWN))
    single.passes_ms(CLOSES_AFTER_MS)
    single.seen(single.car_comes(), Sight.STRANGER, OTHER)
    single.happens(ArmMoved(Arm.UP), ArrivalLoop(False))
    assert RaiseArm() not in single.passes_ms(TIMING.gap_ms_max)


def test_one_with_two_contacts_is_not_asked_again(entry: Gate) -> None:
    entry.happens(ModeSet(Mode.HELD_OPEN, "Anna"), ArmMoved(Arm.UP))
    assert entry.passes_ms(10 * CLOSES_AFTER_MS) == []


class TestOnPins:
    """The controller closes by itself, once its own loop was free for so long since it was last asked to open."""

    def test_cars_come_in_one_after_the_other(self, single: Gate, built: Built) -> None:
        site = built(single)
        single.hub_says(right(2, plate=OTHER, spot_id=spot_id(43)), spot(43))
        for plate in (PLATE, OTHER):
            site.set("arrival_loop", active=True)
            site.read(plate=plate)
            site.pass_ms(RISE_MS + STEP_MS)
            site.drives_through()
        assert site.pulses == ["open_relay"] * 2
        site.pass_ms(CLOSES_AFTER_MS + 2 * RISE_MS)
        assert single.lane.state is State.IDLE
        assert [passed.reservation_id for passed in single.passages] == [rid(1), rid(2)]
        assert single.alarms == []

    @pytest.mark.parametrize("holds", [ModeSet(Mode.HELD_OPEN, "Anna"), FireAlarm(True)])
    def test_an_arm_that_is_to_stay_up_never_begins_to_come_down(
        self, single: Gate, built: Built, holds: ModeSet | FireAlarm
    ) -> None:
        site = built(single)
        if isinstance(holds, FireAlarm):
            site.set("fire", active=True)
        else:
            site.happens(holds)
        site.pass_ms(RISE_MS + STEP_MS)
        for _ in range(4 * CLOSES_AFTER_MS // STEP_MS):
            site.pass_ms(STEP_MS)
            assert site.arm_is_up
        assert set(single.alarms) <= {"fire"}
