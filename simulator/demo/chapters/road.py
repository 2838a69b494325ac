"""From booking to barrier and back out, with every part there and with some of them gone."""

import asyncio
from typing import Any

from domain.ids import reservation_id
from simulator.demo.driver import Driver, until, window_from_now
from simulator.demo.steps import Reservation, Steps, expect

UNUSED = "the unused time is paid back"
NOBODYS = reservation_id(0)


async def books_comes_and_leaves_early(steps: Steps) -> None:
    lot = steps.lot
    driver = await steps.sign_up("Ada")
    reservation = await steps.book(driver, lot)
    await steps.drive_in(driver, lot, reservation)
    await steps.see_occupied(driver, lot, reservation["spot_id"])
    await steps.drive_out(driver, lot)
    await steps.refunded(driver, reservation, UNUSED)


async def race_and_hub_killed(steps: Steps) -> None:
    winner, reservation = await _race(steps)
    lot = steps.lot
    await steps.pay(winner, reservation)
    async with steps.step("the hub is killed (kill -9)") as notes:
        before = await steps.scene.supervisor.kill(lot.lot_id)
        notes.say(f"process {before} is gone")
    await steps.drive_in(winner, lot, reservation)
    async with steps.step("the hub is back by itself and knows of the car") as notes:
        await steps.scene.supervisor.wait_ready(lot.lot_id)
        notes.say(f"now process {steps.scene.supervisor.process_id(lot.lot_id)}")
        await steps.hub_sees(lot, reservation["spot_id"], "occupied")
    await steps.see_occupied(winner, lot, reservation["spot_id"])
    await steps.drive_out(winner, lot)
    await steps.refunded(winner, reservation, UNUSED)


async def without_central(steps: Steps) -> None:
    lot = steps.lot
    driver = await steps.sign_up("Edsger")
    reservation = await steps.book(driver, lot)
    async with steps.step("central is stopped") as notes:
        await steps.scene.supervisor.stop("central")
        notes.say("no new online bookings; everything in the lot goes on")
    await steps.drive_in(driver, lot, reservation)
    await steps.drive_out(driver, lot)
    async with steps.step("central comes back and learns of both, once each") as notes:
        await steps.scene.supervisor.start("central")
        seen = await steps.status(driver, reservation, "completed")
        notes.say(f"entered {seen['entered_at']}, left {seen['left_at']}")
    await steps.refunded(driver, reservation, UNUSED)
    async with steps.step("and knows again what it does not know: there is no such booking") as notes:
        answer = await until(
            lambda: driver.look_up(NOBODYS), lambda answer: answer.status_code != 503, "sure of all bookings"
        )
        expect(answer.status_code == 404, f"404, not {answer.status_code} {answer.text}")
        notes.say(answer.json()["title"])


async def _race(steps: Steps) -> tuple[Driver, Reservation]:
    grace, alan = await steps.sign_up("Grace"), await steps.sign_up("Alan")
    async with steps.step("two drivers ask for one spot at the same moment") as notes:
        window = window_from_now(steps.rng.randint(2, 5))
        spots = await until(lambda: grace.search(steps.lot.lot_id, window), bool, "any spot on offer")
        spot = steps.rng.choice(spots)
        answers = await asyncio.gather(*(one.reserve(spot["spot_id"], window) for one in (grace, alan)))
        codes = [answer.status_code for answer in answers]
        expect(sorted(codes) == [201, 409], f"one 201 and one 409, not {codes}")
        by_code: dict[int, tuple[Driver, Any]] = {
            answer.status_code: (one, answer.json()) for one, answer in zip((grace, alan), answers, strict=True)
        }
        winner, won = by_code[201]
        notes.say(f"{winner.name} got {spot['spot_id']}, the other: {by_code[409][1]['title']}")
    return winner, won
