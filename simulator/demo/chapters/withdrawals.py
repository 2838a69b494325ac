"""Bookings that end before anybody came: cancelled, or nobody came; and cars that come all the same."""

from simulator.demo.driver import until, window_from_now
from simulator.demo.provider import refunds
from simulator.demo.steps import SOON_S, Steps, expect, money, say_passage

TWO_DAYS_S = 48 * 3600


async def gates_cut_off(steps: Steps) -> None:
    lot, gate = steps.lot, steps.lot.gate("entry")
    broker = f"{lot.lot_id}.broker"
    dennis, ken = await steps.sign_up("Dennis"), await steps.sign_up("Ken")
    cancelled = await steps.book(dennis, lot, window_from_now(3, begins_in_s=25))
    async with steps.step("the lot's broker is stopped: each gate is alone") as notes:
        await steps.scene.supervisor.stop(broker)
        notes.say("hub and gates do not hear each other; central still reaches the hub")
    async with steps.step("Dennis cancels, and the gates cannot know") as notes:
        answer = await dennis.cancel(cancelled["reservation_id"])
        expect(answer.status_code == 200, f"200, not {answer.status_code} {answer.text}")
        notes.say(f"{answer.json()['status']}; what is paid back waits until every entry gate knows")
    await steps.drive_in(dennis, lot, cancelled)
    booked = await steps.book(ken, lot)
    async with (
        steps.step("Ken, who booked just now, shows his code to a gate that never heard of him") as notes,
        steps.street.visit(gate, ken.number, by="ticket") as visit,
    ):
        notes.say(f"display: {' / '.join(await visit.decided())}")
        await visit.show_code(await ken.ticket(booked["reservation_id"]))
        passage = await visit.through()
        answer_of_gate = await steps.last_decision(gate)
        expect(answer_of_gate["reservation_id"] == booked["reservation_id"], "decided on the right booking")
        say_passage(notes.say, passage, answer_of_gate)
    async with steps.step("the broker comes back: the hub learns who came on what") as notes:
        await steps.scene.supervisor.start(broker)
        await steps.conflict_shown(lot, "after-cancel", cancelled)
        await steps.hub_sees(lot, answer_of_gate["spot_id"], "occupied")
        notes.say(f"after-cancel on the attendants' page; Ken is on {answer_of_gate['spot_id']}")
    await steps.drive_out(dennis, lot)
    await steps.refunded(dennis, cancelled, "Dennis pays for what he parked, and gets the rest back")


async def cancellations(steps: Steps) -> None:
    lot = steps.lot
    tim, vint = await steps.sign_up("Tim"), await steps.sign_up("Vint")
    first = await steps.book(tim, lot, window_from_now(4, begins_in_s=TWO_DAYS_S))
    second = await steps.book(vint, lot, window_from_now(4, begins_in_s=TWO_DAYS_S))
    async with steps.step("Tim cancels two days ahead") as notes:
        answer = await tim.cancel(first["reservation_id"])
        expect(answer.status_code == 200, f"200, not {answer.status_code} {answer.text}")
        notes.say(answer.json()["status"])
    await steps.refunded(tim, first, "he gets everything back")
    async with steps.step("Vint cancels while the hub is down") as notes:
        await steps.scene.supervisor.stop(lot.lot_id)
        answer = await vint.cancel(second["reservation_id"])
        expect(answer.status_code == 202, f"202, not {answer.status_code} {answer.text}")
        expect(answer.json()["status"] == "cancelling", f"cancelling, not {answer.json()['status']}")
        notes.say(answer.json()["status"])
        answer = await vint.check_in(lot.gate("entry").gate_id, second["reservation_id"])
        expect(answer.status_code == 503, f"503, not {answer.status_code} {answer.text}")
        notes.say(f"checking in from afar: {answer.json()['title']}")
    async with steps.step("the hub comes back, and the spot is free") as notes:
        await steps.scene.supervisor.start(lot.lot_id)
        await steps.status(vint, second, "cancelled")
        notes.say(second["spot_id"])
    await steps.refunded(vint, second, "Vint's instant counts: he gets everything back")


async def no_show(steps: Steps) -> None:
    lot, gate = steps.lot, steps.lot.gate("entry")
    donald, radia = await steps.sign_up("Donald"), await steps.sign_up("Radia")
    missed = await steps.book(donald, lot, window_from_now(5))
    async with steps.step("Donald does not come: his spot is given up") as notes:
        await steps.status(donald, missed, "no_show")
        notes.say(f"{missed['spot_id']}, {lot.grace_s} s after the start")
    back = await steps.refunded(donald, missed, "every entry gate has answered: the fee is kept, the rest paid back")
    again = await steps.reserve_and_pay(radia, missed["spot_id"], window_from_now(3, begins_in_s=SOON_S))
    await steps.drive_in(radia, lot, again)
    async with steps.step("Donald comes after all, and gets another spot") as notes:
        passage = await steps.street.drive_through(gate, donald.number)
        answer = await steps.last_decision(gate)
        expect(answer["reason"] == "late", f"late, not {answer['reason']}")
        expect(answer["spot_id"] not in (None, missed["spot_id"]), f"another spot, not {answer['spot_id']}")
        say_passage(notes.say, passage, answer)
        await steps.conflict_shown(lot, "after-no-show", missed)
    await steps.drive_out(donald, lot)
    async with steps.step("the fee is paid back; he pays for the time he parked") as notes:
        document = await donald.get(f"/reservations/{missed['reservation_id']}")
        payment = await until(
            lambda: donald.get(f"/payments/{document['payment_id']}"),
            lambda payment: payment["refunded"]["amount_minor"] > back.amount_minor,
            "paid back",
        )
        paid_back = refunds(steps.scene.site.provider_record)[missed["reservation_id"]]
        expect(sum(paid_back) == payment["refunded"]["amount_minor"], "the same amount at the provider")
        notes.say(f"{money(payment['refunded'])} of {money(payment['amount'])}, in {len(paid_back)} refunds")
