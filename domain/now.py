"""What a unit knows of the present: three parts that no decision may mix up."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum


class Trust(Enum):
    """How far the UTC part may be believed; a Pi has no clock of its own."""

    NTP = "ntp"  # disciplined by a time server
    RTC = "rtc"  # carried over by a battery-backed clock, or by this boot's monotonic clock
    NONE = "none"  # only known to be at or after the floor on disk


@dataclass(frozen=True, slots=True)
class Now:
    """The present: `mono_ms` for motion, debounce and timers; `utc` for windows and money; `trust` in `utc`."""

    mono_ms: int
    utc: datetime
    trust: Trust = Trust.NTP

    def __post_init__(self) -> None:
        assert self.utc.tzinfo is UTC, "instants are timezone-aware UTC"

    def later(self, ms: int) -> "Now":
        """This present moved on by `ms` milliseconds, both clocks alike."""
        return Now(self.mono_ms + ms, self.utc + timedelta(milliseconds=ms), self.trust)


def rfc3339(instant: datetime) -> str:
    """An instant as RFC 3339 in UTC with milliseconds: the one form on the wire and in our databases."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_instant(text: str) -> datetime:
    """The instant that `rfc3339` wrote. Raises ValueError for text without an offset."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant needs an offset, as in 2026-05-01T10:00:00Z")
    return instant.astimezone(UTC)
