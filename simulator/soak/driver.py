"""A driver whose visit goes on whatever dies on the way."""

import asyncio
import time

import httpx

from domain.errors import PeerError, Refused
from simulator.demo.configuration import CURRENCY, GateSite, LotSite
from simulator.demo.driver import Driver, Operator, window_from_now
from simulator.demo.street import Street
from simulator.demo.timeline import StepFailed
from simulator.soak.patient import PATIENCE_S, TRY_AGAIN_S, PatientClient
from simulator.street.lane_client import StreetClient

BY_HAND_MINOR = 10
SOON_S = 25.0
"""How long before its window a visit begins: what dies on the way in must not make a no-show of the driver."""


class PatientDriver:
    """One driver, one vehicle, one visit. Raises StepFailed where something does not come about in `PATIENCE_S`."""

    def __init__(self, http: httpx.AsyncClient, street: Street, driver: Driver, operator: Operator) -> None:
        """`driver` has signed up; `operator` pays something back by hand at the end."""
        self.doing = "signed up"
        self._client = PatientClient(http, driver.headers)
        self._street = street
        self._driver = driver
        self._operator = operator

    async def visit(self, lot: LotSite) -> str:
        """Book, pay, drive in, drive out, be paid back, and once more by hand; returns the reservation's id."""
        self.doing = "booking"
        reservation_id = await self._book(lot)
        self.doing = "paying"
        payment_id = await self._pay(reservation_id)
        self.doing = "driving in"
        await self._drive(lot.gate("entry"))
        self.doing = "driving out"
        await self._drive(lot.gate("exit"))
        self.doing = "waiting for the refund"
        await self._client.until(f"/reservations/{reservation_id}", "completed")
        await self._client.until(f"/payments/{payment_id}", "partially_refunded")
        self.doing = "complaining"
        self._client.headers = self._operator.headers
        body = {"reason": "the lift was out of order", "amount": {"amount_minor": BY_HAND_MINOR, "currency": CURRENCY}}
        await self._client.post(f"/payments/{payment_id}/refund", body)
        self.doing = "home"
        return reservation_id

    async def _book(self, lot: LotSite) -> str:
        window = window_from_now(2, begins_in_s=SOON_S)
        query = {"lot_id": lot.lot_id, "vehicle_type": "standard", **window}
        spots = (await self._client.get("/spots/available", query))["spots"]
        wish = {"user_id": self._driver.user_id, "vehicle_id": self._driver.vehicle_id, **window}
        for spot in spots:
            answer = await self._client.post("/reservations", {"spot_id": spot["spot_id"], **wish}, or_status=409)
            if "reservation_id" in answer:
                return str(answer["reservation_id"])
        raise StepFailed(f"none of {len(spots)} spots of {lot.lot_id} was to be had")

    async def _pay(self, reservation_id: str) -> str:
        body = {"reservation_id": reservation_id, "payment_method_token": "pm_card_visa"}
        payment = await self._client.post("/payments", body)
        await self._client.until(f"/payments/{payment['payment_id']}", "succeeded")
        return str(payment["payment_id"])

    async def _drive(self, gate: GateSite) -> None:
        """Turn into the lane and wait until the car is through; the lane's process may die and come back meanwhile."""
        car, shots = await self._street.render(gate, self._driver.number)
        pictures = [shot.jpeg for shot in shots]
        through: int | None = None
        give_up = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up:
            try:
                async with StreetClient(gate.control_port) as lane:
                    state = await lane.state()
                    if through is None:
                        through = state.passages + 1
                    if state.passages >= through:
                        return
                    if state.car is None:
                        await lane.arrive(car, pictures)
            except (OSError, PeerError, Refused):
                pass  # the lane is down at the moment, or the car before is still in it
            await asyncio.sleep(TRY_AGAIN_S)
        raise StepFailed(f"{car} did not get through {gate.gate_id} within {PATIENCE_S:g} s")
