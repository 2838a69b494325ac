"""A hub as it is run, between two brokers, and what asks it for holds as central does."""

import asyncio
import secrets
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cloud_sync.link import topics
from cloud_sync.link.journal import Journal
from cloud_sync.link.mqtt import Link
from cloud_sync.link.receiving import Receiver
from cloud_sync.link.seal import Seal
from cloud_sync.link.settings import Broker, Secret
from cloud_sync.link.store import Store
from cloud_sync.link.v1.messages import Facts, HoldRequest, UnitStatus
from domain.errors import PeerError
from domain.money import Money
from domain.plate import Plate
from domain.spot import VehicleType
from simulator.bench.asks import LOT, SPOTS, Ask
from simulator.broker import broker_command, write_broker
from simulator.demo.configuration import CentralSite, GateSite, LotSite, hub_toml
from simulator.demo.site import NO_TLS, PROBE_S, PYTHON, listens
from simulator.demo.supervisor import Supervisor, Unit
from simulator.ports import free_ports

HUB, BOOK = "hub", f"{LOT}.db"
ANSWER_S = 30.0
CONNECT_S = 10.0


class Requests:
    """Holds as central words them. The plate is sealed beforehand, as on the other side."""

    def __init__(self, plate_key: str) -> None:
        self._plate = Seal.from_hex(plate_key).seal(Plate("HHAB123"))

    def hold(self, ask: Ask) -> HoldRequest:
        return HoldRequest(
            reservation_id=ask.reservation_id,
            spot_id=ask.spot_id,
            user_id=ask.user_id,
            vehicle_id="v1",
            driver_name="Ada",
            vehicle_type=VehicleType.STANDARD,
            plate=self._plate,
            start_time=ask.start,
            end_time=ask.end,
            price=Money(1250, "EUR"),
            answer_by=datetime.now(UTC) + timedelta(seconds=ANSWER_S),
        )


@dataclass(frozen=True, slots=True)
class Address:
    """Where a client finds the hub."""

    broker_port: int
    password: str
    plate_key: str


class AtTheHub:
    """Asks for holds over MQTT."""

    def __init__(self, link: Link, client: str, requests: Requests) -> None:
        self._link = link
        self._replies = topics.lot_replies(LOT, client)
        self._requests = requests

    async def hold(self, ask: Ask) -> bool:
        """Whether the spot is the driver's now; it is somebody else's in that window if not."""
        request = self._requests.hold(ask)
        reply = await self._link.request(topics.lot_requests(LOT, "hold"), request, self._replies, ANSWER_S)
        if not reply.ok and reply.code != "spot_taken":
            raise PeerError(reply.code or "hub_refused", reply.message or "the hub refused without a word")
        return reply.ok


@asynccontextmanager
async def at_the_hub(address: Address, client: str) -> AsyncIterator[AtTheHub]:
    """One process of central, connected to its broker as `client`, once it has granted the hub its epoch.

    It takes no facts: what central does with them is not measured here.
    """
    broker = Broker(port=address.broker_port, username="central", password=Secret(file=Path(address.password)))
    link = Link(broker, client, replies=topics.lot_replies("+", client))
    granted = asyncio.Event()
    facts = topics.lot_facts(LOT, "up")

    async def status(_topic: str, payload: bytes) -> None:
        if UnitStatus.decode(payload).granted:
            granted.set()

    with TemporaryDirectory() as folder, closing(Store(Path(folder) / "central.db")) as store:
        journal = Journal(store, "central", client)
        receiver = Receiver(LOT, journal, lambda _fact: None, grants=journal)

        async def heard(_topic: str, payload: bytes) -> None:
            head = Facts.decode(payload).head
            if head is not None:
                await link.publish(topics.ack_of(facts), receiver.asked(head))

        link.subscribe(facts, heard)
        link.subscribe(topics.lot_status(LOT), status)
        running = asyncio.create_task(link.run())
        try:
            async with asyncio.timeout(CONNECT_S):
                await granted.wait()
            yield AtTheHub(link, client, Requests(address.plate_key))
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


class HubSite:
    """The hub's files in a folder, and its processes."""

    def __init__(self, folder: Path) -> None:
        ports = free_ports(5)
        self._folder = folder
        gate = GateSite(f"{LOT}.entry-1", "entry", ports[3], ports[4])
        self._central = CentralSite(port=0, broker_port=ports[0], bank_port=0)
        self._lot = LotSite(
            lot_id=LOT, name="Riverside", step_minor=100, standard_spots=SPOTS, grace_s=900,
            broker_port=ports[1], page_port=ports[2], gates=(gate,),
        )  # fmt: skip
        self._plate_key = secrets.token_hex(32)

    @property
    def address(self) -> Address:
        return Address(self._central.broker_port, str(self._secret("central@central.broker")), self._plate_key)

    @property
    def data(self) -> Path:
        return self._folder / "data"

    def write(self) -> list[Unit]:
        """Write keys, accounts and configuration; returns both brokers and the hub."""
        for name in ("secrets", "config", "data"):
            (self._folder / name).mkdir(parents=True)
        (self._folder / "secrets").chmod(0o700)
        ticket_key = Ed25519PrivateKey.generate()
        pem = ticket_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._secret(f"{LOT}.ticket").write_bytes(pem)
        self._secret(f"{LOT}.plate").write_text(self._plate_key, encoding="ascii")
        config = self._folder / "config" / "hub.toml"
        config.write_text(hub_toml(self._central, self._lot), encoding="utf-8")
        run = (*PYTHON, "-m", "gatehouse", "hub", "--config", str(config))
        return [
            self._broker("central", self._central.broker_port, ["central", LOT]),
            self._broker("lot", self._lot.broker_port, self._lot.users),
            Unit(HUB, run, self._folder / "hub.log", self._linked),
        ]

    async def begin_anew(self, supervisor: Supervisor) -> None:
        """Start the hub with an empty book."""
        await supervisor.stop(HUB)
        self.forget(BOOK)
        await supervisor.start(HUB)

    def forget(self, book: str) -> None:
        """Remove a book."""
        for path in self.data.glob(f"{book}*"):
            path.unlink()

    def stored(self, book: str) -> tuple[int, int]:
        """How many holds are in a book, each with its fact, and how many pairs of them overlap on a spot."""
        with closing(sqlite3.connect(self.data / book)) as store:
            [found] = store.execute(
                "SELECT (SELECT count(*) FROM reservation JOIN fact"
                " ON payload ->> '$.reservation_id' = reservation_id AND kind = 'reservation.changed/1'),"
                " (SELECT count(*) FROM reservation a JOIN reservation b ON a.spot_id = b.spot_id"
                " AND a.reservation_id < b.reservation_id AND a.start_time < b.end_time AND b.start_time < a.end_time)"
            ).fetchall()
        return int(found[0]), int(found[1])

    async def _linked(self) -> bool:
        try:
            async with httpx.AsyncClient(timeout=PROBE_S, verify=NO_TLS) as browser:
                page = await browser.get(f"{self._lot.page_url}/lot.json")
        except httpx.TransportError:
            return False
        return page.is_success and page.json()["central_online"] is True

    def _broker(self, level: str, port: int, users: list[str]) -> Unit:
        owner = "central" if level == "central" else LOT
        passwords = {user: secrets.token_hex(16) for user in users}
        for user, password in passwords.items():
            self._secret(f"{user}@{owner}.broker").write_text(password, encoding="ascii")
        folder = self._folder / "config" / f"{owner}.broker"
        config = write_broker(folder, port, passwords, "central" if level == "central" else "lot")
        return Unit(f"{owner}.broker", broker_command(config), folder / "broker.log", listens(port))

    def _secret(self, name: str) -> Path:
        return self._folder / "secrets" / name
