"""What the lot's hub asks of this lane: to decide on the car in it, or on one that is about to come."""

import asyncio
from collections.abc import Callable

from cloud_sync.link.v1.facts import Direction
from cloud_sync.link.v1.messages import AdmitAnswer, AdmitRequest, Reply
from domain.errors import BadInput, NotFound, Refused
from domain.now import Now
from gate_firmware.challenge import Challenge
from gate_firmware.events import ById, ByPlate, ByTicket, Credential, Identified
from gate_firmware.keypad import Identify

ANSWERS_MAX = 64
"""Answers that are kept for who asks again because the first one went lost."""


class Requests:
    """Answers the hub's requests; each is carried out once."""

    def __init__(
        self,
        gate_id: str,
        direction: Direction,
        challenge: Challenge,
        identify: Identify,
        clock: Callable[[], Now],
    ) -> None:
        self._gate_id = gate_id
        self._direction = direction
        self._challenge = challenge
        self._identify = identify
        self._clock = clock
        self._answers: dict[str, AdmitAnswer] = {}
        self._one_at_a_time = asyncio.Lock()

    async def serve(self, topic: str, payload: bytes) -> Reply:
        """Decide as asked; the decision is stored, and the arm was asked to move, when this returns."""
        name = topic.rpartition("/")[2]
        if name != "admit":
            raise NotFound("request_unknown", f"a gate has no request {name!r}")
        request = AdmitRequest.decode(payload)
        async with self._one_at_a_time:  # who asks again meanwhile gets the first one's answer
            if request.request_id not in self._answers:
                self._keep(request.request_id, await self._admit(request))
        return Reply(ok=True, result=self._answers[request.request_id].to_json())

    async def _admit(self, request: AdmitRequest) -> AdmitAnswer:
        by = _credential(request)
        if request.gate_id != self._gate_id:
            raise Refused("wrong_gate", f"this is {self._gate_id}")
        if request.direction is not self._direction:
            raise Refused("wrong_direction", f"{self._gate_id} is an {self._direction.value} lane")
        self._challenge.take(request.challenge, self._clock())
        decided = await self._identify(Identified(by, car_required=request.car_required))
        return AdmitAnswer.model_validate({**decided.payload, "at": decided.at})

    def _keep(self, request_id: str, given: AdmitAnswer) -> None:
        self._answers[request_id] = given
        if len(self._answers) > ANSWERS_MAX:
            del self._answers[next(iter(self._answers))]


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
