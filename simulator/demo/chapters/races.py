"""A cancellation that meets a payment, or a car on its way in: whichever comes first, each ends in one way."""

import asyncio

from domain.money import Money
from simulator.demo.driver import until, window_from_now
from simulator.demo.provider import moved
from simulator.demo.steps import Reservation, Steps, expect, say_passage

TWO_DAYS_S = 48 * 3600
LATER_S = 25
STARTED = "window_started"
"""Central's answer once the window has begun, whether a car has come in on the booking or not."""


async def cancels_meanwhile(steps: Steps) -> None:
    await _paying(steps)
    await _driving_in(steps)


async def _paying(steps: Steps) -> None:
    driver = await steps.sign_up("Kathleen")
    reservation = await steps.search_and_reserve(driver, steps.lot, window_from_now(4, begins_in_s=TWO_DAYS_S))
    reservation_id = reservation["reservation_id"]
    async with steps.step("Kathleen pays and cancels at the same moment") as notes:
        paid, cancelled = await asyncio.gather(driver.ask_to_pay(reservation_id), driver.cancel(reservation_id))
        expect(paid.status_code in (201, 202, 409), f"201, 202 or 409, not {paid.status_code} {paid.text}")
        expect(cancelled.status_code in (200, 202), f"200 or 202, not {cancelled.status_code} {cancelled.text}")
        notes.say(f"the payment: {paid.json().get('title', 'taken')}; the cancellation: {cancelled.json()['status']}")
    async with steps.step("in the end it is cancelled, and whatever was taken is paid back") as notes:
        await steps.status(driver, reservation, "cancelled")  # which waits for the end of a payment
        taken, back = await until(
            lambda: _taken_and_back(steps, reservation), lambda minors: minors[0] == minors[1], "paid back"
        )
        expect(taken in (0, reservation["price"]["amount_minor"]), f"the price or nothing was taken, not {taken}")
        currency = reservation["price"]["currency"]
        notes.say(f"taken: {Money(taken, currency)}, paid back: {Money(back, currency)}")


async def _driving_in(steps: Steps) -> None:
    lot, gate = steps.lot, steps.lot.gate("entry")
    driver = await steps.sign_up("Jean")
    reservation = await steps.book(driver, lot, window_from_now(3, begins_in_s=LATER_S))
    async with (
        steps.step("Jean cancels at the very moment at which the arm goes up for her") as notes,
        steps.street.visit(gate, driver.number) as visit,
    ):
        await visit.decided()
        cancelled, passage = await asyncio.gather(driver.cancel(reservation["reservation_id"]), visit.through())
        expect(cancelled.status_code in (200, 202, 409), f"200, 202 or 409, not {cancelled.status_code}")
        say_passage(notes.say, passage, await steps.last_decision(gate))
    async with steps.step("her cancellation and her entry come to one end") as notes:
        ended = await until(
            lambda: driver.get(f"/reservations/{reservation['reservation_id']}"),
            lambda seen: seen["status"] in ("cancelled", "checked_in"),
            "cancelled or checked in",
        )
        if ended["status"] == "cancelled":
            await steps.conflict_shown(lot, "after-cancel", reservation)
            notes.say("cancelled, then entered: after-cancel on the attendants' page")
        else:
            answer = cancelled.json()
            why = "her window had begun by then" if answer.get("code") == STARTED else "her entry was first"
            notes.say(f"entered and not cancelled, {why}: {answer.get('title', answer.get('status'))}")
    await steps.drive_out(driver, lot)
    await steps.refunded(driver, reservation, "Jean pays for what she parked, and gets the rest back")


async def _taken_and_back(steps: Steps, reservation: Reservation) -> tuple[int, int]:
    """What the bank has taken for a reservation and what it has paid back, in minor units."""
    by_bank = moved(steps.scene.site.provider_record).get(reservation["reservation_id"], [])
    return (
        sum(one.minor for one in by_bank if not one.is_refund),
        sum(one.minor for one in by_bank if one.is_refund),
    )
