"""A whole hub for tests: its settings, and a clock that stands."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cloud_sync.link.settings import Broker, ClockSection, Secret
from cloud_sync.link.settings import StoreSection as StoreSettings
from cloud_sync.link.v1.facts import (
    Direction,
)
from domain.now import Now, Trust
from hub.settings import GateEntry, HubSettings, Keys, Lot, Page, SpotRow
from simulator.ports import free_port
from tests.hub.riverside import NOW
from tests.parts import LOT


class Clock:
    """Stands until it is moved."""

    def __init__(self, now: Now = NOW) -> None:
        self.now = now

    def __call__(self) -> Now:
        return self.now


def hub_settings(folder: Path, lot_broker: Broker, central_broker: Broker) -> HubSettings:
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "ticket.pem").write_bytes(pem)
    (folder / "plate.key").write_text(bytes(range(32)).hex(), encoding="ascii")
    return HubSettings(
        lot=Lot(lot_id=LOT, name="Riverside"),
        store=StoreSettings(path=folder / "hub.db"),
        clock=ClockSection(trust=Trust.NTP),
        broker=lot_broker,
        central=central_broker,
        keys=Keys(ticket=Secret(file=folder / "ticket.pem"), plate=Secret(file=folder / "plate.key")),
        page=Page(port=free_port()),
        spots=(SpotRow(level="1", first=1, count=2),),
        gates=(GateEntry(name="entry-1", direction=Direction.ENTRY),),
    )


def alone(folder: Path) -> HubSettings:
    """The settings of a hub whose brokers are both out of reach."""
    return hub_settings(folder, Broker(port=free_port()), Broker(port=free_port()))
