"""Drivers who book and pay beside each other, and what each of them was promised.

A promise is an answer: 201 to a reservation, 201 or `succeeded` to a payment. What was asked and not answered was not
promised; it is asked again.
"""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from domain.now import parse_instant, rfc3339
from domain.window import Window
from simulator.demo.configuration import LotSite
from simulator.demo.driver import Driver
from simulator.demo.timeline import StepFailed
from simulator.soak.patient import PatientClient
from simulator.street.plates import draw_plate

DRIVERS = 6
WINDOW = timedelta(minutes=15)
WINDOWS = 72
"""That are booked, one after the other: within a day, so that gates have to know of them, and few enough for drivers to
want the same."""
NO_PAYMENT = 0.15
"""How many leave it at a hold."""
PROMISES_S_MAX = 60.0


@dataclass(slots=True)
class Promise:
    """What a driver has by central's answers; `ticket` once it is paid for."""

    reservation_id: str
    spot_id: str
    window: Window
    price_minor: int
    ticket: str | None = None


class Load:
    """Drivers at one lot, who book from `begin` until it is `enough`."""

    def __init__(self, http: httpx.AsyncClient, lot: LotSite, begins: datetime, seed: str) -> None:
        """Windows from `begins` on; who wants what is drawn from `seed`."""
        self._http = http
        self._lot = lot
        self._begins = begins
        self._seed = seed
        self._drivers: list[Driver] = []
        self._stop = False
        self._news = asyncio.Event()
        self.promises: dict[str, Promise] = {}
        self.refused: list[str] = []
        """Where somebody was refused what they had been promised, or waited too long."""

    @property
    def paid(self) -> Sequence[Promise]:
        return [promise for promise in self.promises.values() if promise.ticket is not None]

    async def sign_up(self) -> None:
        """Make the drivers' accounts."""
        draw = self._draw("plates")
        self._drivers = [Driver(self._http, f"robin-{uuid4().hex}", draw_plate(draw)) for _ in range(DRIVERS)]
        await asyncio.gather(*(driver.sign_up(uuid4().hex) for driver in self._drivers))

    def begin(self) -> asyncio.Future[Any]:
        """Have each driver book and pay as fast as they are answered; done when all have ended what they were at."""
        self._stop = False
        draws = [self._draw(f"{number} {len(self.promises)}") for number in range(DRIVERS)]
        return asyncio.gather(*(self._drive(driver, draw) for driver, draw in zip(self._drivers, draws, strict=True)))

    def enough(self) -> None:
        """Whoever is at it completes their booking; nobody begins another one."""
        self._stop = True

    async def until(self, paid: int) -> None:
        """Wait until so many are paid for. Raises StepFailed where somebody was refused, or after `PROMISES_S_MAX`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PROMISES_S_MAX):
                while len(self.paid) < paid and not self.refused:
                    self._news.clear()
                    await self._news.wait()
        if len(self.paid) < paid:
            what = self.refused or f"only {len(self.paid)} bookings are paid for after {PROMISES_S_MAX:g} s"
            raise StepFailed(str(what))

    def _draw(self, what: str) -> random.Random:
        return random.Random(f"{self._seed} {what}")  # noqa: S311  who wants what, not a secret

    async def _drive(self, driver: Driver, draw: random.Random) -> None:
        client = PatientClient(self._http, driver.headers)
        try:
            while not self._stop:
                promise = await self._book(client, driver, draw)
                if promise is not None and draw.random() >= NO_PAYMENT:
                    await self._pay(client, promise)
        except StepFailed as failed:
            self.refused.append(str(failed))
            self._news.set()

    async def _book(self, client: PatientClient, driver: Driver, draw: random.Random) -> Promise | None:
        """What was promised; nothing where somebody else was first."""
        begins = self._begins + draw.randrange(WINDOWS) * WINDOW
        wish = {
            "spot_id": f"{self._lot.lot_id}.1-{draw.randint(1, self._lot.standard_spots):03}",
            "user_id": driver.user_id,
            "vehicle_id": driver.vehicle_id,
            "start_time": rfc3339(begins),
            "end_time": rfc3339(begins + WINDOW),
        }
        answer = await client.post("/reservations", wish, or_status=409)
        if "reservation_id" not in answer:
            return None
        promise = _promise(answer)
        self.promises.setdefault(promise.reservation_id, promise)  # who has it already is told so again
        return promise

    async def _pay(self, client: PatientClient, promise: Promise) -> None:
        body = {"reservation_id": promise.reservation_id, "payment_method_token": "pm_card_visa"}
        payment = await client.post("/payments", body)
        await client.until(f"/payments/{payment['payment_id']}", "succeeded")
        ticket = await client.text(f"/reservations/{promise.reservation_id}/ticket")
        self.promises[promise.reservation_id].ticket = ticket
        self._news.set()


def _promise(answer: dict[str, Any]) -> Promise:
    return Promise(
        reservation_id=answer["reservation_id"],
        spot_id=answer["spot_id"],
        window=Window(parse_instant(answer["start_time"]), parse_instant(answer["end_time"])),
        price_minor=answer["price"]["amount_minor"],
    )
