"""A machine for tests, without a time server or a battery unless they say so."""

from datetime import datetime, timedelta
from pathlib import Path

from cloud_sync.link.clock import UnitClock


class Machine:
    """Its clocks are moved by hand."""

    def __init__(self, utc: datetime, *, disciplined: bool = False, rtc: bool = False, boot: str = "boot-1") -> None:
        self.boot = boot
        self.ms = 5_000
        self.shows = utc
        self.disciplined = disciplined
        self.rtc = rtc
        self.rtc_asked = 0

    def mono_ms(self) -> int:
        return self.ms

    def utc(self) -> datetime:
        return self.shows

    def is_disciplined(self) -> bool:
        return self.disciplined

    def has_rtc_at(self, utc: datetime) -> bool:
        assert utc == self.shows
        self.rtc_asked += 1
        return self.rtc

    def goes_on(self, ms: int) -> None:
        self.ms += ms
        self.shows += timedelta(milliseconds=ms)


def had_the_time(floor: Path, at: datetime) -> None:
    """The machine ran with a time server, in an earlier boot, and was stopped."""
    UnitClock(Machine(at, disciplined=True, boot="boot-0"), floor).keep()
