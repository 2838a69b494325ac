"""The clock of a real unit: where the shells get the `Now` from that they hand to the cores."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from domain.now import Now, Trust

Clock = Callable[[], Now]


def system_clock(trust: Trust) -> Clock:
    """The machine's clocks. `trust` is what the operator says of its UTC; it is not measured yet."""

    def now() -> Now:
        return Now(time.monotonic_ns() // 1_000_000, datetime.now(UTC), trust)

    return now


def boot_id() -> str:
    """Names this boot of the machine: while it lasts, monotonic times compare, also across restarts of a process."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
