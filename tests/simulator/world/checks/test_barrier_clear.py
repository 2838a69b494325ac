"""An arm that comes down on a car, and one that goes up for nobody, are found."""

import json

import pytest

from simulator.world.checks.barrier_clear import check
from simulator.world.seen import Arm, ArmSeen, Fault
from tests.simulator.world.checks.conftest import ENTRY, EXIT, LOT, Run


def test_an_arm_that_is_lowered_onto_a_car(run: Run) -> None:
    run.see(ArmSeen(1_000, EXIT, Arm.LOWER, under=True))
    (finding,) = run.found(check)
    assert (finding.which, finding.at_ms) == (EXIT, 1_000)


def test_an_arm_that_falls_while_a_car_comes_is_raised_again(run: Run) -> None:
    run.see(
        ArmSeen(1_000, EXIT, Arm.LOWER, under=False),
        ArmSeen(1_100, EXIT, Arm.UP, under=True),
        ArmSeen(1_200, EXIT, Arm.RAISE, under=True),
    )
    assert run.found(check) == []


def test_an_arm_that_comes_down_on_who_came_under_it(run: Run) -> None:
    """Nobody asked for that while the car was there; a gate that runs sees it, and raises the arm again."""
    run.see(ArmSeen(3_000, EXIT, Arm.LOWER, under=False), ArmSeen(4_500, EXIT, Arm.DOWN, under=True))
    (finding,) = run.found(check)
    assert (finding.which, finding.at_ms) == (EXIT, 4_500)
    run.seen.faults.append(Fault(3_500, "crash", EXIT, until_ms=8_000))
    assert run.found(check) == []


def test_an_arm_that_goes_up_for_nobody(run: Run) -> None:
    run.see(ArmSeen(1_000, ENTRY, Arm.RAISE, under=False))
    (finding,) = run.found(check)
    assert (finding.which, finding.at_ms) == (ENTRY, 1_000)


def test_an_arm_that_goes_up_again_for_who_is_through_already(run: Run) -> None:
    passed = run.facts(EXIT, "gate.passed/1")[0]
    at_ms = passed["mono_ms"] + 8_000
    run.keep(lambda event: not (event.gate_id == EXIT and at_ms - 1_000 < event.at_ms < at_ms + 60_000))
    run.see(ArmSeen(at_ms - 1, EXIT, Arm.DOWN, under=False), ArmSeen(at_ms, EXIT, Arm.RAISE, under=False))
    (finding,) = [finding for finding in run.found(check) if finding.at_ms == at_ms]
    assert finding.which == EXIT


def test_an_arm_that_goes_up_before_the_decision_is_stored(run: Run) -> None:
    for fact in run.facts(EXIT, "gate.decided/1")[:1]:
        run.sql(EXIT, "DELETE FROM fact WHERE unit = ? AND seq = ?", EXIT, fact["seq"])
    (finding,) = run.found(check)
    assert "no decision" in finding.what


def test_a_decision_to_hold_a_car_back_raises_no_arm(run: Run) -> None:
    fact = next(fact for fact in run.facts(ENTRY, "gate.decided/1") if fact["payload"]["verdict"] == "admit")
    for of_passage in run.facts(ENTRY, "gate.decided/1"):
        if of_passage["payload"]["passage_id"] == fact["payload"]["passage_id"]:
            held_back = json.dumps(of_passage["payload"] | {"verdict": "ask"})
            run.sql(
                ENTRY, "UPDATE fact SET payload = ? WHERE unit = ? AND seq = ?", held_back, ENTRY, of_passage["seq"]
            )
    assert len(run.found(check)) == 1


@pytest.mark.parametrize("status", ["cancelled", "expired", "completed"])
def test_a_car_that_is_let_in_on_a_right_that_is_over(run: Run, status: str) -> None:
    over = run.facts(LOT, "reservation.changed/1")[0]["payload"] | {"reservation_id": "A", "status": status}
    let_in = next(fact["payload"] for fact in run.facts(ENTRY, "gate.decided/1") if fact["payload"]["reservation_id"])
    let_in |= {"verdict": "admit", "reservation_id": "A"}
    run.append(LOT, "reservation.changed/1", over, run.seen.ends_ms - 600_000)
    run.append(ENTRY, "gate.decided/1", let_in, run.seen.ends_ms - 590_000)
    run.append(ENTRY, "gate.decided/1", let_in | {"verdict": "refuse"}, run.seen.ends_ms - 2_000)
    assert run.found(check) == []
    run.append(ENTRY, "gate.decided/1", let_in, run.seen.ends_ms - 1_000)
    (finding,) = run.found(check)
    assert finding.which == ENTRY
    assert finding.what.endswith(f"on A, which is {status}")


def test_a_car_that_comes_in_on_a_ticket_that_was_replaced(run: Run) -> None:
    by_ticket = next(row for row in run.reservations("status = 'completed' AND ticket IS NOT NULL"))
    passed = run.facts(ENTRY, "gate.passed/1")[0]["payload"]
    passed |= {"reservation_id": by_ticket["reservation_id"], "ticket_id": "old", "passage_id": "late"}
    run.sql(LOT, "UPDATE reservation SET moved_at = '2030-04-01T06:10:00.000Z' WHERE reservation_id = ?",
            by_ticket["reservation_id"])  # fmt: skip
    before = len(run.found(check))
    run.append(ENTRY, "gate.passed/1", passed, 15 * 60_000 - 200_000)
    assert len(run.found(check)) == before  # the gate may not have heard yet
    run.append(ENTRY, "gate.passed/1", passed, run.seen.ends_ms)
    assert [finding.what[-28:] for finding in run.found(check)][before:] == ["on a ticket that was replaced"[-28:]]


def test_a_lane_that_is_held_open_by_its_backup_until_it_has_heard_of_its_hub(run: Run) -> None:
    def mode(mode: str, at_ms: int) -> None:
        run.append(EXIT, "lane.mode/1", {"gate_id": EXIT, "mode": mode, "by": "Anna"}, at_ms)

    at_ms = run.seen.ends_ms
    run.keep(lambda event: not (event.gate_id == EXIT and event.at_ms > at_ms - 700_000))
    before = len(run.found(check))
    mode("held_open", at_ms - 690_000)
    mode("automatic", at_ms - 680_000)
    run.see(ArmSeen(at_ms - 2, EXIT, Arm.DOWN, under=False), ArmSeen(at_ms - 1, EXIT, Arm.RAISE, under=False))
    assert len(run.found(check)) == before + 1
    run.seen.faults.append(Fault(at_ms - 30_000, "restored", EXIT, until_ms=at_ms - 20_000))
    assert len(run.found(check)) == before
    run.seen.faults[-1] = Fault(at_ms - 400_000, "restored", EXIT, until_ms=at_ms - 390_000)
    assert len(run.found(check)) == before + 1, "it has been told of the later mode by now"
