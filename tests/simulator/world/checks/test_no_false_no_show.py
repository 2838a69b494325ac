"""Who came in and pays for not coming is found by the street and the bank, whatever the units say of it."""

from simulator.world.checks.no_false_no_show import check
from simulator.world.provider import What
from simulator.world.seen import At, CarMoved
from tests.simulator.world.checks.conftest import ENTRY, LOT, Run


def early_leaver(run: Run) -> str:
    """A booking whose driver left early, and got something back for that."""
    sql = "SELECT reservation_id FROM movements WHERE kind = 'early-exit' AND state = 'done' ORDER BY amount_minor DESC"
    return str(run.sql("central", sql)[0]["reservation_id"])


def test_a_car_that_came_in_and_pays_for_not_coming(run: Run) -> None:
    reservation_id = early_leaver(run)
    run.sql(LOT, "UPDATE reservation SET status = 'no_show' WHERE reservation_id = ?", reservation_id)
    assert run.found(check) == []  # it pays no more than its stay was worth
    deeds = run.bank.provider.deeds
    deeds[:] = [deed for deed in deeds if deed.what is not What.REFUNDED or reservation_id not in deed.cause]
    (finding,) = run.found(check)
    assert finding.which == reservation_id


def test_a_car_that_did_not_come_may_pay_for_it(run: Run) -> None:
    reservation_id = early_leaver(run)
    run.sql(LOT, "UPDATE reservation SET status = 'no_show' WHERE reservation_id = ?", reservation_id)
    deeds = run.bank.provider.deeds
    deeds[:] = [deed for deed in deeds if deed.what is not What.REFUNDED or reservation_id not in deed.cause]
    driver = next(told.driver for told in run.seen.drivers if told.reservation_id == reservation_id)
    run.keep(lambda event: not (isinstance(event, CarMoved) and event.car == driver and event.to is At.THROUGH))
    assert run.found(check) == []


def test_a_fee_that_was_decided_before_every_entry_gate_had_answered(run: Run) -> None:
    settled = next(fact for fact in run.facts(LOT, "withdrawal.settled/1") if fact["payload"]["complete"])
    reservation_id = settled["payload"]["reservation_id"]
    noted = next(
        fact for fact in run.facts(ENTRY, "withdrawal.noted/1") if fact["payload"]["reservation_id"] == reservation_id
    )
    late_ms = settled["mono_ms"] + 60_000
    run.sql(ENTRY, "UPDATE fact SET mono_ms = ? WHERE unit = ? AND seq = ?", late_ms, ENTRY, noted["seq"])
    (finding,) = run.found(check)
    assert (finding.which, finding.at_ms) == (reservation_id, settled["mono_ms"])
    run.sql(ENTRY, "DELETE FROM fact WHERE unit = ? AND seq = ?", ENTRY, noted["seq"])
    assert [found.which for found in run.found(check)] == [reservation_id]


def test_a_manager_who_has_vouched_is_as_good_as_a_gate(run: Run) -> None:
    settled = next(fact for fact in run.facts(LOT, "withdrawal.settled/1") if fact["payload"]["complete"])
    said = {key: settled["payload"][key] for key in ("reservation_id", "revision")}
    notes = run.facts(ENTRY, "withdrawal.noted/1")
    noted = next(fact for fact in notes if fact["payload"]["reservation_id"] == said["reservation_id"])
    run.sql(ENTRY, "DELETE FROM fact WHERE unit = ? AND seq = ?", ENTRY, noted["seq"])
    vouched = said | {"gate_id": ENTRY, "by": "Mona"}
    run.append(LOT, "withdrawal.vouched/1", vouched, settled["mono_ms"] + 1_000)
    assert len(run.found(check)) == 1, "it was settled before that"
    run.append(LOT, "withdrawal.vouched/1", vouched, settled["mono_ms"] - 1_000)
    assert run.found(check) == []


def test_a_spot_that_is_released_before_its_time(run: Run) -> None:
    missed = next(fact for fact in run.facts(LOT, "reservation.changed/1") if fact["payload"]["status"] == "no_show")
    run.sql(LOT, "UPDATE fact SET at = ? WHERE unit = ? AND seq = ?", missed["payload"]["start_time"], LOT,
            missed["seq"])  # fmt: skip
    (finding,) = run.found(check)
    assert finding.which == missed["payload"]["reservation_id"]
    assert "before its time to come was over" in finding.what
