"""An arm that comes down on a car, and one that goes up for nobody, are found."""

import json

from simulator.world.checks.barrier_clear import check
from simulator.world.seen import Arm, ArmSeen
from tests.simulator.world.checks.conftest import ENTRY, EXIT, Run


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
