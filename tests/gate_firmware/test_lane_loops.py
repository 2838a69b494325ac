"""The lane's core, and loops that lie: silent, stuck, chattering. The photocell is in test_lane_photocell.py."""

import pytest

from cloud_sync.link.v1.facts import AlarmRaised, Direction, Mode, Noted
from domain.plate import Plate
from gate_firmware.arrival_watch import FRUITLESS_MAX, MOMENT_MS, MOMENTS_MAX
from gate_firmware.events import (
    ArmMoved,
    ArrivalLoop,
    CabinetDoor,
    FireAlarm,
    Look,
    LowerArm,
    ModeSet,
    Photocell,
    RaiseArm,
    SafetyLoop,
    Sight,
    Tell,
)
from gate_firmware.lane_states import State
from gate_firmware.under_arm import UNNOTICED_MAX
from gate_firmware.words import IDLE
from hardware.barrier import Position as Arm
from hardware.lights import Signal
from tests.gate_firmware.gate import (
    MOTION_MS_MAX,
    OTHER,
    PLATE,
    TIMING,
    Gate,
    brought_to,
    rid,
    right,
)


class TestSafetyLoopSilent:
    def test_cars_that_leave_an_open_arm_and_are_never_seen_count_as_passed_in_the_end(self, entry: Gate) -> None:
        entry.hub_says(*(right(number, plate=Plate(f"HHAB12{number}")) for number in range(1, 6)))
        for number in range(1, 6):
            entry.seen(entry.car_comes(), plate=Plate(f"HHAB12{number}"))
            entry.happens(ArmMoved(Arm.UP), ArrivalLoop(False))
            entry.passes_ms(TIMING.gap_ms_max)
            entry.happens(ArmMoved(Arm.DOWN))
        assert entry.noted == [(Noted.BACKED_OUT, "p1"), (Noted.BACKED_OUT, "p2")]
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
        assert exit_.alarms[:2] == ["arrival-loop-silent", "arm-stuck"]


class TestDropOut:
    """The arrival loop has lost a car for a moment: it is the same one."""

    @pytest.mark.parametrize("state", [State.OPENING, State.OPEN, State.FAULT])
    def test_under_a_car_that_may_pass(self, entry: Gate, state: State) -> None:
        brought_to(entry, state)
        entry.happens(ArrivalLoop(False))
        entry.passes_ms(MOMENT_MS - 1)
        assert not any(isinstance(command, Look) for command in entry.happens(ArrivalLoop(True)))
        assert entry.lane.state is state
        entry.happens(ArmMoved(Arm.UP), SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        assert [(passed.passage_id, passed.unseen) for passed in entry.passages] == [("p1", False)]
        assert entry.noted == []

    def test_it_has_no_longer_to_drive_for_that(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        commands = []
        for _ in range(TIMING.drive_ms_max // 500):
            entry.happens(ArrivalLoop(False), ArrivalLoop(True))
            commands += entry.passes_ms(500)
        assert LowerArm() in commands
        assert entry.noted == [(Noted.NOT_DRIVEN, "p1")]

    def test_while_the_lane_is_held_open(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.happens(ModeSet(Mode.HELD_OPEN, "Anna"), ArmMoved(Arm.UP))
        entry.seen(entry.car_comes())
        entry.happens(ArrivalLoop(False), ArrivalLoop(True))
        entry.happens(SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        assert [passed.reservation_id for passed in entry.passages] == [rid(1)]


class TestSomebodyOnFoot:
    def test_who_walk_through_time_and_again_do_not_keep_the_arm_up_for_one_that_has_gone_back(
        self, entry: Gate
    ) -> None:
        brought_to(entry, State.OPEN)
        entry.happens(ArrivalLoop(False))
        commands = []
        for _ in range(5):
            commands += entry.passes_ms(TIMING.gap_ms_max - 1_000)
            commands += entry.happens(Photocell(True)) + entry.happens(Photocell(False))
        assert LowerArm() in commands


class TestChatter:
    def test_a_loop_that_chatters_fills_no_disk(self, entry: Gate) -> None:
        for _ in range(10 * MOMENTS_MAX):
            entry.happens(ArrivalLoop(True))
            entry.passes_ms(MOMENT_MS - 1)
            entry.happens(ArrivalLoop(False))
        assert entry.stored() == [AlarmRaised.kind]
        assert entry.alarms == ["arrival-loop-chatters"]

    def test_one_that_drops_out_under_a_car_does_not_keep_it_in(self, exit_: Gate) -> None:
        """It is the car that was there before, and its time to be known goes on."""
        commands = []
        for _ in range(TIMING.exit_identify_ms_max // 500 + 1):
            exit_.happens(ArrivalLoop(True))
            commands += exit_.passes_ms(500)
            exit_.happens(ArrivalLoop(False))
        assert RaiseArm() in commands

    def test_nor_does_that_fill_a_disk(self, entry: Gate) -> None:
        for _ in range(10 * MOMENTS_MAX):
            entry.happens(ArrivalLoop(True))
            entry.passes_ms(2 * MOMENT_MS)
            entry.happens(ArrivalLoop(False))
            entry.passes_ms(MOMENT_MS - 1)
        assert entry.alarms == ["arrival-loop-chatters"]
        assert 0 < len(entry.noted) <= MOMENTS_MAX

    def test_a_car_that_comes_a_second_after_another_has_its_own_time(self, exit_: Gate) -> None:
        exit_.happens(ArrivalLoop(True))
        exit_.passes_ms(TIMING.exit_identify_ms_max - 1)
        exit_.happens(ArrivalLoop(False))
        exit_.passes_ms(MOMENT_MS)
        exit_.happens(ArrivalLoop(True))
        assert RaiseArm() not in exit_.passes_ms(TIMING.exit_identify_ms_max - 1)
        assert RaiseArm() in exit_.passes_ms(1)

    @pytest.mark.parametrize("contact", [CabinetDoor, SafetyLoop, FireAlarm])
    def test_nor_does_any_other_contact(self, entry: Gate, contact: type[CabinetDoor | SafetyLoop | FireAlarm]) -> None:
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

    def test_so_is_who_had_come_up_behind_it_before(self, entry: Gate) -> None:
        brought_to(entry, State.PASSING)
        entry.hub_says(right(2, plate=OTHER))
        entry.passes_ms(TIMING.drive_ms_max // 2)
        entry.happens(ArrivalLoop(True))
        assert Look("p2") in entry.passes_ms(TIMING.drive_ms_max)
        entry.seen("p2", plate=OTHER)
        entry.happens(ArrivalLoop(False))
        assert [(passed.reservation_id, passed.unseen) for passed in entry.passages] == [(rid(1), True), (rid(2), True)]

    def test_who_had_left_the_arrival_loop_behind_it_before_has_passed(self, entry: Gate) -> None:
        """Or gone back: nobody can say. The light was red for them, and nobody had looked at them."""
        brought_to(entry, State.PASSING)
        entry.passes_ms(MOMENT_MS)
        assert entry.happens(ArrivalLoop(True)) == [Tell(Signal.RED, *IDLE)]
        entry.passes_ms(MOMENT_MS)
        entry.happens(ArrivalLoop(False))
        assert entry.passages == []
        entry.passes_ms(TIMING.drive_ms_max)
        assert [(passed.reservation_id, passed.unseen) for passed in entry.passages] == [(rid(1), True), (None, True)]
        assert entry.noted == [(Noted.TAILGATED, "p2")]
        entry.happens(SafetyLoop(False))
        assert len(entry.passages) == 2

    def test_a_car_that_the_arrival_loop_loses_for_a_moment_follows_nobody(self, entry: Gate) -> None:
        brought_to(entry, State.PASSING)
        assert entry.happens(ArrivalLoop(True)) == []
        entry.passes_ms(MOMENT_MS)
        entry.happens(ArrivalLoop(False))
        entry.passes_ms(TIMING.drive_ms_max)
        assert entry.passages == []

    def test_who_had_to_wait_under_the_arm_with_the_next_one_close_behind_has_come_in(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        entry.happens(SafetyLoop(True))
        entry.passes_ms(TIMING.drive_ms_max)
        entry.happens(SafetyLoop(False))
        entry.seen(entry.lane._passage.passage_id, Sight.STRANGER, OTHER)
        assert [(passed.reservation_id, passed.unseen) for passed in entry.passages] == [(rid(1), False)]

    def test_so_is_who_drives_past_while_the_lane_is_held_open(self, entry: Gate) -> None:
        brought_to(entry, State.HELD_OPEN)
        entry.hub_says(right(2, plate=OTHER))
        entry.happens(ArmMoved(Arm.UP), SafetyLoop(True))
        entry.passes_ms(TIMING.drive_ms_max)
        assert entry.alarms == ["lane-blocked"]
        for plate in (PLATE, OTHER):
            entry.seen(entry.car_comes(), plate=plate)
            entry.passes_ms(MOMENT_MS)
            entry.happens(ArrivalLoop(False))
        entry.happens(SafetyLoop(False))
        assert [(passed.reservation_id, passed.unseen) for passed in entry.passages] == [(rid(1), True), (rid(2), True)]
        entry.seen(entry.car_comes())
        entry.happens(SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        assert len(entry.passages) == 3

    def test_also_where_it_was_stuck_before(self, entry: Gate) -> None:
        brought_to(entry, State.PASSING)
        entry.happens(ArmMoved(Arm.UP), ModeSet(Mode.HELD_OPEN, "Anna"))
        entry.passes_ms(TIMING.drive_ms_max)
        assert entry.alarms == ["lane-blocked"]

    @pytest.mark.parametrize("begins", [ModeSet(Mode.HELD_OPEN, "Anna"), FireAlarm(True)])
    def test_nor_is_it_forgotten_as_somebody_holds_the_lane_open(
        self, entry: Gate, begins: ModeSet | FireAlarm
    ) -> None:
        brought_to(entry, State.PASSING)
        entry.hub_says(right(2, plate=OTHER))
        entry.passes_ms(TIMING.drive_ms_max)
        entry.seen(entry.car_comes(), plate=OTHER)
        entry.happens(begins, SafetyLoop(False))
        assert [passed.reservation_id for passed in entry.passages] == [rid(1)], "the second stands there still"

    def test_a_contact_that_chatters_meanwhile_counts_nobody(self, entry: Gate) -> None:
        brought_to(entry, State.PASSING)
        entry.passes_ms(TIMING.drive_ms_max)
        for _ in range(3 * MOMENTS_MAX):
            entry.happens(ArrivalLoop(True), ArrivalLoop(False))
        assert [passed.passage_id for passed in entry.passages] == ["p1"]

    def test_the_car_under_it_is_the_first_of_two(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        entry.hub_says(right(2, plate=OTHER))
        entry.car_leaves()
        entry.seen(entry.car_comes(), plate=OTHER)
        entry.happens(SafetyLoop(True))
        entry.passes_ms(TIMING.drive_ms_max)
        entry.happens(ArrivalLoop(False))
        assert [(passed.reservation_id, passed.unseen) for passed in entry.passages] == [(rid(1), True), (rid(2), True)]

    def test_what_was_decided_on_a_car_that_waits_before_it_stays(self, entry: Gate) -> None:
        """Somebody stands in the photocell."""
        brought_to(entry, State.OPEN)
        entry.happens(Photocell(True))
        entry.passes_ms(TIMING.drive_ms_max)
        assert entry.alarms == ["lane-blocked"]
        assert LowerArm() not in entry.happens(Photocell(False))
        entry.happens(SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        assert [(passed.passage_id, passed.unseen) for passed in entry.passages] == [("p1", False)]

    @pytest.mark.parametrize("what", [Photocell, SafetyLoop])
    def test_what_is_there_before_a_closed_arm_is_told_once(
        self, entry: Gate, what: type[Photocell | SafetyLoop]
    ) -> None:
        """Before the next car finds out: the arm would stay up over it for good."""
        entry.happens(what(True))
        assert entry.passes_ms(10 * TIMING.drive_ms_max) == []
        entry.seen(entry.car_comes(), Sight.STRANGER, OTHER)
        entry.passes_ms(2 * TIMING.drive_ms_max)
        assert entry.alarms.count("lane-blocked") == 1
        entry.happens(what(False), what(True))
        entry.passes_ms(TIMING.drive_ms_max)
        assert entry.alarms.count("lane-blocked") == 2

    def test_so_is_what_is_there_as_the_gate_starts(self, entry: Gate) -> None:
        entry.crash()
        entry.start(photocell=True)
        entry.passes_ms(TIMING.drive_ms_max)
        assert entry.alarms == ["lane-blocked"]

    def test_a_moment_before_a_closed_arm_is_nothing(self, entry: Gate) -> None:
        entry.happens(Photocell(True))
        entry.passes_ms(TIMING.drive_ms_max - 1)
        entry.happens(Photocell(False))
        entry.passes_ms(TIMING.drive_ms_max)
        assert entry.alarms == []

    def test_nobody_passes_an_arm_that_is_down(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.happens(SafetyLoop(True))
        entry.passes_ms(TIMING.drive_ms_max)
        entry.happens(ArrivalLoop(False))
        assert entry.passages == []


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
