"""The clock of a real unit: where the shells get the `Now` from that they hand to the cores.

How far its time of day may be trusted is found out anew with each look at it:

    NTP     a time server disciplines the machine's clock: it is taken as it is, also where it has just been set
    RTC     carried over: by a battery-backed clock that agrees with it, or by this boot's monotonic clock since then,
            or since it was last disciplined
    NONE    else; true time is then at or after the floor, and the floor is what is shown, moved on by the monotonic
            clock: nobody knows what the time of day was set from, and it may be ahead as well as behind

The floor moves with trusted time, and down only with a time server's: a battery-backed clock that is far below it has
lost its time. A machine that has never had a trusted time has no floor, and shows what it has.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from cloud_sync.link.floor import Floor, FloorFile
from domain.now import Now, Trust

Clock = Callable[[], Now]

EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
"""No unit has run before; a clock that shows less was never set."""

RTC_BEHIND_MAX = timedelta(minutes=10)
"""A battery-backed clock may be this far below the floor, as it drifts; then the floor is shown."""

RTC_ASKED_EVERY_MS = 10_000
"""How often a machine without the time is asked for a battery-backed clock that has it: udev may be slow."""


class Clocks(Protocol):
    """A machine, as its clock needs it."""

    boot: str

    def mono_ms(self) -> int: ...

    def utc(self) -> datetime: ...

    def is_disciplined(self) -> bool: ...

    def has_rtc_at(self, utc: datetime) -> bool: ...


class UnitClock:
    """The `Clock` of one unit on one machine."""

    def __init__(self, machine: Clocks, floor: Path | None = None, said: Trust | None = None) -> None:
        """`floor` is the file that keeps it; `said` is what the operator says of the clock, in place of measuring."""
        self._machine = machine
        self._file = None if floor is None else FloorFile(floor)
        self._said = said
        self._floor = self._read()
        self._rtc_asked_ms: int | None = None

    def __call__(self) -> Now:
        # The kernel first: a server's step comes with its word, and not after it.
        said = self._said or (Trust.NTP if self._machine.is_disciplined() else None)
        mono_ms, utc, floor = self._machine.mono_ms(), self._machine.utc(), self._floor
        if said is Trust.NTP:
            return self._trusted(mono_ms, utc, said)
        shown = max(utc, EARLIEST) if floor is None else floor.moved_to(mono_ms)
        if said is None and floor is not None and floor.trust is not Trust.NONE:
            return Now(mono_ms, shown, Trust.RTC)
        is_plausible = utc >= shown - RTC_BEHIND_MAX
        if is_plausible and (said is Trust.RTC or (said is None and self._has_rtc_at(mono_ms, utc))):
            return self._trusted(mono_ms, max(utc, shown), Trust.RTC)
        return Now(mono_ms, shown, Trust.NONE)

    def keep(self) -> None:
        """Store the floor as it is now, if there is one. Raises OSError."""
        mono_ms, floor = self().mono_ms, self._floor
        if self._file is not None and floor is not None:
            self._file.write(replace(floor, at=floor.moved_to(mono_ms), mono_ms=mono_ms))

    def _read(self) -> Floor | None:
        kept = None if self._file is None else self._file.read()
        if kept is None or kept.boot == self._machine.boot:
            return kept
        return Floor(kept.at, self._machine.boot, self._machine.mono_ms(), Trust.NONE)

    def _trusted(self, mono_ms: int, utc: datetime, trust: Trust) -> Now:
        self._floor = Floor(utc, self._machine.boot, mono_ms, trust)
        return Now(mono_ms, utc, trust)

    def _has_rtc_at(self, mono_ms: int, utc: datetime) -> bool:
        asked_ms = self._rtc_asked_ms
        if asked_ms is not None and mono_ms - asked_ms < RTC_ASKED_EVERY_MS:
            return False
        self._rtc_asked_ms = mono_ms
        return self._machine.has_rtc_at(utc)
