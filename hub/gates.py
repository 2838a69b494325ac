"""What is asked of the lot's lanes: by central, to decide on the car that stands there; by an attendant, to let it
pass, to be held open or closed. Only the hub reaches the gates.

The gate decides, and what it says goes back as it is. A request repeats the challenge that the gate publishes, so that
none can be played to it again. A gate changes its challenge with each that it takes: a request that was overtaken by
another is refused, and asked once more with the new one, while somebody still waits for the answer.
"""

import asyncio
import secrets
from collections.abc import Callable, Collection
from typing import Protocol, TypeVar

from pydantic import ValidationError

from cloud_sync.link import topics
from cloud_sync.link.clock import Clock
from cloud_sync.link.v1.facts import Mode
from cloud_sync.link.v1.messages import AdmitAnswer, AdmitRequest, ModeAnswer, ModeRequest, OpenRequest, Reply
from cloud_sync.link.v1.wire import Envelope, Wire
from domain.errors import NotFound, PeerError, Refused, TryLater
from hub.presence import Presence

Answer = TypeVar("Answer", bound=Wire)

ANSWER_S_MAX = 2.0
"""How long a gate may take to answer, where whoever asks would wait longer: it decides in less, or is not there."""


class Asking(Protocol):
    """The lot's link."""

    async def request(self, topic: str, message: Envelope, reply_topic: str, timeout_s: float) -> Reply: ...


class Gates:
    """Carries requests to the lot's gates. Decides nothing about cars."""

    def __init__(
        self,
        link: Asking,
        client: str,
        gates: Collection[str],
        presence: Presence,
        clock: Clock,
        new_id: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        """`client` is this hub's name on the link, where answers come; `new_id` draws what no other request has."""
        self._link = link
        self._client = client
        self._gates = gates
        self._presence = presence
        self._clock = clock
        self._new_id = new_id

    async def admit(self, payload: bytes) -> Reply:
        """Pass central's request on: the gate's own answer, a refusal as well. Raises as `_ask`."""
        request = AdmitRequest.decode(payload)
        left_s = (request.answer_by - self._clock().utc).total_seconds()
        if left_s <= 0:
            raise TryLater(
                "admit_late", "the request came after its answer_by; do the clocks of hub and central agree?"
            )
        return await self._ask("admit", request, min(left_s, ANSWER_S_MAX))

    async def open(self, gate_id: str, by: str, reservation_id: str | None = None) -> AdmitAnswer:
        """An attendant, `by` name, lets the car in a lane pass, or the one that is about to come.

        Raises Refused or TryLater with the gate's own code where it does not, else as `_ask`.
        """
        request = OpenRequest(request_id=self._new_id(), gate_id=gate_id, by=by, reservation_id=reservation_id)
        return _answer(await self._ask("open", request, ANSWER_S_MAX), AdmitAnswer)

    async def set_mode(self, gate_id: str, mode: Mode, by: str) -> ModeAnswer:
        """An attendant, `by` name, sets a lane's mode. Raises as `open`."""
        request = ModeRequest(request_id=self._new_id(), gate_id=gate_id, mode=mode, by=by)
        return _answer(await self._ask("mode", request, ANSWER_S_MAX), ModeAnswer)

    async def _ask(self, name: str, request: AdmitRequest | OpenRequest | ModeRequest, within_s: float) -> Reply:
        """Raises NotFound for a gate that is not this lot's, TryLater where it cannot be reached (`gate_offline`) or
        does not answer in time (`no_answer`): it may have done as asked or not."""
        gate_id = request.gate_id
        if gate_id not in self._gates:
            raise NotFound("gate_unknown", f"this lot has no gate {gate_id}")
        ends = asyncio.get_running_loop().time() + within_s

        async def ask(challenge: str) -> Reply:
            return await self._link.request(
                topics.gate_requests(gate_id, name),
                request.model_copy(update={"challenge": challenge}),
                topics.gate_replies(gate_id, self._client),
                max(round(ends - asyncio.get_running_loop().time(), 3), 0.001),
            )

        challenge = self._presence.challenge_of(gate_id)
        if challenge is None:
            raise TryLater("gate_offline", f"the gate {gate_id} cannot be reached now")
        reply = await ask(challenge)
        if reply.ok or reply.code != "challenge_wrong":
            return reply
        newer = await self._newer_challenge(gate_id, challenge, ends)
        return reply if newer is None else await ask(newer)

    async def _newer_challenge(self, gate_id: str, than: str, ends: float) -> str | None:
        """What the gate has published since; it may come a little after the refusal."""
        try:
            async with asyncio.timeout_at(ends):
                return await self._presence.another_challenge(gate_id, than)
        except TimeoutError:
            return None


def _answer(reply: Reply, kind: type[Answer]) -> Answer:
    """What a gate has answered that did as asked. Raises its refusal, PeerError for an answer that is none."""
    if not reply.ok:
        code, why = reply.code or "gate_refused", reply.message or "the gate has refused"
        raise Refused(code, why) if reply.final else TryLater(code, why)
    try:
        return kind.model_validate(reply.result or {})
    except ValidationError as error:
        raise PeerError("gate_answer_invalid", "the gate has answered what this hub cannot read") from error
