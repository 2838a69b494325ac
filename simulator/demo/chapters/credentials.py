"""Plates that cannot be read: the driver shows a code, types an id, or asks from their phone."""

import time

import httpx

from domain.admission import Reason
from domain.ids import shown
from domain.tries import WAIT_MS
from simulator.demo.configuration import TRIES_MAX
from simulator.demo.driver import until
from simulator.demo.steps import HTTP_S, Steps, expect, say_passage
from simulator.demo.street import UNREADABLE

BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
SLOWED_S = sum(WAIT_MS << wrong for wrong in range(TRIES_MAX - 1)) / 1_000
"""After each wrong id the keypad waits, twice as long each time; after the last it is locked."""


async def plate_unreadable(steps: Steps) -> None:
    await _by_code(steps)
    await _by_id(steps)
    await _by_phone(steps)


async def _by_code(steps: Steps) -> None:
    lot, gate = steps.lot, steps.lot.gate("entry")
    driver = await steps.sign_up("Barbara")
    reservation = await steps.book(driver, lot)
    ticket = await driver.ticket(reservation["reservation_id"])
    async with steps.street.visit(gate, driver.number, UNREADABLE, by="ticket") as visit:
        async with steps.step("Barbara's plate is caked in mud: the gate asks for the code") as notes:
            notes.say(f"display: {' / '.join(await visit.decided())}")
            expect((await steps.last_decision(gate))["decision"] == "ask", "asked")
        async with steps.step("a code that was tampered with is refused") as notes:
            notes.say(await steps.code_refused(visit, _tampered(ticket), Reason.TICKET_INVALID))
        async with steps.step("her own, held up at an angle, opens the gate") as notes:
            await visit.show_code(ticket)
            passage = await visit.through()
            answer = await steps.last_decision(gate)
            expect(answer["reservation_id"] == reservation["reservation_id"], "decided on the right booking")
            say_passage(notes.say, passage, answer)
    async with (
        steps.step("another car shows the same code and is refused") as notes,
        steps.street.visit(gate, steps.draw_plate(), by="replayed ticket") as visit,
    ):
        await visit.decided()
        notes.say(await steps.code_refused(visit, ticket, Reason.TICKET_USED))
        passage = await visit.back_out()
        expect(passage.raised_ms is None, "the arm stayed down")
    await steps.drive_out(driver, lot)


async def _by_id(steps: Steps) -> None:
    gate = steps.lot.gate("entry")
    driver = await steps.sign_up("Linus")
    reservation = await steps.book(driver, steps.lot)
    right = shown(reservation["reservation_id"])
    wrong = right[:-1] + ("0" if right[-1] != "0" else "1")
    async with (
        httpx.AsyncClient(base_url=gate.url, timeout=HTTP_S) as keypad,
        steps.street.visit(gate, driver.number, UNREADABLE, by="id") as visit,
    ):
        async with steps.step("Linus mistypes his reservation id: the keypad slows down, and then locks") as notes:
            began_s = time.monotonic()
            for _ in range(TRIES_MAX):
                refused = await _taken(keypad, wrong)
                expect(refused.status_code == 422, f"422, not {refused.status_code} {refused.text}")
            took_s = time.monotonic() - began_s
            expect(took_s >= SLOWED_S, f"slowed down to {SLOWED_S:g} s, not {took_s:.1f} s")
            notes.say(f"{wrong}: {refused.json()['title']}; to type it {TRIES_MAX} times took {took_s:.1f} s")
            locked = await _typed(keypad, right)
            expect(locked.status_code == 429, f"429, not {locked.status_code} {locked.text}")
            notes.say(f"{right}, right at last: {locked.json()['detail']}")
        async with steps.step("once the keypad takes ids again, the right one opens the gate") as notes:
            await visit.decided()
            answer = await _taken(keypad, right)
            expect(answer.status_code == 200, f"200, not {answer.status_code} {answer.text}")
            say_passage(notes.say, await visit.through(), answer.json())


async def _taken(keypad: httpx.AsyncClient, text: str) -> httpx.Response:
    """Type an id until the keypad takes it."""
    return await until(lambda: _typed(keypad, text), lambda answer: answer.status_code != 429, "taken by the keypad")


async def _typed(keypad: httpx.AsyncClient, text: str) -> httpx.Response:
    return await keypad.post("/check-in", json={"reservation_id": text})


async def _by_phone(steps: Steps) -> None:
    gate = steps.lot.gate("entry")
    driver = await steps.sign_up("Margaret")
    reservation = await steps.book(driver, steps.lot)
    reservation_id = reservation["reservation_id"]
    async with steps.step("Margaret asks from her phone, and no car stands there") as notes:
        answer = await driver.check_in(gate.gate_id, reservation_id)
        expect(answer.status_code == 409, f"409, not {answer.status_code} {answer.text}")
        notes.say(answer.json()["title"])
    async with (
        steps.step("she asks again from the lane, through central and the lot's hub") as notes,
        steps.street.visit(gate, driver.number, UNREADABLE, by="id") as visit,
    ):
        await visit.decided()
        answer = await driver.check_in(gate.gate_id, reservation_id)
        expect(answer.status_code == 200, f"200, not {answer.status_code} {answer.text}")
        expect(answer.json()["decision"] == "admit", f"admitted, not {answer.json()}")
        say_passage(notes.say, await visit.through(), answer.json())
    leaving = steps.lot.gate("exit")
    async with (
        steps.step("she leaves, still unreadable, and says so from her phone") as notes,
        steps.street.visit(leaving, driver.number, UNREADABLE, by="id") as visit,
    ):
        answer = await until(
            lambda: driver.check_out(leaving.gate_id, reservation_id),
            lambda answer: answer.status_code == 200,  # 409 until she stands there
            "checked out",
        )
        expect(answer.json()["decision"] == "release", f"released, not {answer.json()}")
        say_passage(notes.say, await visit.through(), answer.json())
        await steps.status(driver, reservation, "completed")


def _tampered(ticket: str) -> str:
    """The same with one sign in its middle exchanged for the next."""
    middle = len(ticket) // 2
    return ticket[:middle] + BASE45[BASE45.index(ticket[middle]) - 1] + ticket[middle + 1 :]
