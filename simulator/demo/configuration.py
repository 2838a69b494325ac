"""The demo's configuration files: what an operator would write, with seconds where a real lot has minutes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = "127.0.0.1"
CURRENCY = "EUR"
TIMEZONE = "Europe/Berlin"
EARLY_S = 30
MINIMUM_FEE_MINOR = 100
NO_SHOW_FEE_PERCENT = 60
MOVE_S = 12
TRIES_MAX, LOCKED_S = 3, 5
"""Of a lane's keypad."""
OPERATOR_EMAIL = "operator@example.com"


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast arms and cars move."""

    arm_travel_ms: int
    car_speed_mm_per_s: int


EVERYDAY = Pace(900, 5_000)  # a quick barrier, and drivers in a hurry
IN_HASTE = Pace(300, 9_000)  # for whoever needs many visits


@dataclass(frozen=True, slots=True)
class CentralSite:
    port: int
    broker_port: int
    bank_port: int

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"


@dataclass(frozen=True, slots=True)
class GateSite:
    """One lane; the street reaches its simulated devices at `control_port`."""

    gate_id: str
    direction: str
    api_port: int
    control_port: int

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.api_port}"


@dataclass(frozen=True, slots=True)
class LotSite:
    """One lot; `attendant` is who can log in on its page, if anybody."""

    lot_id: str
    name: str
    step_minor: int
    standard_spots: int
    grace_s: int
    broker_port: int
    page_port: int
    gates: tuple[GateSite, ...]
    attendant: str | None = None

    @property
    def page_url(self) -> str:
        return f"http://{LOOPBACK}:{self.page_port}"

    @property
    def users(self) -> list[str]:
        """Who has an account at the lot's broker."""
        return [self.lot_id, *(gate.gate_id for gate in self.gates)]

    def gate(self, direction: str) -> GateSite:
        return next(gate for gate in self.gates if gate.direction == direction)


CLOCK = """\
[clock]
trust = "ntp"  # everything runs on this machine, and by its clock
"""

SECRETS = "secrets"
"""The folder of keys and passwords, in the site's own."""


def plate_key(owner: str) -> str:
    """The file of the key that a lot's units, or central, seal plates with, in the site's folder."""
    return f"{SECRETS}/{owner}.plate"


def attendant_code(lot_id: str) -> str:
    """The file of the code by which a lot's attendant logs in on its page, in the site's folder."""
    return f"{SECRETS}/{lot_id}.attendant"


def broker_password(user: str, level: str) -> str:
    """The file of a user's password at central's or a lot's broker, in the site's folder."""
    return f"{SECRETS}/{user}@{level}.broker"


def central_toml(central: CentralSite, lots: Sequence[LotSite]) -> str:
    """central.toml"""
    return f"""\
[http]
port = {central.port}

[database]
url = "sqlite:///../data/central.db"

{_broker("broker", central.broker_port, "central", "central")}
[stripe]
secret_key = {{ file = "../{SECRETS}/stripe" }}
api_base = "http://{LOOPBACK}:{central.bank_port}"

[auth]
token_secret = {{ file = "../{SECRETS}/token" }}

[seal]
plate_key = {{ file = "../{plate_key("central")}" }}

[[operators]]
email = "{OPERATOR_EMAIL}"
name = "Operator"
password = {{ file = "../{SECRETS}/operator" }}
""" + "".join(_lot(lot) for lot in lots)


def hub_toml(central: CentralSite, lot: LotSite) -> str:
    """The hub's file."""
    gates = "".join(
        f'\n[[gates]]\nname = "{gate.gate_id.partition(".")[2]}"\ndirection = "{gate.direction}"\n'
        for gate in lot.gates
    )
    return f"""\
{CLOCK}
[lot]
lot_id = "{lot.lot_id}"
name = "{lot.name}"
timezone = "{TIMEZONE}"

[store]
path = "../data/{lot.lot_id}.db"

[keys]
ticket = {{ file = "../{SECRETS}/{lot.lot_id}.ticket" }}
plate = {{ file = "../{plate_key(lot.lot_id)}" }}

[page]
port = {lot.page_port}

{_broker("broker", lot.broker_port, lot.lot_id, lot.lot_id)}
{_broker("central", central.broker_port, lot.lot_id, "central")}
[[spots]]
level = "1"
count = {lot.standard_spots}

[[spots]]
level = "2"
count = 3
kind = "large"

[[spots]]
level = "2"
first = 11
count = 2
kind = "ev"

[[spots]]
level = "m"
count = 2
kind = "motorcycle"
{gates}{_attendant(lot)}"""


def gate_toml(lot: LotSite, gate: GateSite, memory: Path, pace: Pace) -> str:
    """A lane's file; what is physically true of the lane is kept in `memory`."""
    return f"""\
{CLOCK}
[gate]
gate_id = "{gate.gate_id}"
direction = "{gate.direction}"

[store]
path = "../data/{gate.gate_id}.db"

[keys]
plate = {{ file = "../{plate_key(lot.lot_id)}" }}

[api]
port = {gate.api_port}

[keypad]
tries_max = {TRIES_MAX}
locked_s = {LOCKED_S}

[hardware]
kind = "simulated"

[hardware.simulated]
control_port = {gate.control_port}
memory = "{memory}"
arm_travel_ms = {pace.arm_travel_ms}
car_speed_mm_per_s = {pace.car_speed_mm_per_s}

{_broker("broker", lot.broker_port, gate.gate_id, lot.lot_id)}"""


def _attendant(lot: LotSite) -> str:
    if lot.attendant is None:
        return ""
    return f"""
[[attendants]]
name = "{lot.attendant}"
code = {{ file = "../{attendant_code(lot.lot_id)}" }}
"""


def _broker(section: str, port: int, user: str, level: str) -> str:
    return f"""\
[{section}]
port = {port}
username = "{user}"
password = {{ file = "../{broker_password(user, level)}" }}
"""


def _lot(lot: LotSite) -> str:
    return f"""
[[lots]]
lot_id = "{lot.lot_id}"
name = "{lot.name}"
timezone = "{TIMEZONE}"
plate_key = {{ file = "../{plate_key(lot.lot_id)}" }}
tariff = {{ currency = "{CURRENCY}", step_minutes = 30, step_minor = {lot.step_minor}, day_max_minor = 2800 }}
[lots.policy]
grace_s = {lot.grace_s}
early_s = {EARLY_S}
silent_gate_wait_s = {lot.grace_s}
move_s = {MOVE_S}
minimum_fee_minor = {MINIMUM_FEE_MINOR}
no_show_fee_percent = {NO_SHOW_FEE_PERCENT}
"""
