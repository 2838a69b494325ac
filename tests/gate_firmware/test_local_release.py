"""The lane's core, and a barrier that somebody opens with the key switch, or by hand, for the car that stands there."""

import pytest

from cloud_sync.link.v1.facts import Mode, Noted
from domain.admission import Reason
from gate_firmware.arrival_watch import MOMENT_MS
from gate_firmware.events import (
    ArmMoved,
    ArrivalLoop,
    ById,
    Command,
    FireAlarm,
    Look,
    LookForCode,
    LowerArm,
    ModeSet,
    Photocell,
    RaiseArm,
    SafetyLoop,
    Sight,
)
from gate_firmware.lane_states import State
from hardware.barrier import Position as Arm
from hardware.lights import Signal
from hardware.wiring import BarrierWiring
from tests.gate_firmware.gate import (
    MOTION_MS_MAX,
    OTHER,
    TIMING,
    Gate,
    brought_to,
    rid,
    right,
    spot,
    spot_id,
)
from tests.gate_firmware.on_pins import STEP_MS, Built

RISES = ArmMoved(Arm.BETWEEN), ArmMoved(Arm.UP)


@pytest.fixture
def held_back(entry: Gate) -> Gate:
    """Before its arm, which is down, stands a stranger."""
    brought_to(entry, State.HELD_BACK)
    return entry


@pytest.fixture
def released(held_back: Gate) -> Gate:
    """Somebody has turned the key for that car, and the arm is up."""
    assert held_back.happens(*RISES) == []
    return held_back


def crosses(gate: Gate) -> list[Command]:
    gate.happens(SafetyLoop(True), ArrivalLoop(False))
    return gate.happens(SafetyLoop(False))


class TestForACarThatIsThere:
    @pytest.mark.parametrize("state", [State.LOOKING, State.HELD_BACK])
    def test_the_arm_stays_up_until_the_car_has_crossed_and_then_closes(self, entry: Gate, state: State) -> None:
        brought_to(entry, state)
        entry.happens(*RISES)
        if state is State.LOOKING:
            assert LowerArm() not in entry.seen("p1", Sight.STRANGER, OTHER)
        assert LowerArm() not in entry.passes_ms(TIMING.drive_ms_max - 1)
        assert LowerArm() in crosses(entry)
        assert entry.alarms == ["arm-unasked"]
        assert entry.alarm_details[0].endswith("A car is before it: passage p1")
        assert [(passed.passage_id, passed.reservation_id) for passed in entry.passages] == [("p1", None)]
        assert entry.noted == []

    def test_whose_booking_is_known_is_counted_on_it(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.happens(ModeSet(Mode.CLOSED, "Anna"))
        entry.admitted()
        entry.happens(*RISES)
        crosses(entry)
        assert entry.reasons == [Reason.LANE_CLOSED]
        assert [passed.reservation_id for passed in entry.passages] == [rid(1)]

    def test_it_has_followed_nobody_once_the_arm_was_down(self, entry: Gate) -> None:
        brought_to(entry, State.CLOSING)
        entry.happens(ArmMoved(Arm.DOWN))
        entry.seen(entry.car_comes(), Sight.STRANGER, OTHER)
        entry.happens(*RISES)
        crosses(entry)
        assert (len(entry.passages), entry.noted) == (2, [])

    def test_one_that_drives_before_the_arm_is_up_has_an_arm_that_goes_up(self, held_back: Gate) -> None:
        held_back.happens(ArmMoved(Arm.BETWEEN))
        assert RaiseArm() in held_back.happens(SafetyLoop(True))
        assert held_back.alarms == ["arm-unasked"]
        held_back.happens(ArmMoved(Arm.UP), ArrivalLoop(False))
        assert LowerArm() in held_back.happens(SafetyLoop(False))
        assert len(held_back.passages) == 1

    def test_the_arm_closes_where_it_does_not_drive_in_time(self, held_back: Gate) -> None:
        """Counted from where the arm is up."""
        held_back.happens(ArmMoved(Arm.BETWEEN))
        held_back.passes_ms(MOTION_MS_MAX // 2)
        held_back.happens(ArmMoved(Arm.UP))
        assert LowerArm() not in held_back.passes_ms(TIMING.drive_ms_max - 1)
        assert LowerArm() in held_back.passes_ms(1)
        held_back.happens(ArmMoved(Arm.BETWEEN), ArmMoved(Arm.DOWN))
        assert LowerArm() not in held_back.passes_ms(TIMING.drive_ms_max)
        assert (held_back.lane.state, held_back.alarms) == (State.HELD_BACK, ["arm-unasked"])

    def test_it_is_let_in_where_it_shows_meanwhile_that_it_may_pass(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.seen(entry.car_comes(), Sight.UNSURE, None)
        entry.happens(*RISES)
        entry.named(ById(rid(1)))
        assert entry.lane.state is State.OPEN
        assert LowerArm() in crosses(entry)
        assert [passed.reservation_id for passed in entry.passages] == [rid(1)]
        assert entry.alarms == ["arm-unasked"]

    def test_the_key_opens_again(self, released: Gate) -> None:
        for _ in range(5):
            released.passes_ms(TIMING.drive_ms_max)
            released.happens(ArmMoved(Arm.BETWEEN), ArmMoved(Arm.DOWN), *RISES)
            assert LowerArm() not in released.passes_ms(TIMING.drive_ms_max - 1)
            assert LowerArm() in released.passes_ms(1)

    def test_at_an_exit_it_is_let_out_as_ever(self, exit_: Gate) -> None:
        exit_.car_comes()
        exit_.happens(*RISES)
        exit_.passes_ms(TIMING.exit_identify_ms_max)
        assert LowerArm() in crosses(exit_)
        assert (exit_.reasons, len(exit_.passages)) == ([Reason.UNKNOWN_CAR], 1)


class TestBetweenTheLoops:
    def test_the_arm_stays_up_and_the_light_red(self, released: Gate) -> None:
        assert LowerArm() not in released.happens(ArrivalLoop(False))
        assert released.lane.told.signal is Signal.RED
        assert LowerArm() not in released.passes_ms(TIMING.gap_ms_max - 1)
        released.happens(SafetyLoop(True))
        assert LowerArm() in released.happens(SafetyLoop(False))
        assert ([passed.passage_id for passed in released.passages], released.noted) == (["p1"], [])

    @pytest.mark.parametrize("state", [State.LOOKING, State.HELD_BACK])
    def test_one_that_does_not_cross_has_backed_out(self, entry: Gate, state: State) -> None:
        brought_to(entry, state)
        entry.happens(*RISES, ArrivalLoop(False))
        assert LowerArm() not in entry.passes_ms(TIMING.gap_ms_max - 1)
        assert LowerArm() in entry.passes_ms(1)
        assert (entry.noted, entry.passages) == ([(Noted.BACKED_OUT, "p1")], [])

    def test_one_that_the_loop_had_only_lost_stands_there_still(self, released: Gate) -> None:
        released.happens(ArrivalLoop(False))
        released.passes_ms(MOMENT_MS // 2)
        assert LookForCode("p1", frozenset()) in released.happens(ArrivalLoop(True))
        assert LowerArm() not in released.passes_ms(2 * TIMING.gap_ms_max)
        released.happens(ArrivalLoop(False))
        assert LowerArm() not in released.passes_ms(TIMING.gap_ms_max - 1)
        assert LowerArm() in crosses(released)
        assert [passed.passage_id for passed in released.passages] == ["p1"]

    def test_the_next_one_is_looked_at_and_follows_nobody(self, released: Gate) -> None:
        released.happens(ArrivalLoop(False))
        released.passes_ms(MOMENT_MS)
        released.seen(released.car_comes(), Sight.STRANGER, OTHER)
        assert LowerArm() not in released.passes_ms(TIMING.gap_ms_max - MOMENT_MS - 1)
        assert LowerArm() in released.passes_ms(1)
        assert released.noted == [(Noted.BACKED_OUT, "p1")]

    def test_it_crosses_with_the_next_one_behind(self, released: Gate) -> None:
        released.hub_says(right(2, plate=OTHER, spot_id=spot_id(43)), spot(43))
        released.happens(ArrivalLoop(False))
        released.passes_ms(MOMENT_MS)
        released.car_comes()
        released.happens(SafetyLoop(True))
        commands = released.happens(SafetyLoop(False))
        assert [passed.passage_id for passed in released.passages] == ["p1"]
        assert any(isinstance(command, Look) for command in commands)

    def test_the_light_is_red_for_who_comes_behind_one_that_has_gone(self, released: Gate) -> None:
        """Also where the loop loses the next one for a moment."""
        released.car_leaves()
        released.happens(ArrivalLoop(True), ArrivalLoop(False))
        assert (released.lane.state, released.lane.told.signal) == (State.OPEN, Signal.RED)

    def test_nobody_has_seen_one_cross_that_never_leaves_the_arrival_loop(self, entry: Gate) -> None:
        """It may have gone back, with its booking unused."""
        entry.hub_says(right())
        entry.happens(ModeSet(Mode.CLOSED, "Anna"))
        entry.seen(entry.car_comes())
        entry.happens(*RISES, SafetyLoop(True), SafetyLoop(False))
        assert [(passed.reservation_id, passed.unseen) for passed in entry.passages] == [(rid(1), True)]

    def test_whoever_lowers_the_arm_by_hand_may(self, released: Gate) -> None:
        """The gate asks for nothing."""
        released.happens(ArrivalLoop(False))
        assert released.happens(ArmMoved(Arm.BETWEEN)) == []
        released.happens(ArmMoved(Arm.DOWN))
        assert (released.lane.state, released.noted) == (State.IDLE, [(Noted.BACKED_OUT, "p1")])


class TestSomebodyOnFoot:
    """Whoever has turned the key goes through the photocell."""

    def test_does_not_close_the_arm_before_the_car(self, released: Gate) -> None:
        released.happens(Photocell(True))
        assert released.happens(Photocell(False)) == []
        assert released.lane.state is State.HELD_BACK
        assert LowerArm() not in released.passes_ms(TIMING.drive_ms_max - 1)
        assert LowerArm() in released.passes_ms(1)

    def test_nor_before_one_that_nobody_has_decided_on(self, entry: Gate) -> None:
        entry.car_comes()
        entry.happens(*RISES, Photocell(True))
        assert LowerArm() not in entry.happens(Photocell(False))
        assert entry.lane.state is State.LOOKING

    def test_nor_before_one_between_the_loops(self, released: Gate) -> None:
        released.happens(ArrivalLoop(False), Photocell(True))
        assert LowerArm() not in released.happens(Photocell(False))
        assert LowerArm() not in released.passes_ms(TIMING.gap_ms_max - 1)
        assert LowerArm() in released.passes_ms(1)


class TestBeforeACarComes:
    def test_the_arm_stays_up_for_it(self, entry: Gate) -> None:
        entry.happens(*RISES)
        entry.passes_ms(MOTION_MS_MAX // 2)
        entry.seen(entry.car_comes(), Sight.UNSURE, None)
        assert LowerArm() not in entry.passes_ms(TIMING.drive_ms_max - MOTION_MS_MAX)
        assert LowerArm() in crosses(entry)
        assert entry.alarms == ["arm-unasked"]

    def test_one_that_drives_through_at_once_is_counted_and_told(self, entry: Gate) -> None:
        entry.happens(*RISES, SafetyLoop(True))
        assert LowerArm() in entry.happens(SafetyLoop(False))
        assert (entry.alarms, len(entry.passages)) == (["arm-unasked"], 1)


class TestWhatIsNone:
    def test_a_limit_switch_that_bounces(self, held_back: Gate) -> None:
        for _ in range(3):
            held_back.happens(ArmMoved(Arm.BETWEEN))
            held_back.passes_ms(MOTION_MS_MAX // 4)
            held_back.happens(ArmMoved(Arm.DOWN))
        assert LowerArm() not in held_back.passes_ms(2 * TIMING.drive_ms_max)
        assert held_back.alarms == []

    def test_a_fire_that_the_barrier_knows_of_before_the_lane(self, held_back: Gate) -> None:
        held_back.happens(ArmMoved(Arm.BETWEEN), FireAlarm(True), ArmMoved(Arm.UP))
        assert held_back.alarms == ["fire"]

    def test_an_arm_that_its_controller_raises_over_whoever_is_there(self, entry: Gate) -> None:
        """The car that may pass goes on as ever."""
        entry.hub_says(right())
        entry.admitted()
        entry.happens(ArmMoved(Arm.UP), Photocell(True), ArmMoved(Arm.BETWEEN), ArmMoved(Arm.DOWN), *RISES)
        entry.happens(Photocell(False))
        assert (entry.lane.state, entry.alarms) == (State.OPEN, [])

    def test_an_arm_that_the_gate_has_asked_for_and_that_begins_late(self, entry: Gate) -> None:
        """It is up for a car that has gone back, and not for the one behind."""
        entry.hub_says(right())
        entry.admitted()
        entry.car_leaves()
        entry.seen(entry.car_comes(), Sight.STRANGER, OTHER)
        entry.happens(*RISES)
        assert LowerArm() in entry.passes_ms(TIMING.gap_ms_max)
        assert entry.alarms == []


def test_an_arm_that_is_lifted_half_way_is_told_as_well(held_back: Gate) -> None:
    held_back.happens(ArmMoved(Arm.BETWEEN))
    assert LowerArm() not in held_back.passes_ms(MOTION_MS_MAX - 1)
    assert held_back.alarms == []
    assert LowerArm() not in held_back.passes_ms(1)
    assert held_back.alarms == ["arm-unasked"]
    assert LowerArm() in held_back.passes_ms(TIMING.drive_ms_max - MOTION_MS_MAX)


class TestOnPins:
    @pytest.mark.parametrize("kind", ["two-contacts", "single-pulse"])
    def test_the_key_opens_for_a_car_that_is_held_back(self, entry: Gate, built: Built, kind: str) -> None:
        entry.barrier = BarrierWiring.model_validate({"kind": kind})
        entry.crash()
        site = built(entry)
        site.comes(Sight.UNSURE)
        site.pass_ms(2_600)
        site.turn_key()
        site.pass_ms(TIMING.drive_ms_max // 2)
        assert (site.pulses, site.arm_is_up) == ([], True)
        site.drives_through()
        site.pass_ms(STEP_MS)
        assert site.pulses == (["close_relay"] if kind == "two-contacts" else [])
        assert (len(entry.passages), entry.alarms) == (1, ["arm-unasked"])
