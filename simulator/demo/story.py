"""The story: from a driver's booking to a refund after an early exit, and what happens when parts are gone."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from domain.ids import shown
from domain.money import Money
from simulator.demo.configuration import LotSite
from simulator.demo.driver import Driver, until, window_from_now
from simulator.demo.provider import refunds
from simulator.demo.site import Site
from simulator.demo.street import Passage, Street
from simulator.demo.supervisor import Supervisor
from simulator.demo.timeline import StepFailed, Timeline
from simulator.street.plates import draw_plate

HTTP_S = 15.0


class Story:
    """Plays itself once on a running site."""

    def __init__(
        self, site: Site, supervisor: Supervisor, street: Street, timeline: Timeline, rng: random.Random, tickets: Path
    ) -> None:
        self._site = site
        self._supervisor = supervisor
        self._street = street
        self._timeline = timeline
        self._rng = rng
        self._tickets = tickets
        self._first, self._second = site.lots

    async def play(self) -> None:
        """Every chapter in order. Raises StepFailed at the first step that does not hold."""
        async with httpx.AsyncClient(base_url=self._site.central.url, timeout=HTTP_S) as http:
            self._http = http
            chapters: list[tuple[str, Callable[[], Awaitable[None]]]] = [
                ("A driver books, comes, and leaves early", self._book_and_park),
                ("A car without a booking", self._stranger),
                ("Two drivers want the same spot", self._race),
                ("Central is gone, the lot goes on", self._without_central),
                ("The hub is killed between two steps", self._hub_killed),
            ]
            for title, chapter in chapters:
                self._timeline.headline(title)
                await chapter()

    async def _book_and_park(self) -> None:
        lot = self._first
        driver = await self._sign_up("Ada")
        reservation = await self._book(driver, lot)
        await self._drive_in(driver, lot, reservation)
        await self._see_occupied(driver, lot, reservation)
        await self._drive_out(driver, lot)
        await self._refunded(driver, reservation)

    async def _stranger(self) -> None:
        async with self._timeline.step("a car with no booking is refused") as notes:
            gate = self._first.gate("entry")
            passage = await self._street.drive_up(gate, draw_plate(self._rng))
            _expect(passage.raised_ms is None, "the arm stayed down")
            answer = await self._last_decision(gate.url)
            _expect(answer["decision"] == "refuse", f"refused, not {answer['decision']} ({answer['reason']})")
            _expect(
                passage.display[0] == "NO BOOKING FOUND", f"the display says why, not {' / '.join(passage.display)}"
            )
            notes.say(f"display: {' / '.join(passage.display)}")

    async def _race(self) -> None:
        grace, alan = await self._sign_up("Grace"), await self._sign_up("Alan")
        async with self._timeline.step("two drivers ask for one spot at the same moment") as notes:
            window = window_from_now(self._rng.randint(2, 5))
            spot = self._rng.choice(await grace.search(self._first.lot_id, window))
            answers = await asyncio.gather(*(one.reserve(spot["spot_id"], window) for one in (grace, alan)))
            codes = [answer.status_code for answer in answers]
            _expect(sorted(codes) == [201, 409], f"one 201 and one 409, not {codes}")
            winner, answer = next(
                (one, answer) for one, answer in zip((grace, alan), answers, strict=True) if answer.status_code == 201
            )
            loser = next(answer.json() for answer in answers if answer.status_code == 409)
            notes.say(f"{winner.name} got {spot['spot_id']}, the other: {loser['title']}")
        self._winner, self._won = winner, answer.json()

    async def _without_central(self) -> None:
        lot = self._second
        driver = await self._sign_up("Edsger")
        reservation = await self._book(driver, lot)
        async with self._timeline.step("central is stopped") as notes:
            await self._supervisor.stop("central")
            notes.say("no new online bookings; everything in the lot goes on")
        await self._drive_in(driver, lot, reservation)
        await self._drive_out(driver, lot)
        async with self._timeline.step("central comes back and learns of both, once each") as notes:
            await self._supervisor.start("central")
            seen = await until(
                lambda: driver.get(f"/reservations/{reservation['reservation_id']}"),
                lambda reservation: reservation["status"] == "completed",
                "completed at central",
            )
            notes.say(f"entered {seen['entered_at']}, left {seen['left_at']}")
        await self._refunded(driver, reservation)

    async def _hub_killed(self) -> None:
        lot, driver, reservation = self._first, self._winner, self._won
        await self._pay(driver, reservation)
        async with self._timeline.step("the hub is killed (kill -9)") as notes:
            before = await self._supervisor.kill(lot.lot_id)
            notes.say(f"process {before} is gone")
        await self._drive_in(driver, lot, reservation)
        async with self._timeline.step("the hub is back by itself and knows of the car") as notes:
            await self._supervisor.wait_ready(lot.lot_id)
            notes.say(f"now process {self._supervisor.process_id(lot.lot_id)}")
            await self._hub_sees(lot, reservation["spot_id"], "occupied")
        await self._see_occupied(driver, lot, reservation)
        await self._drive_out(driver, lot)
        await self._refunded(driver, reservation)

    async def _sign_up(self, name: str) -> Driver:
        driver = Driver(self._http, name, draw_plate(self._rng))
        async with self._timeline.step(f"{name} signs up and registers a vehicle") as notes:
            await driver.sign_up(f"{name}-{self._rng.getrandbits(64):x}")
            notes.say(f"{driver.number.style.value} plate {driver.number.plate.masked}")
        return driver

    async def _book(self, driver: Driver, lot: LotSite) -> dict[str, Any]:
        async with self._timeline.step(f"{driver.name} searches {lot.name}") as notes:
            window = window_from_now(self._rng.randint(2, 6))
            spots = await until(lambda: driver.search(lot.lot_id, window), bool, "any spot on offer")
            spot = self._rng.choice(spots)
            notes.say(
                f"{len(spots)} spots from {_money(min(spots, key=lambda s: s['price']['amount_minor'])['price'])}"
            )
        async with self._timeline.step(f"{driver.name} reserves {spot['spot_id']}") as notes:
            answer = await driver.reserve(spot["spot_id"], window)
            _expect(answer.status_code == 201, f"201, not {answer.status_code} {answer.text}")
            reservation: dict[str, Any] = answer.json()
            _expect(reservation["status"] == "held", f"held, not {reservation['status']}")
            notes.say(f"{shown(reservation['reservation_id'])}, held by the lot's hub")
        await self._pay(driver, reservation)
        return reservation

    async def _pay(self, driver: Driver, reservation: dict[str, Any]) -> None:
        async with self._timeline.step(f"{driver.name} pays") as notes:
            payment = await driver.pay(reservation["reservation_id"])
            notes.say(f"{_money(payment['amount'])}: authorised, confirmed by the hub, captured")
            picture = await driver.ticket_picture(reservation["reservation_id"])
            self._tickets.mkdir(parents=True, exist_ok=True)
            (self._tickets / f"{reservation['reservation_id']}.png").write_bytes(picture)

    async def _drive_in(self, driver: Driver, lot: LotSite, reservation: dict[str, Any]) -> None:
        gate = lot.gate("entry")
        async with self._timeline.step(f"{driver.name} drives up to {gate.gate_id}") as notes:
            passage = await self._street.drive_through(gate, driver.number)
            answer = await self._last_decision(gate.url)
            _expect(answer["reservation_id"] == reservation["reservation_id"], "decided on the right booking")
            _say_passage(notes.say, passage, answer)

    async def _drive_out(self, driver: Driver, lot: LotSite) -> None:
        gate = lot.gate("exit")
        async with self._timeline.step(f"{driver.name} leaves by {gate.gate_id}") as notes:
            passage = await self._street.drive_through(gate, driver.number)
            _say_passage(notes.say, passage, await self._last_decision(gate.url))

    async def _see_occupied(self, driver: Driver, lot: LotSite, reservation: dict[str, Any]) -> None:
        async with self._timeline.step("hub and central show the spot occupied") as notes:
            spot_id = reservation["spot_id"]
            await self._hub_sees(lot, spot_id, "occupied")
            await until(
                lambda: driver.get(f"/spots/{spot_id}"),
                lambda spot: spot["status"] == "occupied",
                "occupied at central",
            )
            notes.say(spot_id)

    async def _hub_sees(self, lot: LotSite, spot_id: str, state: str) -> None:
        async def look() -> str:
            async with httpx.AsyncClient(timeout=HTTP_S) as http:
                document = (await http.get(f"{lot.page_url}/lot.json")).json()
            return str(next(spot["state"] for spot in document["spots"] if spot["spot_id"] == spot_id))

        await until(look, lambda seen: seen == state, f"{state} at the hub")

    async def _refunded(self, driver: Driver, reservation: dict[str, Any]) -> None:
        async with self._timeline.step("the unused time is paid back") as notes:
            reservation_id = reservation["reservation_id"]
            document = await driver.get(f"/reservations/{reservation_id}")
            payment = await until(
                lambda: driver.get(f"/payments/{document['payment_id']}"),
                lambda payment: payment["status"] == "partially_refunded",
                "partially refunded",
            )
            paid_back = refunds(self._site.provider_record).get(reservation_id, [])
            _expect(len(paid_back) == 1, f"one refund at the provider, not {len(paid_back)}")
            _expect(paid_back[0] == payment["refunded"]["amount_minor"], "the same amount at the provider")
            notes.say(f"{_money(payment['refunded'])} of {_money(payment['amount'])}")

    async def _last_decision(self, gate_url: str) -> dict[str, Any]:
        async with httpx.AsyncClient(timeout=HTTP_S) as http:
            state = (await http.get(f"{gate_url}/state")).json()
        answer: dict[str, Any] = state["last_decision"]
        return answer


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise StepFailed(f"expected: {what}")


def _money(document: dict[str, Any]) -> str:
    return str(Money(document["amount_minor"], document["currency"]))


def _say_passage(say: Callable[[str], None], passage: Passage, answer: dict[str, Any]) -> None:
    say(f"{answer['decision']} ({answer['reason']}) {answer['took_ms']} ms after the car was on the loop")
    say(f"display: {' / '.join(passage.display)}")
    raised, passed, lowered = passage.raised_ms, passage.passed_ms, passage.lowered_ms
    say(f"after it stopped at the line: arm up {raised} ms, car through {passed} ms, arm down {lowered} ms")
