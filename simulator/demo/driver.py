"""A driver with an account at central: what the app on their phone would do."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx

from domain.money import Money
from domain.now import rfc3339
from simulator.demo.timeline import StepFailed
from simulator.street.plates import NumberPlate

T = TypeVar("T")

WAIT_S_MAX = 15.0
LOOK_EVERY_S = 0.05


class Driver:
    """One driver, one vehicle."""

    def __init__(self, http: httpx.AsyncClient, name: str, number: NumberPlate, vehicle_type: str = "standard") -> None:
        self.name = name
        self.number = number
        self._http = http
        self.vehicle_type = vehicle_type
        self.headers: dict[str, str] = {}
        self.user_id = ""
        self.vehicle_id = ""

    async def sign_up(self, password: str) -> None:
        """Make an account, log in, register the vehicle."""
        email = f"{self.name.lower()}@example.com"
        body = {"email": email, "password": password, "name": self.name}
        self.user_id = (await self._expect(201, "POST", "/users", json=body))["user_id"]
        form = {"username": email, "password": password}
        token = await self._expect(200, "POST", "/auth/token", data=form)
        self.headers = {"Authorization": f"Bearer {token['access_token']}"}
        vehicle = {"plate": self.number.plate.open, "type": self.vehicle_type}
        self.vehicle_id = (await self._expect(201, "POST", f"/users/{self.user_id}/vehicles", json=vehicle))[
            "vehicle_id"
        ]

    async def search(self, lot_id: str, window: dict[str, str]) -> list[dict[str, Any]]:
        """The priced spots that this vehicle could have in the window."""
        query = {"lot_id": lot_id, "vehicle_type": self.vehicle_type, **window}
        found = await self._expect(200, "GET", "/spots/available", params=query)
        spots: list[dict[str, Any]] = found["spots"]
        return spots

    async def reserve(self, spot_id: str, window: dict[str, str]) -> httpx.Response:
        """Ask for a spot; the answer as it came."""
        body = {"spot_id": spot_id, "user_id": self.user_id, "vehicle_id": self.vehicle_id, **window}
        return await self._http.post("/reservations", json=body, headers=self.headers)

    async def pay(self, reservation_id: str) -> dict[str, Any]:
        """Pay by card and wait until it has gone through. Raises StepFailed where it does not."""
        answer = await self.ask_to_pay(reservation_id)
        if answer.status_code not in (201, 202):
            raise StepFailed(f"POST /payments: {answer.status_code} {answer.text}")
        payment_id = answer.json()["payment_id"]
        return await until(
            lambda: self.get(f"/payments/{payment_id}"), lambda payment: payment["status"] == "succeeded", "paid"
        )

    async def ask_to_pay(self, reservation_id: str) -> httpx.Response:
        """Pay by card; the answer as it came."""
        body = {"reservation_id": reservation_id, "payment_method_token": "pm_card_visa"}
        return await self._http.post("/payments", json=body, headers=self.headers)

    async def cancel(self, reservation_id: str) -> httpx.Response:
        """Ask to cancel; the answer as it came."""
        return await self._http.put(f"/reservations/{reservation_id}/cancel", headers=self.headers)

    async def check_in(self, gate_id: str, reservation_id: str) -> httpx.Response:
        """Ask central, from the phone, to open the gate; the answer as it came."""
        body = {"gate_id": gate_id, "reservation_id": reservation_id}
        return await self._http.post("/gate/check-in", json=body, headers=self.headers)

    async def check_out(self, gate_id: str, reservation_id: str) -> httpx.Response:
        """Tell central, from the phone, whose car leaves; the answer as it came."""
        body = {"gate_id": gate_id, "reservation_id": reservation_id}
        return await self._http.post("/gate/check-out", json=body, headers=self.headers)

    async def ticket(self, reservation_id: str) -> str:
        """What the ticket's QR code says."""
        return (await self._ticket(reservation_id, "text/plain")).text

    async def look_up(self, reservation_id: str) -> httpx.Response:
        """Ask for a booking; the answer as it came."""
        return await self._http.get(f"/reservations/{reservation_id}", headers=self.headers)

    async def get(self, path: str) -> dict[str, Any]:
        return await self._expect(200, "GET", path)

    async def newer_ticket(self, reservation_id: str, than: str) -> str:
        """What the ticket says once it has been replaced; empty while it has not."""
        headers = {**self.headers, "Accept": "text/plain"}
        answer = await self._http.get(f"/reservations/{reservation_id}/ticket", headers=headers)
        return "" if answer.status_code != httpx.codes.OK or answer.text == than else answer.text

    async def ticket_picture(self, reservation_id: str) -> bytes:
        """The ticket's QR code as PNG."""
        return (await self._ticket(reservation_id, "image/png")).content

    async def _ticket(self, reservation_id: str, media_type: str) -> httpx.Response:
        headers = {**self.headers, "Accept": media_type}
        answer = await self._http.get(f"/reservations/{reservation_id}/ticket", headers=headers)
        if answer.status_code != httpx.codes.OK:
            raise StepFailed(f"GET ticket: {answer.status_code} {answer.text}")
        return answer

    async def _expect(self, status: int, method: str, path: str, **content: Any) -> dict[str, Any]:
        answer = await self._http.request(method, path, headers=self.headers, **content)
        if answer.status_code != status:
            raise StepFailed(f"{method} {path}: {answer.status_code} in place of {status}: {answer.text}")
        document: dict[str, Any] = answer.json()
        return document


class Operator:
    """Who may pay back by hand."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self.headers: dict[str, str] = {}

    async def log_in(self, email: str, password: str) -> None:
        """Raises StepFailed where that is no account."""
        answer = await self._http.post("/auth/token", data={"username": email, "password": password})
        if answer.status_code != httpx.codes.OK:
            raise StepFailed(f"POST /auth/token: {answer.status_code} {answer.text}")
        self.headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}

    async def refund(self, payment_id: str, amount: Money, reason: str) -> httpx.Response:
        """Pay back by hand; the answer as it came."""
        body = {"reason": reason, "amount": {"amount_minor": amount.amount_minor, "currency": amount.currency}}
        return await self._http.post(f"/payments/{payment_id}/refund", json=body, headers=self.headers)


def window_from_now(hours: float, *, begins_in_s: float = 0) -> dict[str, str]:
    """A window that begins now, or soon."""
    start = datetime.now(UTC) + timedelta(seconds=begins_in_s)
    return {"start_time": rfc3339(start), "end_time": rfc3339(start + timedelta(hours=hours))}


async def sleep_until(instant: datetime) -> None:
    """Let the time go by; returns at once where it has."""
    await asyncio.sleep(max((instant - datetime.now(UTC)).total_seconds(), 0))


async def until(look: Callable[[], Awaitable[T]], seen: Callable[[T], bool], what: str) -> T:
    """Look again and again until it is seen. Raises StepFailed after `WAIT_S_MAX`."""
    latest: T | None = None
    failure: Exception | None = None
    try:
        async with asyncio.timeout(WAIT_S_MAX):
            while True:
                try:
                    latest = await look()
                    if seen(latest):
                        return latest
                except httpx.TransportError as error:  # who is asked is down at the moment: that is in the story
                    failure = error
                await asyncio.sleep(LOOK_EVERY_S)
    except TimeoutError:
        raise StepFailed(f"not {what} within {WAIT_S_MAX:g} s; last seen: {latest or failure}") from None
