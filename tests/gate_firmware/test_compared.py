"""The gate's copy, as it is compared with the hub's log."""

import pytest

from cloud_sync.link.digest import LAST, Row
from cloud_sync.link.log import Position
from cloud_sync.link.receiving import Receiver
from cloud_sync.link.v1.facts import (
    Direction,
    GateChanged,
    Payload,
    ReservationChanged,
    SpotChanged,
    StayChanged,
    values_of,
)
from cloud_sync.link.v1.messages import Part
from domain.admission import Evidence
from domain.fact import FactRef
from domain.reservation import Status
from gate_firmware.compared import ComparedReplica
from tests.gate_firmware.gate import KEY_KNOWN, SPOT, Gate, at, policy, rid, right, spot, stay
from tests.parts import ENTRY, LOT


def rows(gate: Gate, kind: str, first: str = "", until: str = LAST, hours: float = 0) -> dict[str, Row]:
    found = ComparedReplica(gate.store).rows(kind, first, until, at(hours))
    assert found is not None
    return {row[0]: row for row in found}


@pytest.mark.parametrize(
    "payload", [right(), stay(), spot(7, in_service=False), KEY_KNOWN, policy(early_s=60)], ids=lambda said: said.kind
)
def test_every_value_that_it_keeps_is_the_facts(entry: Gate, payload: Payload) -> None:
    entry.hub_says(payload)
    (fact,) = entry.journal.kept(LOT, Position(), 99)
    ((subject, values),) = rows(entry, payload.kind).values()
    assert subject == fact.payload.get(payload.subject or "", "")
    assert values
    told = values_of(fact)
    assert values == {field: told[field] for field in values}


def test_what_a_lane_keeps_no_copy_of_is_not_compared(entry: Gate) -> None:
    entry.hub_says(GateChanged(gate_id=ENTRY, direction=Direction.ENTRY))
    assert ComparedReplica(entry.store).rows(GateChanged.kind, "", LAST, at(0)) is None


def test_a_page_of_it(entry: Gate) -> None:
    entry.hub_says(*[spot(number) for number in range(1, 6)])
    page = rows(entry, SpotChanged.kind, "riverside.1-002", "riverside.1-004")
    assert page.keys() == {"riverside.1-002", "riverside.1-003"}


def test_what_is_over_is_left_out_but_not_a_car_that_is_inside(entry: Gate) -> None:
    entry.hub_says(right(1, end=1), right(2, Status.CHECKED_IN, end=1), right(3, end=3), stay(1), stay(2, left=True))
    assert rows(entry, ReservationChanged.kind, hours=1).keys() == {rid(2), rid(3)}


class TestWhatTheLaneHasSeenItself:
    def test_who_came_in_is_not_in_it_before_the_hub_says_so(self, entry: Gate) -> None:
        origin = FactRef(ENTRY, 1, 7)
        entry.replica.spots.came_in(origin, rid(1), SPOT, Evidence.PLATE)
        assert rows(entry, StayChanged.kind) == {}
        entry.hub_says(stay(stay_id=origin.stay_id, origin=origin))
        assert rows(entry, StayChanged.kind).keys() == {origin.stay_id}

    def test_who_went_out_is_in_it_until_the_hub_says_so(self, exit_: Gate) -> None:
        exit_.hub_says(right(), stay())
        exit_.replica.went_out(rid(1))
        assert exit_.replica.spots.inside() == {}
        assert rows(exit_, StayChanged.kind).keys() == {"s1"}
        exit_.hub_says(stay(left=True))
        assert rows(exit_, StayChanged.kind) == {}


def test_a_snapshot_puts_it_right(entry: Gate) -> None:
    said = [right(), stay(), spot(42), KEY_KNOWN, policy(early_s=60)]
    entry.hub_says(*said)
    kinds = [payload.kind for payload in said]
    before = [rows(entry, kind) for kind in kinds]
    for change in (
        "UPDATE rights SET spot_id = 'x'",
        "DELETE FROM open_stay",
        "DELETE FROM ticket_key",
        "UPDATE policy SET policy = '{}'",
        "INSERT INTO spot VALUES ('phantom', 'ev', 1)",
    ):
        entry.store.connection.execute(change)
    assert [rows(entry, kind) for kind in kinds] != before
    facts, replica = entry.journal.kept(LOT, Position(), 99), entry.replica
    copy = ComparedReplica(entry.store)
    receiver = Receiver(LOT, entry.journal, replica.apply, forget=replica.forget, copy=copy)
    receiver.part(Part(at=entry.journal.cursor(LOT).wire(), number=1, of=1), facts)
    assert [rows(entry, kind) for kind in kinds] == before
