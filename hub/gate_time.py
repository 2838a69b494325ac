"""When it was, by this hub's time, what a gate tells: its own time of day may be anything.

Each of a gate's messages says when it was sent, by the gate's monotonic clock: so long ago is what it tells of the same
boot. How long the message was on its way is overlooked. The gate's status could not serve: it is retained, and may be
days old when the hub hears it.

Of an earlier boot that is not known. There a battery-backed clock is believed. Without one the gate has told the
earliest instant that it can have been (`cloud_sync/link/clock.py`): whoever went out then is paid back the most, and
owes the least.
"""

from dataclasses import replace
from datetime import timedelta

from cloud_sync.link.v1.messages import Sent
from cloud_sync.link.v1.wire import utc
from domain.fact import Fact
from domain.now import Now, Trust


class GateTime:
    """Of one gate."""

    def __init__(self) -> None:
        self._boot: str | None = None
        self._behind_ms = 0

    def heard(self, sent: Sent, now: Now) -> None:
        """A message has come that was sent then."""
        self._boot, self._behind_ms = sent.boot, now.mono_ms - sent.mono_ms

    def placed(self, fact: Fact, now: Now) -> Fact:
        """The fact with its instant by this hub's time, in so far as that is better than the gate's own."""
        if fact.trust is Trust.NTP or now.trust is Trust.NONE:
            return fact
        if fact.boot != self._boot:
            return replace(fact, at=min(fact.at, utc(now.utc)))
        age_ms = max(now.mono_ms - self._behind_ms - fact.mono_ms, 0)
        return replace(fact, at=utc(now.utc - timedelta(milliseconds=age_ms)))
