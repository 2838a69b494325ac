"""Secrets that are typed: wrong tries are slowed down, and then locked out.

After each wrong try nothing is taken for a while, twice as long each time; after `tries_max` of them for `locked_s`.
Then it begins anew. What is kept is lost with a restart.
"""

from domain.errors import TryLater
from domain.now import Now

WAIT_MS = 1_000
"""After the first wrong try."""


class Tries:
    """Counts wrong tries in a row. `now` comes with every call; only its monotonic part counts."""

    def __init__(self, what: str, *, tries_max: int, locked_s: int) -> None:
        """`what` names in the plural what is tried."""
        self._what = what
        self._tries_max = tries_max
        self._locked_ms = locked_s * 1_000
        self._wrong = 0
        self._closed_until_ms: int | None = None

    def check(self, now: Now) -> None:
        """Raises TryLater (`too_many_tries`) while nothing is taken."""
        left_ms = 0 if self._closed_until_ms is None else self._closed_until_ms - now.mono_ms
        if left_ms > 0:
            seconds = -(-left_ms // 1_000)
            why = f"too many wrong {self._what}; try again in {seconds} s"
            raise TryLater("too_many_tries", why, retry_after_s=seconds)

    def right(self) -> None:
        """It was right: what was wrong before was by mistake."""
        self._wrong = 0

    def wrong(self, now: Now) -> int:
        """It was wrong; returns for which time in a row. With the last of `tries_max` it is locked."""
        self._wrong += 1
        count, wait_ms = self._wrong, WAIT_MS << self._wrong - 1
        if count >= self._tries_max:
            self._wrong, wait_ms = 0, self._locked_ms
        self._closed_until_ms = now.mono_ms + wait_ms
        return count
