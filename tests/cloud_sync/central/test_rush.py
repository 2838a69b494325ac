"""Two hundred drivers at once want the same twenty spots: central, hub, broker and bank as processes of their own."""

import asyncio
import sqlite3
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import make_url

from cloud_sync.central.accounts import Caller, Role, Tokens
from cloud_sync.central.database import Database
from cloud_sync.central.tables import User
from cloud_sync.central.vehicles import Vehicles
from cloud_sync.link.host import this_machine
from cloud_sync.link.seal import Seal
from domain.now import Trust, rfc3339
from domain.plate import Plate
from domain.spot import VehicleType
from tests.cloud_sync.central.banks import BankProcess
from tests.cloud_sync.central.processes import Central, HubProcess, until
from tests.cloud_sync.central.street import LOT
from tests.parts import BrokerSite

DRIVERS, SPOTS = 200, 20
START = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
WINDOW = {"start_time": rfc3339(START), "end_time": rfc3339(START + timedelta(hours=2))}


@dataclass(frozen=True, slots=True)
class Racer:
    user_id: str
    vehicle_id: str
    token: str


def racers(folder: Path) -> list[Racer]:
    """Two hundred accounts with a car each, as rows: hashing their passwords would take longer than all else."""
    clock = this_machine(Trust.NTP).clock
    database = Database(make_url(f"sqlite:///{folder}/central.db"))
    vehicles = Vehicles(database, Seal.from_hex("1" * 64), {}, clock)
    tokens = Tokens("t" * 32, 3_600)
    names = [f"usr_{number}" for number in range(DRIVERS)]
    with database.transaction() as session:
        for name in names:
            said = {"email": f"{name}@example.com", "name": name, "password_hash": "-", "role": "driver"}
            session.add(User(user_id=name, created_at=clock().utc, **said))
        session.flush()
        cars = [
            vehicles.add(name, Plate(f"R{number}"), VehicleType.STANDARD).vehicle_id
            for number, name in enumerate(names)
        ]
    database.close()
    issued = [tokens.issue(Caller(name, Role.DRIVER), clock().utc) for name in names]
    return [Racer(*one) for one in zip(names, cars, issued, strict=True)]


async def race(http: httpx.AsyncClient, racer: Racer, number: int) -> tuple[int, int | None, str]:
    """Want a spot; who gets it pays. What both were answered, and the reservation."""
    headers = {"Authorization": f"Bearer {racer.token}"}
    wish = {"spot_id": f"{LOT}.1-{number % SPOTS + 1:03}", "user_id": racer.user_id, "vehicle_id": racer.vehicle_id}
    booked = await http.post("/reservations", json={**wish, **WINDOW}, headers=headers)
    if booked.status_code != 201:
        return booked.status_code, None, booked.text
    reservation_id = booked.json()["reservation_id"]
    payment = {"reservation_id": reservation_id, "payment_method_token": "pm_card_visa"}
    paid = await http.post("/payments", json=payment, headers=headers)
    return booked.status_code, paid.status_code, reservation_id


def at_the_hub(database: Path) -> Counter[str]:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return Counter(status for (status,) in connection.execute("SELECT status FROM reservation"))
    finally:
        connection.close()


def at_the_bank(requests: list[dict[str, Any]]) -> dict[str, Counter[str]]:
    """The reservations whose money was authorised, captured and given back."""
    done: dict[str, Counter[str]] = {"payment_intents": Counter(), "capture": Counter(), "cancel": Counter()}
    for line in requests:
        if line["method"] == "POST" and line["path"].startswith("/v1/payment_intents"):
            done[line["path"].rpartition("/")[2]][line["answer"]["metadata"]["reservation_id"]] += 1
    return done


def lapse(database: Path, reservation_id: str) -> None:
    """Have a hub that is stopped find, when it starts, that this hold has run out."""
    connection = sqlite3.connect(database)
    try:
        past = rfc3339(datetime.now(UTC) - timedelta(seconds=1))
        changed = connection.execute(
            "UPDATE reservation SET hold_expires_at = ? WHERE reservation_id = ?", (past, reservation_id)
        )
        assert changed.rowcount == 1
        connection.commit()
    finally:
        connection.close()


async def loses_the_hold(http: httpx.AsyncClient, racer: Racer, hub: HubProcess) -> str:
    """A driver whose card is authorised while the hub is away, and whose hold the hub then gives up."""
    headers = {"Authorization": f"Bearer {racer.token}"}
    wish = {"spot_id": f"{LOT}.1-001", "user_id": racer.user_id, "vehicle_id": racer.vehicle_id}
    window = {name: rfc3339(START + timedelta(hours=hours)) for name, hours in (("start_time", 3), ("end_time", 4))}
    with hub:
        await until(http, f"/lots/{LOT}", bookable=True)
        booked = await http.post("/reservations", json={**wish, **window}, headers=headers)
        assert booked.status_code == 201, booked.text
    reservation_id: str = booked.json()["reservation_id"]
    payment = {"reservation_id": reservation_id, "payment_method_token": "pm_card_visa"}
    paying = await http.post("/payments", json=payment, headers=headers)
    assert (paying.status_code, paying.json()["status"]) == (202, "processing")
    lapse(hub.database, reservation_id)
    http.headers.update(headers)
    with hub:
        await until(http, f"/payments/{paying.json()['payment_id']}", status="failed")
    return reservation_id


async def test_as_many_get_one_as_there_are_and_each_pays_once(
    central: Central, lot_broker: BrokerSite, central_broker: BrokerSite, tmp_path: Path, own_bank: BankProcess
) -> None:
    before = len(own_bank.requests())
    drivers = racers(tmp_path)
    central.start()
    limits = httpx.Limits(max_connections=DRIVERS, keepalive_expiry=1)  # long before central ends one that is idle
    base_url = f"http://127.0.0.1:{central.port}"
    with HubProcess(tmp_path, lot_broker, central_broker, SPOTS) as hub:
        async with httpx.AsyncClient(base_url=base_url, timeout=60, limits=limits) as http:
            await until(http, f"/lots/{LOT}", bookable=True, available=SPOTS)
            answers = await asyncio.gather(*(race(http, one, n) for n, one in enumerate(drivers)))
            await until(http, f"/lots/{LOT}", bookable=True)
        assert Counter(status for status, _, _ in answers) == {201: SPOTS, 409: DRIVERS - SPOTS}, {
            said for status, _, said in answers if status not in (201, 409)
        }
        assert {paid for status, paid, _ in answers if status == 201} == {201}
        assert at_the_hub(hub.database) == {"confirmed": SPOTS}
    async with httpx.AsyncClient(base_url=base_url, timeout=60) as http:
        lost = await loses_the_hold(http, drivers[0], hub)
    booked = Counter(said for status, _, said in answers if status == 201)
    assert at_the_bank(own_bank.requests()[before:]) == {
        "payment_intents": booked + Counter([lost]),
        "capture": booked,
        "cancel": Counter([lost]),
    }
