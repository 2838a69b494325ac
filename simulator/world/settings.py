"""The units' configuration in a world, as an operator would write it, and the secrets that it names."""

import random
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cloud_sync.central.settings import (
    Auth,
    CentralSettings,
    DatabaseSettings,
    LotSettings,
    OperatorSettings,
    SealSettings,
    StripeSettings,
)
from cloud_sync.link.seal import KEY_BYTES
from cloud_sync.link.settings import Broker, Secret, StoreSection
from cloud_sync.link.v1.facts import Direction
from gate_firmware.settings import Gate, GateSettings, GateStore
from gate_firmware.settings import Keys as GateKeys
from hardware.wiring import Wiring
from hub.settings import GateEntry, HubSettings, Lot, Manager, SpotRow
from hub.settings import Keys as HubKeys
from simulator.world.plan import Plan
from simulator.world.seen import LotPlan

CENTRAL = "central"
CENTRAL_PORT = 1
LOT_PORT = 2
"""Ports stand for brokers here: each machine knows one of each kind at most."""

OPERATOR = "operator@example.com"
MANAGER = "Manager"


class Site:
    """All units' settings; secrets lie in `folder`."""

    def __init__(self, folder: Path, plan: Plan, dice: random.Random) -> None:
        self._folder = folder
        self._lots = {lot.lot_id: lot for lot in plan.lots}
        folder.mkdir()
        self._write(f"{CENTRAL}.plate", dice.randbytes(KEY_BYTES).hex())
        for lot_id, lot in self._lots.items():
            self._write(f"{lot_id}.plate", lot.plate_key)
            key = Ed25519PrivateKey.from_private_bytes(dice.randbytes(KEY_BYTES))
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            self._write(f"{lot_id}.ticket", pem.decode())
        self._write("token", dice.randbytes(KEY_BYTES).hex())
        self._write("stripe", "sk_test_world")
        self._write("operator", dice.randbytes(8).hex())
        self.manager_code = dice.randbytes(8).hex()
        self._write("manager", self.manager_code)

    def central(self, store: Path) -> CentralSettings:
        return CentralSettings(
            database=DatabaseSettings(url=f"sqlite:///{store}"),
            broker=Broker(port=CENTRAL_PORT),
            stripe=StripeSettings(secret_key=self._secret("stripe")),
            auth=Auth(token_secret=self._secret("token")),
            seal=SealSettings(plate_key=self._secret(f"{CENTRAL}.plate")),
            lots=tuple(self._lot(lot) for lot in self._lots.values()),
            operators=(OperatorSettings(email=OPERATOR, name="Operator", password=self._secret("operator")),),
        )

    def hub(self, lot_id: str, store: Path) -> HubSettings:
        lot = self._lots[lot_id]
        rows: dict[str, list[str]] = {}
        for spot_id in lot.spots:
            rows.setdefault(spot_id.partition(".")[2].partition("-")[0], []).append(spot_id)
        return HubSettings(
            lot=Lot(lot_id=lot_id, name=lot_id.title()),
            store=StoreSection(path=store),
            broker=Broker(port=LOT_PORT),
            central=Broker(port=CENTRAL_PORT),
            keys=HubKeys(ticket=self._secret(f"{lot_id}.ticket"), plate=self._secret(f"{lot_id}.plate")),
            spots=tuple(
                SpotRow(level=level, first=1, count=len(ids), kind=lot.spots[ids[0]]) for level, ids in rows.items()
            ),
            gates=tuple(
                GateEntry(name=gate_id.partition(".")[2], direction=direction)
                for gate_id, direction in lot.gates.items()
            ),
            managers=(Manager(name=MANAGER, code=self._secret("manager")),),
        )

    def gate(self, gate_id: str, direction: Direction, store: Path) -> GateSettings:
        lot_id = gate_id.partition(".")[0]
        return GateSettings(
            gate=Gate(gate_id=gate_id, direction=direction),
            store=GateStore(path=store),
            broker=Broker(port=LOT_PORT),
            keys=GateKeys(plate=self._secret(f"{lot_id}.plate")),
            hardware=Wiring(kind="simulated"),
        )

    def _lot(self, lot: LotPlan) -> LotSettings:
        return LotSettings(
            lot_id=lot.lot_id,
            name=lot.lot_id.title(),
            plate_key=self._secret(f"{lot.lot_id}.plate"),
            tariff=lot.tariff,
            policy=lot.policy,
        )

    def _secret(self, name: str) -> Secret:
        return Secret(file=self._folder / name)

    def _write(self, name: str, secret: str) -> None:
        (self._folder / name).write_text(secret, encoding="ascii")
