"""Cars that are not let in: on no booking, on one for another lot, on one that is over."""

from domain.admission import Decision, Reason, Verdict
from domain.now import parse_instant
from gate_firmware.words import words
from simulator.demo.driver import sleep_until, window_from_now
from simulator.demo.steps import Steps, expect
from simulator.demo.street import UNREADABLE

SHORT_S = 10
TOMORROW_S = 24 * 3600


async def not_let_in(steps: Steps) -> None:
    lot, gate = steps.lot, steps.lot.gate("entry")
    other = next(other for other in steps.scene.site.lots if other is not lot)
    hedy = await steps.sign_up("Hedy")
    elsewhere = await steps.book(hedy, other, window_from_now(2, begins_in_s=TOMORROW_S))
    short = window_from_now(SHORT_S / 3600)
    missed = await steps.book(hedy, lot, short)
    await _no_booking(steps)
    async with steps.step(f"Hedy's {SHORT_S} s at {lot.name} are over before she comes") as notes:
        await sleep_until(parse_instant(short["end_time"]))
        notes.say(f"{missed['spot_id']} was hers until {short['end_time']}")
    async with steps.street.visit(gate, hedy.number, UNREADABLE, by="ticket") as visit:
        async with steps.step(f"she drives up, and shows her ticket for {other.name}") as notes:
            await visit.decided()
            ticket = await hedy.ticket(elsewhere["reservation_id"])
            notes.say(await steps.code_refused(visit, ticket, Reason.TICKET_ELSEWHERE))
        async with steps.step("she shows the one whose window has ended, and has to turn round") as notes:
            ticket = await hedy.ticket(missed["reservation_id"])
            notes.say(await steps.code_refused(visit, ticket, Reason.ENDED))
            passage = await visit.back_out()
            expect(passage.raised_ms is None, "the arm stayed down")


async def _no_booking(steps: Steps) -> None:
    gate = steps.lot.gate("entry")
    async with (
        steps.step("a car with no booking is refused") as notes,
        steps.street.visit(gate, steps.draw_plate()) as visit,
    ):
        told = words(Decision(Verdict.REFUSE, Reason.NO_BOOKING))
        await visit.told(told)  # where the plate is read slowly, it is asked for its code first
        passage = await visit.back_out()
        expect(passage.raised_ms is None, "the arm stayed down")
        notes.say(f"display: {' / '.join(told)}")
