"""Reading a unit's configuration: one TOML file, single keys overridden from the environment, secrets in files.

`GATEHOUSE_BROKER__PORT=1884` overrides `port` in `[broker]`. Unknown keys are errors. Relative paths are relative to
the configuration file.
"""

import ipaddress
import logging
import os
import re
import stat
import tomllib
from collections.abc import Callable, Collection, Iterator
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from cloud_sync.link.settings_words import ENV, explained, not_json, unknown_variables
from domain.errors import OperatorError
from domain.ids import is_unit_id
from domain.now import Trust

T = TypeVar("T")

log = logging.getLogger(__name__)

_read_before: dict[Path, str] = {}
"""The secrets of this process, by their files."""

_unreadable: set[Path] = set()
"""The files of secrets that this process goes on with as they were."""

_HOST = re.compile(r"[^\W_]([\w.-]*\w\.?)?")

_folder: ContextVar[Path] = ContextVar("folder of the configuration file being read")


def _unit_id(text: str) -> str:
    if not is_unit_id(text):
        raise ValueError("must be lower-case letters, digits and dashes, such as riverside or riverside.entry-1")
    return text


UnitId = Annotated[str, AfterValidator(_unit_id)]
Location = Annotated[Path, AfterValidator(lambda path: _folder.get(Path()) / path)]


class Section(BaseModel):
    """A table of a configuration file."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, hide_input_in_errors=True)


class Secret(Section):
    """A file that holds a secret, or the name of a systemd credential."""

    file: Location

    def read(self) -> str:
        """The secret without surrounding white space, read anew; where that cannot be done any more, as it was last.
        Raises OperatorError where there is none and never was in this process."""
        try:
            secret = self._read()
        except OperatorError as error:
            if self.file not in _read_before:
                raise
            if self.file not in _unreadable:
                log.error("secret.unreadable", extra={"why": error.message})
            _unreadable.add(self.file)
            return _read_before[self.file]  # a unit that runs goes on: nobody stands before its gate for this
        if self.file in _unreadable:
            log.info("secret.readable_again", extra={"file": str(self.file)})
            _unreadable.remove(self.file)
        _read_before[self.file] = secret
        return secret

    def _read(self) -> str:
        path = credential = self._credential
        try:
            path = credential if credential.is_file() else self.file
            secret = path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise OperatorError("secret_unreadable", f"the secret {path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:  # it holds the secret, so it goes no further
            raise OperatorError("secret_unreadable", f"the secret {path} is not UTF-8 text") from None
        if not secret:
            raise OperatorError("secret_empty", f"the secret {path} is empty")
        return secret

    @property
    def is_open_to_others(self) -> bool:
        """Whether everybody on the machine may read its file. A credential's is systemd's business."""
        try:
            return not self._credential.is_file() and bool(self.file.stat().st_mode & stat.S_IROTH)
        except OSError:
            return False

    @property
    def _credential(self) -> Path:
        return Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nonexistent")) / self.file.name

    def parse(self, make: Callable[[str], T]) -> T:
        """What `make` makes of the secret. An OperatorError that it raises gets the file's name."""
        secret = self.read()
        try:
            return make(secret)
        except OperatorError as error:
            raise OperatorError(error.code, f"{self.file}: {error.message}") from None


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        raise ValueError("no such time zone; use an IANA name such as Europe/Berlin") from error
    return name


Timezone = Annotated[str, AfterValidator(_timezone)]


ReplayKeepDays = Annotated[int, Field(ge=1, le=365)]
"""How long facts are kept: longer than the oldest backup that is still of use."""

REPLAY_KEEP_DAYS = 7


class StoreSection(Section):
    """Where a unit's SQLite file is, and how long it keeps facts that everybody has."""

    path: Location
    replay_keep_days: ReplayKeepDays = REPLAY_KEEP_DAYS

    @property
    def keep(self) -> timedelta:
        return timedelta(days=self.replay_keep_days)

    @property
    def floor(self) -> Path:
        """The file beside it that holds the clock's floor."""
        return self.path.with_name(f"{self.path.name.removesuffix('.db')}.floor")


class ClockSection(Section):
    """How far the machine's UTC is to be trusted: `auto` measures it, else the operator knows better."""

    trust: Trust | Literal["auto"] = "auto"

    @property
    def said(self) -> Trust | None:
        """What the operator says; None: it is measured."""
        return self.trust if isinstance(self.trust, Trust) else None


def _host(text: str) -> str:
    if not _is_host(text):
        raise ValueError("must be a host name or address, without mqtt:// and port: 192.0.2.2 or hub.local")
    return text


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return _is_host_name(text)
    return True


def _is_host_name(text: str) -> bool:
    """As the system's resolver takes it: it raises for what it cannot encode, such as an empty label."""
    try:
        text.encode("idna")
    except UnicodeError:
        return False
    ends_like_an_address = text.rstrip(".").rpartition(".")[2].isdigit()
    return _HOST.fullmatch(text) is not None and not ends_like_an_address


class Broker(Section):
    """Where an MQTT broker is, and who we are there."""

    host: Annotated[str, AfterValidator(_host)] = "127.0.0.1"
    port: int = Field(default=1883, ge=1, le=65_535)
    username: str | None = None
    password: Secret | None = None
    keepalive_s: int = Field(default=15, ge=5, le=600)


class UnitSettings(BaseSettings):
    """Base of every unit's configuration."""

    model_config = SettingsConfigDict(
        env_prefix=ENV, env_nested_delimiter="__", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings

    def tell_oddities(self) -> None:
        """Log what does not keep the unit from running, and is hardly meant: variables of the environment that set
        nothing, secrets that everybody on the machine may read."""
        for name, meant in unknown_variables(type(self)):
            log.warning("settings.variable_unknown", extra={"variable": name, "meant": meant or None})
        for file in sorted({secret.file for secret in _secrets(self) if secret.is_open_to_others}):
            log.warning("secret.open_to_others", extra={"file": file, "hint": f"chmod 600 {file}"})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read `path`. Raises OperatorError that names the file and every key that is wrong."""
        _refuse_unknown_sections(cls.model_fields)
        token = _folder.set(path.resolve().parent)
        try:
            return cls(**tomllib.loads(path.read_text(encoding="utf-8-sig")))
        except OSError as error:
            raise OperatorError("config_missing", f"{path} cannot be read: {error.strerror}") from None
        except ValidationError as error:
            raise OperatorError("config_invalid", f"{path}: {explained(cls, error)}") from None
        except SettingsError as error:
            raise OperatorError("config_invalid", f"{path}: {not_json(cls) or error}") from None
        except ValueError as error:  # tomllib's, with line and column
            raise OperatorError("config_invalid", f"{path}: {error}") from None
        finally:
            _folder.reset(token)


def _secrets(value: object) -> Iterator[Secret]:
    match value:
        case Secret():
            yield value
        case BaseModel():
            for name in type(value).model_fields:
                yield from _secrets(getattr(value, name))
        case tuple():
            for one in value:
                yield from _secrets(one)


def _refuse_unknown_sections(sections: Collection[str]) -> None:
    """The library refuses unknown keys of a section that it knows, and overlooks the others."""
    for name in os.environ:
        section, nested, _ = name.removeprefix(ENV).lower().partition("__")
        if name.startswith(ENV) and nested and section not in sections:
            raise OperatorError("config_invalid", f"the environment has {name}, but there is no section [{section}]")
