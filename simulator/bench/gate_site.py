"""A lot as the gate's bench needs it: keys, a broker, and the processes of its hub and of a gate, in one folder."""

import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cloud_sync.link.seal import Seal
from cloud_sync.link.ticket import TicketKey
from simulator.bench.gate_disk import ENTRY, EXIT, LOT, Scale
from simulator.broker import broker_command, write_broker
from simulator.demo.configuration import CentralSite, GateSite, LotSite, Pace, gate_toml, hub_toml
from simulator.demo.site import PYTHON, answers, listens
from simulator.demo.supervisor import Unit
from simulator.ports import free_ports

HASTE = Pace(arm_travel_ms=300, car_speed_mm_per_s=5_000)


class GateBenchSite:
    """The files of one lot with an entry and an exit; nobody is central."""

    def __init__(self, folder: Path, scale: Scale) -> None:
        ports = free_ports(7)
        self.folder = folder
        self._central = CentralSite(port=0, broker_port=ports[0], bank_port=0)
        self._broker_port = ports[1]
        self._gates = {
            ENTRY: GateSite(ENTRY, "entry", ports[3], ports[4]),
            EXIT: GateSite(EXIT, "exit", ports[5], ports[6]),
        }
        self._lot = LotSite(
            lot_id=LOT, name="Riverside", step_minor=100, standard_spots=scale.spots, grace_s=900,
            broker_port=ports[1], page_port=ports[2], gates=tuple(self._gates.values()),
        )  # fmt: skip
        private, plate_key = Ed25519PrivateKey.generate(), secrets.token_hex(32)
        self.seal, self.key = Seal.from_hex(plate_key), TicketKey(private)
        for name in ("secrets", "config", "data", "logs"):
            (folder / name).mkdir(mode=0o700, parents=True)
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "secrets" / f"{LOT}.ticket").write_bytes(pem)
        (folder / "secrets" / f"{LOT}.plate").write_text(plate_key, encoding="ascii")
        self._passwords = {user: secrets.token_hex(16) for user in self._lot.users}
        for user, password in self._passwords.items():
            (folder / "secrets" / f"{user}@{LOT}.broker").write_text(password, encoding="ascii")
        (folder / "secrets" / f"{LOT}@central.broker").write_text("nobody listens", encoding="ascii")

    def database(self, unit: str) -> Path:
        return self.folder / "data" / f"{unit}.db"

    def state_url(self, gate_id: str) -> str:
        return f"{self._gates[gate_id].url}/state"

    def control_port(self, gate_id: str) -> int:
        return self._gates[gate_id].control_port

    def gate_config(self, gate_id: str) -> Path:
        """A lane with the simulated devices."""
        toml = gate_toml(self._lot, self._gates[gate_id], self.folder / "lanes" / gate_id, HASTE)
        config = self.folder / "config" / f"{gate_id}.toml"
        config.write_text(toml, encoding="utf-8")
        return config

    def broker(self) -> Unit:
        folder = self.folder / "config" / "broker"
        config = write_broker(folder, self._broker_port, self._passwords, "lot")
        return Unit("broker", broker_command(config), folder / "broker.log", listens(self._broker_port))

    def hub(self) -> Unit:
        """It does not wait for a central that is not there."""
        config = self.folder / "config" / "hub.toml"
        config.write_text(hub_toml(self._central, self._lot), encoding="utf-8")
        unit = self._unit("hub", "hub", config, f"{self._lot.page_url}/lot.json")
        unit.environment = {"GATEHOUSE_LOT__CENTRAL_FIRST_S": "0"}
        return unit

    def gate(self, gate_id: str) -> Unit:
        return self._unit("gate", "gate", self.gate_config(gate_id), self.state_url(gate_id))

    def _unit(self, name: str, command: str, config: Path, probe: str) -> Unit:
        run = (*PYTHON, "-m", "gatehouse", command, "--config", str(config))
        return Unit(name, run, self.folder / "logs" / f"{name}.log", answers(probe))
