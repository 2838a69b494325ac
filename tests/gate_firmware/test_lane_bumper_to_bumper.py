"""The lane's core, and cars that drive in bumper to bumper, so that the arrival loop is never free."""

import pytest

from cloud_sync.link.v1.facts import GateDecided, GatePassed, LaneModeChanged, Mode, WithdrawalNoted
from domain.admission import Reason
from domain.plate import Plate
from domain.reservation import Status
from gate_firmware.events import (
    ArmMoved,
    ArrivalLoop,
    ByTicket,
    CabinetDoor,
    CallButton,
    CodeSeen,
    Event,
    FireAlarm,
    Identified,
    LowerArm,
    ModeSet,
    OpenedBy,
    Photocell,
    RaiseArm,
    SafetyLoop,
    Sight,
)
from hardware.barrier import Position as Arm
from tests.gate_firmware.gate import (
    KEY_KNOWN,
    OTHER,
    PLATE,
    TIMING,
    Gate,
    rid,
    right,
    spot,
    spot_id,
    ticket,
)


class TestRollingBack:
    def test_a_car_that_has_not_left_the_arrival_loop_has_perhaps_gone_back(self, entry: Gate) -> None:
        """It counts as inside, and who comes on its ticket is let in all the same."""
        entry.hub_says(KEY_KNOWN, right())
        entry.seen(entry.car_comes(), code=ticket())
        entry.happens(ArmMoved(Arm.UP), SafetyLoop(True), SafetyLoop(False))
        assert RaiseArm() in entry.seen(entry.lane._passage.passage_id, code=ticket())
        [passed] = entry.passages
        assert (passed.reservation_id, passed.unseen) == (rid(1), True)
        assert entry.alarms == ["passage-unseen"]


class TestBumperToBumper:
    """The arrival loop is never free while a car crosses: who stands there next tells whether it has."""

    def comes_close_behind(self, entry: Gate) -> str:
        """A car is let in on its ticket, and leaves the safety loop; the passage of whoever stands there then."""
        entry.hub_says(KEY_KNOWN, right(), right(2, plate=OTHER, spot_id=spot_id(43)), spot(43))
        entry.seen(entry.car_comes(), code=ticket())
        entry.happens(ArmMoved(Arm.UP), SafetyLoop(True))
        assert LowerArm() in entry.happens(SafetyLoop(False)), "no car passes before it was looked at"
        assert entry.passages == []
        return entry.lane._passage.passage_id

    @pytest.mark.parametrize("sight", [Sight.KNOWN, Sight.STRANGER])
    def test_where_another_car_stands_there_it_has(self, entry: Gate, sight: Sight) -> None:
        entry.seen(self.comes_close_behind(entry), sight, OTHER)
        [passed] = entry.passages
        assert (passed.passage_id, passed.unseen, passed.ticket_id) == ("p1", False, "t1")
        assert entry.alarms == []

    def test_its_ticket_is_used_up_then(self, entry: Gate) -> None:
        assert RaiseArm() not in entry.seen(self.comes_close_behind(entry), Sight.STRANGER, OTHER, code=ticket())
        assert entry.decisions[-1].reason is Reason.TICKET_USED

    @pytest.mark.parametrize(
        ("sight", "plate"), [(Sight.KNOWN, PLATE), (Sight.UNSURE, None), (Sight.UNSURE, OTHER), (Sight.BLIND, None)]
    )
    def test_where_nobody_can_say_it_is_inside_and_was_not_seen(
        self, entry: Gate, sight: Sight, plate: Plate | None
    ) -> None:
        entry.seen(self.comes_close_behind(entry), sight, plate)
        [passed] = entry.passages
        assert (passed.passage_id, passed.unseen, passed.ticket_id) == ("p1", True, None)
        assert "passage-unseen" in entry.alarms

    @pytest.mark.parametrize(
        "event",
        [
            ArrivalLoop(False),
            SafetyLoop(True),
            Photocell(True),
            FireAlarm(True),
            ModeSet(Mode.HELD_OPEN, "Anna"),
            OpenedBy("Anna"),
            Identified(ByTicket(ticket())),
        ],
    )
    def test_nor_where_something_happens_before_that_look(self, entry: Gate, event: Event) -> None:
        self.comes_close_behind(entry)
        entry.happens(event)
        assert [(passed.passage_id, passed.unseen) for passed in entry.passages] == [("p1", True)]

    def test_nor_where_the_hub_hands_another_mode_back_before_that_look(self, entry: Gate) -> None:
        self.comes_close_behind(entry)
        entry.recovered(LaneModeChanged(gate_id=entry.unit, mode=Mode.HELD_OPEN, by="Anna"))
        assert [(passed.passage_id, passed.unseen) for passed in entry.passages] == [("p1", True)]

    @pytest.mark.parametrize(
        "event", [CallButton(True), CabinetDoor(True), ArmMoved(Arm.DOWN), CodeSeen("p1", ticket())]
    )
    def test_what_is_not_its_doing_leaves_it_to_the_look(self, entry: Gate, event: Event) -> None:
        next_id = self.comes_close_behind(entry)
        entry.happens(event)
        entry.seen("p1")
        assert entry.passages == []
        entry.seen(next_id, plate=OTHER)
        assert [(passed.passage_id, passed.unseen) for passed in entry.passages] == [("p1", False)]

    def test_nor_where_the_look_takes_too_long(self, entry: Gate) -> None:
        self.comes_close_behind(entry)
        entry.passes_ms(TIMING.identify_ms_max)
        assert [(passed.passage_id, passed.unseen) for passed in entry.passages] == [("p1", True)]

    def test_what_was_withdrawn_is_said_only_after(self, entry: Gate) -> None:
        next_id = self.comes_close_behind(entry)
        entry.hub_says(right(status=Status.CANCELLED, revision=3))
        assert WithdrawalNoted.kind not in entry.stored()
        entry.seen(next_id, plate=OTHER)
        assert entry.stored()[-3:] == [GatePassed.kind, WithdrawalNoted.kind, GateDecided.kind]

    def test_a_queue_is_no_stuck_loop(self, entry: Gate) -> None:
        self.queue(entry, [Plate(f"HHAB12{number}") for number in range(1, 8)])
        assert [passed.unseen for passed in entry.passages] == [False] * 6
        assert entry.alarms == []

    def test_where_nobody_is_ever_seen_in_its_place_it_is_the_loop(self, entry: Gate) -> None:
        plates = [Plate(f"HHAB12{number}") for number in range(1, 6)]
        self.queue(entry, [plate for one in plates for plate in (one, None)])
        assert [passed.unseen for passed in entry.passages] == [True, True, True, False, False]
        assert entry.alarms == ["passage-unseen", "passage-unseen", "arrival-loop-stuck", "passage-unseen"]

    def queue(self, entry: Gate, seen: list[Plate | None]) -> None:
        """What is seen on a loop that is never free, look after look; who is known drives through."""
        plates = [plate for plate in seen if plate is not None]
        entry.hub_says(*(right(number, plate=plate) for number, plate in enumerate(plates, 1)))
        entry.car_comes()
        for plate in seen:
            sight = Sight.UNSURE if plate is None else Sight.KNOWN
            if RaiseArm() in entry.seen(entry.lane._passage.passage_id, sight, plate):
                entry.happens(ArmMoved(Arm.UP), SafetyLoop(True), SafetyLoop(False), ArmMoved(Arm.DOWN))
