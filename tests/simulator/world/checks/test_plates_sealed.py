"""A plate in clear is found wherever it stands."""

import pytest

from simulator.in_clear import SHORT_PLATE
from simulator.world.checks.plates_sealed import check
from tests.simulator.world.checks.conftest import ENTRY, LOT, Run


def a_plate(run: Run) -> str:
    return max({event.plate.open for event in run.seen.street if hasattr(event, "plate")}, key=len)


def test_a_plate_of_somebody_who_never_came(run: Run) -> None:
    assert run.seen.log is not None
    came = {event.plate for event in run.seen.street if hasattr(event, "plate")}
    absent = next(plate for plate in run.seen.plates if plate not in came and len(plate.open) >= SHORT_PLATE)
    with run.seen.log.open("a", encoding="ascii") as log:
        log.write(f'{{"plate": "{absent.open}"}}\n')
    assert [finding.which for finding in run.found(check)] == ["log.jsonl"]


@pytest.mark.parametrize("unit", ["central", LOT, ENTRY])
def test_a_plate_in_a_store(run: Run, unit: str) -> None:
    run.sql(unit, "CREATE TABLE note (text TEXT)")
    run.sql(unit, "INSERT INTO note VALUES (?)", f"seen {a_plate(run)} today")
    (finding,) = run.found(check)
    assert finding.which == f"{unit}.db"
    assert a_plate(run) not in finding.what


def test_a_plate_in_a_log_line(run: Run) -> None:
    assert run.seen.log is not None
    with run.seen.log.open("a", encoding="ascii") as log:
        log.write(f'{{"plate": "{a_plate(run)}"}}\n')
    assert [finding.which for finding in run.found(check)] == ["log.jsonl"]


def test_a_plate_in_a_topic(run: Run) -> None:
    assert run.seen.wire is not None
    with run.seen.wire.open("ab") as wire:
        wire.write(f"gatehouse/v1/lots/{LOT}/plates/{a_plate(run)} {{}}\n".encode())
    assert [finding.which for finding in run.found(check)] == ["wire"]


def test_messages_are_looked_at(run: Run) -> None:
    assert run.seen.wire is not None
    assert b"/requests/hold" in run.seen.wire.read_bytes()
