"""Looks after a unit's clock: tells when its time is not to be trusted any more, and keeps its floor on disk."""

import asyncio
import logging
from collections.abc import Callable

from cloud_sync.link.clock import Clock
from cloud_sync.link.log import Alarm
from domain.now import Now, Trust

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0

ALARM_AFTER_MS = 5 * 60_000
"""How long a clock is not trusted before somebody must look at it: a time server takes a minute or two."""

KEEP_EVERY_MS = 10 * 60_000
"""How often the floor is stored: 144 small writes a day, which an SD card bears for longer than the lot will stand."""


class ClockWatch:
    """One unit's. The alarm is raised once for each time that the trust is lost for long."""

    def __init__(self, clock: Clock, keep_floor: Callable[[], None], alarm: Alarm) -> None:
        self._clock = clock
        self._keep_floor = keep_floor
        self._alarm = alarm
        self._trust: Trust | None = None
        self._alarm_at_ms: int | None = None
        self._kept_ms: int | None = None
        self._is_kept = True

    async def run(self) -> None:
        """Look now and then, until cancelled; the floor is stored in the end as well."""
        try:
            while True:
                self.look(self._clock())
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            self._keep(self._clock())

    def look(self, now: Now) -> None:
        """See how things are by now."""
        if now.trust is not self._trust:
            self._changed(now)
        if self._alarm_at_ms is not None and now.mono_ms >= self._alarm_at_ms:
            self._alarm_at_ms = None
            self._alarm("clock-untrusted", "neither a time server nor a battery-backed clock tells the time here")
        if self._kept_ms is None or now.mono_ms - self._kept_ms >= KEEP_EVERY_MS:
            self._keep(now)

    def _changed(self, now: Now) -> None:
        is_trusted = now.trust is not Trust.NONE
        self._alarm_at_ms = None if is_trusted else now.mono_ms + ALARM_AFTER_MS
        level = logging.INFO if is_trusted else logging.WARNING
        log.log(level, "clock.trust", extra={"trust": now.trust.value, "before": self._trust and self._trust.value})
        self._trust = now.trust

    def _keep(self, now: Now) -> None:
        self._kept_ms = now.mono_ms
        try:
            self._keep_floor()
        except OSError as error:  # it is only older after the next start
            if self._is_kept:
                log.warning("clock.floor_not_kept", extra={"why": error.strerror})
            self._is_kept = False
        else:
            self._is_kept = True
