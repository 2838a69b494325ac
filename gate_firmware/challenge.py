"""The challenge that a request to this gate must repeat: nobody can record one and send it again, or keep it for later.

The gate publishes the current challenge in its status. Each is taken once, and lives for `LIFE_MS` by the gate's own
monotonic clock: nothing else says how old a request is, since the gate's time of day may be wrong. A new one takes its
place after a use, and after a request that comes too late for it: whoever asks after a quiet time is refused, hears the
new one and asks again. So a lane that nobody asks anything says nothing.
"""

from collections.abc import Callable

from domain.errors import TryLater
from domain.now import Now

LIFE_MS = 15_000


class Challenge:
    """The one that is valid now, or was the last. A core."""

    def __init__(self, new: Callable[[], str], now: Now) -> None:
        """`new` draws what nobody can guess."""
        self._new = new
        self._renew(now)

    def take(self, challenge: str | None, now: Now) -> None:
        """Use a challenge up. Raises TryLater for one that is not valid, or not any more."""
        is_old = now.mono_ms >= self._valid_until_ms
        is_right = challenge == self.current and not is_old
        if is_right or is_old:
            self._renew(now)
        if not is_right:
            raise TryLater("challenge_wrong", "this is not the gate's challenge; take it from its status", 1)

    def _renew(self, now: Now) -> None:
        self.current = self._new()
        self._valid_until_ms = now.mono_ms + LIFE_MS
