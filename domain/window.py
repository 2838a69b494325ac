"""The time that a reservation holds a spot for."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from domain.errors import BadInput

LONGEST = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` until just before `end`, in UTC; windows that touch do not overlap."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        assert self.start.tzinfo is UTC, "instants are timezone-aware UTC"
        assert self.end.tzinfo is UTC, "instants are timezone-aware UTC"
        if self.end <= self.start:
            raise BadInput("window_invalid", "end_time must be after start_time")
        if self.length > LONGEST:
            raise BadInput("window_invalid", f"a reservation lasts {LONGEST.days} days at most")

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    def overlaps(self, other: "Window") -> bool:
        return self.start < other.end and other.start < self.end
