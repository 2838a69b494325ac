"""Whether central, just started, may not know yet what it has promised: nobody is told "there is no such booking" then,
and no hold is given up.

Its database may have been set back. What it has lost comes within moments, from the payment provider and from the hubs
that are on the link; of a hub that is not, nothing more will come before somebody asks.
"""

from collections.abc import Mapping

from cloud_sync.central.books import Books
from cloud_sync.central.hubs import Hubs
from cloud_sync.link.clock import Clock
from cloud_sync.link.receiving import Receiver

HEARD_WITHIN_MS = 10_000
"""How long after its start central expects to hear which hubs are on the link."""


class CatchingUp:
    """Whether what is not known here may become known."""

    def __init__(self, books: Books, hubs: Hubs, receivers: Mapping[str, Receiver], clock: Clock) -> None:
        """`receivers` of the hubs' facts, by lot; of a lot without one nothing is awaited."""
        self._books = books
        self._hubs = hubs
        self._receivers = receivers
        self._clock = clock
        self._began_ms = clock().mono_ms
        self._is_over = False

    def is_under_way(self) -> bool:
        """Whether anything may become known in a moment; once it is over, it is over."""
        if not self._is_over:
            self._is_over = self._books.are_compared and not any(map(self._is_awaited, self._receivers))
        return not self._is_over

    def is_behind(self, lot_id: str) -> bool:
        """Whether what a lot has told is not all known here, or may not be: also of one that is not on the link."""
        receiver = self._receivers.get(lot_id)
        return not (self._books.are_compared and (receiver is None or receiver.caught_up))

    def _is_awaited(self, lot_id: str) -> bool:
        if self._hubs.online(lot_id):
            return not self._receivers[lot_id].caught_up
        has_just_begun = self._clock().mono_ms - self._began_ms < HEARD_WITHIN_MS
        return has_just_begun and self._hubs.heard_at(lot_id) is None
