"""The lane's process is started anew, in the middle of anything."""

from datetime import timedelta

import pytest

from cloud_sync.link.log import Position
from cloud_sync.link.v1.facts import LaneNoted, Mode, Noted
from domain.admission import Reason
from domain.now import Now, Trust
from domain.plate import Plate
from domain.reservation import Status
from gate_firmware.events import (
    ArmMoved,
    ArrivalLoop,
    ById,
    Command,
    Look,
    LookAway,
    LowerArm,
    ModeSet,
    RaiseArm,
    SafetyLoop,
    Sight,
    Tell,
    Warn,
)
from gate_firmware.lane_states import State
from gate_firmware.words import DRIVE, IDLE, LOOKING
from hardware.barrier import Position as Arm
from hardware.lights import Signal
from tests.gate_firmware.gate import (
    MOTION_MS_MAX,
    OTHER,
    PLATE,
    TIMING,
    UNTRUSTED,
    Gate,
    policy,
    rid,
    right,
)

RED_IDLE = Tell(Signal.RED, *IDLE)
WELCOME = Tell(Signal.GREEN, "WELCOME", "YOUR SPOT 1-042")


class TestRestart:
    def up_again(self, gate: Gate, **inputs: object) -> list[Command]:
        gate.crash()
        return gate.start(**inputs)  # type: ignore[arg-type]

    def test_with_nobody_there(self, entry: Gate) -> None:
        assert self.up_again(entry) == [LookAway(), RED_IDLE]

    @pytest.mark.parametrize("arrival", [True, False])
    def test_with_a_car_at_a_closed_arm_that_nobody_has_let_pass(self, entry: Gate, arrival: bool) -> None:
        commands = self.up_again(entry, safety=True, arrival=arrival)
        assert RaiseArm() not in commands
        assert (Warn() in commands, "uninvited-car" in entry.alarms) == (not arrival, not arrival)

    @pytest.mark.parametrize("arm", [Arm.UP, Arm.DOWN])
    def test_with_something_under_the_arm_that_stays_there(self, entry: Gate, arm: Arm) -> None:
        self.up_again(entry, safety=True, arm=arm)
        entry.passes_ms(TIMING.drive_ms_max)
        assert entry.alarms[-1] == "lane-blocked"

    def test_with_a_car_before_the_arm(self, entry: Gate) -> None:
        entry.car_comes()
        assert self.up_again(entry, arrival=True)[-1] == Look("p2")

    def test_that_may_have_missed_the_car_is_an_alarm(self, entry: Gate) -> None:
        """The arm was asked up for it, and after the restart it is down and no car is there: who knows."""
        entry.hub_says(right())
        entry.admitted()
        self.up_again(entry, arm=Arm.DOWN)
        assert entry.alarms == ["passage-unseen"]
        assert entry.passages == []

    @pytest.mark.parametrize("arm", [Arm.UP, Arm.BETWEEN])
    def test_a_car_that_is_gone_from_an_open_arm_has_passed(self, entry: Gate, arm: Arm) -> None:
        """Nobody has closed the arm behind it. It is inside if it does not come through now, and not counted again."""
        entry.hub_says(right())
        entry.admitted()
        assert WELCOME in self.up_again(entry, arm=arm)
        entry.happens(ArmMoved(Arm.UP))
        assert entry.passes_ms(TIMING.gap_ms_max - 1) == []
        assert entry.passes_ms(1) == [LowerArm(), RED_IDLE]
        [passed] = entry.passages
        assert (passed.passage_id, passed.reservation_id, passed.unseen) == ("p1", rid(1), True)
        assert entry.replica.spots.inside().keys() == {rid(1)}
        assert entry.alarms == ["passage-unseen"]
        assert self.up_again(entry, arm=arm) == [LowerArm(), RED_IDLE]
        assert len(entry.passages) == 1

    def test_one_that_is_between_the_loops_comes_through_once(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        self.up_again(entry, arm=Arm.UP)
        entry.happens(SafetyLoop(True), SafetyLoop(False))
        entry.passes_ms(TIMING.gap_ms_max)
        [passed] = entry.passages
        assert (passed.passage_id, passed.reservation_id, passed.unseen) == ("p1", rid(1), False)
        assert entry.alarms == []
        assert entry.told(LaneNoted) == []

    def test_a_car_that_passed_unseen_is_not_followed_in_on_its_booking(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        self.up_again(entry, arm=Arm.UP)
        entry.happens(ArrivalLoop(True), SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        entry.passes_ms(TIMING.gap_ms_max)
        assert [(passed.reservation_id, passed.unseen) for passed in entry.passages] == [(None, False), (rid(1), True)]

    def test_one_that_was_awaited_and_does_not_come_may_have_passed(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.named(ById(rid(1)), car_required=False)
        assert WELCOME in self.up_again(entry, arm=Arm.UP)
        assert entry.alarms == []
        assert LowerArm() in entry.passes_ms(TIMING.gap_ms_max)
        assert [(passed.reservation_id, passed.unseen) for passed in entry.passages] == [(rid(1), True)]
        assert (entry.alarms, entry.noted) == (["passage-unseen"], [])

    def test_one_that_was_awaited_and_comes_is_looked_at_and_known(self, entry: Gate) -> None:
        """The car that was awaited may be inside already: this one is let in as itself."""
        entry.hub_says(right())
        entry.named(ById(rid(1)), car_required=False)
        self.up_again(entry, arm=Arm.UP)
        entry.seen(entry.car_comes())
        entry.through()
        assert [(passed.reservation_id, passed.unseen) for passed in entry.passages] == [(rid(1), False)]
        assert entry.alarms == []

    def test_where_another_one_comes_the_awaited_one_may_have_passed(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.named(ById(rid(1)), car_required=False)
        self.up_again(entry, arm=Arm.UP)
        entry.seen(entry.car_comes(), Sight.STRANGER, OTHER)
        entry.passes_ms(TIMING.gap_ms_max)
        assert [(passed.reservation_id, passed.unseen) for passed in entry.passages] == [(rid(1), True)]
        assert (entry.alarms, entry.reasons[1:]) == (["passage-unseen"], [Reason.NO_BOOKING])

    def test_between_the_decision_and_the_arm(self, entry: Gate) -> None:
        """The arm was never asked. The car is decided on anew."""
        entry.hub_says(right())
        entry.admitted()
        self.up_again(entry, arrival=True)
        assert RaiseArm() in entry.seen("p2")
        entry.through()
        assert [passed.passage_id for passed in entry.passages] == ["p2"]

    @pytest.mark.parametrize(
        ("sight", "plate", "passed", "alarms"),
        [
            (Sight.STRANGER, OTHER, ["p1"], ["passage-unseen"]),
            (Sight.KNOWN, PLATE, [], []),
            (Sight.UNSURE, None, [], ["passage-unseen"]),
        ],
    )
    def test_where_another_car_stands_before_a_closed_arm_the_first_has_passed(
        self, entry: Gate, sight: Sight, plate: Plate | None, passed: list[str], alarms: list[str]
    ) -> None:
        """It is written down as it is seen: the gate was down, or did not know yet, as it crossed."""
        entry.hub_says(right())
        entry.admitted()
        self.up_again(entry, arrival=True, arm=Arm.DOWN)
        entry.seen("p2", sight, plate)
        assert [(known.passage_id, known.unseen) for known in entry.passages] == [(one, True) for one in passed]
        assert entry.alarms == alarms

    @pytest.mark.parametrize("arm", [Arm.UP, Arm.BETWEEN])
    def test_under_an_open_arm_the_passage_goes_on(self, entry: Gate, arm: Arm) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.happens(ArmMoved(Arm.UP))
        waits = Tell(Signal.RED, *LOOKING)
        shown = [waits] if arm is Arm.UP else [RaiseArm(), waits]
        assert self.up_again(entry, arrival=True, arm=arm) == [*shown, Look("p1")]
        entry.happens(ArmMoved(Arm.UP))
        assert WELCOME in entry.seen("p1")
        entry.happens(SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        [passed] = entry.passages
        assert (passed.passage_id, passed.reservation_id) == ("p1", rid(1))
        assert passed.plate == entry.decisions[0].plate
        assert entry.replica.spots.inside().keys() == {rid(1)}

    def test_nobody_has_seen_who_drives_before_a_look_has_shown_them(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.happens(ArmMoved(Arm.UP))
        self.up_again(entry, arrival=True, arm=Arm.UP)
        entry.happens(SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        assert [(passed.passage_id, passed.unseen) for passed in entry.passages] == [("p1", True)]

    @pytest.mark.parametrize("arm", [Arm.UP, Arm.BETWEEN, Arm.DOWN])
    def test_who_has_perhaps_crossed_opens_for_nobody(self, entry: Gate, arm: Arm) -> None:
        """The next one was close behind, and nobody had looked at them yet."""
        entry.hub_says(right())
        entry.admitted()
        entry.happens(ArmMoved(Arm.UP), SafetyLoop(True), SafetyLoop(False))
        assert RaiseArm() not in self.up_again(entry, arrival=True, arm=arm)
        entry.seen(entry.lane._passage.passage_id, Sight.STRANGER, OTHER)
        assert [(passed.passage_id, passed.unseen) for passed in entry.passages] == [("p1", False)]

    def test_where_nobody_stands_there_any_more_it_counts_as_passed(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.happens(ArmMoved(Arm.UP), SafetyLoop(True), SafetyLoop(False))
        self.up_again(entry, arm=Arm.UP)
        assert [(passed.passage_id, passed.unseen) for passed in entry.passages] == [("p1", True)]

    @pytest.mark.parametrize("arm", Arm)
    def test_with_a_car_under_the_arm(self, entry: Gate, arm: Arm) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.happens(ArmMoved(Arm.UP), SafetyLoop(True))
        commands = self.up_again(entry, safety=True, arm=arm)
        assert commands[0] == Tell(Signal.GREEN, *DRIVE)
        assert (RaiseArm() in commands) == (arm is not Arm.UP)
        assert LowerArm() in entry.happens(ArmMoved(Arm.UP), SafetyLoop(False))
        assert [passed.passage_id for passed in entry.passages] == ["p1"]

    def test_with_a_car_under_the_arm_and_another_close_behind_a_look_tells(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.happens(ArmMoved(Arm.UP), SafetyLoop(True))
        self.up_again(entry, safety=True, arrival=True, arm=Arm.UP)
        entry.happens(SafetyLoop(False))
        entry.seen("p2", Sight.STRANGER, OTHER)
        assert [(passed.passage_id, passed.unseen) for passed in entry.passages] == [("p1", False)]

    def test_who_might_pass_as_it_was_held_open_is_looked_at_under_an_arm_that_comes_down(self, entry: Gate) -> None:
        """It is held open no more, and they have not driven."""
        entry.happens(ModeSet(Mode.HELD_OPEN, "Anna"))
        entry.seen(entry.car_comes(), Sight.STRANGER, OTHER)
        entry.happens(ArmMoved(Arm.UP), ModeSet(Mode.AUTOMATIC, "Anna"))
        commands = self.up_again(entry, arrival=True, arm=Arm.BETWEEN)
        assert RaiseArm() not in commands
        assert {LowerArm(), Look("p3")} < set(commands)

    def test_who_comes_behind_one_that_might_pass_as_it_was_held_open_does_not_come_in_for_it(
        self, entry: Gate
    ) -> None:
        entry.happens(ModeSet(Mode.HELD_OPEN, "Anna"))
        entry.seen(entry.car_comes(), Sight.STRANGER, OTHER)
        entry.happens(ArmMoved(Arm.UP), ArrivalLoop(False), ModeSet(Mode.AUTOMATIC, "Anna"))
        assert LowerArm() in self.up_again(entry, arrival=True, arm=Arm.UP)
        entry.seen("p2", Sight.UNSURE, None)
        assert (entry.lane.state, entry.lane.told.signal) == (State.HELD_BACK, Signal.RED)

    def test_after_the_passage_it_is_not_recorded_again(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.through()
        assert self.up_again(entry, arm=Arm.UP) == [LowerArm(), RED_IDLE]
        assert len(entry.passages) == 1
        entry.happens(SafetyLoop(True), SafetyLoop(False))
        assert [passed.reservation_id for passed in entry.passages] == [rid(1), None]

    def test_a_refusal_is_nothing_to_go_on_with(self, entry: Gate) -> None:
        entry.hub_says(right(status=Status.CANCELLED))
        entry.admitted()
        commands = self.up_again(entry, arrival=True, arm=Arm.UP)
        assert LowerArm() in commands
        assert Tell(Signal.RED, *LOOKING) in commands
        entry.happens(SafetyLoop(True), SafetyLoop(False))
        assert entry.passages[0].reservation_id is None

    def test_a_decision_of_hours_ago_is_nobodys_now(self, entry: Gate) -> None:
        """The car backed out; later an attendant raises the arm by hand, and the unit restarts."""
        entry.hub_says(right(end=9))
        entry.admitted()
        entry.now = entry.now.later(3_600_000)
        self.up_again(entry, arm=Arm.UP)
        entry.happens(SafetyLoop(True), SafetyLoop(False))
        assert entry.passages[0].reservation_id is None

    def test_an_exit_with_nothing_to_go_on_with_closes_and_looks_at_who_comes(self, exit_: Gate) -> None:
        assert self.up_again(exit_, arm=Arm.UP) == [LowerArm(), RED_IDLE]
        assert Tell(Signal.RED, *LOOKING) in exit_.happens(ArrivalLoop(True))

    @pytest.mark.parametrize("begins", ["arm-stuck", "held-open"])
    def test_who_was_let_pass_and_is_decided_on_anew_is_counted_once(self, entry: Gate, begins: str) -> None:
        """The arm did not rise, or the lane is held open no more."""
        entry.hub_says(right())
        if begins == "held-open":
            entry.happens(ModeSet(Mode.CLOSED, "Anna"))
            entry.admitted()
            entry.happens(ModeSet(Mode.HELD_OPEN, "Anna"), ArmMoved(Arm.UP), ModeSet(Mode.AUTOMATIC, "Anna"))
        else:
            entry.admitted()
            entry.happens(ArmMoved(Arm.BETWEEN))
            entry.passes_ms(MOTION_MS_MAX)
            entry.happens(ArmMoved(Arm.DOWN))
        entry.seen("p2")
        entry.through()
        self.up_again(entry, arm=Arm.UP)
        entry.passes_ms(TIMING.gap_ms_max)
        assert entry.noted == [(Noted.NOT_DRIVEN, "p1")]
        assert [(passed.passage_id, passed.unseen) for passed in entry.passages] == [("p2", False)]
        assert "passage-unseen" not in entry.alarms

    def test_who_was_gone_from_a_closed_arm_comes_in_no_more_in_a_fire(self, entry: Gate) -> None:
        """Whoever drives then is another one."""
        entry.hub_says(right())
        entry.admitted()
        self.up_again(entry, fire=True)
        entry.happens(ArmMoved(Arm.UP), SafetyLoop(True), SafetyLoop(False))
        assert [passed.reservation_id for passed in entry.passages] == [None]
        assert entry.noted == [(Noted.BACKED_OUT, "p1")]

    def test_nor_through_a_lane_that_is_held_open_and_one_alarm_is_enough(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.happens(ModeSet(Mode.HELD_OPEN, "Anna"))
        entry.admitted()
        self.up_again(entry)
        entry.happens(ArmMoved(Arm.UP))
        entry.seen(entry.car_comes(), Sight.STRANGER, OTHER)
        entry.happens(SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        entry.passes_ms(TIMING.gap_ms_max)
        assert [passed.reservation_id for passed in entry.passages] == [None]
        assert entry.alarms == ["passage-unseen"]

    def test_a_fire_comes_before_a_lane_that_is_held_open(self, entry: Gate) -> None:
        entry.happens(ModeSet(Mode.HELD_OPEN, "Anna"))
        self.up_again(entry, fire=True, arm=Arm.UP)
        assert entry.lane.state is State.FIRE
        assert LowerArm() not in entry.happens(ModeSet(Mode.AUTOMATIC, "Anna"))

    def test_facts_go_on_without_a_gap(self, entry: Gate) -> None:
        entry.hub_says(right(), policy())
        for _ in range(3):
            entry.seen(entry.car_comes(), Sight.STRANGER, OTHER)
            self.up_again(entry)
        assert [fact.seq for fact in entry.journal.after(Position(), 99)] == [1, 2, 3]


class TestPowerFailure:
    """The unit was off, and the arm stays as it is: nobody has seen who has driven through meanwhile."""

    def on_again(self, gate: Gate, trust: Trust = Trust.NTP, later_ms: int = 20_000, **inputs: object) -> list[Command]:
        gate.boot = "boot-2"
        gate.crash()
        gate.now = Now(5_000, gate.now.utc + timedelta(milliseconds=later_ms), trust)
        return gate.start(**inputs)  # type: ignore[arg-type]

    @pytest.fixture
    def open_(self, entry: Gate) -> Gate:
        entry.hub_says(right())
        entry.admitted()
        entry.happens(ArmMoved(Arm.UP))
        return entry

    @pytest.mark.parametrize("trust", [Trust.NTP, Trust.NONE])
    def test_who_is_gone_from_an_open_arm_counts_as_passed_whatever_the_clock_says(
        self, open_: Gate, trust: Trust
    ) -> None:
        self.on_again(open_, trust, arm=Arm.UP)
        assert LowerArm() in open_.passes_ms(TIMING.gap_ms_max)
        assert [(passed.passage_id, passed.unseen) for passed in open_.passages] == [("p1", True)]
        assert open_.alarms == ["passage-unseen"]

    def test_nor_does_a_clock_that_was_not_to_be_trusted_then(self, entry: Gate) -> None:
        entry.now = UNTRUSTED
        entry.hub_says(right())
        entry.admitted()
        self.on_again(entry, later_ms=3_600_000, arm=Arm.UP)
        entry.passes_ms(TIMING.gap_ms_max)
        assert [(passed.passage_id, passed.unseen) for passed in entry.passages] == [("p1", True)]

    def test_nobody_has_seen_who_is_under_the_arm(self, open_: Gate) -> None:
        open_.car_leaves()
        self.on_again(open_, arm=Arm.UP, safety=True)
        open_.happens(SafetyLoop(False))
        assert [(passed.passage_id, passed.unseen) for passed in open_.passages] == [("p1", True)]

    def test_nor_who_it_was_where_another_one_stands_there_then(self, open_: Gate) -> None:
        self.on_again(open_, arm=Arm.UP, safety=True, arrival=True)
        open_.happens(SafetyLoop(False))
        open_.seen("p2", Sight.STRANGER, OTHER)
        assert [(passed.passage_id, passed.unseen) for passed in open_.passages] == [("p1", True)]

    def test_nor_in_a_fire(self, open_: Gate) -> None:
        self.on_again(open_, arm=Arm.UP, safety=True, fire=True)
        open_.happens(SafetyLoop(False))
        assert [(passed.passage_id, passed.unseen) for passed in open_.passages] == [("p1", True)]

    def test_who_stands_there_and_cannot_be_read_is_another_one(self, open_: Gate) -> None:
        assert Look("p2") in self.on_again(open_, arm=Arm.UP, arrival=True)
        assert LowerArm() in open_.seen("p2", Sight.UNSURE, None)
        assert [(passed.passage_id, passed.unseen) for passed in open_.passages] == [("p1", True)]

    def test_nor_who_was_ahead_of_one_that_stands_there(self, open_: Gate) -> None:
        """It may have crossed meanwhile, and this one drives with a third close behind."""
        open_.car_leaves()
        open_.seen(open_.car_comes(), Sight.UNSURE, None)
        self.on_again(open_, arm=Arm.UP, arrival=True)
        open_.happens(SafetyLoop(True), SafetyLoop(False))
        assert [(passed.passage_id, passed.unseen) for passed in open_.passages] == [("p1", True)]
        assert open_.alarms == ["passage-unseen"]

    def test_the_car_itself_is_let_in_anew(self, open_: Gate) -> None:
        assert LowerArm() not in self.on_again(open_, arm=Arm.UP, arrival=True)
        assert WELCOME in open_.seen("p2")
        open_.happens(SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        assert [(passed.passage_id, passed.unseen) for passed in open_.passages] == [("p2", False)]
        assert open_.alarms == []

    def test_who_was_in_doubt_may_have_gone_meanwhile(self, open_: Gate) -> None:
        open_.happens(SafetyLoop(True), SafetyLoop(False))
        self.on_again(open_, arm=Arm.UP, arrival=True)
        assert [(passed.passage_id, passed.unseen) for passed in open_.passages] == [("p1", True)]

    def test_an_arm_that_rises_then_is_the_key_switch(self, entry: Gate) -> None:
        """What the gate had asked before has long been done, or not."""
        entry.hub_says(right())
        entry.admitted()
        self.on_again(entry, arrival=True)
        entry.happens(ArmMoved(Arm.BETWEEN), ArmMoved(Arm.UP))
        assert entry.alarms == ["arm-unasked"]

    def test_of_one_that_was_let_pass_long_ago_somebody_is_told_once(self, open_: Gate) -> None:
        """It has driven in, or it has gone: nobody can say."""
        for _ in range(2):
            self.on_again(open_, later_ms=16 * 60_000, arm=Arm.UP)
        assert (open_.alarms, open_.passages) == (["passage-unseen"], [])

    def test_a_look_goes_on_as_the_arm_comes_down_a_little(self, open_: Gate) -> None:
        """The process alone had ended."""
        open_.crash()
        assert Look("p1") in open_.start(arrival=True, arm=Arm.UP)
        assert LookAway() not in open_.happens(ArmMoved(Arm.BETWEEN))

    def test_a_look_tells_nothing_of_a_car_that_nobody_knows(self, exit_: Gate) -> None:
        """It was let out unread, and was under the arm with the next one close behind."""
        exit_.seen(exit_.car_comes(), Sight.UNSURE, None)
        exit_.happens(ArmMoved(Arm.UP))
        self.on_again(exit_, arm=Arm.UP, safety=True, arrival=True)
        exit_.happens(SafetyLoop(False))
        exit_.seen("p2", Sight.STRANGER, OTHER)
        assert [(passed.passage_id, passed.unseen) for passed in exit_.passages] == [("p1", True)]
