"""Central's configuration."""

from collections import Counter
from dataclasses import fields
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, EmailStr, Field, TypeAdapter, model_validator
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from cloud_sync.link.settings import (
    REPLAY_KEEP_DAYS,
    Broker,
    Location,
    ReplayKeepDays,
    Secret,
    Section,
    Timezone,
    UnitId,
    UnitSettings,
)
from domain.money import Money
from domain.policy import Policy, Tariff

_LOCATION: TypeAdapter[Any] = TypeAdapter(Location)


def _only_fields_of(kind: type[Any]) -> BeforeValidator:
    """Unknown keys are errors here too; a plain dataclass would take no notice of them."""
    known = {field.name for field in fields(kind)}

    def check(table: Any) -> Any:
        if isinstance(table, dict) and (unknown := table.keys() - known):
            raise ValueError(f"unknown keys: {', '.join(sorted(unknown))}")
        return table

    return BeforeValidator(check)


def _in_a_currency(tariff: Tariff) -> Tariff:
    Money(0, tariff.currency)  # a ValueError for what is none
    return tariff


def _database_url(text: str) -> str:
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise ValueError("no database URL; use sqlite:///central.db or postgresql+psycopg://host/name") from error
    if url.password is not None:
        raise ValueError("keep the password out of the URL: name its file as [database.password]")
    if url.get_backend_name() == "sqlite":
        if not url.database or url.database == ":memory:":
            raise ValueError("central's bookings need a file: sqlite:///central.db")
        return url.set(database=str(_LOCATION.validate_python(url.database))).render_as_string()
    return text


class Http(Section):
    """Where the HTTP API is served. TLS ends in a proxy before it."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65_535)


class DatabaseSettings(Section):
    """SQLite in a file, for one process; or PostgreSQL, for as many as you like."""

    url: Annotated[str, AfterValidator(_database_url)] = "sqlite:///central.db"
    password: Secret | None = None
    replay_keep_days: ReplayKeepDays = REPLAY_KEEP_DAYS

    def address(self) -> URL:
        """The URL with its password. Raises OperatorError where that cannot be read."""
        url = make_url(self.url)
        return url if self.password is None else url.set(password=self.password.read())


def _http_address(text: str) -> str:
    address = urlsplit(text)
    try:
        is_one = address.scheme in ("http", "https") and address.hostname is not None and address.port != 0
    except ValueError:  # what stands where the port belongs is none
        is_one = False
    if not is_one:
        raise ValueError("is no address such as https://payments.example or http://127.0.0.1:8420")
    return text


class StripeSettings(Section):
    """The payment provider. `api_base` is for a stand-in such as `python -m simulator.bank`."""

    secret_key: Secret
    api_base: Annotated[str, AfterValidator(_http_address)] | None = None


class Auth(Section):
    """`token_secret` signs bearer tokens and keys request fingerprints: 32 random characters at least."""

    token_secret: Secret
    token_life_s: int = Field(default=3_600, ge=60, le=86_400)


class SealSettings(Section):
    """Central's own plate key, 32 bytes as hexadecimal: a driver's vehicles are sealed with it."""

    plate_key: Secret


class HubSettings(Section):
    """How long a lot's hub may take to answer a request."""

    answer_s: float = Field(default=3.0, gt=0, le=15)


class LotSettings(Section):
    """A lot: what it is called, promises and costs. `plate_key` is the one that its hub and gates have."""

    lot_id: UnitId
    name: str = Field(min_length=1, max_length=80)
    timezone: Timezone = "UTC"
    plate_key: Secret
    tariff: Annotated[Tariff, _only_fields_of(Tariff), AfterValidator(_in_a_currency)]
    policy: Annotated[Policy, _only_fields_of(Policy)] = Policy()


class OperatorSettings(Section):
    """Somebody who may act for every driver, and pay back by hand. Made at start, with this password."""

    email: EmailStr
    name: str = Field(min_length=1, max_length=80)
    password: Secret


class CentralSettings(UnitSettings):
    """`gatehouse central --config FILE`."""

    http: Http = Http()
    database: DatabaseSettings
    broker: Broker
    stripe: StripeSettings
    auth: Auth
    seal: SealSettings
    hub: HubSettings = HubSettings()
    lots: tuple[LotSettings, ...] = Field(min_length=1)
    operators: tuple[OperatorSettings, ...] = ()

    @model_validator(mode="after")
    def _lots_differ(self) -> Self:
        names = Counter(lot.lot_id for lot in self.lots)
        if wrong := sorted(name for name, times in names.items() if times > 1 or "." in name):
            raise ValueError(f"a lot's id has no dot and is used once: {', '.join(wrong)}")
        return self
