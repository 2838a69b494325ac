"""A copy that is not as its owner's, and a doubt that was not resolved, are found."""

import json

import pytest

from simulator.world.checks.converges import check
from tests.simulator.world.checks.conftest import ENTRY, LOT, Run

SPOILED = [
    (ENTRY, "UPDATE rights SET revision = revision - 1 WHERE rowid = 1", "reservation"),
    (ENTRY, "UPDATE rights SET spot_id = 'riverside.9-001' WHERE rowid = 1", "reservation"),
    (
        ENTRY,  # one that is over: the gate may have it, and need not
        "UPDATE rights SET reservation_id = 'A' WHERE end_time = (SELECT min(end_time) FROM rights)",
        "unknown to its owner",
    ),
    (ENTRY, "INSERT INTO open_stay VALUES ('A', NULL, NULL, 'plate', 1)", "open stay"),
    (ENTRY, "DELETE FROM ticket_key", "key"),
    (ENTRY, "UPDATE spot SET in_service = 0 WHERE rowid = 1", "spot"),
    (ENTRY, "DELETE FROM policy", "policy"),
    (LOT, "UPDATE promise SET tariff = json_set(tariff, '$.step_minor', 1)", "tariff"),
    (LOT, "UPDATE reservation SET paid_minor = paid_minor + 1 WHERE paid_minor > 0", "payment"),
    (LOT, "UPDATE withdrawal SET settled_at = NULL, settle_by = '2030-04-01T06:00:00.000Z'", "withdrawal"),
    ("central", "UPDATE reservations SET revision = 0", "reservation"),
    ("central", "DELETE FROM stays", "stay"),
    ("central", "UPDATE stays SET left_at = NULL", "stay"),
    ("central", "UPDATE withdrawals SET complete = NOT complete", "withdrawal"),
    ("central", "DELETE FROM gates", "gate"),
    ("central", "UPDATE bookings SET state = 'releasing'", "still releasing"),
    ("central", "UPDATE bookings SET state = 'cancelling', cancel_requested_at = asked_at", "still cancelling"),
    ("central", "UPDATE payments SET step = 'confirm' WHERE step = 'paid'", "still at confirm"),
    ("central", "UPDATE movements SET state = 'pending' WHERE kind <> 'charge'", "has not been moved"),
]


@pytest.mark.parametrize(("unit", "spoil", "what"), SPOILED)
def test_what_is_spoiled_is_found(run: Run, unit: str, spoil: str, what: str) -> None:
    run.sql(unit, spoil)
    found = run.found(check)
    assert found
    assert all(what in finding.what for finding in found)


def test_a_gate_needs_what_may_come_and_no_more(run: Run) -> None:
    (right,) = run.sql(ENTRY, "SELECT * FROM rights ORDER BY end_time LIMIT 1")
    run.sql(ENTRY, "DELETE FROM rights WHERE reservation_id = ?", right["reservation_id"])
    assert run.found(check) == []
    end = (run.seen.instant(run.seen.ends_ms + 3_600_000)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    run.sql(
        LOT,
        "UPDATE reservation SET status = 'confirmed', end_time = ?, spot_id = (SELECT spot_id FROM spot"
        " WHERE spot_id NOT IN (SELECT spot_id FROM reservation) LIMIT 1) WHERE reservation_id = ?",
        end,
        right["reservation_id"],
    )
    assert any(finding.which == ENTRY and "missing" in finding.what for finding in run.found(check))


def test_a_ticket_that_a_gate_does_not_know_to_be_used(run: Run) -> None:
    stays = run.sql(LOT, "SELECT reservation_id FROM stay WHERE reservation_id IS NOT NULL LIMIT 1")
    run.sql(LOT, "UPDATE stay SET ticket_id = 'abcd' WHERE reservation_id = ?", stays[0]["reservation_id"])
    run.sql(LOT, "UPDATE reservation SET end_time = '2040-01-01T00:00:00.000Z', status = 'completed'"
                 " WHERE reservation_id = ?", stays[0]["reservation_id"])  # fmt: skip
    assert any("'abcd'" in finding.what for finding in run.found(check))


def test_a_ticket_that_is_not_the_one_to_be_had(run: Run) -> None:
    """A driver who still may come fetches it from central."""
    (booked, *_) = run.reservations("ticket IS NOT NULL AND status = 'completed'")
    reservation_id = booked["reservation_id"]
    central = run.sql("central", "SELECT ticket FROM bookings WHERE reservation_id = ?", reservation_id)
    assert central[0]["ticket"] == booked["ticket"]
    run.sql(LOT, "UPDATE reservation SET status = 'confirmed', end_time = '2040-01-01T00:00:00.000Z'"
                 " WHERE reservation_id = ?", reservation_id)  # fmt: skip
    assert not [finding for finding in run.found(check) if finding.what.startswith("ticket ")]
    for spoiled in ("'another'", "NULL"):
        run.sql("central", f"UPDATE bookings SET ticket = {spoiled} WHERE reservation_id = ?", reservation_id)  # noqa: S608
        assert [finding for finding in run.found(check) if finding.what.startswith("ticket ")]


def test_a_hub_with_another_policy(run: Run) -> None:
    (promise,) = run.sql(LOT, "SELECT policy FROM promise")
    other = json.loads(promise["policy"]) | {"grace_s": 7}
    run.sql(LOT, "UPDATE promise SET policy = ?", json.dumps(other))
    assert [finding.what for finding in run.found(check)] == ["has another policy than central"]


def test_a_hold_that_ran_out(run: Run) -> None:
    (row, *_) = run.reservations("status = 'completed'")
    run.sql(
        LOT,
        "UPDATE reservation SET status = 'held', start_time = '2031-01-01T10:00:00.000Z',"
        " end_time = '2031-01-01T12:00:00.000Z', hold_expires_at = '2030-04-01T06:10:00.000Z' WHERE reservation_id = ?",
        row["reservation_id"],
    )
    assert any("has run out and is still held" in finding.what for finding in run.found(check))
