"""The lane with a car that somebody names: a code on a phone, an id at the keypad, a request from afar."""

import pytest

from cloud_sync.link.v1.facts import GateDecided
from domain.admission import Evidence, Reason, Verdict
from domain.errors import GatehouseError, Refused, TryLater
from domain.plate import Plate
from domain.reservation import Status
from gate_firmware.events import (
    ArmMoved,
    ArrivalLoop,
    ById,
    ByPlate,
    ByTicket,
    Credential,
    Event,
    Look,
    LookForCode,
    LowerArm,
    RaiseArm,
    SafetyLoop,
    Sight,
    Tell,
)
from gate_firmware.lane_states import State
from gate_firmware.passage import CODES_MAX
from gate_firmware.words import IDLE, LOOKING
from hardware.barrier import Position as Arm
from hardware.lights import Signal
from tests.gate_firmware.gate import (
    KEY_KNOWN,
    OTHER,
    OTHER_KEY,
    PLATE,
    SEAL,
    SPOT,
    TIMING,
    Gate,
    brought_to,
    rid,
    right,
    spot,
    stay,
    ticket,
)

INVALID = ticket(key=OTHER_KEY)
WELCOME = Tell(Signal.GREEN, "WELCOME", "YOUR SPOT 1-042")
CREDENTIALS = [ByTicket(ticket()), ById(rid(1)), ByPlate(SEAL.seal(PLATE))]


def code_refused(gate: Gate, by: Credential, *, car_required: bool = True) -> str:
    """The code that the lane refuses to decide with; nothing has changed then."""
    before = gate.store.connection.total_changes, gate.lane.state, gate.lane.told
    with pytest.raises(GatehouseError) as refused:
        gate.named(by, car_required=car_required)
    assert (gate.store.connection.total_changes, gate.lane.state, gate.lane.told) == before
    assert isinstance(refused.value, TryLater if refused.value.code == "lane_busy" else Refused)
    return refused.value.code


class TestCode:
    def test_one_beside_the_plate_opens_where_nothing_was_ever_heard_of_the_booking(self, entry: Gate) -> None:
        entry.hub_says(KEY_KNOWN)
        commands = entry.seen(entry.car_comes(), Sight.STRANGER, PLATE, code=ticket())
        assert commands[:2] == [RaiseArm(), WELCOME]
        entry.through()
        [passed] = entry.passages
        assert (passed.evidence, passed.ticket_id, passed.spot_id) == (Evidence.TICKET_AND_PLATE, "t1", SPOT)
        assert passed.reservation_id == rid(1)

    def test_who_is_held_back_is_looked_at_for_a_code_at_once(self, entry: Gate) -> None:
        passage_id = entry.car_comes()
        commands = entry.seen(passage_id, Sight.UNSURE, None)
        assert commands[-1] == LookForCode(passage_id)

    def test_one_held_up_after_a_refusal_opens(self, entry: Gate) -> None:
        entry.hub_says(KEY_KNOWN)
        passage_id = entry.car_comes()
        entry.seen(passage_id, Sight.UNSURE, None)
        entry.now = entry.now.later(300)
        assert RaiseArm() in entry.shown(passage_id, ticket())
        assert entry.reasons == [Reason.PLATE_UNSURE, Reason.BOOKED]
        assert entry.decisions[-1].evidence is Evidence.TICKET
        assert entry.decisions[-1].took_ms == 300

    def test_the_plate_that_was_seen_before_counts(self, entry: Gate) -> None:
        entry.hub_says(KEY_KNOWN)
        passage_id = entry.car_comes()
        entry.seen(passage_id, Sight.STRANGER, PLATE)
        entry.shown(passage_id, ticket())
        assert entry.decisions[-1].evidence is Evidence.TICKET_AND_PLATE

    def test_so_does_another_plate_also_when_a_later_look_shows_nothing(self, entry: Gate) -> None:
        entry.hub_says(KEY_KNOWN)
        passage_id = entry.car_comes()
        entry.seen(passage_id, Sight.STRANGER, OTHER)
        entry.passes_ms(TIMING.retry_ms)
        entry.seen(passage_id, Sight.UNSURE, None, code=ticket())
        assert entry.reasons == [Reason.NO_BOOKING, Reason.PLATE_DIFFERS]
        assert entry.lane.state is State.HELD_BACK

    def test_but_not_that_of_the_car_before(self, entry: Gate) -> None:
        entry.hub_says(KEY_KNOWN)
        entry.seen(entry.car_comes(), Sight.STRANGER, OTHER)
        entry.happens(ArrivalLoop(False))
        assert RaiseArm() in entry.seen(entry.car_comes(), Sight.UNSURE, None, code=ticket())

    def test_what_was_judged_is_not_sought_again_before_the_next_look(self, entry: Gate) -> None:
        passage_id = entry.car_comes()
        commands = entry.seen(passage_id, Sight.UNSURE, None, code=INVALID)
        assert commands[-1] == LookForCode(passage_id, frozenset({INVALID}))
        commands = entry.shown(passage_id, "A" * 200)
        assert commands[-1] == LookForCode(passage_id, frozenset({INVALID, "A" * 200}))
        assert entry.passes_ms(TIMING.retry_ms)[-1] == Look(passage_id)
        commands = entry.seen(passage_id, Sight.UNSURE, None)
        assert commands[-1] == LookForCode(passage_id)

    def test_a_code_that_stays_in_view_is_answered_once(self, entry: Gate) -> None:
        passage_id = entry.car_comes()
        for _ in range(5):
            entry.seen(passage_id, Sight.UNSURE, None, code=INVALID)
            entry.passes_ms(TIMING.retry_ms)
        assert entry.reasons == [Reason.TICKET_INVALID]

    def test_a_film_of_codes_fills_no_memory(self, entry: Gate) -> None:
        passage_id = entry.car_comes()
        entry.seen(passage_id, Sight.UNSURE, None)
        for number in range(50):
            commands = entry.shown(passage_id, f"{number}".rjust(150, "A"))
        [look] = [command for command in commands if isinstance(command, LookForCode)]
        assert len(look.but) == CODES_MAX
        assert entry.reasons == [Reason.PLATE_UNSURE, Reason.TICKET_INVALID]

    def test_while_a_look_at_the_plate_goes_on_there_is_no_other(self, entry: Gate) -> None:
        """A reader that is slow, or still loading: its look finds codes too."""
        entry.car_comes()
        commands = entry.passes_ms(TIMING.identify_ms_max)
        assert [type(command) for command in commands] == [Tell]

    def test_a_code_shown_by_a_car_that_has_gone_counts_for_nobody(self, entry: Gate) -> None:
        entry.hub_says(KEY_KNOWN)
        gone = entry.car_comes()
        entry.seen(gone, Sight.UNSURE, None)
        entry.happens(ArrivalLoop(False))
        assert entry.shown(gone, ticket()) == []
        entry.car_comes()
        assert entry.shown(gone, ticket()) == []
        assert entry.reasons == [Reason.PLATE_UNSURE]

    def test_an_exit_says_whose_stay_ends(self, exit_: Gate) -> None:
        exit_.hub_says(KEY_KNOWN, right(), right(status=Status.CHECKED_IN, revision=3), stay(1, ticket_id="t1"))
        assert RaiseArm() in exit_.seen(exit_.car_comes(), Sight.UNSURE, None, code=ticket())
        exit_.through()
        [passed] = exit_.passages
        assert (passed.reservation_id, passed.evidence, passed.ticket_id) == (rid(1), Evidence.TICKET, None)

    def test_no_code_keeps_anybody_in(self, exit_: Gate) -> None:
        assert RaiseArm() in exit_.seen(exit_.car_comes(), Sight.UNSURE, None, code=INVALID)
        assert exit_.reasons == [Reason.UNKNOWN_CAR]


class TestUsedTicket:
    def test_a_second_use_is_refused(self, entry: Gate) -> None:
        entry.hub_says(KEY_KNOWN)
        entry.seen(entry.car_comes(), Sight.UNSURE, None, code=ticket())
        entry.through()
        entry.happens(ArmMoved(Arm.DOWN))
        entry.seen(entry.car_comes(), Sight.UNSURE, None, code=ticket())
        assert entry.reasons == [Reason.BOOKED, Reason.TICKET_USED]
        assert entry.decisions[-1].verdict is Verdict.REFUSE

    def test_who_did_not_drive_has_it_still(self, entry: Gate) -> None:
        entry.hub_says(KEY_KNOWN)
        entry.seen(entry.car_comes(), Sight.UNSURE, None, code=ticket())
        entry.happens(ArmMoved(Arm.UP))
        entry.passes_ms(TIMING.drive_ms_max)
        entry.happens(ArmMoved(Arm.DOWN))
        assert RaiseArm() in entry.seen("p2", Sight.UNSURE, None, code=ticket())

    def test_a_restart_under_the_open_arm_uses_it_up_too(self, entry: Gate) -> None:
        entry.hub_says(KEY_KNOWN)
        entry.seen(entry.car_comes(), Sight.UNSURE, None, code=ticket())
        entry.happens(ArmMoved(Arm.UP))
        entry.crash()
        assert entry.start(arrival=True, arm=Arm.UP) == [Tell(Signal.RED, *LOOKING), Look("p1")]
        assert entry.seen("p1", Sight.UNSURE, None) == [WELCOME]
        entry.happens(SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        [passed] = entry.passages
        assert (passed.reservation_id, passed.ticket_id, passed.spot_id) == (rid(1), "t1", SPOT)
        assert passed.evidence is Evidence.TICKET
        assert entry.replica.is_used("t1")

    def test_the_rightful_driver_comes_in_after_a_copied_plate(self, entry: Gate) -> None:
        entry.hub_says(KEY_KNOWN, right())
        entry.admitted()
        entry.through()
        entry.happens(ArmMoved(Arm.DOWN))
        entry.seen(entry.car_comes(), code=ticket())
        assert entry.lane.told == Tell(Signal.GREEN, "WELCOME, PLEASE", "SEE THE HELP DESK")
        entry.through()
        assert [passed.spot_id for passed in entry.passages] == [SPOT, None]
        assert entry.reasons == [Reason.BOOKED, Reason.SECOND_CAR]


class TestSpot:
    def test_the_driver_is_sent_where_there_is_room(self, entry: Gate) -> None:
        entry.hub_says(right(), spot(42), spot(7), stay(9, stay_id="s9"))
        entry.admitted()
        assert entry.lane.told == Tell(Signal.GREEN, "WELCOME", "YOUR SPOT 1-007")
        entry.through()
        assert entry.decisions[0].spot_id == entry.passages[0].spot_id == "riverside.1-007"

    def test_or_told_to_ask(self, entry: Gate) -> None:
        entry.hub_says(right(), stay(9, stay_id="s9"))
        entry.admitted()
        assert entry.lane.told == Tell(Signal.GREEN, "WELCOME, PLEASE", "ASK FOR A SPOT")
        entry.through()
        assert entry.passages[0].spot_id is None

    def test_who_is_late_as_well(self, entry: Gate) -> None:
        entry.hub_says(right(status=Status.NO_SHOW), spot(7))
        entry.admitted()
        assert entry.lane.told == Tell(Signal.GREEN, "WELCOME, YOUR NEW", "SPOT IS 1-007")
        entry.through()
        entry.happens(ArmMoved(Arm.DOWN))
        entry.admitted()
        assert entry.reasons == [Reason.LATE, Reason.ALREADY_INSIDE]


class TestIdentified:
    @pytest.mark.parametrize("by", CREDENTIALS)
    @pytest.mark.parametrize("state", [State.LOOKING, State.HELD_BACK])
    def test_opens_for_the_car_that_stands_there(self, entry: Gate, by: Credential, state: State) -> None:
        brought_to(entry, state)
        entry.hub_says(KEY_KNOWN)
        if state is State.HELD_BACK:  # brought there by another plate
            entry.happens(ArrivalLoop(False))
            entry.seen(entry.car_comes(), Sight.UNSURE, None)
        assert entry.named(by)[0] == RaiseArm()
        assert entry.stored()[-1] == GateDecided.kind
        entry.through()
        assert entry.passages[-1].reservation_id == rid(1)

    def test_what_does_not_open_is_told_and_stored_each_time(self, entry: Gate) -> None:
        entry.hub_says(right(status=Status.CANCELLED))
        entry.car_comes()
        for _ in range(2):
            commands = entry.named(ById(rid(1)))
            assert commands == [Tell(Signal.RED, "YOUR BOOKING", "WAS CANCELLED")]
        assert entry.reasons == [Reason.CANCELLED] * 2

    def test_the_look_at_the_plate_goes_on_meanwhile(self, entry: Gate) -> None:
        entry.hub_says(right())
        passage_id = entry.car_comes()
        entry.named(ById(rid(7)))
        assert entry.lane.state is State.HELD_BACK
        assert RaiseArm() in entry.seen(passage_id)

    @pytest.mark.parametrize("by", CREDENTIALS)
    def test_without_a_car_it_is_refused(self, entry: Gate, exit_: Gate, by: Credential) -> None:
        for gate in (entry, exit_):
            gate.hub_says(KEY_KNOWN, right())
            assert code_refused(gate, by) == "no_car"
        assert code_refused(exit_, by, car_required=False) == "no_car"

    @pytest.mark.parametrize("state", [State.OPENING, State.OPEN, State.PASSING, State.FAULT])
    def test_asked_again_it_is_the_same_decision(self, entry: Gate, state: State) -> None:
        brought_to(entry, state)
        assert entry.named(ById(rid(1))) == []
        assert entry.reasons == [Reason.BOOKED]

    @pytest.mark.parametrize("state", [State.OPENING, State.OPEN, State.PASSING, State.CLOSING, State.FAULT])
    def test_another_car_waits_for_the_one_before(self, entry: Gate, state: State) -> None:
        entry.hub_says(right(2, plate=OTHER))
        brought_to(entry, state)
        assert code_refused(entry, ById(rid(2))) == "lane_busy"
        assert code_refused(entry, ById("nonsense")) == "lane_busy"

    def test_an_arm_that_closes_because_nobody_drove_is_not_open_for_anybody(self, entry: Gate) -> None:
        brought_to(entry, State.OPEN)
        entry.passes_ms(TIMING.drive_ms_max)
        assert entry.lane.state is State.CLOSING
        assert code_refused(entry, ById(rid(1))) == "lane_busy"


class TestExit:
    @pytest.fixture
    def inside(self, exit_: Gate) -> Gate:
        exit_.hub_says(KEY_KNOWN, right(), right(status=Status.CHECKED_IN, revision=3), stay())
        return exit_

    @pytest.mark.parametrize("by", CREDENTIALS)
    def test_the_car_is_named_before_it_was_read(self, inside: Gate, by: Credential) -> None:
        inside.car_comes()
        assert RaiseArm() in inside.named(by)
        inside.through()
        assert (inside.reasons, inside.passages[0].reservation_id) == ([Reason.STAY_CLOSED], rid(1))

    @pytest.mark.parametrize("by", CREDENTIALS)
    @pytest.mark.parametrize("under", [False, True])
    def test_or_when_the_arm_is_up_for_it_as_unknown(self, inside: Gate, by: Credential, under: bool) -> None:
        inside.seen(inside.car_comes(), Sight.UNSURE, None)
        drives: list[Event] = [SafetyLoop(True), ArrivalLoop(False)]
        inside.happens(ArmMoved(Arm.UP), *(drives if under else []))
        assert inside.named(by) == []
        assert inside.reasons == [Reason.UNKNOWN_CAR, Reason.STAY_CLOSED]
        inside.happens(*([] if under else drives), SafetyLoop(False))
        assert inside.passages[0].reservation_id == rid(1)

    def test_who_is_known_stays_who_it_is(self, inside: Gate) -> None:
        inside.hub_says(right(2, plate=OTHER), stay(2, stay_id="s2"))
        inside.seen(inside.car_comes())
        assert inside.named(ById(rid(2))) == []
        assert inside.decisions[-1].reservation_id == rid(1)
        assert len(inside.decisions) == 1

    def test_what_names_nobody_opens_all_the_same(self, inside: Gate) -> None:
        inside.car_comes()
        assert RaiseArm() in inside.named(ById(rid(7)))
        assert inside.reasons == [Reason.UNKNOWN_CAR]

    def test_after_a_restart_with_the_arm_up_the_car_on_the_loop_is_meant(self, inside: Gate) -> None:
        inside.crash()
        inside.start(arm=Arm.UP, arrival=True)
        inside.named(ById(rid(1)))
        assert inside.decisions[-1].reservation_id == rid(1)


class TestFromAfar:
    """An entry may be asked to let a car in that has not come yet."""

    @pytest.mark.parametrize("by", CREDENTIALS)
    def test_it_opens_and_lets_that_very_car_in(self, entry: Gate, by: Credential) -> None:
        entry.hub_says(KEY_KNOWN, right())
        commands = entry.named(by, car_required=False)
        assert commands[:2] == [RaiseArm(), WELCOME]
        assert entry.stored() == [GateDecided.kind]
        assert entry.happens(ArmMoved(Arm.BETWEEN), ArmMoved(Arm.UP)) == [WELCOME]
        assert entry.happens(ArrivalLoop(True)) == [WELCOME], "nobody looks at it: it may be one that cannot be read"
        entry.happens(SafetyLoop(True), ArrivalLoop(False))
        assert LowerArm() in entry.happens(SafetyLoop(False))
        [passed] = entry.passages
        assert (passed.reservation_id, passed.passage_id) == (rid(1), entry.decisions[0].passage_id)

    def test_the_car_after_it_needs_a_decision_of_its_own(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.named(ById(rid(1)), car_required=False)
        entry.happens(ArmMoved(Arm.UP), ArrivalLoop(True))
        entry.car_leaves()
        commands = entry.happens(ArrivalLoop(True))
        assert Tell(Signal.RED, *LOOKING) in commands

    def test_one_that_comes_late_has_as_long_to_drive_as_any(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.named(ById(rid(1)), car_required=False)
        entry.happens(ArmMoved(Arm.BETWEEN), ArmMoved(Arm.UP))
        assert entry.passes_ms(TIMING.drive_ms_max - 1) == []
        entry.happens(ArrivalLoop(True))
        assert entry.passes_ms(TIMING.drive_ms_max - 1) == []
        assert LowerArm() in entry.passes_ms(1)

    def test_it_closes_when_nobody_comes(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.named(ById(rid(1)), car_required=False)
        entry.happens(ArmMoved(Arm.BETWEEN), ArmMoved(Arm.UP))
        assert entry.passes_ms(TIMING.drive_ms_max) == [LowerArm(), Tell(Signal.RED, *IDLE)]
        entry.happens(ArmMoved(Arm.BETWEEN))
        assert Tell(Signal.RED, *LOOKING) in entry.happens(ArrivalLoop(True)), "who comes now is looked at"
        assert entry.passages == []

    def test_what_is_refused_is_stored_and_moves_nothing(self, entry: Gate) -> None:
        assert entry.named(ById(rid(1)), car_required=False) == []
        assert (entry.reasons, entry.lane.state) == ([Reason.NO_BOOKING], State.IDLE)
        assert entry.lane.told == Tell(Signal.RED, *IDLE)
        assert Look("p2") in entry.happens(ArrivalLoop(True))

    def test_a_car_that_is_there_is_the_one_that_is_meant(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.car_comes()
        assert RaiseArm() in entry.named(ById(rid(1)), car_required=False)
        assert entry.decisions[0].passage_id == "p1"

    def test_a_restart_forgets_that_it_was_awaited_and_looks(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.named(ById(rid(1)), car_required=False)
        entry.happens(ArmMoved(Arm.UP))
        entry.crash()
        entry.start(arm=Arm.UP)
        assert Tell(Signal.RED, *LOOKING) in entry.happens(ArrivalLoop(True))


def test_a_plate_is_said_by_whoever_knows_it_and_is_kept(entry: Gate) -> None:
    entry.hub_says(right(plate=Plate("HHAB999")))
    entry.car_comes()
    entry.named(ByPlate(SEAL.seal(Plate("HHAB999"))))
    entry.through()
    plate = entry.passages[0].plate
    assert plate is not None
    assert SEAL.open(plate) == Plate("HHAB999")
