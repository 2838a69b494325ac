"""The lane's core, and a queue: who comes up behind a car that has yet to cross, and who drives past an open arm."""

import pytest

from cloud_sync.link.v1.facts import Direction, GatePassed, Mode, Noted, WithdrawalNoted
from domain.plate import Plate
from domain.reservation import Status
from gate_firmware.arrival_watch import MOMENT_MS
from gate_firmware.events import (
    ArmMoved,
    ArrivalLoop,
    Event,
    FireAlarm,
    Look,
    LookAway,
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
from tests.gate_firmware.gate import OTHER, PLATE, TIMING, Gate, brought_to, rid, right

THIRD = Plate("MXY77")


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
        assert two.noted == []

    def test_also_where_the_other_is_held_back_already(self, two: Gate) -> None:
        assert LowerArm() not in two.seen("p2", Sight.STRANGER, OTHER)
        two.happens(SafetyLoop(True), SafetyLoop(False))
        assert [passed.passage_id for passed in two.passages] == ["p1"]

    def test_also_where_the_arm_comes_down_over_it(self, two: Gate) -> None:
        two.seen("p2", Sight.STRANGER, OTHER)
        two.happens(SafetyLoop(True), ArmMoved(Arm.BETWEEN), ArmMoved(Arm.DOWN), ArmMoved(Arm.UP), SafetyLoop(False))
        assert [passed.passage_id for passed in two.passages] == ["p1"]

    def test_one_that_does_not_cross_in_time_has_backed_out(self, two: Gate) -> None:
        two.seen("p2", Sight.STRANGER, OTHER)
        two.hub_says(right(status=Status.CANCELLED, revision=3))
        assert WithdrawalNoted.kind not in two.stored(), "it may still come through"
        assert LowerArm() in two.passes_ms(TIMING.gap_ms_max)
        assert two.noted == [(Noted.BACKED_OUT, "p1")]
        assert two.stored()[-1] == WithdrawalNoted.kind

    def test_the_other_drives_on_its_own_decision(self, two: Gate) -> None:
        two.hub_says(right(2, plate=OTHER))
        two.seen("p2", plate=OTHER)
        two.happens(SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        assert [(passed.passage_id, passed.reservation_id) for passed in two.passages] == [("p2", rid(2))]
        two.passes_ms(TIMING.gap_ms_max)
        assert two.noted == [(Noted.BACKED_OUT, "p1")]

    def test_an_arm_that_comes_down_behind_the_other_is_not_raised_for_the_first(self, two: Gate) -> None:
        """It would have had to drive through the other one: it has gone back."""
        two.hub_says(right(2, plate=OTHER))
        two.seen("p2", plate=OTHER)
        two.happens(SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        assert RaiseArm() not in two.happens(ArmMoved(Arm.BETWEEN), ArmMoved(Arm.DOWN))
        assert two.noted == [(Noted.BACKED_OUT, "p1")]

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
        assert two.noted == []
        assert LowerArm() not in two.happens(SafetyLoop(False)), "the other may pass too"
        assert [passed.passage_id for passed in two.passages] == ["p1"]
        two.happens(SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        assert [passed.reservation_id for passed in two.passages] == [rid(1), rid(2)]
        kinds = two.stored()
        assert kinds.index(GatePassed.kind) < kinds.index(WithdrawalNoted.kind)

    def test_the_other_goes_back_and_the_arm_stays_up_for_the_first(self, two: Gate) -> None:
        two.seen("p2", Sight.STRANGER, OTHER)
        assert LowerArm() not in two.happens(ArrivalLoop(False)) + two.passes_ms(TIMING.gap_ms_max - 1_000 - 1)
        two.happens(SafetyLoop(True), SafetyLoop(False))
        assert [passed.passage_id for passed in two.passages] == ["p1"]
        assert two.noted == [(Noted.BACKED_OUT, "p2")]

    def test_who_come_and_go_behind_it_do_not_keep_the_arm_up(self, two: Gate) -> None:
        commands = []
        for _ in range(TIMING.gap_ms_max // MOMENT_MS):
            commands += two.happens(ArrivalLoop(False)) + two.passes_ms(MOMENT_MS) + two.happens(ArrivalLoop(True))
        assert LowerArm() in commands + two.happens(ArrivalLoop(False))
        assert (Noted.BACKED_OUT, "p1") in two.noted

    def test_an_arm_that_leaves_its_limit_is_raised_at_once(self, two: Gate) -> None:
        assert RaiseArm() in two.happens(ArmMoved(Arm.BETWEEN))

    @pytest.mark.parametrize("begins", [ModeSet(Mode.HELD_OPEN, "Anna"), FireAlarm(True)])
    def test_the_end_of_what_holds_the_arm_up_is_none_for_the_first(
        self, two: Gate, begins: ModeSet | FireAlarm
    ) -> None:
        ends = ModeSet(Mode.AUTOMATIC, "Anna") if isinstance(begins, ModeSet) else FireAlarm(False)
        two.happens(begins)
        assert LowerArm() not in two.happens(ends)
        assert two.lane.state is State.LOOKING
        two.happens(SafetyLoop(True))
        assert LowerArm() in two.happens(SafetyLoop(False))
        assert [passed.passage_id for passed in two.passages] == ["p1"]

    def test_somebody_on_foot_closes_no_arm_on_the_first(self, two: Gate) -> None:
        two.happens(Photocell(True))
        assert LowerArm() not in two.happens(Photocell(False))
        two.happens(SafetyLoop(True), SafetyLoop(False))
        assert [passed.passage_id for passed in two.passages] == ["p1"]

    def test_the_other_goes_back_once_the_arm_is_down_and_nothing_opens(self, two: Gate) -> None:
        """The first had gone back too."""
        two.hub_says(right(2, plate=OTHER))
        two.seen("p2", plate=OTHER)
        assert LowerArm() not in two.happens(SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        assert LowerArm() in two.passes_ms(TIMING.gap_ms_max)
        two.happens(ArmMoved(Arm.DOWN))
        two.seen(two.car_comes(), Sight.STRANGER, OTHER)
        assert RaiseArm() not in two.happens(ArrivalLoop(False))

    def test_where_a_third_is_there_the_first_has_gone(self, two: Gate) -> None:
        two.hub_says(right(2, plate=OTHER))
        two.seen("p2", plate=OTHER)
        two.car_leaves()
        two.happens(ArrivalLoop(True), SafetyLoop(True), SafetyLoop(False))
        assert two.noted == [(Noted.BACKED_OUT, "p1")]
        assert [passed.reservation_id for passed in two.passages] == [rid(2)]

    @pytest.mark.parametrize("arm", [Arm.UP, Arm.BETWEEN])
    def test_a_restart_raises_an_arm_that_is_not_up(self, two: Gate, arm: Arm) -> None:
        two.seen("p2", Sight.STRANGER, OTHER)
        two.crash()
        assert (RaiseArm() in two.start(arrival=True, arm=arm)) is (arm is Arm.BETWEEN)

    def test_a_restart_forgets_neither(self, two: Gate) -> None:
        two.seen("p2", Sight.STRANGER, OTHER)
        two.crash()
        assert LowerArm() not in two.start(arrival=True, arm=Arm.UP)
        two.happens(SafetyLoop(True), SafetyLoop(False))
        assert [(passed.passage_id, passed.reservation_id) for passed in two.passages] == [("p1", rid(1))]
        assert two.lane.state is State.LOOKING

    def test_where_both_may_pass_nobody_has_seen_which_of_them_it_was(self, two: Gate) -> None:
        """The first counts as inside; should it have gone back, it has its ticket still."""
        two.hub_says(right(2, plate=OTHER))
        two.seen("p2", plate=OTHER)
        assert LowerArm() not in two.happens(SafetyLoop(True), SafetyLoop(False))
        assert [(passed.passage_id, passed.unseen) for passed in two.passages] == [("p1", True)]
        assert two.alarms == ["passage-unseen"]
        two.seen("p2", plate=OTHER)
        two.happens(SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        assert [(passed.passage_id, passed.unseen) for passed in two.passages[1:]] == [("p2", False)]

    def test_it_was_the_other_where_a_third_one_stands_there(self, two: Gate) -> None:
        """The first had gone back; each of the two may be inside."""
        two.hub_says(right(2, plate=OTHER))
        two.seen("p2", plate=OTHER)
        assert Look("p2") in two.happens(SafetyLoop(True), SafetyLoop(False))
        assert two.lane.told.signal is Signal.RED, "it may be another car that stands there"
        assert Look("p3") in two.seen("p2", Sight.STRANGER, THIRD)
        assert [(passed.passage_id, passed.unseen) for passed in two.passages] == [("p1", True), ("p2", True)]

    def test_so_it_may_have_been_where_nobody_can_read_who_stands_there_and_goes_back(self, two: Gate) -> None:
        two.hub_says(right(2, plate=OTHER))
        two.seen("p2", plate=OTHER)
        two.happens(SafetyLoop(True), SafetyLoop(False))
        two.seen("p2", Sight.UNSURE, None)
        assert two.lane.told.signal is Signal.GREEN, "most likely it is the one that was let pass"
        two.car_leaves()
        assert LowerArm() in two.passes_ms(TIMING.gap_ms_max)
        assert [(passed.passage_id, passed.unseen) for passed in two.passages] == [("p1", True), ("p2", True)]
        assert two.noted == []

    def test_nor_does_a_restart_forget_the_first_where_the_other_may_pass_too(self, two: Gate) -> None:
        two.hub_says(right(2, plate=OTHER))
        two.seen("p2", plate=OTHER)
        two.crash()
        assert LowerArm() not in two.start(arrival=True, arm=Arm.UP)
        two.seen("p2", plate=OTHER)
        two.happens(SafetyLoop(True), SafetyLoop(False))
        two.seen("p2", plate=OTHER)
        two.happens(SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        assert [(passed.reservation_id, passed.unseen) for passed in two.passages] == [(rid(1), True), (rid(2), False)]

    def test_nor_where_the_arm_is_down_then(self, two: Gate) -> None:
        two.hub_says(right(2, plate=OTHER))
        two.seen("p2", plate=OTHER)
        two.crash()
        two.start(arrival=True, arm=Arm.DOWN)
        assert [(passed.reservation_id, passed.unseen) for passed in two.passages] == [(rid(1), True)]

    def test_it_is_the_first_that_has_come_back(self, two: Gate) -> None:
        """It counts once, and opens for nobody else."""
        two.seen("p2", plate=PLATE)
        assert two.noted == [(Noted.BACKED_OUT, "p1")]
        assert LowerArm() in two.happens(SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        assert [(passed.passage_id, passed.reservation_id) for passed in two.passages] == [("p2", rid(1))]

    def test_the_other_follows_it_before_it_is_through(self, two: Gate) -> None:
        """Both are short: one is under the arm, and one between the loops."""
        two.hub_says(right(2, plate=OTHER))
        two.seen("p2", plate=OTHER)
        commands = two.happens(SafetyLoop(True)) + two.happens(ArrivalLoop(False)) + two.happens(SafetyLoop(False))
        assert LowerArm() not in commands
        two.passes_ms(500)
        two.happens(SafetyLoop(True), SafetyLoop(False))
        assert sorted(str(passed.reservation_id) for passed in two.passages) == sorted([rid(1), rid(2)])
        assert two.noted == []

    def test_in_a_lane_that_is_held_open_nobody_has_seen_which_of_them_it_was(self, two: Gate) -> None:
        two.happens(ModeSet(Mode.HELD_OPEN, "Anna"), SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        assert [(passed.passage_id, passed.unseen) for passed in two.passages] == [("p1", True)]

    def test_it_came_while_somebody_walked_through(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        entry.car_leaves()
        entry.happens(Photocell(True))
        assert Look("p2") in entry.happens(ArrivalLoop(True))
        assert LowerArm() not in entry.happens(Photocell(False))

    def test_it_came_during_a_fire(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        entry.car_leaves()
        entry.happens(FireAlarm(True), ArrivalLoop(True), SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        assert [(passed.passage_id, passed.unseen) for passed in entry.passages] == [("p1", True)]


class TestNextCarBehindAStuckArm:
    """The arm has left its lower limit, and stands between the two: who may pass has driven under it."""

    @pytest.mark.parametrize("state", [State.OPENING, State.FAULT])
    def test_the_first_crosses_on_its_own_decision(self, entry: Gate, state: State) -> None:
        brought_to(entry, state)
        entry.car_leaves()
        entry.happens(ArrivalLoop(True), SafetyLoop(True), SafetyLoop(False))
        assert [(passed.passage_id, passed.reservation_id) for passed in entry.passages] == [("p1", rid(1))]


class TestUpForEveryoneNoMore:
    """Who may pass has left the arrival loop: they are between the loops, or have gone back."""

    @pytest.mark.parametrize("begins", [ModeSet(Mode.HELD_OPEN, "Anna"), FireAlarm(True)])
    def test_who_may_pass_drives_on(self, entry: Gate, begins: ModeSet | FireAlarm) -> None:
        ends = ModeSet(Mode.AUTOMATIC, "Anna") if isinstance(begins, ModeSet) else FireAlarm(False)
        brought_to(entry, State.OPEN)
        entry.happens(ArrivalLoop(False), begins)
        assert LowerArm() not in entry.happens(ends) + entry.passes_ms(TIMING.gap_ms_max - 1)
        entry.happens(SafetyLoop(True))
        assert LowerArm() in entry.happens(SafetyLoop(False))
        assert [passed.reservation_id for passed in entry.passages] == [rid(1)]

    def test_also_whom_nobody_has_looked_at(self, entry: Gate) -> None:
        entry.happens(FireAlarm(True), ArmMoved(Arm.UP), ArrivalLoop(True))
        entry.happens(ArrivalLoop(False))
        assert LowerArm() not in entry.happens(FireAlarm(False)) + entry.passes_ms(TIMING.gap_ms_max - 1)
        entry.happens(SafetyLoop(True), SafetyLoop(False))
        assert [passed.reservation_id for passed in entry.passages] == [None]

    def test_also_one_that_is_being_looked_at(self, entry: Gate) -> None:
        entry.happens(ModeSet(Mode.HELD_OPEN, "Anna"), ArmMoved(Arm.UP), ArrivalLoop(True), ArrivalLoop(False))
        assert LowerArm() not in entry.happens(ModeSet(Mode.AUTOMATIC, "Anna"))

    def test_nobody_drives_in_on_who_left_in_a_fire(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        entry.happens(FireAlarm(True), ArrivalLoop(False))
        entry.passes_ms(TIMING.gap_ms_max)
        entry.happens(ArrivalLoop(True), FireAlarm(False), SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        assert [passed.reservation_id for passed in entry.passages] == [None]
        assert entry.noted[0] == (Noted.BACKED_OUT, "p1")

    @pytest.mark.parametrize("begins", [ModeSet(Mode.HELD_OPEN, "Anna"), FireAlarm(True)])
    def test_nor_one_that_has_yet_to_drive_off_the_loop(self, exit_: Gate, begins: ModeSet | FireAlarm) -> None:
        ends = ModeSet(Mode.AUTOMATIC, "Anna") if isinstance(begins, ModeSet) else FireAlarm(False)
        brought_to(exit_, State.OPEN)
        exit_.happens(begins)
        assert LowerArm() not in exit_.happens(ends)
        exit_.happens(SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        assert [passed.reservation_id for passed in exit_.passages] == [rid(1)]

    def test_one_that_only_the_held_open_lane_let_pass_is_decided_on(self, entry: Gate) -> None:
        entry.happens(ModeSet(Mode.HELD_OPEN, "Anna"), ArmMoved(Arm.UP))
        entry.seen(entry.car_comes(), Sight.STRANGER, OTHER)
        assert LowerArm() in entry.happens(ModeSet(Mode.AUTOMATIC, "Anna"))

    def test_not_while_there_is_a_fire_alarm(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        entry.happens(ArrivalLoop(False), FireAlarm(True), ModeSet(Mode.AUTOMATIC, "Anna"))
        assert entry.lane.state is State.FIRE
        assert LowerArm() not in entry.passes_ms(2 * TIMING.gap_ms_max)

    def test_who_does_not_has_gone_back(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        entry.happens(ArrivalLoop(False), FireAlarm(True), FireAlarm(False))
        assert LowerArm() in entry.passes_ms(TIMING.gap_ms_max)
        assert entry.noted == [(Noted.BACKED_OUT, "p1")]


@pytest.mark.parametrize("opens", [FireAlarm(True), ModeSet(Mode.HELD_OPEN, "Anna")])
@pytest.mark.parametrize("direction", [*Direction])
def test_an_arm_that_has_not_risen_for_everyone_does_not_for_who_left_unknown(
    entry: Gate, exit_: Gate, direction: Direction, opens: Event
) -> None:
    """As it is over; but who leaves gets out."""
    gate = entry if direction is Direction.ENTRY else exit_
    gate.happens(ArrivalLoop(True), opens, ArrivalLoop(False))
    over = FireAlarm(False) if isinstance(opens, FireAlarm) else ModeSet(Mode.AUTOMATIC, "Anna")
    assert (RaiseArm() in gate.happens(over)) is (direction is Direction.EXIT)


class TestHeldOpenInAQueue:
    @pytest.fixture
    def held(self, entry: Gate) -> Gate:
        entry.hub_says(right(), right(2, plate=OTHER))
        entry.happens(ModeSet(Mode.HELD_OPEN, "Anna"), ArmMoved(Arm.UP))
        return entry

    def test_each_comes_in_on_its_own_booking(self, held: Gate) -> None:
        held.seen(held.car_comes())
        held.car_leaves()
        held.seen(held.car_comes(), plate=OTHER)
        held.happens(SafetyLoop(True), SafetyLoop(False))
        held.happens(SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        assert [passed.reservation_id for passed in held.passages] == [rid(1), rid(2)]

    def test_the_look_at_one_that_drives_does_not_show_the_next(self, held: Gate) -> None:
        held.car_comes()
        assert LookAway() in held.happens(SafetyLoop(True)) + held.happens(ArrivalLoop(False))

    def test_nor_does_it_once_it_is_at_the_arm(self, held: Gate) -> None:
        passage_id = held.car_comes()
        assert LookAway() in held.happens(SafetyLoop(True))
        held.happens(SafetyLoop(False))
        assert held.lane._passage.passage_id != passage_id

    def test_one_that_goes_back_is_not_taken_for_who_comes_long_after(self, held: Gate) -> None:
        held.seen(held.car_comes())
        held.happens(ArrivalLoop(False))
        held.passes_ms(TIMING.gap_ms_max)
        assert held.noted == [(Noted.BACKED_OUT, "p1")]
        held.happens(ArrivalLoop(True), SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        assert [passed.reservation_id for passed in held.passages] == [None]

    def test_who_is_between_the_loops_as_it_begins_is_known_still(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        entry.happens(ArrivalLoop(False), ModeSet(Mode.HELD_OPEN, "Anna"), SafetyLoop(True), SafetyLoop(False))
        assert [passed.reservation_id for passed in entry.passages] == [rid(1)]

    @pytest.mark.parametrize("begins", [ModeSet(Mode.HELD_OPEN, "Anna"), FireAlarm(True)])
    def test_an_arm_that_comes_down_is_raised_at_once(self, entry: Gate, begins: ModeSet | FireAlarm) -> None:
        entry.happens(begins, ArmMoved(Arm.UP))
        assert RaiseArm() in entry.happens(ArmMoved(Arm.BETWEEN))


class TestTailgating:
    def test_the_second_car_on_one_opening_is_noted(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.through()
        entry.happens(ArmMoved(Arm.BETWEEN), ArrivalLoop(True), SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        first, second = entry.passages
        assert (first.reservation_id, second.reservation_id) == (rid(1), None)
        assert entry.noted == [(Noted.TAILGATED, second.passage_id)]

    def test_a_car_that_waits_behind_is_looked_at_while_the_arm_comes_down(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.happens(ArmMoved(Arm.UP), SafetyLoop(True), ArrivalLoop(False), ArrivalLoop(True))
        assert LowerArm() in entry.happens(SafetyLoop(False))
        assert entry.lane.state is State.LOOKING
        assert entry.noted == []

    def test_two_that_may_pass_one_after_the_other_do_not_tailgate(self, entry: Gate) -> None:
        entry.hub_says(right(), right(2, plate=OTHER))
        entry.admitted()
        entry.through()
        entry.seen(entry.car_comes(), plate=OTHER)
        entry.through()
        assert [passed.reservation_id for passed in entry.passages] == [rid(1), rid(2)]
        assert entry.noted == []
