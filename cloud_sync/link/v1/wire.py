"""What every message of wire version 1 is made of."""

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, PlainSerializer, ValidationError

from domain.errors import PeerError, UnknownVersion
from domain.now import rfc3339

VERSION = 1


def _in_utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:  # at the ends of the calendar an offset leads out of it
        raise ValueError("an instant between the years 1 and 9999 in UTC") from error


Instant = Annotated[
    AwareDatetime,
    AfterValidator(_in_utc),
    PlainSerializer(rfc3339, when_used="json"),
]
"""An instant: RFC 3339 in UTC with milliseconds on the wire, an aware datetime in UTC in memory."""


class Wire(BaseModel):
    """A frozen message. Fields that it does not know are ignored: within a version, fields are only ever added."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, hide_input_in_errors=True)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return self.model_dump(mode="json")


class Envelope(Wire):
    """What is on a topic: the version, so that a reader knows whether it can read on."""

    v: int = VERSION

    def encode(self) -> bytes:
        return self.model_dump_json().encode()

    @classmethod
    def decode(cls, payload: bytes | bytearray | str) -> Self:
        """The message in `payload`. Raises UnknownVersion, or PeerError for what is no such message."""
        try:
            message = cls.model_validate_json(payload)
        except ValidationError as error:
            _refuse_other_version(payload)
            raise PeerError("message_invalid", describe(error)) from None
        if message.v != VERSION:
            raise UnknownVersion("wire_version", f"wire version {message.v}; this unit speaks {VERSION}")
        return message


class _Versioned(BaseModel):
    v: int = VERSION


def _refuse_other_version(payload: bytes | bytearray | str) -> None:
    """Another version may look quite different: then that is what is wrong, not the missing fields."""
    try:
        version = _Versioned.model_validate_json(payload).v
    except ValidationError:
        return
    if version != VERSION:
        raise UnknownVersion("wire_version", f"wire version {version}; this unit speaks {VERSION}") from None


def describe(error: ValidationError) -> str:
    """The errors without the values, which may hold a plate."""
    return "; ".join(_sentence(e["loc"], e["msg"].removeprefix("Value error, ")) for e in error.errors())


def _sentence(where: tuple[int | str, ...], what: str) -> str:
    return f"{'.'.join(map(str, where))}: {what}" if where else what


def utc(instant: datetime) -> datetime:
    """`instant` cut to the milliseconds that the wire carries, so that both ends compare alike."""
    return instant.astimezone(UTC).replace(microsecond=instant.microsecond // 1000 * 1000)
