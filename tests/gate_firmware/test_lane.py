"""The lane's core: what it does for a car, an arm, a camera, and after a restart."""

import pytest

from cloud_sync.link.v1.facts import Direction, Noted
from domain.admission import Evidence, Reason, Verdict
from domain.plate import Plate
from domain.reservation import Status
from gate_firmware.arm import CLOSE_TRIES_MAX
from gate_firmware.events import (
    ArmMoved,
    ArrivalLoop,
    ById,
    Command,
    Look,
    LookAway,
    LookForCode,
    LowerArm,
    RaiseArm,
    SafetyLoop,
    Sight,
    Tell,
)
from gate_firmware.lane_states import State
from gate_firmware.words import FAULT, IDLE, LOOKING
from hardware.barrier import Position as Arm
from hardware.lights import Signal
from tests.gate_firmware.gate import (
    HOUR_MS,
    MOTION_MS_MAX,
    NOW,
    OTHER,
    PLATE,
    SEAL,
    SPOT,
    TIMING,
    Gate,
    brought_to,
    rid,
    right,
    stay,
)

RED_IDLE = Tell(Signal.RED, *IDLE)
WELCOME = Tell(Signal.GREEN, "WELCOME", "YOUR SPOT 1-042")
BYE = Tell(Signal.GREEN, "GOODBYE", "HAVE A SAFE TRIP")


class TestEntry:
    def test_a_booked_car(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.now = NOW
        assert entry.happens(ArrivalLoop(True)) == [Tell(Signal.RED, *LOOKING), Look("p1")]
        entry.now = entry.now.later(730)
        assert entry.seen("p1") == [RaiseArm(), WELCOME, LookAway()]
        [decided] = entry.decisions
        assert (decided.verdict, decided.reason, decided.evidence) == (Verdict.ADMIT, Reason.BOOKED, Evidence.PLATE)
        assert (decided.reservation_id, decided.spot_id, decided.passage_id) == (rid(1), SPOT, "p1")
        assert (decided.took_ms, decided.frames, decided.score) == (730, 3, -0.2)
        assert decided.plate is not None
        assert SEAL.open(decided.plate) == PLATE
        assert entry.happens(ArmMoved(Arm.BETWEEN), ArmMoved(Arm.UP)) == [WELCOME]
        assert entry.happens(SafetyLoop(True)) == [LookAway()]
        assert entry.happens(ArrivalLoop(False)) == []
        assert entry.passages == []
        assert entry.happens(SafetyLoop(False)) == [LowerArm(), RED_IDLE]
        [passed] = entry.passages
        assert (passed.passage_id, passed.reservation_id, passed.direction) == ("p1", rid(1), Direction.ENTRY)
        assert passed.plate == decided.plate
        assert entry.replica.spots.inside().keys() == {rid(1)}
        assert entry.happens(ArmMoved(Arm.BETWEEN), ArmMoved(Arm.DOWN)) == [LookAway(), RED_IDLE]
        assert entry.alarms == []

    def test_the_decision_is_on_disk_before_the_arm_is_asked(self, entry: Gate) -> None:
        """Whoever pulls the plug between the two finds it."""
        entry.hub_says(right())
        entry.admitted()
        assert entry.stored() == ["gate.decided/1"]
        entry.through()
        assert entry.stored() == ["gate.decided/1", "gate.passed/1"]

    @pytest.mark.parametrize(
        ("sight", "plate", "reason", "verdict"),
        [
            (Sight.STRANGER, OTHER, Reason.NO_BOOKING, Verdict.REFUSE),
            (Sight.UNSURE, None, Reason.PLATE_UNSURE, Verdict.ASK),
            (Sight.BLIND, None, Reason.CAMERA_BLIND, Verdict.ASK),
            (Sight.KNOWN, OTHER, Reason.NO_BOOKING, Verdict.REFUSE),
        ],
    )
    def test_who_may_not_pass_is_told_why(
        self, entry: Gate, sight: Sight, plate: Plate | None, reason: Reason, verdict: Verdict
    ) -> None:
        entry.hub_says(right())
        commands = entry.seen(entry.car_comes(), sight, plate)
        assert [type(command) for command in commands] == [Tell, LookForCode]
        assert entry.lane.told.signal is Signal.RED
        [decided] = entry.decisions
        assert (decided.reason, decided.verdict, decided.reservation_id) == (reason, verdict, None)
        assert entry.lane.state is State.HELD_BACK

    def test_a_reader_that_never_answers_is_not_waited_for(self, entry: Gate) -> None:
        entry.car_comes()
        assert entry.passes_ms(TIMING.identify_ms_max - 1) == []
        assert entry.passes_ms(1) == [Tell(Signal.RED, "PLATE NOT READABLE", "SHOW YOUR QR CODE")]
        [decided] = entry.decisions
        assert (decided.verdict, decided.took_ms, decided.frames) == (Verdict.ASK, TIMING.identify_ms_max, 0)

    def test_a_late_read_still_opens(self, entry: Gate) -> None:
        entry.hub_says(right())
        passage_id = entry.car_comes()
        entry.passes_ms(TIMING.identify_ms_max + 1_000)
        assert RaiseArm() in entry.seen(passage_id)
        assert [decided.reason for decided in entry.decisions] == [Reason.PLATE_UNSURE, Reason.BOOKED]

    def test_what_was_surely_read_stands_where_a_later_look_shows_nothing(self, entry: Gate) -> None:
        """One line in the log for a car that waits, and one word on the display, however often it is looked at."""
        entry.hub_says(right(start=1, end=2))
        passage_id = entry.car_comes()
        for sight, plate in [(Sight.KNOWN, PLATE), (Sight.UNSURE, None), (Sight.KNOWN, PLATE), (Sight.UNSURE, None)]:
            entry.seen(passage_id, sight, plate)
        assert [decided.reason for decided in entry.decisions] == [Reason.TOO_EARLY]
        entry.now = entry.now.later(HOUR_MS)
        assert RaiseArm() in entry.seen(passage_id, Sight.UNSURE, None)

    def test_a_car_that_is_held_back_is_looked_at_again(self, entry: Gate) -> None:
        passage_id = entry.car_comes()
        entry.seen(passage_id, Sight.STRANGER)
        assert entry.passes_ms(TIMING.retry_ms - 1) == []
        assert entry.passes_ms(1) == [Look(passage_id)]
        entry.seen(passage_id, Sight.STRANGER)
        assert len(entry.decisions) == 1  # nothing new to tell
        entry.hub_says(right())  # the booking was made while it stood there
        assert entry.passes_ms(TIMING.retry_ms) == [Look(passage_id)]
        assert RaiseArm() in entry.seen(passage_id)
        assert [decided.passage_id for decided in entry.decisions] == [passage_id] * 2

    def test_a_look_that_takes_longer_than_the_pause_is_left_to_end(self, entry: Gate) -> None:
        """A slow computer would begin anew for ever, and never come to a refusal."""
        passage_id = entry.car_comes()
        assert Look(passage_id) not in entry.passes_ms(TIMING.identify_ms_max + 3 * TIMING.retry_ms)
        entry.seen(passage_id, Sight.UNSURE)
        assert entry.passes_ms(TIMING.retry_ms) == [Look(passage_id)]

    def test_a_read_of_a_car_that_has_gone_counts_for_nobody(self, entry: Gate) -> None:
        entry.hub_says(right())
        gone = entry.car_comes()
        entry.happens(ArrivalLoop(False))
        assert entry.seen(gone) == []
        second = entry.car_comes()
        assert second != gone
        assert entry.seen(gone) == []
        assert entry.decisions == []

    def test_a_car_that_leaves_takes_its_decision_with_it(self, entry: Gate) -> None:
        passage_id = entry.car_comes()
        entry.seen(passage_id, Sight.STRANGER)
        assert entry.happens(ArrivalLoop(False)) == [LookAway(), RED_IDLE]
        entry.seen(entry.car_comes(), Sight.STRANGER)
        assert len(entry.decisions) == 2

    def test_who_does_not_drive_sees_the_arm_close_and_is_decided_on_anew(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.happens(ArmMoved(Arm.BETWEEN), ArmMoved(Arm.UP))
        assert entry.passes_ms(TIMING.drive_ms_max - 1) == []
        assert entry.passes_ms(1) == [LowerArm(), RED_IDLE]
        commands = entry.happens(ArmMoved(Arm.BETWEEN), ArmMoved(Arm.DOWN))
        assert commands[-1] == Look("p2")
        assert entry.passages == []

    def test_the_next_car_needs_a_decision_of_its_own(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.through()
        entry.happens(ArmMoved(Arm.BETWEEN), ArrivalLoop(True), SafetyLoop(True), ArrivalLoop(False))
        assert entry.happens(SafetyLoop(False))[0] == LowerArm()
        assert [passed.reservation_id for passed in entry.passages] == [rid(1), None]
        assert len({passed.passage_id for passed in entry.passages}) == 2

    def test_the_arm_goes_up_again_for_a_car_that_drives_under_it(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.through()
        entry.happens(ArmMoved(Arm.BETWEEN))
        assert entry.happens(SafetyLoop(True)) == [LookAway(), RaiseArm()]
        assert entry.happens(ArmMoved(Arm.UP)) == []
        assert entry.passes_ms(10 * MOTION_MS_MAX) == []

    def test_a_replayed_plate_is_asked(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.through()
        entry.happens(ArmMoved(Arm.DOWN))
        entry.admitted()
        assert entry.decisions[-1].reason is Reason.ALREADY_INSIDE
        assert entry.lane.state is State.HELD_BACK


class TestExit:
    def test_a_car_that_is_known(self, exit_: Gate) -> None:
        exit_.hub_says(right(), right(status=Status.CHECKED_IN, revision=3), stay())
        assert exit_.seen(exit_.car_comes()) == [RaiseArm(), BYE, LookAway()]
        assert exit_.decisions[0].verdict is Verdict.RELEASE
        assert exit_.decisions[0].reason is Reason.STAY_CLOSED
        exit_.through()
        assert exit_.passages[0].reservation_id == rid(1)
        assert exit_.replica.spots.inside() == {}

    @pytest.mark.parametrize("sight", Sight)
    def test_everyone_gets_out(self, exit_: Gate, sight: Sight) -> None:
        assert RaiseArm() in exit_.seen(exit_.car_comes(), sight, None)
        assert exit_.decisions[0].reason is Reason.UNKNOWN_CAR

    def test_whatever_the_reader_does(self, exit_: Gate) -> None:
        exit_.car_comes()
        assert exit_.passes_ms(TIMING.exit_identify_ms_max - 1) == []
        assert exit_.passes_ms(1)[0] == RaiseArm()
        assert exit_.decisions[0].took_ms == TIMING.exit_identify_ms_max
        assert TIMING.exit_identify_ms_max < 5_000

    def test_a_late_read_still_ends_the_stay(self, exit_: Gate) -> None:
        exit_.hub_says(right(status=Status.CHECKED_IN, revision=3), stay())
        passage_id = exit_.car_comes()
        commands = exit_.passes_ms(TIMING.exit_identify_ms_max)
        assert LookAway() not in commands  # it goes on looking
        exit_.now = exit_.now.later(300)
        assert exit_.seen(passage_id) == []
        assert [(said.reason, said.took_ms) for said in exit_.decisions] == [
            (Reason.UNKNOWN_CAR, 2_500),
            (Reason.STAY_CLOSED, 2_800),
        ]
        exit_.through()
        assert exit_.passages[0].reservation_id == rid(1)

    def test_goes_on_reading_a_car_that_was_not_known_in_time(self, exit_: Gate) -> None:
        """A slow reader saw too few frames of it; while it stands there more can be had."""
        exit_.hub_says(right(status=Status.CHECKED_IN, revision=3), stay())
        passage_id = exit_.car_comes()
        assert Look(passage_id) in exit_.seen(passage_id, Sight.UNSURE, None)
        assert exit_.seen(passage_id) == []
        exit_.through()
        assert exit_.passages[0].reservation_id == rid(1)

    def test_but_not_once_it_has_left_the_arrival_loop(self, exit_: Gate) -> None:
        passage_id = exit_.car_comes()
        exit_.happens(ArmMoved(Arm.BETWEEN), ArrivalLoop(False))
        assert Look(passage_id) not in exit_.seen(passage_id, Sight.UNSURE, None)

    def test_a_late_read_of_a_stranger_is_kept_for_the_hub_to_match(self, exit_: Gate) -> None:
        passage_id = exit_.car_comes()
        exit_.passes_ms(TIMING.exit_identify_ms_max)
        exit_.seen(passage_id, Sight.STRANGER, OTHER)
        exit_.through()
        plate = exit_.passages[0].plate
        assert plate is not None
        assert SEAL.open(plate) == OTHER

    def test_a_second_late_read_changes_nothing(self, exit_: Gate) -> None:
        exit_.hub_says(right(status=Status.CHECKED_IN, revision=3), stay())
        passage_id = exit_.car_comes()
        exit_.seen(passage_id)
        exit_.happens(ArmMoved(Arm.UP))
        exit_.seen(passage_id, Sight.STRANGER, OTHER)
        assert len(exit_.decisions) == 1

    def test_a_car_another_gate_let_in_a_moment_ago(self, exit_: Gate) -> None:
        exit_.hub_says(right())
        exit_.seen(exit_.car_comes())
        assert exit_.decisions[0].reservation_id == rid(1)


class TestCamera:
    @pytest.mark.parametrize("direction", ["entry", "exit_"])
    def test_blind_is_one_alarm_until_it_sees_again(self, request: pytest.FixtureRequest, direction: str) -> None:
        gate: Gate = request.getfixturevalue(direction)

        def car(sight: Sight) -> None:
            gate.seen(gate.car_comes(), sight, None, frames=0 if sight is Sight.BLIND else 3)
            gate.through()
            gate.happens(ArmMoved(Arm.DOWN))

        for _ in range(3):
            car(Sight.BLIND)
        assert gate.alarms.count("camera-blind") == 1
        car(Sight.STRANGER)
        car(Sight.BLIND)
        assert gate.alarms.count("camera-blind") == 2

    def test_a_reader_that_fails_says_nothing_of_the_camera(self, entry: Gate) -> None:
        passage_id = entry.car_comes()
        entry.seen(passage_id, Sight.BLIND, None, frames=0)
        entry.seen(passage_id, Sight.UNSURE, None, frames=0)
        entry.seen(passage_id, Sight.BLIND, None, frames=0)
        assert entry.alarms == ["camera-blind"]


class TestArm:
    def test_one_that_does_not_rise_is_an_alarm_and_is_asked_again(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        assert entry.passes_ms(MOTION_MS_MAX) == [Tell(Signal.RED, *FAULT)]
        assert entry.alarms == ["arm-stuck"]
        assert entry.passes_ms(MOTION_MS_MAX) == [RaiseArm()]
        assert entry.happens(ArmMoved(Arm.BETWEEN), ArmMoved(Arm.UP)) == [WELCOME]
        entry.happens(SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        assert entry.passages[0].reservation_id == rid(1)
        assert entry.alarms == ["arm-stuck"]

    @pytest.mark.parametrize(("is_there", "within_ms"), [(True, TIMING.drive_ms_max), (False, TIMING.gap_ms_max)])
    def test_one_whose_upper_limit_bounces_stays_up_no_longer(
        self, entry: Gate, is_there: bool, within_ms: int
    ) -> None:
        """The wind moves it: the light would be green for ever, for whoever comes."""
        entry.hub_says(right())
        entry.admitted()
        entry.happens(ArmMoved(Arm.UP), *([] if is_there else [ArrivalLoop(False)]))
        commands: list[Command] = []
        for _ in range(within_ms // 2_000):
            commands += entry.passes_ms(2_000)
            entry.happens(ArmMoved(Arm.BETWEEN), ArmMoved(Arm.UP))
        assert LowerArm() in commands
        assert [what for what, _ in entry.noted] == [Noted.NOT_DRIVEN if is_there else Noted.BACKED_OUT]

    @pytest.mark.parametrize("awaited", [True, False])
    def test_one_that_rises_late_is_up_for_nobody_who_has_gone(self, entry: Gate, awaited: bool) -> None:
        """Nor is it for whoever comes meanwhile."""
        entry.hub_says(right())
        if awaited:
            entry.named(ById(rid(1)), car_required=False)
        else:
            entry.admitted()
        entry.happens(ArmMoved(Arm.BETWEEN))
        entry.passes_ms(MOTION_MS_MAX)
        entry.happens(ArrivalLoop(False))
        entry.passes_ms(TIMING.drive_ms_max + 2 * MOTION_MS_MAX)
        assert entry.noted == [(Noted.NOT_COME if awaited else Noted.BACKED_OUT, "p1")]
        assert LowerArm() in entry.happens(ArmMoved(Arm.UP))
        entry.seen(entry.car_comes(), Sight.STRANGER, OTHER)
        assert (entry.lane.state, entry.lane.told.signal) == (State.HELD_BACK, Signal.RED)
        entry.happens(SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        assert [passed.reservation_id for passed in entry.passages] == [None]

    def test_one_that_stayed_down_is_tried_again_with_the_next_car(self, exit_: Gate) -> None:
        """A single command that went lost must not close an exit until somebody comes."""
        exit_.seen(exit_.car_comes(), Sight.UNSURE, None)
        exit_.passes_ms(MOTION_MS_MAX)
        assert exit_.lane.state is State.FAULT
        assert RED_IDLE in exit_.happens(ArrivalLoop(False))
        assert RaiseArm() in exit_.seen(exit_.car_comes(), Sight.UNSURE, None)

    def test_or_when_the_car_had_gone_already(self, exit_: Gate) -> None:
        exit_.seen(exit_.car_comes(), Sight.UNSURE, None)
        exit_.happens(ArrivalLoop(False))
        exit_.passes_ms(MOTION_MS_MAX)
        assert exit_.alarms == ["arm-stuck"]
        exit_.passes_ms(MOTION_MS_MAX)
        assert exit_.lane.state is State.IDLE

    def test_the_next_car_in_a_fault_is_not_taken_for_the_one_before(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.passes_ms(MOTION_MS_MAX)
        entry.happens(ArrivalLoop(False), ArrivalLoop(True))
        assert RaiseArm() not in entry.passes_ms(TIMING.identify_ms_max)
        assert entry.decisions[-1].reason is Reason.PLATE_UNSURE

    def test_one_that_does_not_come_down_is_asked_so_often_and_then_an_alarm(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        commands = entry.through() + entry.passes_ms(20 * MOTION_MS_MAX)
        assert commands.count(LowerArm()) == CLOSE_TRIES_MAX
        assert entry.alarms == ["arm-stuck"]
        assert entry.lane.state is State.FAULT
        assert RaiseArm() not in commands

    def test_the_fault_ends_when_it_arrives(self, entry: Gate) -> None:
        brought_to(entry, State.FAULT)
        entry.happens(ArrivalLoop(False))
        assert entry.happens(ArmMoved(Arm.DOWN)) == [LookAway(), RED_IDLE]
        assert entry.lane.state is State.IDLE

    @pytest.mark.parametrize("state", [State.IDLE, State.LOOKING, State.HELD_BACK])
    def test_a_car_that_nobody_let_pass_does_not_raise_an_arm_that_is_down(self, entry: Gate, state: State) -> None:
        """It has rolled onto the safety loop, which begins before the arm; or the loop's cable is cut."""
        brought_to(entry, state)
        assert entry.happens(SafetyLoop(True), SafetyLoop(False)) == []
        assert entry.lane.state is state
        assert entry.passages == []
        assert entry.alarms == ["uninvited-car"]

    def test_an_arm_that_is_coming_down_goes_up_again_for_whoever_is_under_it(self, entry: Gate) -> None:
        brought_to(entry, State.CLOSING)
        entry.happens(ArrivalLoop(True))
        assert entry.happens(SafetyLoop(True)) == [LookAway(), RaiseArm()]
        entry.happens(ArmMoved(Arm.UP), ArrivalLoop(False), SafetyLoop(False))
        assert [passed.reservation_id for passed in entry.passages] == [rid(1), None]

    def test_an_arm_that_was_asked_to_close_and_is_still_up_is_asked_to_stay(self, entry: Gate) -> None:
        """Somebody has followed the car before so closely that no limit switch has told yet that the arm moves."""
        brought_to(entry, State.PASSING)
        entry.happens(ArrivalLoop(True))
        assert LowerArm() in entry.happens(SafetyLoop(False))
        assert entry.happens(SafetyLoop(True)) == [LookAway(), RaiseArm()]

    def test_an_arm_that_stays_up_is_not_asked_again(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        assert entry.happens(SafetyLoop(True)) == [LookAway()]

    def test_nobody_comes_through_an_arm_that_has_not_risen(self, entry: Gate) -> None:
        """It has rolled onto the safety loop, which begins before the arm, and back."""
        entry.hub_says(right())
        entry.admitted()
        assert RaiseArm() in entry.happens(SafetyLoop(True), SafetyLoop(False))
        assert entry.passages == []
        entry.through()
        assert [(passed.reservation_id, passed.unseen) for passed in entry.passages] == [(rid(1), False)]

    def test_another_car_does_not_pass_on_the_decision_for_one_that_backed_out(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        entry.car_leaves()
        assert Look("p2") in entry.happens(ArrivalLoop(True))
        assert LowerArm() not in entry.seen("p2", Sight.STRANGER, OTHER), "the one before may be about to cross"
        assert LowerArm() in entry.passes_ms(TIMING.gap_ms_max)
        assert entry.happens(SafetyLoop(True)) == [LookAway(), RaiseArm()], "it drives all the same"
        entry.happens(ArrivalLoop(False), SafetyLoop(False))
        assert [passed.reservation_id for passed in entry.passages] == [None]

    def test_who_comes_while_the_arm_is_not_down_is_looked_at_without_waiting_for_it(self, exit_: Gate) -> None:
        exit_.car_comes()
        exit_.passes_ms(TIMING.exit_identify_ms_max)
        exit_.happens(ArmMoved(Arm.BETWEEN))
        exit_.passes_ms(MOTION_MS_MAX)
        assert exit_.lane.state is State.FAULT
        exit_.car_leaves()
        exit_.happens(ArrivalLoop(True))
        assert RaiseArm() in exit_.passes_ms(TIMING.exit_identify_ms_max)

    def test_an_arm_that_is_up_from_the_car_before_comes_down_when_nobody_follows(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        entry.happens(ArrivalLoop(False), ArrivalLoop(True), ArrivalLoop(False))
        assert LowerArm() in entry.passes_ms(TIMING.gap_ms_max)
        assert entry.lane.state is State.CLOSING

    def test_a_lane_that_stays_blocked_is_an_alarm_and_stays_open(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.happens(ArmMoved(Arm.UP), SafetyLoop(True))
        assert entry.passes_ms(10 * TIMING.drive_ms_max) == []
        assert entry.alarms == ["lane-blocked"]
        assert entry.lane.state is State.PASSING
