"""What the lot's hub asks of this lane: to decide on the car in it or on one that is about to come, to let it pass
because an attendant says so, to be held open or closed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from cloud_sync.link.v1.facts import Direction
from cloud_sync.link.v1.messages import AdmitAnswer, AdmitRequest, ModeAnswer, ModeRequest, OpenRequest, Reply
from domain.errors import BadInput, NotFound, Refused
from domain.fact import Fact
from domain.now import Now
from gate_firmware.challenge import Challenge
from gate_firmware.events import ById, ByPlate, ByTicket, Credential, Identified, ModeSet, OpenedBy, Said

Request = AdmitRequest | OpenRequest | ModeRequest

Ask = Callable[[Said], Awaitable[Fact]]
"""Ask the lane; what it has stored in answer. Raises Refused or TryLater."""

ANSWERS_MAX = 64
"""Answers that are kept for who asks again because the first one went lost."""


class Requests:
    """Answers the hub's requests; each is carried out once."""

    def __init__(
        self,
        gate_id: str,
        direction: Direction,
        challenge: Challenge,
        ask: Ask,
        clock: Callable[[], Now],
    ) -> None:
        self._gate_id = gate_id
        self._direction = direction
        self._challenge = challenge
        self._ask = ask
        self._clock = clock
        self._answers: dict[str, dict[str, Any]] = {}
        self._one_at_a_time = asyncio.Lock()

    async def serve(self, topic: str, payload: bytes) -> Reply:
        """Do as asked; what follows is stored, and the arm was asked to move, when this returns."""
        request = _decoded(topic.rpartition("/")[2], payload)
        async with self._one_at_a_time:  # who asks again meanwhile gets the first one's answer
            if request.request_id not in self._answers:
                self._keep(request.request_id, await self._carried_out(request))
        return Reply(ok=True, result=self._answers[request.request_id])

    async def _carried_out(self, request: Request) -> dict[str, Any]:
        said = _said(request)
        if request.gate_id != self._gate_id:
            raise Refused("wrong_gate", f"this is {self._gate_id}: ask {request.gate_id} on its own topic")
        if isinstance(request, AdmitRequest) and request.direction is not self._direction:
            other = f"ask an {request.direction.value} lane, or correct the gate's direction in the hub's file"
            raise Refused("wrong_direction", f"{self._gate_id} is an {self._direction.value} lane: {other}")
        self._challenge.take(request.challenge, self._clock())
        stored = await self._ask(said)
        answer = ModeAnswer if isinstance(request, ModeRequest) else AdmitAnswer
        return answer.model_validate({**stored.payload, "at": stored.at}).to_json()

    def _keep(self, request_id: str, given: dict[str, Any]) -> None:
        self._answers[request_id] = given
        if len(self._answers) > ANSWERS_MAX:
            del self._answers[next(iter(self._answers))]


def _decoded(name: str, payload: bytes) -> Request:
    match name:
        case "admit":
            return AdmitRequest.decode(payload)
        case "open":
            return OpenRequest.decode(payload)
        case "mode":
            return ModeRequest.decode(payload)
        case _:
            raise NotFound("request_unknown", f"a gate has no request {name!r}")


def _said(request: Request) -> Said:
    match request:
        case AdmitRequest():
            return Identified(_credential(request), car_required=request.car_required)
        case OpenRequest():
            return OpenedBy(request.by, request.reservation_id)
        case ModeRequest():
            return ModeSet(request.mode, request.by)


def _credential(request: AdmitRequest) -> Credential:
    match request.reservation_id, request.plate, request.ticket:
        case str(reservation_id), None, None:
            return ById(reservation_id)
        case None, plate, None if plate is not None:
            return ByPlate(plate)
        case None, None, str(ticket):
            return ByTicket(ticket)
        case _:
            raise BadInput("input_invalid", "name the car by exactly one of reservation_id, plate and ticket")
