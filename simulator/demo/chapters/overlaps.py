"""Cars that are where they should not be: too long, twice, or with no booking at all."""

from datetime import timedelta

from domain.admission import Reason
from domain.money import Money
from domain.now import parse_instant
from simulator.demo.configuration import MOVE_S
from simulator.demo.driver import sleep_until, until, window_from_now
from simulator.demo.steps import Steps, expect, say_passage
from simulator.demo.street import UNREADABLE

SHORT_S = MOVE_S + 18
"""Long enough for two bookings, and for Leslie to be in, on a machine that has much to do."""


async def overstay(steps: Steps) -> None:
    lot, gate = steps.lot, steps.lot.gate("entry")
    leslie, niklaus = await steps.sign_up("Leslie"), await steps.sign_up("Niklaus")
    short = window_from_now(SHORT_S / 3600)
    first = await steps.book(leslie, lot, short)
    following = {"start_time": short["end_time"], "end_time": window_from_now(3)["end_time"]}
    second = await steps.reserve_and_pay(niklaus, first["spot_id"], following)
    ticket = await niklaus.ticket(second["reservation_id"])
    await steps.drive_in(leslie, lot, first)
    async with steps.step("shortly before Niklaus's time she is still there: he is moved to as good a spot") as notes:
        await sleep_until(parse_instant(short["end_time"]) - timedelta(seconds=MOVE_S))
        moved = await steps.moved(niklaus, second)
        notes.say(f"from {second['spot_id']} to {moved['spot_id']}")
        new_ticket = await steps.new_ticket(niklaus, second, ticket)
        notes.say("and has a new ticket")
    async with steps.street.visit(gate, niklaus.number, UNREADABLE, by="ticket") as visit:
        async with steps.step("Niklaus drives up, muddy too, and shows the ticket that was replaced") as notes:
            await visit.decided()
            notes.say(await steps.code_refused(visit, ticket, Reason.TICKET_REPLACED))
        async with steps.step("he shows the new one, and is told his new spot") as notes:
            await visit.show_code(new_ticket)
            passage = await visit.through()
            answer = await steps.last_decision(gate)
            expect(answer["spot_id"] == moved["spot_id"], f"sent to {moved['spot_id']}, not {answer['spot_id']}")
            expect(moved["spot_id"].partition(".")[2] in passage.display[1], "the display names the new spot")
            say_passage(notes.say, passage, answer)
    async with steps.step("Leslie stays too long, and the attendants' page shows it") as notes:
        await sleep_until(parse_instant(short["end_time"]))
        await steps.hub_sees(lot, first["spot_id"], "overstayed")
        notes.say(f"{first['spot_id']} is overstayed")
    await steps.drive_out(leslie, lot)
    async with steps.step("Leslie's card on file pays for the time too long") as notes:
        charged = await until(
            lambda: steps.charged(first, "overstay"), lambda minor: minor > 0, "charged for the overstay"
        )
        notes.say(str(Money(charged, first["price"]["currency"])))


async def second_car_and_stranger(steps: Steps) -> None:
    lot, gate = steps.lot, steps.lot.gate("entry")
    frances = await steps.sign_up("Frances")
    reservation = await steps.book(frances, lot)
    await steps.drive_in(frances, lot, reservation)
    async with (
        steps.step("a second car with the same plate is asked, and shows the ticket") as notes,
        steps.street.visit(gate, frances.number, by="ticket") as visit,
    ):
        notes.say(f"display: {' / '.join(await visit.decided())}")
        await visit.show_code(await frances.ticket(reservation["reservation_id"]))
        passage = await visit.through()
        answer = await steps.last_decision(gate)
        expect(answer["reason"] == "second_car", f"second_car, not {answer['reason']}")
        say_passage(notes.say, passage, answer)
        await steps.conflict_shown(lot, "double-entry", reservation)
    await steps.drive_out(frances, lot)
    async with steps.step("a car that nobody saw come in gets out all the same") as notes:
        passage = await steps.street.drive_through(lot.gate("exit"), steps.draw_plate())
        await steps.conflict_shown(lot, "exit-without-entry", None)
        notes.say(f"display: {' / '.join(passage.display)}; exit-without-entry on the attendants' page")
