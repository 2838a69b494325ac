"""Where a driver is sent: spots and open stays out of the hub's facts, and what this gate has seen itself."""

from pathlib import Path

import pytest

from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import GatePassed
from domain.admission import Evidence, Right
from domain.fact import FactRef
from domain.reservation import Status
from domain.spot import SpotKind
from gate_firmware.replica import Replica
from tests.gate_firmware.gate import NOW, OTHER, SPOT, Gate, rid, right, spot, spot_id, stay
from tests.parts import ENTRY


def known(gate: Gate, number: int = 1) -> Right:
    found = gate.replica.right(rid(number))
    assert found is not None
    return found


def sent_to(gate: Gate, number: int = 1) -> str | None:
    return gate.replica.spots.spot_for(known(gate, number), NOW)


OWN = spot(42)
TAKEN = stay(9, stay_id="s9")
"""Another car stands on the spot of `right()`."""


class TestConfirmed:
    def test_is_sent_to_its_own_spot(self, entry: Gate) -> None:
        entry.hub_says(right(), spot(7))
        assert sent_to(entry) == SPOT

    def test_also_when_its_own_stay_is_there(self, entry: Gate) -> None:
        entry.hub_says(right(), stay(1), spot(7))
        assert sent_to(entry) == SPOT

    @pytest.mark.parametrize("number", [9, None])
    def test_to_another_where_somebody_stands_there(self, entry: Gate, number: int | None) -> None:
        entry.hub_says(right(), OWN, spot(7), stay(number, stay_id="s9"))
        assert sent_to(entry) == spot_id(7)
        entry.hub_says(stay(number, stay_id="s9", left=True))
        assert sent_to(entry) == SPOT

    def test_to_another_where_it_is_out_of_service(self, entry: Gate) -> None:
        entry.hub_says(right(), spot(42, in_service=False), spot(7))
        assert sent_to(entry) == spot_id(7)

    def test_nowhere_when_there_is_none(self, entry: Gate) -> None:
        entry.hub_says(right(), TAKEN)
        assert sent_to(entry) is None

    def test_to_one_as_good_or_better_and_the_same_kind_first(self, entry: Gate) -> None:
        entry.hub_says(right(), spot(42, SpotKind.STANDARD), TAKEN, spot(1, SpotKind.LARGE), spot(2))
        assert sent_to(entry) == spot_id(2)
        entry.hub_says(stay(8, stay_id="s8", spot_id=spot_id(2)))
        assert sent_to(entry) == spot_id(1)

    def test_never_to_a_worse_one(self, entry: Gate) -> None:
        entry.hub_says(right(), spot(42, SpotKind.LARGE), TAKEN, spot(1, SpotKind.STANDARD))
        assert sent_to(entry) is None


class TestFree:
    def late(self, gate: Gate) -> str | None:
        gate.hub_says(right(status=Status.NO_SHOW))
        return sent_to(gate)

    def test_who_is_late_gets_the_first_that_is_free_not_the_one_that_was_theirs(self, entry: Gate) -> None:
        entry.hub_says(spot(7), OWN)
        assert self.late(entry) == spot_id(7)

    def test_any_that_fits_will_do(self, entry: Gate) -> None:
        entry.hub_says(spot(42, SpotKind.LARGE), TAKEN, spot(5, SpotKind.COMPACT), spot(7, SpotKind.STANDARD))
        assert self.late(entry) == spot_id(7)

    @pytest.mark.parametrize("kind", [SpotKind.COMPACT, SpotKind.MOTORCYCLE, SpotKind.EV])
    def test_what_does_not_fit_will_not(self, entry: Gate, kind: SpotKind) -> None:
        entry.hub_says(spot(7, kind))
        assert self.late(entry) is None

    def test_not_one_out_of_service_nor_one_with_a_car_on_it(self, entry: Gate) -> None:
        entry.hub_says(spot(7, in_service=False), spot(8), stay(5, stay_id="s5", spot_id=spot_id(8)))
        assert self.late(entry) is None

    @pytest.mark.parametrize(
        ("status", "start", "end", "free"),
        [
            (Status.HELD, 0.5, 2, False),
            (Status.CONFIRMED, 0.5, 2, False),
            (Status.CHECKED_IN, -2, 0.5, False),
            (Status.CONFIRMED, 1, 2, True),
            (Status.CONFIRMED, -2, 0, True),
            (Status.CANCELLED, 0, 1, True),
            (Status.NO_SHOW, 0, 1, True),
            (Status.COMPLETED, 0, 1, True),
        ],
    )
    def test_not_one_that_somebody_else_has_a_right_to(
        self, entry: Gate, status: Status, start: float, end: float, free: bool
    ) -> None:
        entry.hub_says(spot(7), right(2, status, start=start, end=end, plate=OTHER, spot_id=spot_id(7)))
        assert self.late(entry) == (spot_id(7) if free else None)


class TestOpenStays:
    def test_the_hubs_word_takes_the_place_of_this_gates(self, entry: Gate) -> None:
        with entry.journal.transaction():
            fact = entry.journal.append(
                GatePassed(passage_id="p1", direction=entry.direction, reservation_id=rid(1), plate=None), NOW
            )
            entry.replica.spots.came_in(fact.ref, rid(1), SPOT, Evidence.TICKET)
        assert entry.replica.spots.inside() == {rid(1): Evidence.TICKET}
        moved = stay(1, origin=fact.ref, evidence=Evidence.TICKET, spot_id=spot_id(7))
        entry.hub_says(moved, right(2, start=0, end=1, plate=OTHER))
        assert sent_to(entry, 2) == SPOT, "nobody stands there, says the hub"
        entry.hub_says(stay(1, left=True))
        assert entry.replica.spots.inside() == {}

    def test_a_car_that_left_before_the_hub_told_of_its_coming(self, entry: Gate) -> None:
        """Its two gates were heard in the wrong order: what the hub tells first is that it has gone."""
        entry.replica.spots.came_in(FactRef(ENTRY, 1, 7), rid(1), SPOT, Evidence.PLATE)
        entry.hub_says(stay(1, left=True, stay_id="an exit's"))
        assert entry.replica.spots.inside() == {}

    def test_two_cars_on_one_booking_are_both_inside(self, entry: Gate) -> None:
        entry.hub_says(
            stay(1), stay(1, stay_id="s2", spot_id=None, evidence=Evidence.TICKET), stay(1, stay_id="s2", left=True)
        )
        assert entry.replica.spots.inside() == {rid(1): Evidence.PLATE}
        entry.hub_says(stay(1, left=True))
        assert entry.replica.spots.inside() == {}

    def test_of_two_cars_on_one_booking_one_is_still_inside_when_the_other_has_left_here(self, exit_: Gate) -> None:
        exit_.hub_says(stay(1), stay(1, stay_id="s2", spot_id=None, evidence=Evidence.TICKET))
        exit_.replica.went_out(rid(1))
        exit_.hub_says(stay(1, left=True))
        assert exit_.replica.spots.inside() == {rid(1): Evidence.TICKET}
        exit_.replica.went_out(rid(1))
        assert exit_.replica.spots.inside() == {}

    def test_the_best_evidence_counts(self, entry: Gate) -> None:
        for number, evidence in enumerate((Evidence.ID, Evidence.TICKET, Evidence.PLATE)):
            entry.hub_says(stay(1, stay_id=f"s{number}", evidence=evidence))
        assert entry.replica.spots.inside() == {rid(1): Evidence.TICKET}

    def test_a_decision_asks_of_its_own_rights_alone(self, entry: Gate) -> None:
        entry.hub_says(stay(1), stay(2, stay_id="s2", evidence=Evidence.TICKET))
        inside = entry.replica.spots.inside
        assert inside() == {rid(1): Evidence.PLATE, rid(2): Evidence.TICKET}
        assert inside([rid(2), rid(3)]) == {rid(2): Evidence.TICKET}
        assert inside([]) == {}

    def test_what_an_older_hub_says_came_in_by_its_plate(self, entry: Gate) -> None:
        entry.hub_says(stay(1, evidence=Evidence.NONE))
        assert entry.replica.spots.inside() == {rid(1): Evidence.PLATE}


def test_who_was_inside_before_the_update_still_is(tmp_path: Path) -> None:
    """The store of a gate of the version before."""
    store = Store(tmp_path / "gate.db")
    Replica(store)
    store.connection.executescript("""
        DROP VIEW inside_now;
        DROP TABLE let_out;
        DROP TABLE open_stay;
        DROP TABLE spot;
        DROP INDEX rights_by_spot;
        CREATE TABLE inside (reservation_id TEXT PRIMARY KEY, spot_id TEXT) STRICT;
        DELETE FROM _sqlite_migrations WHERE migration_set = 'gate spots';
    """)
    store.connection.execute("INSERT INTO inside VALUES (?, ?)", (rid(1), SPOT))
    store.close()
    store = Store(tmp_path / "gate.db")
    assert Replica(store).spots.inside() == {rid(1): Evidence.PLATE}
    store.close()
