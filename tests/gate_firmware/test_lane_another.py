"""Another car stands in the lane than the one that somebody has named, or that was let pass before a restart."""

import pytest

from cloud_sync.link.v1.facts import Mode
from domain.admission import Evidence, Reason
from domain.plate import Plate
from domain.reservation import Status
from gate_firmware.events import (
    ArmMoved,
    ArrivalLoop,
    ById,
    FireAlarm,
    Look,
    LookAway,
    LowerArm,
    ModeSet,
    RaiseArm,
    SafetyLoop,
    Sight,
    Tell,
)
from gate_firmware.lane_states import State
from gate_firmware.words import LOOKING
from hardware.barrier import Position as Arm
from hardware.lights import Signal
from lpr.blindness import Blindness
from tests.gate_firmware.gate import KEY_KNOWN, OTHER, PLATE, TIMING, Gate, rid, right, spot_id, stay, ticket

BOTH = [right(1), right(2, plate=OTHER, spot_id=spot_id(7))]
BOTH_INSIDE = [
    right(1, Status.CHECKED_IN),
    right(2, Status.CHECKED_IN, plate=OTHER, spot_id=spot_id(7)),
    stay(1),
    stay(2, stay_id="s2", spot_id=spot_id(7)),
]


def came_through(gate: Gate) -> list[tuple[str | None, Evidence]]:
    gate.through()
    return [(passed.reservation_id, passed.evidence) for passed in gate.passages]


class TestSaidId:
    """The driver of reservation 1 says its id while the car of reservation 2 is the one on the loop."""

    @pytest.fixture
    def said(self, entry: Gate) -> Gate:
        entry.hub_says(KEY_KNOWN, *BOTH)
        entry.car_comes()
        commands = entry.named(ById(rid(1)))
        assert RaiseArm() in commands
        assert LookAway() not in commands, "the look goes on"
        return entry

    @pytest.mark.parametrize("arm", [Arm.BETWEEN, Arm.UP])
    def test_the_plate_says_whose_it_is_and_the_driver_is_sent_there(self, said: Gate, arm: Arm) -> None:
        said.happens(ArmMoved(arm))
        assert said.seen("p1", Sight.KNOWN, OTHER) == [Tell(Signal.GREEN, "WELCOME", "YOUR SPOT 1-007")]
        assert [(one.reservation_id, one.evidence) for one in said.decisions] == [
            (rid(1), Evidence.ID),
            (rid(2), Evidence.PLATE),
        ]
        assert came_through(said) == [(rid(2), Evidence.PLATE)]
        assert said.passages[0].spot_id == spot_id(7)

    def test_and_who_said_it_still_comes_in(self, said: Gate) -> None:
        said.seen("p1", Sight.KNOWN, OTHER)
        said.through()
        said.happens(ArmMoved(Arm.DOWN))
        said.admitted()
        assert said.reasons[-1] is Reason.BOOKED

    def test_so_does_a_ticket(self, said: Gate) -> None:
        said.seen("p1", Sight.UNSURE, None, code=ticket(2, plate=OTHER))
        assert came_through(said) == [(rid(2), Evidence.TICKET)]
        assert said.replica.is_used("t1")

    @pytest.mark.parametrize(("sight", "plate"), [(Sight.UNSURE, None), (Sight.BLIND, None), (Sight.KNOWN, PLATE)])
    def test_what_says_nothing_else_changes_nothing(self, said: Gate, sight: Sight, plate: Plate | None) -> None:
        assert said.seen("p1", sight, plate) == []
        assert came_through(said) == [(rid(1), Evidence.ID)]
        assert len(said.decisions) == 1

    def test_what_is_known_by_more_than_an_id_stays(self, said: Gate) -> None:
        said.seen("p1", Sight.KNOWN, OTHER)
        assert said.seen("p1", Sight.KNOWN, PLATE) == []
        assert came_through(said) == [(rid(2), Evidence.PLATE)]

    def test_nobody_looks_any_longer_once_it_drives(self, said: Gate) -> None:
        said.happens(ArmMoved(Arm.UP))
        assert LookAway() in said.happens(SafetyLoop(True))

    def test_nor_where_the_look_had_ended(self, entry: Gate) -> None:
        entry.hub_says(*BOTH)
        entry.seen(entry.car_comes(), Sight.UNSURE, None)
        assert LookAway() in entry.named(ById(rid(1)))


class TestNextLook:
    """At the plate of a car that is held back."""

    @pytest.fixture
    def held_back(self, entry: Gate) -> Gate:
        entry.hub_says(KEY_KNOWN, right(1), right(2, Status.CANCELLED, revision=3, plate=OTHER))
        entry.seen(entry.car_comes(), Sight.UNSURE, None)
        return entry

    @pytest.mark.parametrize("by", ["id", "code"])
    def test_is_not_put_off_by_what_others_ask(self, held_back: Gate, by: str) -> None:
        looks = 0
        for number in range(8):
            if Look("p1") in held_back.passes_ms(TIMING.retry_ms // 4):
                looks += 1
                held_back.seen("p1", Sight.UNSURE, None)
            if by == "id":
                held_back.named(ById(rid(2)))
            else:
                held_back.shown("p1", f"{number}".rjust(150, "A"))
        assert looks == 2

    def test_comes_as_long_after_the_end_of_the_one_before(self, held_back: Gate) -> None:
        assert Look("p1") in held_back.passes_ms(TIMING.retry_ms)
        held_back.now = held_back.now.later(TIMING.retry_ms // 2)
        held_back.seen("p1", Sight.UNSURE, None)
        assert Look("p1") not in held_back.passes_ms(TIMING.retry_ms - 1)
        assert Look("p1") in held_back.passes_ms(1)


class TestSaidIdAtAnExit:
    def test_the_plate_says_whose_stay_ends(self, exit_: Gate) -> None:
        exit_.hub_says(*BOTH_INSIDE)
        passage_id = exit_.car_comes()
        exit_.named(ById(rid(1)))
        assert exit_.seen(passage_id, Sight.KNOWN, OTHER) == []
        assert came_through(exit_) == [(rid(2), Evidence.PLATE)]

    @pytest.mark.parametrize("arm", [Arm.DOWN, Arm.UP])
    def test_surely_another_car_is_nobodys(self, exit_: Gate, arm: Arm) -> None:
        exit_.hub_says(right(1, Status.CHECKED_IN), stay(1))
        exit_.seen(exit_.car_comes(), Sight.STRANGER, OTHER)
        exit_.happens(ArmMoved(arm))
        exit_.named(ById(rid(1)))
        assert came_through(exit_) == [(None, Evidence.NONE)]

    def test_a_car_that_was_not_surely_read_is_whose_it_is_said_to_be(self, exit_: Gate) -> None:
        exit_.hub_says(right(1, Status.CHECKED_IN), stay(1))
        exit_.seen(exit_.car_comes(), Sight.UNSURE, OTHER)
        exit_.named(ById(rid(1)))
        assert came_through(exit_) == [(rid(1), Evidence.ID)]


class TestAfterARestart:
    """The arm is up for the car of reservation 1, and some car stands on the loop."""

    @pytest.fixture
    def up(self, entry: Gate) -> Gate:
        entry.hub_says(*BOTH)
        entry.admitted()
        entry.happens(ArmMoved(Arm.UP))
        entry.crash()
        assert entry.start(arrival=True, arm=Arm.UP)[-1] == Look("p1")
        return entry

    @pytest.mark.parametrize(("sight", "plate"), [(Sight.UNSURE, None), (Sight.KNOWN, PLATE), (Sight.BLIND, None)])
    def test_it_is_the_one_before_unless_it_is_surely_not(self, up: Gate, sight: Sight, plate: Plate | None) -> None:
        assert up.lane.told.signal is Signal.RED, "it may be another one"
        assert [told.signal for told in up.seen("p1", sight, plate) if isinstance(told, Tell)] == [Signal.GREEN]
        assert came_through(up) == [(rid(1), Evidence.PLATE)]

    def test_the_next_one_is_looked_at_and_the_one_before_has_passed(self, up: Gate) -> None:
        assert up.seen("p1", Sight.KNOWN, OTHER) == [Tell(Signal.RED, *LOOKING), Look("p2")]
        assert (up.passages[0].reservation_id, up.passages[0].unseen) == (rid(1), True)
        up.seen("p2", Sight.KNOWN, OTHER)
        up.happens(SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        assert [passed.reservation_id for passed in up.passages] == [rid(1), rid(2)]

    def test_the_arm_goes_down_before_one_that_may_not_pass(self, up: Gate) -> None:
        up.seen("p1", Sight.STRANGER, Plate("KKK111"))
        assert LowerArm() in up.seen("p2", Sight.STRANGER, Plate("KKK111"))
        assert up.lane.state is State.HELD_BACK

    def test_also_where_all_that_is_known_of_the_one_before_is_its_ticket(self, entry: Gate) -> None:
        entry.hub_says(KEY_KNOWN, right(2, plate=OTHER))
        entry.seen(entry.car_comes(), Sight.UNSURE, None, code=ticket(1))
        entry.happens(ArmMoved(Arm.UP))
        entry.crash()
        entry.start(arrival=True, arm=Arm.UP)
        entry.seen("p1", Sight.KNOWN, OTHER)
        assert [passed.reservation_id for passed in entry.passages] == [rid(1)]

    @pytest.mark.parametrize("evidence", [Evidence.ID, Evidence.TICKET, Evidence.TICKET_AND_PLATE])
    def test_whose_passage_nobody_saw_comes_in_again(self, entry: Gate, evidence: Evidence) -> None:
        """They backed out while the gate was down: their ticket is not used up, and their stay began by no more than a
        plate."""
        entry.hub_says(KEY_KNOWN, right())
        self.came(entry, evidence)
        entry.happens(ArmMoved(Arm.UP), ArrivalLoop(False))
        entry.crash()
        entry.start(arm=Arm.UP)
        entry.passes_ms(TIMING.gap_ms_max)
        [passed] = entry.passages
        assert (passed.unseen, passed.evidence, passed.ticket_id) == (True, Evidence.PLATE, None)
        entry.happens(ArmMoved(Arm.BETWEEN), ArmMoved(Arm.DOWN))
        entry.seen(entry.car_comes())
        entry.happens(ArrivalLoop(False))
        self.came(entry, evidence)
        assert entry.reasons[-2:] == [Reason.ALREADY_INSIDE, Reason.SECOND_CAR]
        entry.through()
        assert entry.replica.is_used("t1") is (evidence is not Evidence.ID)

    def came(self, gate: Gate, evidence: Evidence) -> None:
        passage_id = gate.car_comes()
        match evidence:
            case Evidence.ID:
                gate.named(ById(rid(1)))
            case Evidence.TICKET:
                gate.seen(passage_id, Sight.UNSURE, None, code=ticket())
            case _:
                gate.seen(passage_id, Sight.KNOWN, PLATE, code=ticket())

    @pytest.mark.parametrize(("sight", "passed"), [(Sight.STRANGER, [(rid(1), True)]), (Sight.UNSURE, [])])
    def test_one_that_was_awaited_may_be_another_too(
        self, entry: Gate, sight: Sight, passed: list[tuple[str, bool]]
    ) -> None:
        """The awaited one may have come and crossed while the gate was down; where nobody can say it is this one."""
        entry.hub_says(right())
        entry.named(ById(rid(1)), car_required=False)
        entry.happens(ArmMoved(Arm.UP), ArrivalLoop(True))
        entry.crash()
        red, look = entry.start(arrival=True, arm=Arm.UP)
        assert (red, look) == (Tell(Signal.RED, *LOOKING), Look("p1"))
        entry.seen("p1", sight, OTHER if sight is Sight.STRANGER else None)
        assert [(passage.reservation_id, passage.unseen) for passage in entry.passages] == passed
        assert entry.lane.told.signal is (Signal.GREEN if sight is Sight.UNSURE else Signal.RED)

    def test_under_the_arm_after_a_long_time_its_ticket_is_not_used_up(self, entry: Gate) -> None:
        """It may be another car: the first has gone back, and comes again."""
        entry.hub_says(KEY_KNOWN, right(end=9))
        entry.seen(entry.car_comes(), Sight.UNSURE, None, code=ticket(end=9))
        entry.happens(ArmMoved(Arm.UP), ArrivalLoop(False))
        entry.now = entry.now.later(600_000)
        entry.crash()
        entry.start(safety=True, arm=Arm.UP)
        entry.happens(SafetyLoop(False))
        assert [(passage.reservation_id, passage.unseen) for passage in entry.passages] == [(rid(1), True)]
        entry.happens(ArmMoved(Arm.BETWEEN), ArmMoved(Arm.DOWN))
        assert RaiseArm() in entry.seen(entry.car_comes(), Sight.UNSURE, None, code=ticket(end=9))

    def test_under_the_arm_soon_after_it_is_that_car(self, entry: Gate) -> None:
        entry.hub_says(KEY_KNOWN, right())
        entry.seen(entry.car_comes(), Sight.UNSURE, None, code=ticket())
        entry.happens(ArmMoved(Arm.UP), SafetyLoop(True), ArrivalLoop(False))
        entry.now = entry.now.later(10_000)
        entry.crash()
        entry.start(safety=True, arm=Arm.UP)
        entry.happens(SafetyLoop(False))
        [passage] = entry.passages
        assert (passage.reservation_id, passage.unseen, passage.ticket_id) == (rid(1), False, "t1")

    def test_in_a_lane_that_is_held_open_whoever_stands_there_is_looked_at(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.happens(ModeSet(Mode.HELD_OPEN, "Anna"), ArmMoved(Arm.UP))
        entry.seen(entry.car_comes())
        entry.now = entry.now.later(5_000)
        entry.crash()
        look = entry.start(arrival=True, arm=Arm.UP)[-1]
        assert isinstance(look, Look)
        entry.seen(look.passage_id, Sight.STRANGER, OTHER)
        entry.through()
        assert [(passage.reservation_id, passage.unseen) for passage in entry.passages] == [
            (rid(1), True),
            (None, False),
        ]
        assert entry.alarms == ["passage-unseen"]

    def test_nor_does_a_fire_make_it_the_one_before(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.happens(ArmMoved(Arm.UP))
        entry.crash()
        entry.start(arrival=True, arm=Arm.UP, fire=True)
        look = entry.happens(FireAlarm(False))[-1]
        assert isinstance(look, Look)
        entry.seen(look.passage_id, Sight.STRANGER, OTHER)
        assert entry.reasons[-1] is Reason.NO_BOOKING


class TestCameraThatStoodStill:
    def test_what_it_showed_holds_nobody_back_any_more(self, entry: Gate) -> None:
        """It was the plate of the car before, which is inside by now."""
        entry.hub_says(KEY_KNOWN, right(), right(2, plate=OTHER, spot_id=spot_id(43)))
        entry.admitted()
        entry.through()
        entry.happens(ArmMoved(Arm.DOWN))
        passage_id = entry.car_comes()
        entry.seen(passage_id)
        entry.shown(passage_id, ticket(2, plate=OTHER, ticket_id="t2"))
        assert entry.reasons[1:] == [Reason.ALREADY_INSIDE, Reason.PLATE_DIFFERS]
        entry.lane.camera_lasts(Blindness.FROZEN, entry.now)
        assert RaiseArm() in entry.shown(passage_id, ticket(2, plate=OTHER, ticket_id="t2"))
