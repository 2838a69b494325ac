"""A driver whose visit goes on whatever dies on the way."""

import asyncio
import time
from contextlib import suppress
from enum import Enum

import httpx

from domain.errors import PeerError, Refused
from simulator.demo.configuration import CURRENCY, GateSite, LotSite
from simulator.demo.driver import Driver, Operator, window_from_now
from simulator.demo.street import BY_HAND, UNREADABLE, Street
from simulator.demo.timeline import StepFailed
from simulator.soak.patient import PATIENCE_S, TRY_AGAIN_S, PatientClient
from simulator.street.lane_client import StreetClient
from simulator.street.phone import held_up

BY_HAND_MINOR = 10
CODE_SEED = 1
"""Where in the picture the phone is: a place where it can be read."""
SOON_S = 25.0
"""How long before its window a visit begins: what dies on the way in must not make a no-show of the driver."""
TONIGHT_S = 12 * 3600.0
"""How long before its window a booking is cancelled: late enough that only a part is paid back."""


class Manner(Enum):
    """How a visit goes."""

    BY_PLATE = "by plate"
    BY_CODE = "by code"  # the plate cannot be read; the ticket is held up to the camera
    BY_ID = "by id"  # nor can it here; the reservation's id is typed at the lane
    BY_PHONE = "by phone"  # nor here; central is asked to open, and is told who leaves
    CANCELLED = "cancelled"  # before it began
    NOBODY_COMES = "nobody comes"

    @property
    def comes(self) -> bool:
        """Whether a car is driven in and out."""
        return self not in (Manner.CANCELLED, Manner.NOBODY_COMES)


_BEGINS_IN_S = {Manner.CANCELLED: TONIGHT_S, Manner.NOBODY_COMES: 2.0}
_ENDS_AS = {Manner.CANCELLED: "cancelled", Manner.NOBODY_COMES: "no_show"}
ANSWER_S = 3.0
"""How long who stands in a lane waits for one answer to an id or to their phone."""


class PatientDriver:
    """One driver, one vehicle, one visit. Raises StepFailed where something does not come about in `PATIENCE_S`."""

    def __init__(
        self, http: httpx.AsyncClient, street: Street, driver: Driver, operator: Operator, manner: Manner
    ) -> None:
        """`driver` has signed up; `operator` pays something back by hand at the end."""
        self.doing = "signed up"
        self._http = http
        self._client = PatientClient(http, driver.headers)
        self._street = street
        self._driver = driver
        self._operator = operator
        self._manner = manner

    async def visit(self, lot: LotSite) -> str:
        """Book, pay, drive in and out or whatever else this one does, be paid back, and once more by hand.

        Returns the reservation's id.
        """
        self.doing = "booking"
        reservation_id = await self._book(lot)
        self.doing = "paying"
        payment_id = await self._pay(reservation_id)
        if self._manner.comes:
            self.doing = "driving in"
            await self._drive(lot.gate("entry"), reservation_id)
            self.doing = "driving out"
            await self._drive(lot.gate("exit"), reservation_id)
        elif self._manner is Manner.CANCELLED:
            self.doing = "cancelling"
            await self._client.ask("PUT", f"/reservations/{reservation_id}/cancel")
        self.doing = "waiting for the refund"
        await self._client.until(f"/reservations/{reservation_id}", _ENDS_AS.get(self._manner, "completed"))
        await self._client.until(f"/payments/{payment_id}", "partially_refunded")
        self.doing = "complaining"
        self._client.headers = self._operator.headers
        body = {"reason": "the lift was out of order", "amount": {"amount_minor": BY_HAND_MINOR, "currency": CURRENCY}}
        await self._client.post(f"/payments/{payment_id}/refund", body)
        self.doing = "home"
        return reservation_id

    async def _book(self, lot: LotSite) -> str:
        window = window_from_now(2, begins_in_s=_BEGINS_IN_S.get(self._manner, SOON_S))
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

    async def _drive(self, gate: GateSite, reservation_id: str) -> None:
        """Turn into the lane and wait until the car is through; the lane's process may die and come back meanwhile.

        An exit opens for whoever stands there, so that the plate has to be seen there, or nobody knows who left.
        """
        muddy = gate.direction == "entry" and self._manner is not Manner.BY_PLATE
        conditions = UNREADABLE if muddy else None
        car, shots = await self._street.render(gate, self._driver.number, conditions, self._manner.value)
        pictures = [shot.jpeg for shot in shots]
        code = b""
        if muddy and self._manner is Manner.BY_CODE:
            text = await self._client.text(f"/reservations/{reservation_id}/ticket")
            shot = await asyncio.to_thread(held_up, CODE_SEED, text, held=BY_HAND, behind=shots[-1].pixels)
            code = shot.jpeg
        through: int | None = None
        give_up = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up:
            with suppress(OSError, PeerError, Refused):  # the lane is down at the moment, or the last car still in it
                async with StreetClient(gate.control_port) as lane:
                    state = await lane.state()
                    if through is None:
                        through = state.passages + 1
                    if state.passages >= through:
                        return
                    if state.car is None:
                        await lane.arrive(car, pictures)
                    elif code:
                        await lane.show([code])
            if self._manner is Manner.BY_PHONE or (muddy and self._manner is Manner.BY_ID):
                await self._say(gate, reservation_id)
            await asyncio.sleep(TRY_AGAIN_S)
        raise StepFailed(f"{car} did not get through {gate.gate_id} within {PATIENCE_S:g} s")

    async def _say(self, gate: GateSite, reservation_id: str) -> None:
        """Type the id at the lane, or name lane and booking from the phone. What it has come to, the arm tells.

        Raises StepFailed for an answer that nobody should get, however a process has died.
        """
        body: dict[str, str] = {"reservation_id": reservation_id}
        url, headers = f"{gate.url}/check-in", {}
        if self._manner is Manner.BY_PHONE:
            url, headers = "/gate/check-in" if gate.direction == "entry" else "/gate/check-out", self._driver.headers
            body["gate_id"] = gate.gate_id
        with suppress(httpx.TransportError):
            answer = await self._http.post(url, json=body, headers=headers, timeout=ANSWER_S)
            if answer.status_code >= 500 and answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                raise StepFailed(f"POST {url}: {answer.status_code} {answer.text}")
