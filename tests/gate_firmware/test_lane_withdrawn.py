"""A right is withdrawn while its car is on its way in."""

import pytest

from cloud_sync.link.v1.facts import GateDecided, GatePassed, LaneNoted, WithdrawalNoted
from domain.reservation import Status
from gate_firmware.events import (
    ArmMoved,
    ArrivalLoop,
    OpenedBy,
    SafetyLoop,
    Sight,
)
from hardware.barrier import Position as Arm
from tests.gate_firmware.gate import (
    MOTION_MS_MAX,
    OTHER,
    TIMING,
    Gate,
    rid,
    right,
)


class TestWithdrawn:
    CANCELLED = right(status=Status.CANCELLED, revision=3)

    def test_is_noted_after_the_passage(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.hub_says(self.CANCELLED)
        entry.through()
        assert entry.stored() == [GateDecided.kind, GatePassed.kind, WithdrawalNoted.kind]
        assert [(said.reservation_id, said.revision) for said in entry.told(WithdrawalNoted)] == [(rid(1), 3)]

    def test_or_when_it_did_not_come(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.happens(ArmMoved(Arm.UP))
        entry.hub_says(self.CANCELLED)
        assert entry.told(WithdrawalNoted) == []
        entry.happens(ArrivalLoop(False))
        entry.passes_ms(TIMING.gap_ms_max)
        entry.happens(ArmMoved(Arm.DOWN))
        assert entry.stored() == [GateDecided.kind, LaneNoted.kind, WithdrawalNoted.kind]

    @pytest.mark.parametrize("arm", [Arm.UP, Arm.DOWN])
    def test_also_after_a_restart(self, entry: Gate, arm: Arm) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.happens(ArmMoved(Arm.UP))
        entry.hub_says(self.CANCELLED)
        entry.crash()
        entry.start(safety=arm is Arm.UP, arm=arm)
        if arm is Arm.UP:
            assert entry.told(WithdrawalNoted) == []
            entry.happens(SafetyLoop(False))
        assert len(entry.told(WithdrawalNoted)) == 1

    @pytest.mark.parametrize("arrival", [True, False])
    def test_after_it_no_other_restart_counts_the_car(self, entry: Gate, arrival: bool) -> None:
        """A start has found the arm closed: most likely it has not crossed, and somebody is called."""
        entry.hub_says(right())
        entry.admitted()
        entry.crash()
        entry.start(arrival=arrival)
        entry.hub_says(right(status=Status.NO_SHOW, revision=3))
        entry.happens(OpenedBy("Anna"))
        assert entry.stored().count(WithdrawalNoted.kind) == 1
        entry.crash()
        entry.start(arrival=True)
        entry.seen(entry.lane._passage.passage_id, Sight.STRANGER, OTHER)
        assert [passed.reservation_id for passed in entry.passages if passed.reservation_id] == []
        assert entry.alarms[0] == "passage-unseen"

    def test_a_car_that_passed_unseen_comes_before_the_note(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.happens(ArmMoved(Arm.UP))
        entry.hub_says(self.CANCELLED)
        entry.crash()
        entry.start(arm=Arm.UP)
        entry.passes_ms(TIMING.gap_ms_max)
        assert entry.stored()[-2:] == [GatePassed.kind, WithdrawalNoted.kind]

    def test_nobody_goes_on_for_whom_the_arm_has_not_risen(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.happens(ArmMoved(Arm.BETWEEN))
        entry.passes_ms(MOTION_MS_MAX)
        entry.happens(ArrivalLoop(False), ArmMoved(Arm.DOWN))
        entry.hub_says(self.CANCELLED)
        entry.crash()
        entry.start(arm=Arm.UP)
        entry.passes_ms(TIMING.gap_ms_max)
        assert entry.stored()[-2:] == [LaneNoted.kind, WithdrawalNoted.kind]

    def test_of_any_other_car_it_is_noted_at_once(self, entry: Gate) -> None:
        entry.hub_says(right(), right(2, plate=OTHER))
        entry.admitted()
        entry.hub_says(right(2, Status.NO_SHOW, revision=3, plate=OTHER))
        assert entry.stored() == [GateDecided.kind, WithdrawalNoted.kind]

    def test_who_is_held_back_keeps_nobody_waiting(self, entry: Gate) -> None:
        entry.hub_says(right(start=5, end=6))
        entry.seen(entry.car_comes())
        entry.hub_says(right(status=Status.CANCELLED, revision=3, start=5, end=6))
        assert entry.stored() == [GateDecided.kind, WithdrawalNoted.kind]
