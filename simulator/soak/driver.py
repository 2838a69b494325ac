"""A driver who tries again, as an app on a phone does while parts of what it talks to are being restarted."""

import asyncio
import time
from typing import Any
from uuid import uuid4

import httpx

from domain.errors import PeerError, Refused
from simulator.demo.configuration import CURRENCY, GateSite, LotSite
from simulator.demo.driver import Driver, Operator, window_from_now
from simulator.demo.street import Street
from simulator.demo.timeline import StepFailed
from simulator.street.lane_client import StreetClient

TRY_AGAIN_S = 0.1
BY_HAND_MINOR = 10
SOON_S = 25.0
"""How long before its window a visit begins: what dies on the way in must not make a no-show of the driver."""
PATIENCE_S = 90.0
"""Longer than the slowest recovery: a lease of central's that died with its owner."""


class PatientDriver:
    """One driver, one vehicle, one visit. Raises StepFailed where something does not come about in `PATIENCE_S`."""

    def __init__(self, http: httpx.AsyncClient, street: Street, driver: Driver, operator: Operator) -> None:
        """`driver` has signed up; `operator` pays something back by hand at the end."""
        self.doing = "signed up"
        self._http = http
        self._street = street
        self._driver = driver
        self._operator = operator
        self._headers = driver.headers

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
        await self._until(f"/reservations/{reservation_id}", "completed")
        await self._until(f"/payments/{payment_id}", "partially_refunded")
        self.doing = "complaining"
        self._headers = self._operator.headers
        body = {"reason": "the lift was out of order", "amount": {"amount_minor": BY_HAND_MINOR, "currency": CURRENCY}}
        await self._post(f"/payments/{payment_id}/refund", body)
        self.doing = "home"
        return reservation_id

    async def _book(self, lot: LotSite) -> str:
        window = window_from_now(2, begins_in_s=SOON_S)
        query = {"lot_id": lot.lot_id, "vehicle_type": "standard", **window}
        spots = (await self._get("/spots/available", query))["spots"]
        wish = {"user_id": self._driver.user_id, "vehicle_id": self._driver.vehicle_id, **window}
        for spot in spots:
            answer = await self._post("/reservations", {"spot_id": spot["spot_id"], **wish}, or_status=409)
            if "reservation_id" in answer:
                return str(answer["reservation_id"])
        raise StepFailed(f"none of {len(spots)} spots of {lot.lot_id} was to be had")

    async def _pay(self, reservation_id: str) -> str:
        body = {"reservation_id": reservation_id, "payment_method_token": "pm_card_visa"}
        payment = await self._post("/payments", body)
        await self._until(f"/payments/{payment['payment_id']}", "succeeded")
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

    async def _until(self, path: str, status: str) -> None:
        give_up, seen = time.monotonic() + PATIENCE_S, "nothing"
        while time.monotonic() < give_up:
            seen = (await self._get(path))["status"]
            if seen == status:
                return
            await asyncio.sleep(TRY_AGAIN_S)
        raise StepFailed(f"{path} is {seen}, not {status}, after {PATIENCE_S:g} s")

    async def _get(self, path: str, query: dict[str, str] | None = None) -> dict[str, Any]:
        return await self._ask("GET", path, params=query)

    async def _post(self, path: str, body: dict[str, Any], or_status: int = 0) -> dict[str, Any]:
        return await self._ask("POST", path, or_status, json=body)

    async def _ask(self, method: str, path: str, or_status: int = 0, **content: Any) -> dict[str, Any]:
        """The answer; asked again, with the same key, while there is none or it says to try later."""
        headers = {**self._headers, **({"Idempotency-Key": uuid4().hex} if method == "POST" else {})}
        give_up, last = time.monotonic() + PATIENCE_S, "no answer"
        while time.monotonic() < give_up:
            try:
                answer = await self._http.request(method, path, headers=headers, **content)
            except httpx.TransportError as error:
                last = type(error).__name__
            else:
                under_way = answer.status_code == 409 and answer.json().get("code", "").startswith("idempotency")
                if answer.status_code < 300 or (answer.status_code == or_status and not under_way):
                    document: dict[str, Any] = answer.json()
                    return document
                last = f"{answer.status_code} {answer.text}"
                if answer.status_code != 503 and not under_way:
                    break
            await asyncio.sleep(TRY_AGAIN_S)
        raise StepFailed(f"{method} {path}: {last}")
