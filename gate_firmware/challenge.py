"""The challenge that a request to this gate must repeat: nobody can record one and send it again, or keep it for later.

The gate publishes the current challenge in its status. Each is taken once, and lives for `LIFE_MS` by the gate's own
monotonic clock: nothing else says how old a request is, since the gate's time of day may be wrong. After a use, and
`OVERLAP_MS` before its life ends, a new one takes its place. One that was not used stays valid for that long, for a
request that crosses the new status on its way. The status is one small message each ten seconds.
"""

from collections.abc import Callable

from domain.errors import TryLater
from domain.now import Now

LIFE_MS = 15_000
OVERLAP_MS = 5_000


class Challenge:
    """The challenges that are valid now: the current one, and perhaps the one before. A core."""

    def __init__(self, new: Callable[[], str], now: Now) -> None:
        """`new` draws what nobody can guess."""
        self._new = new
        self._valid_until_ms: dict[str, int] = {}
        self.current = ""
        self._renew(now)

    def take(self, challenge: str | None, now: Now) -> None:
        """Use a challenge up. Raises TryLater for one that is not valid, or not any more."""
        if now.mono_ms >= self._valid_until_ms.get(challenge or "", now.mono_ms):
            raise TryLater("challenge_wrong", "this is not the gate's challenge; take it from its status", 1)
        del self._valid_until_ms[challenge or ""]
        self._renew(now)

    def next_wakeup_ms(self) -> int:
        """The monotonic instant at which to call `woken`."""
        return self._valid_until_ms[self.current] - OVERLAP_MS

    def woken(self, now: Now) -> bool:
        """Whether there is a new challenge to publish, because the last one grew old."""
        if now.mono_ms < self.next_wakeup_ms():
            return False
        self._renew(now)
        return True

    def _renew(self, now: Now) -> None:
        before, end_ms = self.current, now.mono_ms + OVERLAP_MS
        kept = self._valid_until_ms.get(before)
        self.current = self._new()
        self._valid_until_ms = {self.current: now.mono_ms + LIFE_MS}
        if kept is not None:
            self._valid_until_ms[before] = min(kept, end_ms)
