"""Central and a lot's hub as processes of their own, as an operator runs them."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from simulator.ports import free_port
from tests.cloud_sync.central.street import LOT
from tests.parts import BrokerSite, soon

COMMAND = "import typer; from {unit}.cli import {name}; typer.run({name})"

HUB = """
[lot]
lot_id = "{lot}"
name = "Riverside"
[store]
path = "hub.db"
[keys]
ticket = {{ file = "ticket.pem" }}
plate = {{ file = "riverside-plate" }}
[page]
port = {page_port}
[broker]
port = {lot_port}
username = "{lot}"
password = {{ file = "{lot_password}" }}
[central]
port = {central_port}
username = "{lot}"
password = {{ file = "{central_password}" }}
[[spots]]
level = "1"
count = {spots}
[[gates]]
name = "entry-1"
direction = "entry"
"""


def command(unit: str, config: Path) -> list[str]:
    """What starts a unit."""
    name = unit.rpartition(".")[2]
    return [sys.executable, "-c", COMMAND.format(unit=unit, name=name), "--config", str(config)]


class Central:
    """The process."""

    def __init__(self, config: Path, port: int) -> None:
        self._config, self.port = config, port
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(command("cloud_sync.central", self._config), stderr=subprocess.PIPE, text=True)

    def end(self, by: signal.Signals) -> tuple[int, str]:
        """Its exit status and what it wrote on standard error."""
        assert self.process is not None
        self.process.send_signal(by)
        _, written = self.process.communicate()
        code, self.process = self.process.returncode, None
        return code, written

    def refused(self) -> str:
        """What a process that cannot start tells the operator; it ends by itself."""
        self.start()
        assert self.process is not None
        _, written = self.process.communicate()
        code, self.process = self.process.returncode, None
        assert code == 1
        assert "Traceback" not in written
        return written.splitlines()[-1]


class HubProcess:
    """The hub of `riverside` with standard spots, for the time of a `with`."""

    def __init__(self, folder: Path, lot_broker: BrokerSite, central_broker: BrokerSite, spots: int) -> None:
        """`folder` is central's own: the lot's plate key is there."""
        private = Ed25519PrivateKey.generate()
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "ticket.pem").write_bytes(pem)
        self.database = folder / "hub.db"
        self._config = folder / "hub.toml"
        text = HUB.format(
            lot=LOT,
            page_port=free_port(),
            lot_port=lot_broker.port,
            lot_password=lot_broker.folder / LOT,
            central_port=central_broker.port,
            central_password=central_broker.folder / LOT,
            spots=spots,
        )
        self._config.write_text(text, encoding="utf-8")

    def __enter__(self) -> "HubProcess":
        self._process = subprocess.Popen(command("hub", self._config), stderr=subprocess.DEVNULL)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()


async def until(http: httpx.AsyncClient, path: str, **wanted: Any) -> dict[str, Any]:
    """The document at `path`, once it has these members; asks again until then."""

    async def asking() -> dict[str, Any]:
        while True:
            try:
                document: dict[str, Any] = (await http.get(path)).json()
                if wanted.items() <= document.items():
                    return document
            except httpx.TransportError:
                pass  # it is not up yet
            await asyncio.sleep(0.02)

    return await soon(asking())
