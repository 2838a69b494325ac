"""What the machine's own clocks show, and what there is to be said for its time of day. Linux only.

Whether a time server disciplines it is asked of the kernel, in 2 us. chrony (with `rtcsync`, as Debian has it) and
systemd-timesyncd tell it each time that they hear a server; it takes that back 9 hours after the last word, and when
somebody sets the time by hand. `/run/systemd/timesync/synchronized` says less: it is timesyncd's alone, and stays where
it is once no server answers any more.

A battery-backed clock counts where it agrees with the time of day now. That the kernel set its time from one at boot
(`/sys/class/rtc/*/hctosys`) proves nothing: one whose battery has died does so too, and then what the machine has
remembered on its disk takes its place. And Raspberry Pi OS has a udev rule set the time, for which `hctosys` is 0.
"""

import ctypes
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RTC_OFF_S_MAX = 300
"""A battery-backed clock that was set once is off by minutes a year; one that lost its time, by years."""

_TIME_ERROR = 5
_TIMEX_LONGS = 32
"""More than `struct timex` has on any machine. All zeros, it asks and changes nothing."""

_libc = ctypes.CDLL(None, use_errno=True)

log = logging.getLogger(__name__)


class Machine:
    """The machine that we run on."""

    def __init__(self, rtcs: Path = Path("/sys/class/rtc"), kernel: Callable[[Any], int] = _libc.adjtimex) -> None:
        """`rtcs` is where the kernel shows battery-backed clocks, `kernel` is asked as adjtimex(2)."""
        self._rtcs = rtcs
        self._kernel = kernel
        self._is_refused = False
        self.boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        """Names this boot: while it lasts, monotonic times compare, also across restarts of a process."""

    def mono_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000

    def utc(self) -> datetime:
        """The time of day, as it is set."""
        return datetime.now(UTC)

    def is_disciplined(self) -> bool:
        """Whether the kernel has it from a time server how late it is; not where we may not ask, as in a sandbox."""
        state = self._kernel(ctypes.byref((ctypes.c_long * _TIMEX_LONGS)()))
        if state < 0 and not self._is_refused:
            log.warning("clock.kernel_silent", extra={"why": os.strerror(ctypes.get_errno())})
        self._is_refused = state < 0
        return 0 <= state < _TIME_ERROR

    def has_rtc_at(self, utc: datetime) -> bool:
        """Whether a battery-backed clock shows this time, too. May take a millisecond: it is asked over a slow bus."""
        for rtc in self._rtcs.glob("*/since_epoch"):
            with suppress(OSError, ValueError):  # a clock that knows that it has stopped answers with an error
                if abs(int(rtc.read_text(encoding="ascii")) - utc.timestamp()) <= RTC_OFF_S_MAX:
                    return True
        return False
