"""Central asks a lane to decide on the car that stands there; only the hub reaches the gates, so it asks for central.

The gate decides, and what it says goes back as it is. A request repeats the challenge that the gate publishes, so that
none can be played to it again. A gate changes its challenge with each that it takes: a request that was overtaken by
another is refused, and asked once more with the new one, while somebody still waits for the answer.
"""

import asyncio
from collections.abc import Collection
from typing import Protocol

from cloud_sync.link import topics
from cloud_sync.link.clock import Clock
from cloud_sync.link.v1.messages import AdmitRequest, Reply
from cloud_sync.link.v1.wire import Envelope
from domain.errors import NotFound, TryLater
from hub.presence import Presence

ADMIT_S_MAX = 2.0
"""How long a gate may take to answer, where central would wait longer: it decides in less, or is not there."""


class Asking(Protocol):
    """The lot's link."""

    async def request(self, topic: str, message: Envelope, reply_topic: str, timeout_s: float) -> Reply: ...


class Gates:
    """Carries requests to the lot's gates. Decides nothing about cars."""

    def __init__(self, link: Asking, client: str, gates: Collection[str], presence: Presence, clock: Clock) -> None:
        """`client` is this hub's name on the link, where answers come."""
        self._link = link
        self._client = client
        self._gates = gates
        self._presence = presence
        self._clock = clock

    async def admit(self, payload: bytes) -> Reply:
        """The gate's own answer, a refusal as well. Raises NotFound for a gate that is not this lot's, TryLater where
        the gate cannot be reached or does not answer in time: it may have let the car in or not."""
        request = AdmitRequest.decode(payload)
        if request.gate_id not in self._gates:
            raise NotFound("gate_unknown", f"this lot has no gate {request.gate_id}")
        left_s = min((request.answer_by - self._clock().utc).total_seconds(), ADMIT_S_MAX)
        if left_s <= 0:
            raise TryLater(
                "admit_late", "the request came after its answer_by; do the clocks of hub and central agree?"
            )
        ends = asyncio.get_running_loop().time() + left_s
        challenge = self._challenge(request.gate_id)
        reply = await self._ask(request, challenge, ends)
        if reply.ok or reply.code != "challenge_wrong":
            return reply
        newer = await self._newer_challenge(request.gate_id, challenge, ends)
        return reply if newer is None else await self._ask(request, newer, ends)

    def _challenge(self, gate_id: str) -> str:
        challenge = self._presence.challenge_of(gate_id)
        if challenge is None:
            raise TryLater("gate_offline", f"the gate {gate_id} cannot be reached now")
        return challenge

    async def _ask(self, request: AdmitRequest, challenge: str, ends: float) -> Reply:
        gate_id = request.gate_id
        return await self._link.request(
            topics.gate_requests(gate_id, "admit"),
            request.model_copy(update={"challenge": challenge}),
            topics.gate_replies(gate_id, self._client),
            max(round(ends - asyncio.get_running_loop().time(), 3), 0.001),
        )

    async def _newer_challenge(self, gate_id: str, than: str, ends: float) -> str | None:
        """What the gate has published since; it may come a little after the refusal."""
        try:
            async with asyncio.timeout_at(ends):
                return await self._presence.another_challenge(gate_id, than)
        except TimeoutError:
            return None
