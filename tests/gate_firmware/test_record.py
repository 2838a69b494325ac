"""What a lane writes down: whole, and on disk when the call returns."""

from collections.abc import Callable

import pytest

from cloud_sync.link.v1.facts import AlarmRaised, Direction, GateDecided
from domain.admission import Decision, Evidence
from gate_firmware.deciding import Judgement
from gate_firmware.events import ByTicket, Looked, Sight
from gate_firmware.record import Record
from tests.gate_firmware.gate import KEY_KNOWN, PLATE, SEAL, SPOT, Gate, rid, right, ticket


def record_of(gate: Gate) -> Record:
    return Record(gate.direction, gate.journal, gate.replica)


def judged(gate: Gate, *, booked: bool = True) -> Judgement:
    """What the gate's judge makes of a car that it has read."""
    if booked:
        gate.hub_says(right())
    looked = Looked("p1", Sight.KNOWN, PLATE, -0.2, 3)
    judgement = gate.judge.looked(looked, looked, gate.now)
    assert isinstance(judgement.decision, Decision)
    assert (judgement.reservation_id == rid(1)) is booked
    return judgement


def test_a_decision_is_on_disk_with_what_it_was_made_of(entry: Gate) -> None:
    judgement = judged(entry)
    record_of(entry).decision("p1", judgement, 180, entry.now)
    assert entry.stored() == [GateDecided.kind]
    (told,) = entry.decisions
    assert (told.passage_id, told.direction, told.took_ms) == ("p1", Direction.ENTRY, 180)
    assert (told.verdict, told.reason) == (judgement.decision.verdict, judgement.decision.reason)
    assert (told.reservation_id, told.spot_id, told.score, told.frames) == (rid(1), SPOT, -0.2, 3)
    assert told.plate is not None
    assert SEAL.open(told.plate) == PLATE


def test_who_has_come_in_is_inside_until_they_go_out(entry: Gate) -> None:
    judgement = judged(entry)
    record_of(entry).passage("p1", judgement, entry.now)
    assert entry.replica.spots.inside().keys() == {rid(1)}
    entry.crash()
    assert entry.replica.spots.inside().keys() == {rid(1)}
    leaving = Record(Direction.EXIT, entry.journal, entry.replica)
    leaving.passage("p2", judgement, entry.now)
    assert entry.replica.spots.inside() == {}
    assert [(p.passage_id, p.direction, p.reservation_id) for p in entry.passages] == [
        ("p1", Direction.ENTRY, rid(1)),
        ("p2", Direction.EXIT, rid(1)),
    ]
    assert [(p.evidence, p.spot_id) for p in entry.passages] == [(Evidence.PLATE, SPOT), (Evidence.PLATE, None)]


class TestTicket:
    def judged(self, gate: Gate) -> Judgement:
        gate.hub_says(KEY_KNOWN, right())
        return gate.judge.named(ByTicket(ticket()), None, gate.now)

    def test_is_used_up_by_the_passage_and_not_before(self, entry: Gate) -> None:
        judgement = self.judged(entry)
        record_of(entry).decision("p1", judgement, 180, entry.now)
        assert not entry.replica.is_used("t1")
        record_of(entry).passage("p1", judgement, entry.now)
        assert entry.replica.is_used("t1")
        assert (entry.passages[0].ticket_id, entry.passages[0].evidence) == ("t1", Evidence.TICKET)
        assert entry.replica.spots.inside() == {rid(1): Evidence.TICKET}

    def test_is_not_used_up_by_a_passage_that_was_not_stored(
        self, entry: Gate, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        judgement = self.judged(entry)

        def full(*_args: object) -> None:
            raise OSError("the disk is full")

        monkeypatch.setattr(entry.replica.spots, "came_in", full)
        with pytest.raises(OSError, match="full"):
            record_of(entry).passage("p1", judgement, entry.now)
        assert not entry.replica.is_used("t1")

    def test_is_not_used_up_on_the_way_out(self, exit_: Gate) -> None:
        judgement = self.judged(exit_)
        record_of(exit_).passage("p1", judgement, exit_.now)
        assert exit_.passages[0].reservation_id == rid(1)
        assert exit_.passages[0].ticket_id is None
        assert not exit_.replica.is_used("t1")


@pytest.mark.parametrize("read", [True, False])
def test_a_car_without_a_booking_crosses_and_nobody_is_inside(entry: Gate, read: bool) -> None:
    judgement = judged(entry, booked=False) if read else None
    record_of(entry).passage("p1", judgement, entry.now)
    (told,) = entry.passages
    assert (told.reservation_id, told.plate is not None) == (None, read)
    assert (told.evidence, told.spot_id, told.ticket_id) == (Evidence.PLATE if read else Evidence.NONE, None, None)
    assert entry.replica.spots.inside() == {}


def test_a_passage_is_written_whole_or_not_at_all(entry: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    judgement = judged(entry)

    def full(*_args: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as failing:
        failing.setattr(entry.replica.spots, "came_in", full)
        with pytest.raises(OSError, match="full"):
            record_of(entry).passage("p1", judgement, entry.now)
    assert entry.stored() == []
    record_of(entry).passage("p1", judgement, entry.now)
    assert len(entry.passages) == 1


@pytest.mark.parametrize(
    "write",
    [
        lambda record, gate: record.alarm("arm-stuck", "arm", gate.now),
        lambda record, gate: record.passage("p1", None, gate.now),
    ],
)
def test_when_the_call_returns_it_is_there_for_the_process_that_is_started_next(
    entry: Gate, write: Callable[[Record, Gate], None]
) -> None:
    write(record_of(entry), entry)
    stored = entry.stored()
    entry.crash()
    assert entry.stored() == stored
    assert len(stored) == 1


def test_an_alarm_says_what(entry: Gate) -> None:
    record_of(entry).alarm("arm-stuck", "the arm", entry.now)
    (told,) = entry.told(AlarmRaised)
    assert (told.alarm, told.detail) == ("arm-stuck", "the arm")


@pytest.mark.parametrize("unseen", [True, False])
def test_a_car_that_nobody_knows_may_have_passed_unseen(entry: Gate, unseen: bool) -> None:
    record_of(entry).passage("p1", None, entry.now, unseen=unseen)
    assert [passed.unseen for passed in entry.passages] == [unseen]
