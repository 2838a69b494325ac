"""A driver who comes while the hub is gone."""

from typing import Any
from uuid import uuid4

import httpx

from simulator.cli import street_record
from simulator.demo.driver import Driver, window_from_now
from simulator.demo.steps import expect
from simulator.demo.street import Street
from simulator.drill.stage import Stage, seen
from simulator.soak.driver import SOON_S
from simulator.soak.patient import PatientClient
from simulator.street.plates import draw_plate

HOURS = 2


class Visitor:
    """One driver and their car, known by its plate."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._lot = stage.lot
        folder = stage.site.folder
        self._street = Street(folder / "frames", street_record(folder), "car", stage.rng.getrandbits(31))
        self._driver = Driver(stage.http, f"kim-{uuid4().hex}", draw_plate(stage.rng))
        self._payment: dict[str, Any] = {}

    async def book(self) -> None:
        """Book for now, pay, and wait until the entry gate knows of it."""
        driver, window = self._driver, window_from_now(HOURS, begins_in_s=SOON_S)
        await driver.sign_up(uuid4().hex)
        spot = self._stage.rng.choice(await driver.search(self._lot.lot_id, window))
        answer = await driver.reserve(spot["spot_id"], window)
        expect(answer.status_code == httpx.codes.CREATED, f"a reservation, not {answer.text}")
        self._payment = await driver.pay(answer.json()["reservation_id"])

        async def known() -> bool:
            return self._stage.onlooker.knows(self._lot.gate("entry").gate_id, self._payment["reservation_id"])

        await seen(known, "known at the gate")

    async def come_in(self) -> None:
        await self._street.drive_through(self._lot.gate("entry"), self._driver.number)

    async def leave(self) -> None:
        """Drive out, and wait for what comes back of the price."""
        await self._street.drive_through(self._lot.gate("exit"), self._driver.number)
        client = PatientClient(self._stage.http, self._driver.headers)
        await client.until(f"/reservations/{self._payment['reservation_id']}", "completed")
        await client.until(f"/payments/{self._payment['payment_id']}", "partially_refunded")
