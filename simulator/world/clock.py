"""The clocks of one machine, and what is wrong with them. True time is known to the world alone."""

from collections.abc import Callable
from datetime import datetime, timedelta

from domain.now import Now, Trust


class MachineClock:
    """A monotonic clock that begins at each boot, and a time of day that may be off, drift, step or stand still."""

    def __init__(self, true_ms: Callable[[], int], begins: datetime) -> None:
        """`begins` is the instant at true time 0."""
        self.trust = Trust.NTP
        self._true_ms = true_ms
        self._begins = begins
        self._off_ms = self._usual_off_ms = 0
        self.drift_ppm = 0
        """Of the monotonic clock."""
        self._booted_ms = true_ms()
        self._stands_at_ms: int | None = None

    def __call__(self) -> Now:
        true_ms = self._true_ms()
        up_ms = true_ms - self._booted_ms
        if self.drift_ppm:
            up_ms += up_ms * self.drift_ppm // 1_000_000
        day_ms = true_ms + self._off_ms if self._stands_at_ms is None else self._stands_at_ms
        return Now(up_ms, self._begins + timedelta(milliseconds=day_ms), self.trust)

    def is_off(self, off_ms: int, *, drift_ppm: int) -> None:
        """How good this machine's clocks are in ordinary times."""
        self._off_ms = self._usual_off_ms = off_ms
        self.drift_ppm = drift_ppm

    def boot(self) -> None:
        """The machine starts: its monotonic clock begins anew."""
        self._booted_ms = self._true_ms()

    def step(self, off_ms: int, trust: Trust) -> None:
        """The time of day is off by so much from now on, and this is what the machine says of it."""
        self._off_ms, self.trust, self._stands_at_ms = off_ms, trust, None

    def stand_still(self, trust: Trust) -> None:
        """The time of day no longer moves."""
        self._stands_at_ms, self.trust = self._true_ms() + self._off_ms, trust

    def put_right(self) -> None:
        """A time server has been reached."""
        self.step(self._usual_off_ms, Trust.NTP)
