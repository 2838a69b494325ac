"""The lane's core and the people of the lot: they open it, hold it open, or close it."""

import pytest

from cloud_sync.link.v1.facts import LaneModeChanged, LaneNoted, Mode
from domain.admission import Evidence, Reason, Verdict
from domain.errors import Refused, TryLater
from domain.reservation import Status
from gate_firmware.events import (
    ArmMoved,
    ArrivalLoop,
    ById,
    Command,
    FireAlarm,
    Look,
    LowerArm,
    ModeSet,
    OpenedBy,
    Photocell,
    RaiseArm,
    SafetyLoop,
    Sight,
    Tell,
)
from gate_firmware.lane_states import State
from gate_firmware.words import CLOSED, DRIVE, IDLE
from hardware.barrier import Position as Arm
from hardware.lights import Signal
from tests.gate_firmware.gate import MOTION_MS_MAX, OTHER, PLATE, SEAL, TIMING, Gate, brought_to, policy, rid, right

ANNA = OpenedBy("Anna")
HELD_OPEN, CLOSED_NOW, AUTOMATIC = (ModeSet(mode, "Anna") for mode in (Mode.HELD_OPEN, Mode.CLOSED, Mode.AUTOMATIC))


class TestOpenedByAnAttendant:
    def test_a_car_that_was_held_back_passes_and_who_opened_is_written_down(self, entry: Gate) -> None:
        entry.seen(entry.car_comes(), Sight.STRANGER, OTHER)
        assert RaiseArm() in entry.happens(ANNA)
        entry.through()
        last, passed = entry.decisions[-1], entry.passages[-1]
        assert (last.verdict, last.reason, last.by) == (Verdict.ADMIT, Reason.ATTENDANT, "Anna")
        assert passed.plate is not None
        assert passed.plate.mark == SEAL.mark(OTHER)
        assert passed.reservation_id is None

    def test_it_is_stored_before_the_arm_moves(self, entry: Gate) -> None:
        entry.car_comes()
        commands = entry.happens(ANNA)
        assert RaiseArm() in commands
        assert entry.stored() == ["gate.decided/1"]

    def test_a_car_that_is_being_looked_at_passes_and_is_not_asked_for_more(self, entry: Gate) -> None:
        passage_id = entry.car_comes()
        assert RaiseArm() in entry.happens(ANNA)
        assert RaiseArm() not in entry.seen(passage_id, Sight.STRANGER, OTHER)
        assert entry.reasons == [Reason.ATTENDANT]

    def test_who_came_too_early_and_is_let_in_came_on_their_booking(self, entry: Gate) -> None:
        """Else they would be taken for one who has not come."""
        entry.hub_says(right(start=5, end=6))
        entry.admitted()
        entry.happens(ANNA)
        entry.through()
        assert entry.reasons == [Reason.TOO_EARLY, Reason.ATTENDANT]
        assert entry.passages[-1].reservation_id == rid(1)

    def test_on_the_reservation_that_the_attendant_names(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.seen(entry.car_comes(), Sight.UNSURE, None)
        entry.happens(OpenedBy("Anna", rid(1)))
        entry.through()
        assert (entry.passages[-1].reservation_id, entry.passages[-1].evidence) == (rid(1), Evidence.ID)

    def test_a_reservation_that_is_unknown_opens_nothing(self, entry: Gate) -> None:
        entry.seen(entry.car_comes(), Sight.UNSURE, None)
        before = entry.stored()
        with pytest.raises(Refused) as refused:
            entry.happens(OpenedBy("Anna", rid(7)))
        assert (refused.value.code, entry.stored(), entry.lane.state) == (
            "reservation_unknown",
            before,
            State.HELD_BACK,
        )

    def test_for_a_car_that_no_loop_has_noticed(self, entry: Gate, exit_: Gate) -> None:
        for gate, verdict in ((entry, Verdict.ADMIT), (exit_, Verdict.RELEASE)):
            assert RaiseArm() in gate.happens(ANNA)
            assert (gate.decisions[-1].verdict, gate.decisions[-1].awaited) == (verdict, True)
            gate.happens(ArmMoved(Arm.UP))
            assert LowerArm() in gate.passes_ms(TIMING.drive_ms_max)

    def test_an_arm_that_has_not_arrived_is_asked_once_more(self, entry: Gate) -> None:
        brought_to(entry, State.FAULT)
        assert RaiseArm() in entry.happens(ANNA)
        assert entry.lane.state is State.OPENING

    def test_so_is_one_for_a_car_that_comes_only_then(self, entry: Gate) -> None:
        entry.happens(ANNA, ArmMoved(Arm.BETWEEN))
        entry.passes_ms(MOTION_MS_MAX)
        assert entry.lane.state is State.FAULT
        assert entry.happens(ArrivalLoop(True)) == [RaiseArm()]

    @pytest.mark.parametrize(
        ("state", "why"),
        [
            (State.OPENING, "is open, or still busy with a car"),
            (State.OPEN, "is open, or still busy with a car"),
            (State.PASSING, "is open, or still busy with a car"),
            (State.CLOSING, "is open, or still busy with a car"),
            (State.HELD_OPEN, "is held open: everyone passes"),
            (State.FIRE, "there is a fire alarm"),
        ],
    )
    def test_while_the_arm_is_up_or_moves_nothing_is_opened_and_it_is_said_why(
        self, entry: Gate, state: State, why: str
    ) -> None:
        brought_to(entry, state)
        before = entry.stored()
        with pytest.raises(TryLater, match=why):
            entry.happens(ANNA)
        assert entry.stored() == before

    def test_a_lane_that_is_closed_opens_for_whom_an_attendant_lets_in(self, entry: Gate) -> None:
        entry.happens(CLOSED_NOW)
        entry.seen(entry.car_comes(), Sight.STRANGER, OTHER)
        assert RaiseArm() in entry.happens(ANNA)


class TestHeldOpen:
    def test_the_arm_goes_up_and_stays_after_who_wants_it_is_stored(self, entry: Gate) -> None:
        commands = entry.happens(HELD_OPEN)
        assert commands == [RaiseArm(), Tell(Signal.GREEN, *DRIVE)]
        assert entry.told(LaneModeChanged) == [
            LaneModeChanged(gate_id=entry.unit, mode=Mode.HELD_OPEN, by="Anna"),
        ]
        entry.happens(ArmMoved(Arm.UP))
        assert entry.passes_ms(3_600_000) == []

    def test_an_arm_that_was_just_asked_to_close_goes_up_again(self, entry: Gate) -> None:
        brought_to(entry, State.PASSING)
        assert LowerArm() in entry.happens(SafetyLoop(False))
        assert RaiseArm() in entry.happens(HELD_OPEN)

    def test_who_passes_is_known_as_ever(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.happens(HELD_OPEN, ArmMoved(Arm.UP))
        for sight, plate in ((Sight.KNOWN, PLATE), (Sight.STRANGER, OTHER)):
            entry.seen(entry.car_comes(), sight, plate)
            assert LowerArm() not in entry.through()
        assert entry.reasons == [Reason.BOOKED, Reason.HELD_OPEN]
        assert [passed.reservation_id for passed in entry.passages] == [rid(1), None]
        assert entry.told(LaneNoted) == []

    def test_the_driver_sees_their_spot_and_the_next_one_does_not(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.happens(HELD_OPEN, ArmMoved(Arm.UP))
        entry.seen(entry.car_comes())
        assert "1-042" in entry.lane.told.line2
        entry.through()
        assert (entry.lane.told.line1, entry.lane.told.line2) == DRIVE

    def test_who_drives_past_before_the_look_ends_has_passed_all_the_same(self, entry: Gate) -> None:
        entry.happens(HELD_OPEN, ArmMoved(Arm.UP))
        passage_id = entry.car_comes()
        entry.through()
        assert entry.seen(passage_id) == []
        assert [passed.reservation_id for passed in entry.passages] == [None]

    def test_who_follows_close_behind_is_looked_at_once_the_car_before_is_through(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.happens(HELD_OPEN, ArmMoved(Arm.UP))
        entry.seen(entry.car_comes())
        entry.happens(SafetyLoop(True), ArrivalLoop(False), ArrivalLoop(True))
        commands = entry.happens(SafetyLoop(False))
        assert [passed.reservation_id for passed in entry.passages] == [rid(1)]
        entry.seen(commands[-1].passage_id, Sight.STRANGER, OTHER)  # type: ignore[union-attr]
        assert entry.reasons == [Reason.BOOKED, Reason.HELD_OPEN]

    def test_who_was_held_back_passes(self, entry: Gate) -> None:
        entry.hub_says(right(start=5, end=6))
        entry.admitted()
        assert RaiseArm() in entry.happens(HELD_OPEN)
        entry.through()
        assert entry.reasons == [Reason.TOO_EARLY, Reason.HELD_OPEN]
        assert entry.passages[-1].reservation_id == rid(1)

    def test_an_exit_closes_stays_as_ever(self, exit_: Gate) -> None:
        exit_.hub_says(right(status=Status.CHECKED_IN))
        exit_.happens(HELD_OPEN, ArmMoved(Arm.UP))
        exit_.seen(exit_.car_comes())
        exit_.through()
        assert exit_.passages[-1].reservation_id == rid(1)

    def test_an_arm_that_comes_down_is_raised_again(self, entry: Gate) -> None:
        entry.happens(HELD_OPEN, ArmMoved(Arm.UP), ArmMoved(Arm.BETWEEN))
        assert RaiseArm() in entry.passes_ms(MOTION_MS_MAX)

    def test_somebody_is_called_once_each_time_that_it_does_not_arrive(self, entry: Gate) -> None:
        entry.happens(HELD_OPEN)
        entry.passes_ms(3 * MOTION_MS_MAX)
        assert entry.alarms == ["arm-stuck"]
        entry.happens(ArmMoved(Arm.UP), ArmMoved(Arm.BETWEEN))
        entry.passes_ms(3 * MOTION_MS_MAX)
        assert entry.alarms == ["arm-stuck", "arm-stuck"]

    @pytest.mark.parametrize("under", [SafetyLoop(True), Photocell(True)])
    def test_automatic_again_it_closes_and_never_on_who_is_under_the_arm(
        self, entry: Gate, under: SafetyLoop | Photocell
    ) -> None:
        entry.happens(HELD_OPEN, ArmMoved(Arm.UP), under)
        assert LowerArm() not in entry.happens(AUTOMATIC)
        assert LowerArm() not in entry.passes_ms(3_600_000)
        clear = SafetyLoop(False) if isinstance(under, SafetyLoop) else Photocell(False)
        assert LowerArm() in entry.happens(clear)
        entry.happens(ArmMoved(Arm.DOWN))
        assert entry.lane.state is State.IDLE

    def test_after_a_fire_it_is_held_open_still(self, entry: Gate) -> None:
        entry.happens(HELD_OPEN, ArmMoved(Arm.UP), FireAlarm(True))
        assert entry.happens(FireAlarm(False)) == [Tell(Signal.GREEN, *DRIVE)]
        assert entry.lane.state is State.HELD_OPEN

    def test_in_a_fire_it_waits_for_the_end_of_the_alarm(self, entry: Gate) -> None:
        states = []
        for event in (FireAlarm(True), HELD_OPEN, FireAlarm(False)):
            entry.happens(event)
            states.append(entry.lane.state)
        assert states == [State.FIRE, State.FIRE, State.HELD_OPEN]

    @pytest.mark.parametrize("state", [state for state in State if state not in (State.FIRE, State.HELD_OPEN)])
    def test_from_every_state_and_back_to_an_empty_lane(self, entry: Gate, state: State) -> None:
        brought_to(entry, state)
        assert [command for command in entry.happens(HELD_OPEN) if isinstance(command, LowerArm)] == []
        entry.happens(ArmMoved(Arm.UP), SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False), AUTOMATIC)
        entry.happens(ArmMoved(Arm.BETWEEN), ArmMoved(Arm.DOWN))
        assert entry.lane.state is State.IDLE

    @pytest.mark.parametrize("arm", Arm)
    def test_after_a_restart_it_is_held_open_still(self, entry: Gate, arm: Arm) -> None:
        """Without a command to an arm that is up: no more moves than must."""
        entry.happens(HELD_OPEN, ArmMoved(Arm.UP))
        entry.crash()
        commands = entry.start(arm=arm)
        assert entry.lane.state is State.HELD_OPEN
        assert (RaiseArm() in commands) is (arm is not Arm.UP)

    def test_nobody_is_asked_which_car_it_is_while_none_is_there(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.happens(HELD_OPEN)
        with pytest.raises(TryLater):
            entry.named(ById(rid(1)))

    def test_who_says_an_id_is_let_in_on_it(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.happens(HELD_OPEN, ArmMoved(Arm.UP))
        entry.seen(entry.car_comes(), Sight.UNSURE, None)
        entry.named(ById(rid(1)))
        entry.through()
        assert entry.passages[-1].reservation_id == rid(1)


class TestClosed:
    def test_the_display_says_so_and_nobody_is_let_in(self, entry: Gate) -> None:
        entry.hub_says(right())
        assert entry.happens(CLOSED_NOW) == [Tell(Signal.RED, *CLOSED)]
        assert RaiseArm() not in entry.seen(entry.car_comes())
        assert entry.reasons == [Reason.LANE_CLOSED]
        assert (entry.lane.told.line1, entry.lane.told.line2) == CLOSED

    @pytest.mark.parametrize("car_required", [True, False])
    def test_nor_is_who_says_an_id(self, entry: Gate, car_required: bool) -> None:
        entry.hub_says(right())
        entry.happens(CLOSED_NOW)
        if car_required:
            entry.car_comes()
        assert RaiseArm() not in entry.named(ById(rid(1)), car_required=car_required)
        assert entry.reasons == [Reason.LANE_CLOSED]

    def test_who_was_let_in_before_drives_on(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        entry.happens(CLOSED_NOW, SafetyLoop(True), ArrivalLoop(False))
        assert LowerArm() in entry.happens(SafetyLoop(False))
        assert entry.passages[-1].reservation_id == rid(1)

    def test_who_waits_is_looked_at_once_it_is_open_again(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.happens(CLOSED_NOW)
        passage_id = entry.car_comes()
        entry.seen(passage_id)
        entry.happens(AUTOMATIC)
        assert Look(passage_id) in entry.passes_ms(0)
        assert RaiseArm() in entry.seen(passage_id)

    def test_it_is_closed_after_a_restart(self, entry: Gate) -> None:
        entry.happens(CLOSED_NOW)
        entry.crash()
        assert Tell(Signal.RED, *CLOSED) in entry.start()
        assert entry.lane.mode is Mode.CLOSED

    def test_an_exit_is_never_closed(self, exit_: Gate) -> None:
        with pytest.raises(Refused) as refused:
            exit_.happens(CLOSED_NOW)
        assert (refused.value.code, exit_.stored()) == ("exit_never_closed", [])

    def test_automatic_again_it_welcomes(self, entry: Gate) -> None:
        entry.happens(CLOSED_NOW)
        assert entry.happens(AUTOMATIC) == [Tell(Signal.RED, *IDLE)]


def test_the_mode_is_known_when_all_that_has_happened_since_is_old(entry: Gate) -> None:
    """It is the latest about the lane, and so is not pruned with the rest of the log."""
    entry.happens(HELD_OPEN)
    entry.hub_says(policy())
    assert entry.journal.about(LaneModeChanged.kind, entry.unit) is not None


class TestAModeThatComesBack:
    """The hub hands back what this gate has lost of its own log, with the mode that the lane was set to last."""

    def comes_back(self, gate: Gate, mode: Mode) -> list[Command]:
        return gate.recovered(LaneModeChanged(gate_id=gate.unit, mode=mode, by="Anna"))

    def test_counts_from_now_on(self, entry: Gate) -> None:
        assert self.comes_back(entry, Mode.HELD_OPEN) == [RaiseArm(), Tell(Signal.GREEN, *DRIVE)]
        entry.happens(ArmMoved(Arm.UP))
        assert LowerArm() in self.comes_back(entry, Mode.AUTOMATIC)
        assert (entry.lane.mode, len(entry.told(LaneModeChanged))) == (Mode.AUTOMATIC, 2)

    def test_of_a_lane_that_is_closed_lets_nobody_in(self, entry: Gate) -> None:
        entry.hub_says(right())
        self.comes_back(entry, Mode.CLOSED)
        entry.admitted()
        assert entry.reasons == [Reason.LANE_CLOSED]

    def test_is_the_one_already(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        assert self.comes_back(entry, Mode.AUTOMATIC) == []
        assert entry.lane.state is State.OPENING

    def test_lowers_no_arm_onto_a_car(self, entry: Gate) -> None:
        entry.happens(HELD_OPEN, ArmMoved(Arm.UP), ArrivalLoop(True), SafetyLoop(True))
        assert LowerArm() not in self.comes_back(entry, Mode.AUTOMATIC)
        assert LowerArm() in entry.happens(ArrivalLoop(False), SafetyLoop(False))

    def test_is_that_of_an_entry_and_this_is_an_exit_now(self, exit_: Gate) -> None:
        """The lane was turned round since. Who is inside gets out, and is told so."""
        assert self.comes_back(exit_, Mode.CLOSED) == []
        exit_.crash()
        assert exit_.start()[-1] == Tell(Signal.RED, *IDLE)
        assert exit_.lane.mode is Mode.AUTOMATIC
