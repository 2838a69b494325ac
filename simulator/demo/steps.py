"""The steps that chapters of the story are made of: each is timed, told and held against what it must have come to."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from domain.admission import Decision, Reason, Verdict
from domain.ids import shown
from domain.money import Money
from gate_firmware.words import words
from simulator.demo.configuration import GateSite, LotSite
from simulator.demo.driver import Driver, until, window_from_now
from simulator.demo.provider import moved, refunds
from simulator.demo.site import Site
from simulator.demo.street import Passage, Street, Visit
from simulator.demo.supervisor import Supervisor
from simulator.demo.timeline import Chapter, StepFailed
from simulator.street.plates import NumberPlate, draw_plate

HTTP_S = 15.0
SOON_S = 15.0
"""Drivers come some seconds before their window begins: early enough not to be missed, not too early to be let in."""

Reservation = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a chapter plays: on a running site, at one of its lots, on that lot's street."""

    site: Site
    supervisor: Supervisor
    http: httpx.AsyncClient
    lot: LotSite
    street: Street
    rng: random.Random


class Steps:
    """What drivers and attendants do and see in one chapter."""

    def __init__(self, scene: Scene, chapter: Chapter) -> None:
        self.scene = scene
        self.step = chapter.step
        self.lot = scene.lot
        self.street = scene.street
        self.rng = scene.rng

    def draw_plate(self) -> NumberPlate:
        return draw_plate(self.rng)

    async def sign_up(self, name: str, vehicle_type: str = "standard") -> Driver:
        driver = Driver(self.scene.http, name, draw_plate(self.rng), vehicle_type)
        async with self.step(f"{name} signs up and registers a vehicle") as notes:
            await driver.sign_up(f"{name}-{self.rng.getrandbits(64):x}")
            notes.say(f"{vehicle_type}, {driver.number.style.value} plate {driver.number.plate.masked}")
        return driver

    async def book(self, driver: Driver, lot: LotSite, window: dict[str, str] | None = None) -> Reservation:
        """Search, reserve one of the spots on offer, pay."""
        reservation = await self.search_and_reserve(driver, lot, window)
        await self.pay(driver, reservation)
        return reservation

    async def search_and_reserve(
        self, driver: Driver, lot: LotSite, window: dict[str, str] | None = None
    ) -> Reservation:
        async with self.step(f"{driver.name} searches {lot.name}") as notes:
            window = window or window_from_now(self.rng.randint(2, 6), begins_in_s=SOON_S)
            spots = await until(lambda: driver.search(lot.lot_id, window), bool, "any spot on offer")
            spot = self.rng.choice(spots)
            cheapest = min(spots, key=lambda spot: int(spot["price"]["amount_minor"]))
            notes.say(f"{len(spots)} spots from {money(cheapest['price'])}")
        return await self.reserve(driver, spot["spot_id"], window)

    async def reserve_and_pay(self, driver: Driver, spot_id: str, window: dict[str, str]) -> Reservation:
        reservation = await self.reserve(driver, spot_id, window)
        await self.pay(driver, reservation)
        return reservation

    async def reserve(self, driver: Driver, spot_id: str, window: dict[str, str]) -> Reservation:
        async with self.step(f"{driver.name} reserves {spot_id}") as notes:
            answer = await driver.reserve(spot_id, window)
            expect(answer.status_code == 201, f"201, not {answer.status_code} {answer.text}")
            reservation: Reservation = answer.json()
            expect(reservation["status"] == "held", f"held, not {reservation['status']}")
            notes.say(f"{shown(reservation['reservation_id'])}, held by the lot's hub")
        return reservation

    async def pay(self, driver: Driver, reservation: Reservation) -> None:
        async with self.step(f"{driver.name} pays") as notes:
            payment = await driver.pay(reservation["reservation_id"])
            notes.say(f"{money(payment['amount'])}: authorised, confirmed by the hub, captured")
            picture = await driver.ticket_picture(reservation["reservation_id"])
            tickets = self.scene.site.folder / "tickets"
            tickets.mkdir(parents=True, exist_ok=True)
            (tickets / f"{reservation['reservation_id']}.png").write_bytes(picture)

    async def drive_in(self, driver: Driver, lot: LotSite, reservation: Reservation) -> dict[str, Any]:
        """By the plate alone; returns the gate's answer."""
        gate = lot.gate("entry")
        async with self.step(f"{driver.name} drives up to {gate.gate_id}") as notes:
            passage = await self.street.drive_through(gate, driver.number)
            answer = await self.last_decision(gate)
            expect(answer["reservation_id"] == reservation["reservation_id"], "decided on the right booking")
            say_passage(notes.say, passage, answer)
        return answer

    async def drive_out(self, driver: Driver, lot: LotSite) -> None:
        gate = lot.gate("exit")
        async with self.step(f"{driver.name} leaves by {gate.gate_id}") as notes:
            passage = await self.street.drive_through(gate, driver.number)
            answer = await self.last_decision(gate)
            say_passage(notes.say, passage, answer)
            expect(answer["reason"] == "stay_closed", f"the exit knows whose car it is: {answer['reason']}")

    async def see_occupied(self, driver: Driver, lot: LotSite, spot_id: str) -> None:
        async with self.step("hub and central show the spot occupied") as notes:
            await self.hub_sees(lot, spot_id, "occupied")
            await until(
                lambda: driver.get(f"/spots/{spot_id}"),
                lambda spot: spot["status"] == "occupied",
                "occupied at central",
            )
            notes.say(spot_id)

    async def hub_sees(self, lot: LotSite, spot_id: str, state: str) -> None:
        """Wait for a spot to be shown so on the hub's page."""

        async def look() -> str:
            page = await self.page(lot)
            return str(next(spot["state"] for spot in page["spots"] if spot["spot_id"] == spot_id))

        await until(look, lambda seen: seen == state, f"{state} at the hub")

    async def conflict_shown(self, lot: LotSite, conflict: str, reservation: Reservation | None) -> None:
        """Wait for a conflict to be shown on the hub's page."""
        wanted = None if reservation is None else shown(reservation["reservation_id"])
        await until(
            lambda: self.page(lot),
            lambda page: any(
                seen["conflict"] == conflict and seen["reservation"] == wanted for seen in page["conflicts"]
            ),
            f"{conflict} on the hub's page",
        )

    async def refunded(self, driver: Driver, reservation: Reservation, why: str) -> Money:
        """Wait for the one refund of a reservation, at central and at the bank alike."""
        async with self.step(why) as notes:
            reservation_id = reservation["reservation_id"]
            document = await driver.get(f"/reservations/{reservation_id}")
            payment = await until(
                lambda: driver.get(f"/payments/{document['payment_id']}"),
                lambda payment: payment["status"] in ("partially_refunded", "refunded"),
                "refunded",
            )
            paid_back = refunds(self.scene.site.provider_record).get(reservation_id, [])
            expect(len(paid_back) == 1, f"one refund at the provider, not {len(paid_back)}")
            expect(paid_back[0] == payment["refunded"]["amount_minor"], "the same amount at the provider")
            notes.say(f"{money(payment['refunded'])} of {money(payment['amount'])}")
        return Money(**payment["refunded"])

    async def charged(self, reservation: Reservation, kind: str) -> int:
        """What the bank has taken for a reservation by this cause, in minor units."""
        by_bank = moved(self.scene.site.provider_record).get(reservation["reservation_id"], [])
        return sum(one.minor for one in by_bank if one.kind == kind)

    async def moved(self, driver: Driver, reservation: Reservation) -> Reservation:
        """Wait until a reservation has another spot."""
        return await until(
            lambda: driver.get(f"/reservations/{reservation['reservation_id']}"),
            lambda seen: seen["spot_id"] != reservation["spot_id"],
            "moved to another spot",
        )

    async def new_ticket(self, driver: Driver, reservation: Reservation, old: str) -> str:
        """Wait for the ticket that replaces an old one."""
        return await until(lambda: driver.newer_ticket(reservation["reservation_id"], old), bool, "a new ticket")

    async def status(self, driver: Driver, reservation: Reservation, status: str) -> Reservation:
        """Wait for a reservation's status at central."""
        return await until(
            lambda: driver.get(f"/reservations/{reservation['reservation_id']}"),
            lambda seen: seen["status"] == status,
            f"{status} at central",
        )

    async def page(self, lot: LotSite) -> dict[str, Any]:
        """What the attendants' page shows."""
        async with httpx.AsyncClient(timeout=HTTP_S) as http:
            document: dict[str, Any] = (await http.get(f"{lot.page_url}/lot.json")).json()
        return document

    async def decided_as(self, gate: GateSite, reason: Reason) -> dict[str, Any]:
        """Wait until the gate's last decision has this reason; that decision."""
        return await until(
            lambda: self.last_decision(gate), lambda answer: answer["reason"] == reason.value, reason.value
        )

    async def code_refused(self, visit: Visit, code: str, reason: Reason) -> str:
        """The driver in the lane shows a code that is refused for this reason; what the display says then."""
        await visit.show_code(code)
        answer = await self.decided_as(visit.gate, reason)
        expect(answer["decision"] == "refuse", f"refused, not {answer['decision']}")
        told = words(Decision(Verdict.REFUSE, reason))
        await visit.told(told)
        return f"display: {' / '.join(told)}"

    async def last_decision(self, gate: GateSite) -> dict[str, Any]:
        """The gate's last answer, by its local interface."""
        async with httpx.AsyncClient(timeout=HTTP_S) as http:
            state = (await http.get(f"{gate.url}/state")).json()
        answer: dict[str, Any] = state["last_decision"]
        return answer


def expect(holds: bool, what: str) -> None:
    """Raises StepFailed where it does not hold."""
    if not holds:
        raise StepFailed(f"expected: {what}")


def money(document: dict[str, Any]) -> str:
    return str(Money(document["amount_minor"], document["currency"]))


def say_passage(say: Callable[[str], None], passage: Passage, answer: dict[str, Any]) -> None:
    """Tell how a car fared at a lane."""
    say(f"{answer['decision']} ({answer['reason']}) {answer['took_ms']} ms after the car was on the loop")
    say(f"display: {' / '.join(passage.display)}")
    raised, passed, lowered = passage.raised_ms, passage.passed_ms, passage.lowered_ms
    say(f"after it stopped at the line: arm up {raised} ms, car through {passed} ms, arm down {lowered} ms")
