"""A driver's booking, made and paid for at central's public interface, however long parts of it are down."""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx

from domain.now import rfc3339
from simulator.demo.timeline import StepFailed
from simulator.soak.patient import PatientClient
from simulator.street.plates import NumberPlate

TICKET_S = 2.0
"""How long a driver in the lane waits for a newer ticket; then the one that they have must do."""
ROUNDS = 4
"""Of `PATIENCE_S` each: a fault of the hub may follow one of central."""


@dataclass(slots=True)
class Booking:
    """What a driver has, and may do until `end`."""

    reservation_id: str
    payment_id: str
    ticket: str
    start: datetime
    end: datetime
    paid: datetime


class Account:
    """One driver's account. Raises StepFailed where something does not come about however patient they are."""

    def __init__(self, http: httpx.AsyncClient, number: NumberPlate) -> None:
        self.number = number
        self.headers: dict[str, str] = {}
        self._http = http
        self._client = PatientClient(http, {})
        self._ids: dict[str, str] = {}

    async def sign_up(self) -> None:
        """Make an account, log in, register the vehicle."""
        name, password = f"robin-{uuid4().hex}", uuid4().hex
        email = f"{name}@example.com"
        user = await self._client.post("/users", {"email": email, "password": password, "name": name})
        form = {"username": email, "password": password}
        token = (await self._client.ask("POST", "/auth/token", data=form)).json()
        self.headers = self._client.headers = {"Authorization": f"Bearer {token['access_token']}"}
        vehicle = {"plate": self.number.plate.open, "type": "standard"}
        registered = await self._client.post(f"/users/{user['user_id']}/vehicles", vehicle)
        self._ids = {"user_id": user["user_id"], "vehicle_id": registered["vehicle_id"]}

    async def book(self, lot_id: str, start: datetime, lasts: timedelta, rng: random.Random) -> Booking:
        """Reserve one of the spots on offer, pay for it, and fetch the ticket."""
        window = {"start_time": rfc3339(start), "end_time": rfc3339(start + lasts)}
        reservation_id = await self._reserve(lot_id, window, rng)
        body = {"reservation_id": reservation_id, "payment_method_token": "pm_card_visa"}
        payment = await self._client.post("/payments", body)
        await self._client.until(f"/payments/{payment['payment_id']}", "succeeded")
        paid = datetime.now(UTC)
        ticket = await self._client.text(f"/reservations/{reservation_id}/ticket")
        return Booking(reservation_id, payment["payment_id"], ticket, start, start + lasts, paid)

    async def refresh(self, booking: Booking) -> None:
        """Have the newest ticket, where central can be asked: the spot may be another one by now."""
        headers = {**self.headers, "Accept": "text/plain"}
        path = f"/reservations/{booking.reservation_id}/ticket"
        with suppress(httpx.TransportError):
            answer = await self._http.get(path, headers=headers, timeout=TICKET_S)
            if answer.status_code == httpx.codes.OK:
                booking.ticket = answer.text

    async def _reserve(self, lot_id: str, window: dict[str, str], rng: random.Random) -> str:
        query = {"lot_id": lot_id, "vehicle_type": "standard", **window}
        for last in range(ROUNDS - 1, -1, -1):
            try:
                spots = (await self._client.get("/spots/available", query))["spots"]
                rng.shuffle(spots)
                for spot in spots:
                    wish = {"spot_id": spot["spot_id"], **self._ids, **window}
                    answer = await self._client.post("/reservations", wish, or_status=409)
                    if "reservation_id" in answer:
                        return str(answer["reservation_id"])
            except StepFailed:
                if not last:
                    raise
            await asyncio.sleep(1)
        raise StepFailed(f"no spot of {lot_id} was to be had")
