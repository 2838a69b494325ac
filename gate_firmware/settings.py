"""The gate's configuration: one file a lane."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from cloud_sync.link.pruning import Limits
from cloud_sync.link.settings import Broker, ClockSection, Location, Secret, Section, StoreSection, UnitId, UnitSettings
from cloud_sync.link.v1.facts import Direction
from domain.errors import BadInput
from hardware.wiring import Wiring
from lpr.plate_formats import PlateFormats
from lpr.reader import DEFAULT, ENGINES, STANDARD


def _in_a_lot(gate_id: str) -> str:
    if "." not in gate_id:
        raise ValueError("begins with the lot's id and a dot, as in riverside.entry-1")
    return gate_id


def _known_engine(name: str) -> str:
    if name not in ENGINES:
        raise ValueError(f"no plate reader is called that: take {' or '.join(ENGINES)}")
    return name


class GateStore(StoreSection):
    """A gate's store: of its own log it keeps `keep_days`, and `keep_facts_max` facts at most."""

    keep_days: int = Field(default=90, ge=1, le=3_650)
    keep_facts_max: int = Field(default=1_000_000, ge=1_000, le=100_000_000)

    @property
    def own(self) -> Limits:
        return Limits(timedelta(days=self.keep_days), self.keep_facts_max)

    @property
    def frames(self) -> Path:
        """The folder beside it with the frames that decisions rest on."""
        return self.path.with_name(f"{self.path.name.removesuffix('.db')}.frames")


class Gate(Section):
    """Which lane this is; `gate_id` begins with the lot's id, as in riverside.entry-1."""

    gate_id: Annotated[UnitId, AfterValidator(_in_a_lot)]
    direction: Direction


class Keys(Section):
    """`plate` is the lot's plate key: 32 bytes in hexadecimal."""

    plate: Secret


def _known_countries(codes: tuple[str, ...]) -> tuple[str, ...]:
    try:
        PlateFormats(codes)
    except BadInput as error:
        raise ValueError(error.message) from error
    return codes


class Reader(Section):
    """The plate reader and how many cores it may use; `models` and `network` are EasyOCR's.

    `countries`, by their codes, are those that cars come from: their formats settle what O, 0, I and 1 are.
    """

    engine: Annotated[str, AfterValidator(_known_engine)] = DEFAULT
    threads: int = Field(default=1, ge=1, le=8)
    models: Location | None = None
    network: str = STANDARD
    countries: Annotated[tuple[str, ...], AfterValidator(_known_countries)] = ()


class Timing(Section):
    """How long a lane waits.

    `identify_ms_max` and `exit_identify_ms_max`: for a read, before the lane asks or lets the car out unknown;
    `retry_ms`: between two looks at a car that was held back; `drive_ms_max`: from the open arm to a car under it;
    `gap_ms_max`: from a car that has left the arrival loop to the same car under the open arm, else it has backed out;
    `stuck_ms`: how long a car may be held back before the arrival loop is called stuck.

    An arm waits no longer for a car that has left the loop than for one that stands there: `gap_ms_max` is
    `drive_ms_max` at most.
    """

    identify_ms_max: int = Field(default=6_000, ge=500, le=60_000)
    exit_identify_ms_max: int = Field(default=2_500, ge=100, le=4_000)
    retry_ms: int = Field(default=4_000, ge=500, le=60_000)
    drive_ms_max: int = Field(default=30_000, ge=1_000, le=600_000)
    gap_ms_max: int = Field(default=8_000, ge=1_000, le=60_000)
    stuck_ms: int = Field(default=900_000, ge=60_000, le=86_400_000)

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.gap_ms_max > self.drive_ms_max:
            is_longer = f"gap_ms_max ({self.gap_ms_max}) is longer than drive_ms_max ({self.drive_ms_max})"
            raise ValueError(f"{is_longer}: set it to that at most")
        return self

    def decide_ms_max(self, direction: Direction) -> int:
        """After this the lane decides without a read."""
        return self.identify_ms_max if direction is Direction.ENTRY else self.exit_identify_ms_max

    def look_ms_max(self, direction: Direction) -> int:
        """After this what was read so far counts: early enough for a slow read to end before the lane decides."""
        return self.decide_ms_max(direction) * 3 // 4


class LocalApi(Section):
    """The gate's own HTTP interface, for what stands in the lane: loopback only."""

    port: int = Field(default=8091, ge=0, le=65_535)


class KeypadSection(Section):
    """Reservation ids that are typed: after `tries_max` wrong ones none is taken for `locked_s`."""

    tries_max: int = Field(default=5, ge=1, le=10)
    locked_s: int = Field(default=300, ge=1, le=86_400)


class GateSettings(UnitSettings):
    """`gatehouse gate --config FILE`."""

    gate: Gate
    store: GateStore
    broker: Broker
    keys: Keys
    hardware: Wiring
    reader: Reader = Reader()
    timing: Timing = Timing()
    api: LocalApi = LocalApi()
    keypad: KeypadSection = KeypadSection()
    clock: ClockSection = ClockSection()

    @model_validator(mode="after")
    def _is_itself(self) -> Self:
        """The broker takes a gate's name for its id: with another's it connects, and is denied all that is its own."""
        username = self.broker.username
        if username is not None and username != self.gate.gate_id:
            raise ValueError(f"broker.username: must be gate.gate_id, {self.gate.gate_id}")
        return self
