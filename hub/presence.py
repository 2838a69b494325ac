"""Which gates are on the lot's link, and since when, as far as their retained status tells."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from cloud_sync.link import topics
from cloud_sync.link.clock import Clock
from cloud_sync.link.v1.messages import UnitStatus
from domain.errors import PeerError


@dataclass(frozen=True, slots=True)
class Seen:
    """A gate's last status; `since` when it has been so, None where that cannot be known."""

    status: UnitStatus
    since: datetime | None


class Presence:
    """What was last heard of each gate, while it may still be true."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heard: dict[str, Seen] = {}
        self._news = asyncio.Event()

    async def heard(self, topic: str, payload: bytes) -> None:
        """Take a gate's status in. One of a lower epoch is a ghost's, and ignored."""
        status = UnitStatus.decode(payload)
        if topics.gate_status(status.unit) != topic:
            raise PeerError("status_foreign", f"{status.unit} speaks on {topic}")
        known = self._heard.get(status.unit)
        if known is None or status.epoch >= known.status.epoch:
            self._heard[status.unit] = Seen(status, self._since(status, known))
            self._tell()

    def lost(self) -> None:
        """The lot's broker is out of reach: what was heard may be true no longer. It says everything again later."""
        self._heard.clear()
        self._tell()

    def of(self, gate_id: str) -> Seen | None:
        return self._heard.get(gate_id)

    def is_online(self, gate_id: str) -> bool:
        """Whether the gate is known to be on the link."""
        seen = self._heard.get(gate_id)
        return seen is not None and seen.status.online

    def challenge_of(self, gate_id: str) -> str | None:
        """What a request to the gate must repeat; None where the gate is not on the link."""
        seen = self._heard.get(gate_id)
        return seen.status.challenge if seen is not None and seen.status.online else None

    async def another_challenge(self, gate_id: str, than: str) -> str | None:
        """The gate's challenge once it is not `than` any more. Waits without a bound: whoever asks brings one."""
        while (challenge := self.challenge_of(gate_id)) == than:
            await self._news.wait()
        return challenge

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _since(self, status: UnitStatus, known: Seen | None) -> datetime | None:
        if status.online:
            before = known is not None and known.status.online and known.status.boot == status.boot
            return known.since if known is not None and before else status.at  # said again for its new challenge
        # A last will was written when the gate came onto the link: its instant says nothing of when it went.
        if known is None:
            return None
        return self._clock().utc if known.status.online else known.since
