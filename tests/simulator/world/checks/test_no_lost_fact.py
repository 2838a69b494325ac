"""A fact that is missing somewhere, that is there too often, or whose effect came twice is found."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from simulator.world.checks.no_lost_fact import check
from simulator.world.seen import Fault, Told
from tests.simulator.world.checks.conftest import ENTRY, EXIT, LOT, Run


@pytest.mark.parametrize("holder", ["central", ENTRY, EXIT])
def test_a_fact_of_the_hub_that_a_copy_has_not(run: Run, holder: str) -> None:
    table = "facts" if holder == "central" else "fact"
    epoch = run.facts(LOT, "stay.changed/1")[0]["epoch"]
    run.sql(holder, f"DELETE FROM {table} WHERE unit = ? AND epoch = ? AND seq = 20", LOT, epoch)  # noqa: S608
    (finding,) = run.found(check)
    assert (finding.which, finding.what) == (LOT, f"{holder} has not {epoch}/20")


def test_a_fact_of_centrals_that_the_hub_has_not(run: Run) -> None:
    run.sql(LOT, "DELETE FROM fact WHERE unit = ? AND seq = 2", f"central:{LOT}")
    (finding,) = run.found(check)
    assert (finding.which, finding.what) == (f"central:{LOT}", f"{LOT} has not 1/2")


@pytest.mark.parametrize(("holder", "table"), [(LOT, "reservation"), ("central", "reservations")])
def test_a_booking_that_its_driver_was_told_of(run: Run, holder: str, table: str) -> None:
    told = next(one for one in run.seen.drivers if one.told is Told.HELD)
    run.sql(holder, f"DELETE FROM {table} WHERE reservation_id = ?", told.reservation_id)  # noqa: S608
    (finding,) = run.found(check)
    assert f"{told.driver} was told that {told.reservation_id} is held; not known to ['{holder}']" in finding.what
    run.seen.faults += [Fault(told.at_ms + 60_000, "restored", unit) for unit in (LOT, "central")]
    assert run.found(check) == []


def test_a_fact_that_nobody_has_made(run: Run) -> None:
    run.sql(LOT, "UPDATE fact SET epoch = 7 WHERE unit = ? AND seq = 1", ENTRY)
    assert [finding.what for finding in run.found(check)] == [
        f"{LOT} has not 1/1",
        f"{LOT} has 7/1, which {ENTRY} does not know",
    ]


@pytest.mark.parametrize("column", ["payload", "kind"])
def test_a_fact_that_says_something_else_at_its_copy(run: Run, column: str) -> None:
    said = {"payload": "'{}'", "kind": "'gate.decided/2'"}[column]
    run.sql(LOT, f"UPDATE fact SET {column} = {said} WHERE unit = ? AND seq = 1", ENTRY)  # noqa: S608
    (finding,) = run.found(check)
    assert (finding.which, finding.what.partition(" has another ")[0]) == (ENTRY, LOT)


def test_a_log_with_a_gap(run: Run) -> None:
    for holder in (EXIT, LOT):
        run.sql(holder, "DELETE FROM fact WHERE unit = ? AND seq = 3", EXIT)
    assert "its own log has a gap from 2 to 4 in epoch 1" in {finding.what for finding in run.found(check)}


def test_a_fact_that_was_set_aside(run: Run) -> None:
    run.sql(LOT, "UPDATE fact SET set_aside = 'fact_invalid: no' WHERE unit = ? AND kind = 'gate.decided/1'", EXIT)
    assert all("aside: fact_invalid" in finding.what for finding in run.found(check))
    assert run.found(check)


def test_a_passage_that_took_effect_twice_or_never(run: Run) -> None:
    stays = run.facts(LOT, "stay.changed/1")
    copies = ("central", ENTRY, EXIT)
    run.append(LOT, "stay.changed/1", stays[0]["payload"], run.seen.ends_ms, copies=copies)
    assert run.found(check) == [], "said twice by two runs of the hub, of one change"
    other = stays[0]["payload"] | {"stay_id": "another"}
    run.append(LOT, "stay.changed/1", other, run.seen.ends_ms, copies=copies)
    (finding,) = run.found(check)
    assert "2 changes of stays follow" in finding.what
    for holder in (LOT, *copies):
        table = "facts" if holder == "central" else "fact"
        run.sql(holder, f"UPDATE {table} SET kind = 'alarm.raised/1' WHERE kind = 'stay.changed/1' AND seq = ?",  # noqa: S608
                stays[-1]["seq"])  # fmt: skip
    assert any("0 changes of stays follow" in finding.what for finding in run.found(check))


def test_what_was_acknowledged_outlives_its_disk(run: Run, tmp_path: Path) -> None:
    lost = replace(run.disk(ENTRY), path=tmp_path / "lost" / "gate.db", lost_at_ms=1_000_000)
    shutil.copytree(run.disk(ENTRY).path.parent, lost.path.parent)
    (lost.path.parent / run.disk(ENTRY).path.name).rename(lost.path)
    run.seen.disks.append(lost)
    assert run.found(check) == []
    for holder in (ENTRY, LOT):
        last = run.sql(holder, "SELECT max(seq) AS seq FROM fact WHERE unit = ?", ENTRY)[0]["seq"]
        run.sql(holder, "DELETE FROM fact WHERE unit = ? AND seq = ?", ENTRY, last)
    assert any("acknowledged before its disk was lost" in finding.what for finding in run.found(check))
