"""The demonstration's site: two lots and central on this machine, and the processes that serve them."""

import asyncio
import random
import secrets
import ssl
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.link.process import bound_socket
from cloud_sync.link.seal import Seal
from cloud_sync.link.settings import Secret
from simulator.broker import broker_command, write_broker
from simulator.demo.configuration import (
    EVERYDAY,
    LOOPBACK,
    SECRETS,
    CentralSite,
    GateSite,
    LotSite,
    Pace,
    attendant_code,
    broker_password,
    central_toml,
    gate_toml,
    hub_toml,
    plate_key,
)
from simulator.demo.supervisor import Ready, Unit
from simulator.ports import free_ports

PYTHON = (sys.executable, "-P")  # a folder that is called gatehouse where the demo is started is not our module
PROBE_S = 2.0
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For who asks on this machine, time and again: to read what certificates it trusts takes longer than the answer."""
Level = Literal["lot", "central"]


@dataclass(frozen=True, slots=True)
class Ports:
    """Where people find the demo: the first port of each kind; the next units' follow."""

    central: int = 8000
    hub: int = 8080
    gate: int = 8091


class Site:
    """Everything under one folder: write it, then start its `units` in their order."""

    def __init__(self, folder: Path, rng: random.Random, ports: Ports, pace: Pace = EVERYDAY) -> None:
        """Prices and sizes of the lots are drawn from `rng`. Raises OperatorError where one of the ports is taken."""
        hub_ports = range(ports.hub, ports.hub + 2)
        gate_ports = range(ports.gate, ports.gate + 4)
        with ExitStack() as held:
            for port in (ports.central, *hub_ports, *gate_ports):
                held.enter_context(bound_socket(LOOPBACK, port))
            free = iter(free_ports(8))
        self.folder = folder
        self._pace = pace
        self.operator_password = secrets.token_hex(16)
        self.provider_record = folder / "provider.jsonl"
        self.central = CentralSite(port=ports.central, broker_port=next(free), bank_port=next(free))
        names = (("riverside", "Riverside Garage", "Robin", 30), ("hillside", "Hillside Deck", "Hannah", 8))
        gates = iter(gate_ports)
        self.lots = tuple(
            LotSite(
                lot_id=lot_id,
                name=name,
                attendant=attendant,
                grace_s=grace_s,
                step_minor=rng.randrange(120, 400, 10),
                standard_spots=rng.randint(6, 14),
                broker_port=next(free),
                page_port=page_port,
                gates=tuple(
                    GateSite(f"{lot_id}.{gate}", direction, next(gates), next(free))
                    for gate, direction in (("entry-1", "entry"), ("exit-1", "exit"))
                ),
            )
            for (lot_id, name, attendant, grace_s), page_port in zip(names, hub_ports, strict=True)
        )

    def plate_key(self, owner: str) -> Seal:
        """What a lot's units, or central, seal plates with."""
        return Seal.from_hex((self.folder / plate_key(owner)).read_text(encoding="ascii").strip())

    def central_password(self) -> Secret:
        """Central's own, at its broker."""
        return Secret(file=self.folder / broker_password("central", "central"))

    def write(self) -> list[Unit]:
        """Write keys, accounts and configuration; returns the processes."""
        for folder in (SECRETS, "config", "data", "logs"):
            (self.folder / folder).mkdir(parents=True, exist_ok=True)
        (self.folder / SECRETS).chmod(0o700)
        self._secret(f"{SECRETS}/token", secrets.token_hex(32))
        self._secret(f"{SECRETS}/stripe", "sk_test_" + secrets.token_hex(12))
        self._secret(plate_key("central"), secrets.token_hex(32))
        self._secret(f"{SECRETS}/operator", self.operator_password)
        for lot in self.lots:
            self._secret(plate_key(lot.lot_id), secrets.token_hex(32))
            self._secret(attendant_code(lot.lot_id), secrets.token_urlsafe(12))
            self._secret(f"{SECRETS}/{lot.lot_id}.ticket", _ticket_key())
        return [
            self._broker(
                "central", "central", self.central.broker_port, ["central", *(lot.lot_id for lot in self.lots)]
            ),
            *(self._broker("lot", lot.lot_id, lot.broker_port, lot.users) for lot in self.lots),
            self._bank(),
            self._unit("central", "central", central_toml(self.central, self.lots), f"{self.central.url}/readyz"),
            *(
                self._unit("hub", lot.lot_id, hub_toml(self.central, lot), f"{lot.page_url}/lot.json")
                for lot in self.lots
            ),
            *(
                self._unit(
                    "gate",
                    gate.gate_id,
                    self._gate_toml(lot, gate),
                    f"{gate.url}/state",
                )
                for lot in self.lots
                for gate in lot.gates
            ),
        ]

    def _secret(self, name: str, text: str) -> None:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text + "\n", encoding="ascii")

    def _unit(self, command: str, name: str, toml: str, probe: str) -> Unit:
        config = self.folder / "config" / f"{name}.toml"
        config.write_text(toml, encoding="utf-8")
        run = (*PYTHON, "-m", "gatehouse", command, "--config", str(config))
        return Unit(name, run, self._log(name), answers(probe))

    def _bank(self) -> Unit:
        port, record = self.central.bank_port, str(self.provider_record)
        run = (*PYTHON, "-m", "simulator.bank", "--port", str(port), "--record", record)
        return Unit("bank", run, self._log("bank"), listens(port))

    def _broker(self, level: Level, owner: str, port: int, users: Sequence[str]) -> Unit:
        name = f"{owner}.broker"
        passwords = {user: secrets.token_hex(16) for user in users}
        for user, password in passwords.items():
            self._secret(broker_password(user, owner), password)
        config = write_broker(
            self.folder / "config" / name, port, passwords, "central" if level == "central" else "lot"
        )
        return Unit(name, broker_command(config), self._log(name), listens(port))

    def _gate_toml(self, lot: LotSite, gate: GateSite) -> str:
        return gate_toml(lot, gate, self.folder / "lanes" / gate.gate_id, self._pace)

    def _log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"


def answers(url: str) -> Ready:
    """Whether a GET of `url` is answered with success."""

    async def ready() -> bool:
        try:
            async with httpx.AsyncClient(timeout=PROBE_S, verify=NO_TLS) as client:
                return (await client.get(url)).is_success
        except httpx.TransportError:
            return False

    return ready


def listens(port: int) -> Ready:
    """Whether something accepts connections on a loopback port."""

    async def ready() -> bool:
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, port)
        except OSError:
            return False
        writer.close()
        return True

    return ready


def _ticket_key() -> str:
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode().strip()
