"""A client of central's that tries again, as an app on a phone does while parts of what it talks to are restarted."""

import asyncio
import time
from typing import Any
from uuid import uuid4

import httpx

from simulator.demo.timeline import StepFailed

TRY_AGAIN_S = 0.1
PATIENCE_S = 90.0
"""Longer than the slowest recovery: a lease of central's that died with its owner."""


class PatientClient:
    """Asks for one account. Raises StepFailed where something does not come about in `PATIENCE_S`."""

    def __init__(self, http: httpx.AsyncClient, headers: dict[str, str]) -> None:
        """`headers` say whose account it is."""
        self._http = http
        self.headers = headers

    async def get(self, path: str, query: dict[str, str] | None = None) -> dict[str, Any]:
        document: dict[str, Any] = (await self.ask("GET", path, params=query)).json()
        return document

    async def post(self, path: str, body: dict[str, Any], or_status: int = 0) -> dict[str, Any]:
        """The answer's document, also where it is a problem with the status `or_status`."""
        document: dict[str, Any] = (await self.ask("POST", path, or_status, json=body)).json()
        return document

    async def until(self, path: str, status: str) -> None:
        """Look again and again until the document there has this status."""
        give_up, seen = time.monotonic() + PATIENCE_S, "nothing"
        while time.monotonic() < give_up:
            seen = (await self.get(path))["status"]
            if seen == status:
                return
            await asyncio.sleep(TRY_AGAIN_S)
        raise StepFailed(f"{path} is {seen}, not {status}, after {PATIENCE_S:g} s")

    async def text(self, path: str) -> str:
        """What is there as plain text."""
        return (await self.ask("GET", path, accept="text/plain")).text

    async def ask(
        self, method: str, path: str, or_status: int = 0, accept: str = "application/json", **content: Any
    ) -> httpx.Response:
        """The answer; asked again, with the same key, while there is none or it says to try later."""
        headers = {**self.headers, "Accept": accept, **({"Idempotency-Key": uuid4().hex} if method == "POST" else {})}
        give_up, last = time.monotonic() + PATIENCE_S, "no answer"
        while time.monotonic() < give_up:
            try:
                answer = await self._http.request(method, path, headers=headers, **content)
            except httpx.TransportError as error:
                last = type(error).__name__
            else:
                under_way = answer.status_code == 409 and answer.json().get("code", "").startswith("idempotency")
                if answer.status_code < 300 or (answer.status_code == or_status and not under_way):
                    return answer
                last = f"{answer.status_code} {answer.text}"
                if answer.status_code != 503 and not under_way:
                    break
            await asyncio.sleep(TRY_AGAIN_S)
        raise StepFailed(f"{method} {path}: {last}")
