"""Central itself, on a clock that is moved by hand, and drivers who use it over HTTP."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from argon2 import PasswordHasher
from fastapi import FastAPI
from sqlmodel import select

from cloud_sync.central.accounts import Caller, Role
from cloud_sync.central.app import central_app
from cloud_sync.central.bank import Bank
from cloud_sync.central.database import Database
from cloud_sync.central.lease import due, look
from cloud_sync.central.office import Office
from cloud_sync.central.settings import CentralSettings
from cloud_sync.central.tables import Booking, LedgerEntry, Movement, Payment
from cloud_sync.central.worker import Worker
from cloud_sync.link.receiving import Receiver
from domain.errors import TryLater
from tests.cloud_sync.central.street import END, LOT, SPOT, START, StreetSide, Watch

PLATE = "B-GH 1234"
CARD = "pm_card_visa"

CONFIG = """
[http]
port = {http_port}
[database]
url = "sqlite:///central.db"
[broker]
port = {broker_port}
username = "central"
password = {{ file = "{broker_password}" }}
[stripe]
secret_key = {{ file = "stripe" }}
api_base = "{bank}"
[auth]
token_secret = {{ file = "token" }}
token_life_s = 86400
[seal]
plate_key = {{ file = "plate" }}
[[lots]]
lot_id = "riverside"
name = "Riverside"
timezone = "Europe/Berlin"
plate_key = {{ file = "riverside-plate" }}
tariff = {{ currency = "EUR", step_minutes = 15, step_minor = 100, day_max_minor = 2000 }}
policy = {{ minimum_fee_minor = 100 }}
"""


def write_config(
    folder: Path,
    *,
    http_port: int = 0,
    broker_port: int = 1,
    broker_user_file: str = "stripe",
    bank: str = "http://127.0.0.1:1",
) -> Path:
    """Central's configuration in `folder`, with its secrets in files."""
    for name, secret in (("stripe", "sk_test_12345"), ("token", "t" * 32), ("plate", "1" * 64)):
        (folder / name).write_text(secret, encoding="utf-8")
    (folder / "riverside-plate").write_text("2" * 64, encoding="utf-8")
    path = folder / "central.toml"
    text = CONFIG.format(http_port=http_port, broker_port=broker_port, broker_password=broker_user_file, bank=bank)
    path.write_text(text, encoding="utf-8")
    return path


@dataclass
class Driver:
    """A user with a car, and what they can be seen to do over HTTP."""

    http: httpx.AsyncClient
    user_id: str
    vehicle_id: str
    headers: dict[str, str]

    def with_app(self, app: FastAPI) -> "Driver":
        """The same driver, talking to the process that came after."""
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        http = httpx.AsyncClient(transport=transport, base_url="http://central")
        return Driver(http, self.user_id, self.vehicle_id, self.headers)

    async def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        return await self.http.post(path, json=body, headers={**self.headers, **headers})

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.http.get(path, headers={**self.headers, **headers})

    async def book(self, spot_id: str = SPOT, start: datetime = START, end: datetime = END) -> httpx.Response:
        return await self.post("/reservations", self.wish(spot_id, start, end))

    def wish(self, spot_id: str = SPOT, start: datetime = START, end: datetime = END) -> dict[str, str]:
        return {
            "spot_id": spot_id,
            "user_id": self.user_id,
            "vehicle_id": self.vehicle_id,
            "start_time": start.isoformat(),
            "end_time": end.isoformat(),
        }

    async def pay(self, reservation_id: str, card: str = CARD) -> httpx.Response:
        return await self.post("/payments", {"reservation_id": reservation_id, "payment_method_token": card})

    async def cancel(self, reservation_id: str) -> httpx.Response:
        return await self.http.put(f"/reservations/{reservation_id}/cancel", headers=self.headers)


@dataclass
class Site:
    """Central on a clock moved by hand, with what stands in for the street and, mostly, the bank."""

    folder: Path
    watch: Watch
    street: StreetSide
    bank: Bank
    nudged: list[str] = field(default_factory=list)
    office: Office = field(init=False)
    app: FastAPI = field(init=False)
    me: Driver = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Open the office as a process does when it starts."""
        settings = CentralSettings.load(write_config(self.folder))
        self.office = Office(
            settings,
            database=Database(settings.database.address()),
            hubs=self.street,
            bank=self.bank,
            clock=self.watch,
            boot="boot",
            changed=self.nudged.append,
            receivers={},
            hasher=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1),
        )
        self.office.open()
        with suppress(TryLater):
            self.office.books.compare()
        self.app = central_app(self.office)
        self.take_in()

    def restart(self) -> None:
        """End the process, as kill -9 would: nothing is stored on the way out."""
        self.office.close()
        self.start()

    def take_in(self) -> None:
        """Take in what the street side has told of since, as the link would bring it."""
        receiver = Receiver(LOT, self.office.journals[LOT], self.office.copies(LOT).apply)
        receiver.receive(self.street.facts)

    def catch_up(self, begun: bool) -> None:
        """Whether central was started just now, and may not know yet what it has promised."""
        self.office.catching_up.is_under_way = lambda: begun  # type: ignore[method-assign]
        self.office.catching_up.is_behind = lambda _lot_id: begun  # type: ignore[method-assign, assignment]

    def close_books(self, *, compared: bool) -> None:
        """Whether payments have been compared with the payment provider since the start."""
        self.office.books._compared = compared

    async def work(self) -> None:
        """Have everything done that is due, until nothing is."""
        for _ in range(50):
            started = [worker.start(key) for worker, table in self._workers() for key in self._due(table)]
            if not started:
                return
            await asyncio.gather(*started, return_exceptions=True)
        raise AssertionError("it goes on for ever")

    async def paid(self) -> str:
        """A new driver, `me`, has booked and paid; the reservation's id."""
        self.me = await self.driver()
        reservation_id: str = (await self.me.book()).json()["reservation_id"]
        await self.me.pay(reservation_id)
        return reservation_id

    async def hear(self) -> None:
        """Take in what the street side has told of, and have everything done that follows."""
        self.take_in()
        await self.work()

    async def driver(self, email: str = "driver@example.com") -> Driver:
        """A new driver, logged in, with a car."""
        http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=False), base_url="http://central"
        )
        account = {"email": email, "password": "correct horse", "name": "Dana Driver"}
        user_id = (await http.post("/users", json=account)).json()["user_id"]
        form = {"username": email, "password": account["password"]}
        token = (await http.post("/auth/token", data=form)).json()["access_token"]
        driver = Driver(http, user_id, "", {"Authorization": f"Bearer {token}"})
        vehicle = await driver.post(f"/users/{user_id}/vehicles", {"plate": PLATE, "type": "standard"})
        driver.vehicle_id = vehicle.json()["vehicle_id"]
        return driver

    def balances(self) -> dict[str, int]:
        """Each account's balance; every posting is checked on the way."""
        accounts: dict[str, int] = {}
        postings: dict[str, int] = {}
        with self.office.database.reading() as session:
            for entry in session.exec(select(LedgerEntry)):
                accounts[entry.account] = accounts.get(entry.account, 0) + entry.amount_minor
                postings[entry.posting] = postings.get(entry.posting, 0) + entry.amount_minor
        assert set(postings.values()) <= {0}, "a posting adds up to zero"
        return accounts

    def operator(self) -> Driver:
        """Somebody at the desk, with a phone of their own."""
        http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=False), base_url="http://central"
        )
        token = self.office.tokens.issue(Caller("usr_operator", Role.OPERATOR), self.watch().utc)
        return Driver(http, "usr_operator", "", {"Authorization": f"Bearer {token}"})

    def payment(self) -> Payment:
        """The one payment there is."""
        with self.office.database.reading() as session:
            return session.exec(select(Payment)).one()

    def movements(self) -> list[Movement]:
        with self.office.database.reading() as session:
            return list(session.exec(select(Movement)).all())

    def bookings(self) -> list[Booking]:
        with self.office.database.reading() as session:
            return list(session.exec(select(Booking)).all())

    def _workers(self) -> list[tuple[Worker, type[Any]]]:
        office = self.office
        return [(office.following_up, Booking), (office.paying, Payment), (office.moving, Movement)]

    def _due(self, table: type[Any]) -> list[str]:
        with self.office.database.reading() as session:
            return due(session, look(table), self.watch().utc, 100)[0]
