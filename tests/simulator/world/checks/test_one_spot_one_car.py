"""A spot that is sold twice, or on which somebody stands already, is found."""

import shutil
from dataclasses import replace
from pathlib import Path

from domain.now import rfc3339
from simulator.world.checks.one_spot_one_car import check
from simulator.world.seen import DriverTold, Fault, Told
from tests.simulator.world.checks.conftest import ENTRY, LOT, Run


def test_two_grants_that_overlap(run: Run) -> None:
    grant = next(
        fact["payload"]
        for fact in run.facts(LOT, "reservation.changed/1")
        if fact["payload"]["status"] == "confirmed"
        and run.reservations(f"reservation_id = '{fact['payload']['reservation_id']}' AND status = 'completed'")
    )
    early = grant | {"reservation_id": "0000000000", "status": "held", "hold_expires_at": grant["start_time"]}
    run.append(LOT, "reservation.changed/1", early, run.seen.ends_ms)
    assert run.found(check) == []  # the one who had the spot has left it
    for reservation_id in ("0000000001", "0000000002"):
        run.append(LOT, "reservation.changed/1", grant | {"reservation_id": reservation_id}, run.seen.ends_ms)
    assert len(run.found(check)) == 3  # one with the first, and both with each other


def test_two_hubs_that_grant_one_spot_and_both_drivers_are_told(run: Run, tmp_path: Path) -> None:
    now_ms = run.seen.ends_ms
    held = run.facts(LOT, "reservation.changed/1")[0]["payload"] | {"status": "held"}
    held |= {"start_time": "2040-01-01T10:00:00.000Z", "end_time": "2040-01-01T12:00:00.000Z"}
    held |= {"hold_expires_at": rfc3339(run.seen.instant(now_ms))}
    of_one, of_other = held | {"reservation_id": "A"}, held | {"reservation_id": "B"}
    run.append(LOT, "reservation.changed/1", of_one, now_ms - 300_000)
    switched_off = replace(run.disk(LOT), path=tmp_path / "switched-off" / "hub.db", lost_at_ms=now_ms)
    shutil.copytree(run.disk(LOT).path.parent, switched_off.path.parent)
    (switched_off.path.parent / run.disk(LOT).path.name).rename(switched_off.path)
    run.sql(LOT, 'DELETE FROM fact WHERE payload LIKE \'%"reservation_id": "A"%\'')
    run.append(LOT, "reservation.changed/1", of_other, now_ms - 200_000)
    run.seen.disks.append(switched_off)
    run.seen.drivers.append(DriverTold(now_ms - 300_000, "one", Told.HELD, "A"))
    assert run.found(check) == []  # the other one's answer came too late, and was not believed
    run.seen.drivers.append(DriverTold(now_ms - 200_000, "other", Told.HELD, "B"))
    (finding,) = run.found(check)
    assert "granted to B and to A, by two hubs" in finding.what


def test_a_grant_that_moves_away_leaves_its_spot(run: Run) -> None:
    grant = run.facts(LOT, "reservation.changed/1")[0]["payload"] | {"status": "confirmed", "reservation_id": "A"}
    grant |= {"start_time": "2040-01-01T10:00:00.000Z", "end_time": "2040-01-01T12:00:00.000Z"}
    for changed in (grant, grant | {"spot_id": f"{LOT}.9-001"}, grant | {"reservation_id": "B"}):
        run.append(LOT, "reservation.changed/1", changed, run.seen.ends_ms)
    assert run.found(check) == []


def test_a_stay_that_begins_where_somebody_stands(run: Run) -> None:
    stay = run.facts(LOT, "stay.changed/1")[0]["payload"] | {"spot_id": f"{LOT}.9-001", "left_at": None}
    run.append(LOT, "stay.changed/1", stay | {"stay_id": "one"}, run.seen.ends_ms)
    assert run.found(check) == []
    run.append(LOT, "stay.changed/1", stay | {"stay_id": "two"}, run.seen.ends_ms)
    (finding,) = run.found(check)
    assert "two" in finding.what
    assert finding.at_ms is not None
    assert abs(finding.at_ms - run.seen.ends_ms) < 1_000


def test_a_car_that_is_sent_where_another_stands(run: Run) -> None:
    stay = run.facts(LOT, "stay.changed/1")[0]["payload"] | {"spot_id": f"{LOT}.9-001", "left_at": None}
    run.append(LOT, "stay.changed/1", stay | {"stay_id": "one", "reservation_id": "A"}, run.seen.ends_ms - 600_000)
    sent = run.facts(ENTRY, "gate.decided/1")[0]["payload"] | {"verdict": "admit", "spot_id": f"{LOT}.9-001"}
    run.append(ENTRY, "gate.decided/1", sent | {"reservation_id": "A"}, run.seen.ends_ms - 3_000)
    run.append(ENTRY, "gate.decided/1", sent | {"reservation_id": "B"}, run.seen.ends_ms - 599_000)
    assert run.found(check) == []  # on its own spot, and before the gate can have heard
    run.append(ENTRY, "gate.decided/1", sent | {"reservation_id": "C"}, run.seen.ends_ms - 2_000)
    (finding,) = run.found(check)
    assert finding.which == ENTRY
    assert "sent C" in finding.what
    run.seen.faults.append(Fault(run.seen.ends_ms - 60_000, "partition", ENTRY, until_ms=run.seen.ends_ms))
    assert run.found(check) == []
