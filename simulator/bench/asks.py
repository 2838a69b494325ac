"""What the clients of the `holds` bench ask for: the same spots and windows on either side, in the same order."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.ids import reservation_id

LOT = "riverside"
SPOTS = 200
"""Of the lot, whichever of them are asked for."""
WINDOW = timedelta(minutes=15)
HOLD = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Mix:
    """Who wants what: windows on so many spots, each asked for by so many drivers, of whom one can have it."""

    name: str
    spots: int
    drivers: int
    words: str


MIXES = (
    Mix("spread", SPOTS, 1, "every driver asks for a spot and a window of their own"),
    Mix("rush", 4, 2, "all ask for the same 4 spots, two drivers for each window"),
)


@dataclass(frozen=True, slots=True)
class Ask:
    """One driver asks for one spot in one window."""

    reservation_id: str
    user_id: str
    spot_id: str
    start: datetime
    end: datetime


def asks(mix: Mix, count: int, first: datetime) -> Iterator[Ask]:
    """So many, the earliest window from `first` on; drivers who want the same come right after each other."""
    for number in range(count):
        window, driver = divmod(number, mix.drivers)
        start = first + window // mix.spots * WINDOW
        yield Ask(
            reservation_id=reservation_id(number + 1),
            user_id=f"driver-{number}-{driver}",
            spot_id=f"{LOT}.1-{window % mix.spots + 1:03}",
            start=start,
            end=start + WINDOW,
        )
