"""A gate that lets a car wait is found: at an exit, at an entry that has to open, and at any for a decision."""

from dataclasses import replace

import pytest

from simulator.world.checks import gate_never_waits, inside_gets_out, paid_gets_in
from simulator.world.checks.scene import Scene
from simulator.world.seen import SECOND_RUN, Arm, ArmSeen, At, CarMoved, Credential, Fault, Presented, Told
from tests.simulator.world.checks.conftest import ENTRY, EXIT, LOT, Run

WAITED_MS = 60_000


def came(run: Run, gate_id: str, number: int = 0) -> CarMoved:
    """A car that came onto a loop."""
    loops = [event for event in run.seen.street if isinstance(event, CarMoved) and event.to is At.LOOP]
    return [event for event in loops if event.gate_id == gate_id][number]


def kept_waiting(run: Run, car: CarMoved) -> None:
    """Have the arm stay down for this car, which gives up after a while."""
    until_ms = car.at_ms + WAITED_MS
    run.keep(lambda event: event.gate_id != car.gate_id or event == car or not car.at_ms <= event.at_ms <= until_ms)
    run.see(replace(car, at_ms=until_ms, to=At.GONE))


def test_a_car_that_is_not_let_out(run: Run) -> None:
    car = came(run, EXIT)
    kept_waiting(run, car)
    (finding,) = run.found(inside_gets_out.check)
    assert (finding.which, finding.at_ms) == (EXIT, car.at_ms)


@pytest.mark.parametrize(("kind", "found"), [("crash", 0), ("power-cut", 0), ("partition", 1), ("clock-step", 1)])
def test_a_gate_that_does_not_run_lets_nobody_out(run: Run, kind: str, found: int) -> None:
    car = came(run, EXIT)
    kept_waiting(run, car)
    run.seen.faults.append(Fault(car.at_ms - 5_000, kind, EXIT, until_ms=car.at_ms + WAITED_MS - 3_000))
    assert len(run.found(inside_gets_out.check)) == found


def test_the_time_after_a_restart_counts(run: Run) -> None:
    car = came(run, EXIT)
    kept_waiting(run, car)
    run.seen.faults.append(Fault(car.at_ms + 1_000, "crash", EXIT, until_ms=car.at_ms + 10_000))
    assert len(run.found(inside_gets_out.check)) == 1


def test_an_arm_that_comes_up_in_the_last_moment(run: Run) -> None:
    car = came(run, EXIT)
    kept_waiting(run, car)
    run.see(ArmSeen(car.at_ms + 4_900, EXIT, Arm.UP, under=False))
    assert run.found(inside_gets_out.check) == []


def test_a_car_that_backs_out_does_not_wait(run: Run) -> None:
    car = came(run, EXIT)
    kept_waiting(run, car)
    run.see(replace(car, at_ms=car.at_ms + 3_000, to=At.GONE))
    assert run.found(inside_gets_out.check) == []


@pytest.mark.parametrize("gate_id", [ENTRY, EXIT])
def test_a_car_that_is_not_decided_on(run: Run, gate_id: str) -> None:
    car = came(run, gate_id)
    run.sql(gate_id, "DELETE FROM fact WHERE unit = ? AND kind = 'gate.decided/1' AND mono_ms BETWEEN ? AND ?",
            gate_id, car.at_ms, car.at_ms + WAITED_MS)  # fmt: skip
    kept_waiting(run, car)
    (finding,) = run.found(gate_never_waits.check)
    assert (finding.which, finding.at_ms) == (gate_id, car.at_ms)
    run.seen.faults.append(Fault(car.at_ms + 500, "crash", gate_id, until_ms=car.at_ms + 2_000))
    assert run.found(gate_never_waits.check) == []


def test_an_arm_that_is_not_asked_to_rise_at_once(run: Run) -> None:
    raised = next(event for event in run.seen.street if isinstance(event, ArmSeen) and event.arm is Arm.RAISE)
    run.keep(lambda event: event is not raised)
    assert len(run.found(gate_never_waits.check)) == 1
    run.see(replace(raised, at_ms=raised.at_ms + 400))
    assert run.found(gate_never_waits.check) == []


def test_nor_one_of_a_second_run_that_has_no_arm(run: Run) -> None:
    raised = next(event for event in run.seen.street if isinstance(event, ArmSeen) and event.arm is Arm.RAISE)
    run.keep(lambda event: event is not raised)
    (finding,) = run.found(gate_never_waits.check)
    assert finding.at_ms is not None
    boot = next(boot for boot in run.seen.boots if boot.unit == finding.which)
    bench = replace(boot, boot=f"{finding.which}{SECOND_RUN}1-boot-0")
    run.seen.boots.append(bench)
    run.sql(finding.which, "UPDATE fact SET boot = ? WHERE unit = ? AND mono_ms = ? AND kind = 'gate.decided/1'",
            bench.boot, finding.which, finding.at_ms - boot.at_ms)  # fmt: skip
    assert run.found(gate_never_waits.check) == []


def paid_car(run: Run) -> tuple[CarMoved, str]:
    """A car that came in time on a booking that was paid for, and the booking."""
    begins = run.seen.begins
    for row in run.reservations("status = 'completed'"):
        reservation_id = row["reservation_id"]
        sql = "SELECT (julianday(?) - julianday(?)) * 86400000 AS ms"
        start_ms = run.sql(LOT, sql, row["start_time"], begins.isoformat())[0]["ms"]
        paid = next(told for told in run.seen.drivers
                    if told.reservation_id == reservation_id and told.told is Told.PAID)  # fmt: skip
        for event in run.seen.street:
            if not isinstance(event, CarMoved) or event.to is not At.LOOP or event.gate_id != ENTRY:
                continue
            is_theirs = event.car == paid.driver and event.at_ms > paid.at_ms + 120_000
            if is_theirs and abs(event.at_ms - start_ms) < 12 * 60_000:
                return event, reservation_id
    raise AssertionError("nobody came in time")


def test_a_ticket_that_is_shown_in_vain(run: Run) -> None:
    car, reservation_id = paid_car(run)
    kept_waiting(run, car)
    assert run.found(paid_gets_in.check) == []
    run.see(Presented(car.at_ms + 2_000, ENTRY, car.car, Credential.TICKET, reservation_id))
    (finding,) = run.found(paid_gets_in.check)
    assert finding.which == ENTRY
    assert reservation_id in finding.what


def test_an_id_that_is_typed_in_vain(run: Run) -> None:
    car, reservation_id = paid_car(run)
    kept_waiting(run, car)
    typed = Presented(car.at_ms + 20_000, ENTRY, car.car, Credential.ID, reservation_id)
    run.see(typed)
    (finding,) = run.found(paid_gets_in.check)
    assert "showed the id in vain" in finding.what
    run.see(replace(typed, at_ms=typed.at_ms - 60_000, reservation_id="mistyped"))
    assert run.found(paid_gets_in.check) == [], "a keypad may be closed for a while after that"


def test_an_id_that_the_gate_cannot_have_heard_of(run: Run) -> None:
    car, reservation_id = paid_car(run)
    kept_waiting(run, car)
    run.see(Presented(car.at_ms + 20_000, ENTRY, car.car, Credential.ID, reservation_id))
    run.seen.faults.append(Fault(120_000, "partition", ENTRY, until_ms=car.at_ms + WAITED_MS))
    assert run.found(paid_gets_in.check) == []


def turned_away(run: Run, reservation_id: str, at_ms: int) -> None:
    """Have the entry gate tell a booked car so late that nobody knows it."""
    (booked,) = run.reservations(f"reservation_id = '{reservation_id}'")
    decided = run.facts(ENTRY, "gate.decided/1")[0]["payload"] | {"verdict": "refuse", "reason": "no_booking"}
    decided |= {"plate": {"box": booked["plate_box"], "mark": booked["plate_mark"]}}
    run.append(ENTRY, "gate.decided/1", decided, at_ms)


def late_and_nobody_knows(run: Run, reservation_id: str) -> int:
    """Have a booking's car not come at all, and the booking go on until much later; an instant long after grace."""
    (booked,) = run.reservations(f"reservation_id = '{reservation_id}'")
    driver = next(told.driver for told in run.seen.drivers if told.reservation_id == reservation_id)
    run.keep(lambda event: getattr(event, "car", "") != driver or getattr(event, "to", None) is At.LOOP)
    run.sql(LOT, "UPDATE reservation SET end_time = '2030-04-02T06:00:00.000Z' WHERE reservation_id = ?",
            reservation_id)  # fmt: skip
    with Scene(run.seen, run.bank) as scene:
        return scene.ms_of(booked["start_time"]) + 3_600_000


def test_who_comes_after_grace_gets_in_while_it_is_no_no_show(run: Run) -> None:
    _, reservation_id = paid_car(run)
    at_ms = late_and_nobody_knows(run, reservation_id)
    turned_away(run, reservation_id, at_ms)
    (finding,) = run.found(paid_gets_in.check)
    assert (finding.which, finding.at_ms) == (ENTRY, at_ms)
    said = next(fact["payload"] for fact in run.facts(LOT, "reservation.changed/1")
                if fact["payload"]["reservation_id"] == reservation_id)  # fmt: skip
    run.append(LOT, "reservation.changed/1", said | {"status": "no_show", "cause": "no_show"}, at_ms - 600_000)
    assert run.found(paid_gets_in.check) == []


@pytest.mark.parametrize(("cause", "found"), [("no_spot", 0), ("anything", 1)])
def test_no_lot_ends_by_itself_what_was_paid_for(run: Run, cause: str, found: int) -> None:
    car, reservation_id = paid_car(run)
    said = next(fact["payload"] for fact in run.facts(LOT, "reservation.changed/1")
                if fact["payload"]["reservation_id"] == reservation_id)  # fmt: skip
    turned_away(run, reservation_id, car.at_ms)
    run.sql(LOT, "UPDATE reservation SET status = 'cancelled' WHERE reservation_id = ?", reservation_id)
    run.append(LOT, "reservation.changed/1", said | {"status": "cancelled", "cause": cause}, car.at_ms - 1)
    assert len(run.found(paid_gets_in.check)) == found


@pytest.mark.parametrize("kind", ["partition", "weather", "clock-lost"])
def test_a_gate_that_was_cut_off_takes_tickets_all_the_same(run: Run, kind: str) -> None:
    car, reservation_id = paid_car(run)
    kept_waiting(run, car)
    run.see(Presented(car.at_ms + 2_000, ENTRY, car.car, Credential.TICKET, reservation_id))
    run.seen.faults.append(Fault(120_000, kind, ENTRY, until_ms=car.at_ms + WAITED_MS))
    assert len(run.found(paid_gets_in.check)) == 1


def test_nobody_is_kept_out_by_a_gate_that_cannot_know(run: Run) -> None:
    car, reservation_id = paid_car(run)
    kept_waiting(run, car)
    run.see(Presented(car.at_ms + 2_000, ENTRY, car.car, Credential.TICKET, reservation_id))
    spoiled = list(run.seen.faults)
    for fault in (
        Fault(car.at_ms - 60_000, "camera", ENTRY, until_ms=car.at_ms + WAITED_MS),
        Fault(car.at_ms - 60_000, "crash", ENTRY, until_ms=car.at_ms + WAITED_MS),
        Fault(car.at_ms - 90_000, "disk-lost", ENTRY, until_ms=car.at_ms - 30_000),
    ):
        run.seen.faults = [*spoiled, fault]
        assert run.found(paid_gets_in.check) == []


def test_a_plate_that_was_read_and_turned_away(run: Run) -> None:
    car, reservation_id = paid_car(run)
    (booked,) = run.reservations(f"reservation_id = '{reservation_id}'")
    decided = run.facts(ENTRY, "gate.decided/1")[0]["payload"]
    decided |= {"verdict": "refuse", "plate": {"box": booked["plate_box"], "mark": booked["plate_mark"]}}
    run.append(ENTRY, "gate.decided/1", decided | {"reason": "plate_unsure"}, car.at_ms)
    assert run.found(paid_gets_in.check) == []
    run.append(ENTRY, "gate.decided/1", decided | {"reason": "too_early"}, car.at_ms)
    (finding,) = run.found(paid_gets_in.check)
    assert "was told too_early" in finding.what
    run.seen.faults.append(Fault(car.at_ms - 90_000, "partition", ENTRY, until_ms=car.at_ms))
    assert run.found(paid_gets_in.check) == []


def test_who_has_cancelled_or_comes_a_second_time_may_be_turned_away(run: Run) -> None:
    car, reservation_id = paid_car(run)
    (booked,) = run.reservations(f"reservation_id = '{reservation_id}'")
    decided = run.facts(ENTRY, "gate.decided/1")[0]["payload"] | {"verdict": "refuse", "reason": "cancelled"}
    decided |= {"plate": {"box": booked["plate_box"], "mark": booked["plate_mark"]}}
    run.append(ENTRY, "gate.decided/1", decided, car.at_ms + 120_000)
    assert run.found(paid_gets_in.check) == []
    run.append(ENTRY, "gate.decided/1", decided, car.at_ms)
    assert len(run.found(paid_gets_in.check)) == 1
    run.sql("central", "UPDATE bookings SET cancel_requested_at = asked_at WHERE reservation_id = ?", reservation_id)
    assert run.found(paid_gets_in.check) == []
