"""The hub's configuration."""

from collections import Counter
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from cloud_sync.link.settings import Broker, ClockSection, Secret, Section, StoreSection, Timezone, UnitId, UnitSettings
from cloud_sync.link.v1.facts import Direction
from domain.spot import SpotKind


def _without_dot(name: str) -> str:
    if "." in name:
        raise ValueError("has no dot in it: a gate's or spot's id is the lot's id, a dot and this name")
    return name


Name = Annotated[UnitId, AfterValidator(_without_dot)]


class Lot(Section):
    """Which lot this is; attendants read times in its `timezone`.

    `central_first_s`: how long the hub, at its start, waits for central before it hears the gates, and before time
    decides anything.
    """

    lot_id: Name
    name: str = Field(max_length=80)
    timezone: Timezone = "UTC"
    central_first_s: float = Field(default=3.0, ge=0, le=60)


class SpotRow(Section):
    """Spots that lie side by side and are alike: `riverside.1-001` to `riverside.1-024` for level 1, count 24."""

    level: str = Field(pattern="^[a-z0-9]{1,8}$")
    first: int = Field(1, ge=1, le=9_999)
    count: int = Field(ge=1, le=9_999)
    kind: SpotKind = SpotKind.STANDARD


class GateEntry(Section):
    """A lane of the lot; `name` is the part of its id after the dot."""

    name: Name
    direction: Direction


class Keys(Section):
    """`ticket` is an Ed25519 private key in PEM, `plate` 32 bytes as hexadecimal that the lot's gates share."""

    ticket: Secret
    plate: Secret


class Page(Section):
    """Where attendants find the lot's page. Whoever reaches it may look: keep it on the lot's own network."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535)


class AttendantEntry(Section):
    """Somebody who may log in on the page and open the lot's lanes there; the log keeps the name."""

    name: str = Field(min_length=1, max_length=80)
    code: Secret


class Manager(AttendantEntry):
    """An attendant who may also vouch for a gate that does not answer."""


class HubSettings(UnitSettings):
    """`gatehouse hub --config FILE`."""

    lot: Lot
    store: StoreSection
    broker: Broker
    central: Broker
    keys: Keys
    page: Page = Page()
    clock: ClockSection = ClockSection()
    spots: tuple[SpotRow, ...] = Field(min_length=1)
    gates: tuple[GateEntry, ...] = Field(min_length=1)
    attendants: tuple[AttendantEntry, ...] = ()
    managers: tuple[Manager, ...] = ()

    def spot_kinds(self) -> dict[str, SpotKind]:
        """Every spot's id and kind."""
        return {
            f"{self.lot.lot_id}.{row.level}-{number:03}": row.kind
            for row in self.spots
            for number in range(row.first, row.first + row.count)
        }

    def gate_directions(self) -> dict[str, Direction]:
        """Every gate's id and direction."""
        return {f"{self.lot.lot_id}.{gate.name}": gate.direction for gate in self.gates}

    @model_validator(mode="after")
    def _are_different(self) -> Self:
        gates = Counter(gate.name for gate in self.gates)
        if twice := [name for name, times in gates.items() if times > 1]:
            raise ValueError(f"gates named twice: {', '.join(twice)}")
        people = Counter(one.name for one in (*self.attendants, *self.managers))
        if twice := [name for name, times in people.items() if times > 1]:
            raise ValueError(f"attendants or managers named twice: {', '.join(twice)}")
        if (self.broker.host, self.broker.port) == (self.central.host, self.central.port):
            raise ValueError(
                "the lot's [broker] and [central] are one broker, at which a hub would keep ending its own link"
            )
        if len(self.spot_kinds()) != sum(row.count for row in self.spots):
            raise ValueError("two rows of spots share a level and numbers")
        return self
