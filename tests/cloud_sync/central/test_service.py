"""Central as a process: a real broker, localstripe, and a hub's log and link on the other side."""

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from cloud_sync.link import topics
from cloud_sync.link.carrier import Will
from cloud_sync.link.host import this_machine
from cloud_sync.link.journal import Journal
from cloud_sync.link.mqtt import Link
from cloud_sync.link.pipe import FactReceiver, FactSender
from cloud_sync.link.receiving import Receiver
from cloud_sync.link.sending import Sender
from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import PaymentChanged, PolicyChanged, SpotChanged
from cloud_sync.link.v1.messages import Reply, UnitStatus
from domain.fact import Fact
from domain.now import Trust, rfc3339
from domain.spot import SpotKind
from tests.cloud_sync.central.banks import BankProcess
from tests.cloud_sync.central.processes import Central, until
from tests.cloud_sync.central.street import LOT, SPOT
from tests.parts import BrokerSite, linked, running, soon

PASSWORD = "correct horse"


@dataclass
class Hub:
    """A lot's hub, as far as its log and its link go; it grants everything."""

    journal: Journal
    link: Link
    up: FactSender
    told: list[Fact] = field(default_factory=list)
    waiting: list[tuple[str, asyncio.Event]] = field(default_factory=list)
    revision: int = 0

    @classmethod
    def at(cls, broker: BrokerSite, folder: Path) -> "Hub":
        clock = this_machine(Trust.NTP).clock
        journal = Journal(Store(folder / "hub.db"), LOT, "boot")
        link = Link(broker.seen_by(LOT), f"{LOT}@1", Will(topics.lot_status(LOT), status(False), lambda: status(True)))
        hub = cls(journal, link, FactSender(link, topics.lot_facts(LOT, "up"), Sender(journal, "central"), clock))
        receiver = Receiver(f"central:{LOT}", journal, hub.hear)
        FactReceiver(link, topics.lot_facts(LOT, "down"), receiver)
        link.serve(topics.lot_requests(LOT, "+"), hub.answer)
        with journal.transaction():
            journal.append(SpotChanged(spot_id=SPOT, spot_kind=SpotKind.STANDARD, in_service=True), clock())
        return hub

    def hear(self, fact: Fact) -> None:
        self.told.append(fact)
        for kind, event in self.waiting:
            if fact.kind == kind:
                event.set()

    async def has_heard(self, kind: str) -> Fact:
        """The newest fact of this kind, once there is one."""
        event = asyncio.Event()
        self.waiting.append((kind, event))
        if not any(fact.kind == kind for fact in self.told):
            await soon(event.wait())
        return [fact for fact in self.told if fact.kind == kind][-1]

    async def answer(self, topic: str, payload: bytes) -> Reply:
        self.revision += 1
        expires_at = rfc3339(datetime.now(UTC) + timedelta(minutes=10))
        asked = json.loads(payload)["reservation_id"]
        return Reply(
            ok=True,
            result={"hold_expires_at": expires_at, "ticket": f"TICKET {asked}", "revision": self.revision},
        )


def status(online: bool) -> UnitStatus:
    return UnitStatus(unit=LOT, online=online, epoch=1, boot="boot", at=datetime.now(UTC))


@pytest.fixture
async def http(central: Central) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{central.port}", timeout=20) as client:
        yield client


async def log_in(http: httpx.AsyncClient) -> dict[str, str]:
    """A new driver with a car: what a booking of theirs begins with."""
    account = {"email": "driver@example.com", "password": PASSWORD, "name": "Dana"}
    user_id = (await http.post("/users", json=account)).json()["user_id"]
    token = await http.post("/auth/token", data={"username": account["email"], "password": PASSWORD})
    http.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
    vehicle = await http.post(f"/users/{user_id}/vehicles", json={"plate": "B-GH 1234", "type": "standard"})
    start = datetime.now(UTC) + timedelta(hours=2)
    return {
        "user_id": user_id,
        "vehicle_id": vehicle.json()["vehicle_id"],
        "spot_id": SPOT,
        "start_time": rfc3339(start),
        "end_time": rfc3339(start + timedelta(hours=2)),
    }


async def test_booked_and_paid_and_killed_and_nothing_is_lost(
    central: Central, http: httpx.AsyncClient, central_broker: BrokerSite, tmp_path: Path, own_bank: BankProcess
) -> None:
    hub = Hub.at(central_broker, tmp_path)
    central.start()
    await until(http, "/readyz", status="ok")
    wish = await log_in(http)
    assert (await http.get(f"/lots/{LOT}")).json()["bookable"] is False, "its hub has not come yet"
    async with linked(hub.link), running(hub.up.run()):
        await until(http, f"/lots/{LOT}", bookable=True, available=1)
        assert (await hub.has_heard(PolicyChanged.kind)).payload["tariff"]["step_minor"] == 100
        booked = (await http.post("/reservations", json=wish)).json()
        payment = {"reservation_id": booked["reservation_id"], "payment_method_token": "pm_card_visa"}
        paid = await http.post("/payments", json=payment)
        assert (paid.status_code, paid.json()["status"]) == (201, "succeeded")
        code, _ = central.end(signal.SIGKILL)
        assert code == -signal.SIGKILL
        central.start()
        await until(http, f"/lots/{LOT}", bookable=True)
        assert (await hub.has_heard(PaymentChanged.kind)).payload["paid"]["amount_minor"] == 800
        ticket = await http.get(f"/reservations/{booked['reservation_id']}/ticket", headers={"Accept": "text/plain"})
        assert ticket.text == f"TICKET {booked['reservation_id']}"
        again = await http.post("/payments", json=payment)
        assert again.json() == paid.json()
    await until(http, f"/lots/{LOT}", bookable=False)
    assert (await http.post("/reservations", json=wish)).json()["reservation_id"] == booked["reservation_id"]
    assert len(own_bank.posted("/capture", booked["reservation_id"])) == 1
    code, log = central.end(signal.SIGTERM)
    assert '"event": "central.serving"' in log
    assert f'"http": "http://127.0.0.1:{central.port}"' in log
    assert code == 0
    assert "Traceback" not in log
    for secret in (PASSWORD, "1234", "pm_card_visa", "Bearer"):
        assert secret not in log


async def test_without_a_broker_it_serves_and_comes_to_it_later(
    central: Central, http: httpx.AsyncClient, central_broker: BrokerSite, tmp_path: Path
) -> None:
    central_broker.stop()
    central.start()
    await until(http, "/readyz", status="ok")
    assert (await http.get(f"/lots/{LOT}")).json()["bookable"] is False
    hub = Hub.at(central_broker, tmp_path)
    central_broker.start()
    async with linked(hub.link), running(hub.up.run()):
        await until(http, f"/lots/{LOT}", bookable=True)
    assert central.end(signal.SIGTERM)[0] == 0


async def test_what_keeps_it_from_starting_is_told_in_one_line(central: Central, http: httpx.AsyncClient) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", central.port))
        other.listen()
        assert "cannot listen on 127.0.0.1" in central.refused()
    central.start()
    await until(http, "/readyz", status="ok")
    second = Central(central._config, central.port)
    assert "another process uses" in second.refused()
