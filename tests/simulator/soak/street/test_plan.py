"""What a seed draws of a street soak."""

from collections import defaultdict
from itertools import pairwise

import pytest

from simulator.soak.street.plan import (
    APART_S,
    BOOKS_AHEAD_S,
    LASTS_S,
    Breaks,
    Fault,
    Manner,
    faults,
    trips,
)

LOTS = ["riverside", "hillside"]
LANES = [f"{lot}.{gate}" for lot in LOTS for gate in ("entry-1", "exit-1")]
PROCESSES = ["central", "central.broker", *LOTS, *(f"{lot}.broker" for lot in LOTS), *LANES]


@pytest.fixture(params=range(20))
def half_an_hour(request: pytest.FixtureRequest) -> list[Fault]:
    return faults(request.param, 30, PROCESSES, LANES)


def test_the_same_seed_is_the_same_plan() -> None:
    assert trips(7, 30, 60, LOTS) == trips(7, 30, 60, LOTS) != trips(8, 30, 60, LOTS)
    assert faults(7, 30, PROCESSES, LANES) == faults(7, 30, PROCESSES, LANES) != faults(8, 30, PROCESSES, LANES)
    assert faults(7, 30, PROCESSES[::-1], LANES[::-1]) == faults(7, 30, PROCESSES, LANES)


def test_so_many_come_in_at_each_lot_as_are_asked_for() -> None:
    planned = [trip for seed in range(20) for trip in trips(seed, 60, 60, LOTS)]
    for lot in LOTS:
        come_in = sum(trip.lot_id == lot and trip.manner.comes_in for trip in planned)
        assert 0.9 * 1_200 < come_in < 1.1 * 1_200
    assert {trip.manner for trip in planned} == set(Manner)


def test_drivers_book_before_they_come_and_in_order() -> None:
    planned = trips(3, 30, 60, LOTS)
    assert len({trip.number for trip in planned}) == len(planned)
    assert all(trip.books_s <= trip.at_s - BOOKS_AHEAD_S for trip in planned)
    assert [trip.books_s for trip in planned] == sorted(trip.books_s for trip in planned)
    assert planned[0].books_s >= 0


def test_everything_breaks_within_half_an_hour(half_an_hour: list[Fault]) -> None:
    assert {fault.breaks for fault in half_an_hour} == set(Breaks)
    assert {fault.unit for fault in half_an_hour if fault.breaks is Breaks.KILLED} == set(PROCESSES)
    assert len(half_an_hour) > 70


def test_every_fault_is_mended_by_the_end_and_no_unit_has_two_at_once(half_an_hour: list[Fault]) -> None:
    of_unit: dict[str, list[Fault]] = defaultdict(list)
    for fault in half_an_hour:
        shortest, longest = LASTS_S[fault.breaks]
        assert shortest <= fault.lasts_s <= longest
        assert fault.until_s <= 30 * 60
        of_unit[fault.unit].append(fault)
    for of_one in of_unit.values():
        assert all(before.until_s + APART_S < after.at_s for before, after in pairwise(of_one))


def test_each_process_is_left_alone_for_half_of_the_run(half_an_hour: list[Fault]) -> None:
    halves: dict[str, set[bool]] = defaultdict(set)
    for fault in half_an_hour:
        if fault.breaks in (Breaks.KILLED, Breaks.STOPPED):
            halves[fault.unit] |= {fault.at_s >= 900, fault.until_s > 900}
    assert all(len(of_one) == 1 for of_one in halves.values())


def test_a_short_run_has_faults_too() -> None:
    planned = faults(1, 2, PROCESSES, LANES)
    assert len(planned) >= 4
    assert all(fault.until_s <= 120 for fault in planned)
