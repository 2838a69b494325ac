"""The lines that show each car to whoever watches a lane's log."""

from typing import Any

import pytest

from cloud_sync.link.journal import Journal
from cloud_sync.link.v1.facts import Direction, GatePassed
from gate_firmware.car_log import CarLog
from gate_firmware.events import Sight
from tests.gate_firmware.gate import HOUR_MS, OTHER, PLATE, SEAL, Gate, right

KNOWN = ("passage", "verdict", "reason", "evidence", "is_booked", "took_ms", "unseen", "after_ms")


@pytest.fixture
def car_log(entry: Gate, caplog: pytest.LogCaptureFixture) -> CarLog:
    caplog.set_level("INFO")
    return CarLog(entry.journal, entry.now)


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, dict[str, Any]]]:
    return [
        (record.getMessage(), {name: getattr(record, name) for name in KNOWN if hasattr(record, name)})
        for record in caplog.records
        if record.name == "gate_firmware.car_log"
    ]


def test_a_car_is_one_line_when_it_is_decided_on_and_one_when_it_has_passed(
    entry: Gate, car_log: CarLog, caplog: pytest.LogCaptureFixture
) -> None:
    entry.hub_says(right())
    passage_id = entry.car_comes()
    entry.now = entry.now.later(412)
    entry.seen(passage_id)
    car_log.tell()
    entry.now = entry.now.later(5_000)
    entry.through()
    car_log.tell()
    car_log.tell()
    [(decided, of_decision), (passed, of_passage)] = lines(caplog)
    assert (decided, passed) == ("gate.decided", "gate.passed")
    assert {name: getattr(value, "value", value) for name, value in of_decision.items()} == {
        "passage": passage_id,
        "verdict": "admit",
        "reason": "booked",
        "evidence": "plate",
        "is_booked": True,
        "took_ms": 412,
    }
    assert of_passage == {"passage": passage_id, "is_booked": True, "unseen": False, "after_ms": 5_000}


def test_no_plate_and_no_ticket_is_in_them(entry: Gate, car_log: CarLog, caplog: pytest.LogCaptureFixture) -> None:
    entry.hub_says(right())
    entry.seen(entry.car_comes(), Sight.STRANGER, OTHER)
    car_log.tell()
    said = "".join(str(vars(record)) for record in caplog.records)
    assert "gate.decided" in said
    for plate in (PLATE, OTHER):
        assert plate.open not in said
        assert SEAL.mark(plate) not in said


def test_what_was_before_this_run_is_not_told_again(entry: Gate, caplog: pytest.LogCaptureFixture) -> None:
    entry.hub_says(right())
    entry.admitted()
    entry.now = entry.now.later(10)
    caplog.set_level("INFO")
    car_log = CarLog(entry.journal, entry.now)
    car_log.tell()
    assert lines(caplog) == []
    entry.through()
    car_log.tell()
    [(said, passage)] = lines(caplog)
    assert said == "gate.passed"
    assert passage["after_ms"] is None, "this run has not decided on it"


def test_what_comes_back_from_before_the_machine_was_started_is_not_told(
    entry: Gate, car_log: CarLog, caplog: pytest.LogCaptureFixture
) -> None:
    """Its clock had run for longer then."""
    before = Journal(entry.store, entry.unit, "boot-0")
    with before.transaction():
        passed = GatePassed(passage_id="p0", direction=Direction.ENTRY, reservation_id=None, plate=None)
        before.append(passed, entry.now.later(HOUR_MS))
    car_log.tell()
    assert lines(caplog) == []


def test_a_log_that_is_numbered_anew_is_not_told_again(
    entry: Gate, car_log: CarLog, caplog: pytest.LogCaptureFixture
) -> None:
    entry.hub_says(right())
    entry.admitted()
    car_log.tell()
    entry.journal.rise_to(entry.journal.epoch + 5)
    entry.through()
    car_log.tell()
    assert [said for said, _ in lines(caplog)] == ["gate.decided", "gate.passed"]
