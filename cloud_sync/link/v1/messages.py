"""The messages on the topics: facts and their acknowledgements, status, requests and replies."""

from enum import Enum
from typing import Any, Self

from pydantic import Field

from cloud_sync.link.v1.facts import Direction
from cloud_sync.link.v1.wire import Envelope, Instant, Wire
from domain.admission import Reason, Verdict
from domain.fact import Fact
from domain.money import Money
from domain.now import Trust
from domain.plate import SealedPlate
from domain.spot import VehicleType

BATCH_MAX = 200
"""Facts in one message at most."""


class WireFact(Wire):
    """A fact on the wire; see `domain.fact.Fact`."""

    unit: str
    epoch: int = Field(ge=1)
    seq: int = Field(ge=1)
    kind: str
    at: Instant
    boot: str
    mono_ms: int
    trust: Trust
    payload: dict[str, Any]
    chain: str

    @classmethod
    def of(cls, fact: Fact) -> Self:
        return cls(
            unit=fact.unit,
            epoch=fact.epoch,
            seq=fact.seq,
            kind=fact.kind,
            at=fact.at,
            boot=fact.boot,
            mono_ms=fact.mono_ms,
            trust=fact.trust,
            payload=dict(fact.payload),
            chain=fact.chain,
        )

    def fact(self) -> Fact:
        return Fact(
            self.unit,
            self.epoch,
            self.seq,
            self.kind,
            self.at,
            self.boot,
            self.mono_ms,
            self.trust,
            self.payload,
            self.chain,
        )


class Facts(Envelope):
    """A run of one unit's facts, in order."""

    facts: list[WireFact] = Field(max_length=BATCH_MAX)


class AckState(Enum):
    OK = "ok"  # applied up to here
    REPLAY = "replay"  # something is missing after this position: send on from here
    FORKED = "forked"  # the log contradicts what was seen before: nothing is applied until someone looks


class Ack(Envelope):
    """How far a receiver has stored and applied a unit's facts; epoch 0 and seq 0: nothing yet."""

    unit: str
    epoch: int
    seq: int
    state: AckState


class UnitStatus(Envelope):
    """Retained: a unit's presence. The broker sends `online: false` as the last will.

    A gate adds the `challenge` that a request to it must repeat.
    """

    unit: str
    online: bool
    epoch: int
    boot: str
    at: Instant
    challenge: str | None = None


class HoldRequest(Envelope):
    """central: keep this spot for this driver. Answered until `answer_by`, refused after it."""

    reservation_id: str
    spot_id: str
    user_id: str
    vehicle_id: str
    driver_name: str
    vehicle_type: VehicleType
    plate: SealedPlate
    start_time: Instant
    end_time: Instant
    price: Money
    answer_by: Instant


class HoldAnswer(Wire):
    hold_expires_at: Instant


class ReleaseRequest(Envelope):
    """central: give a hold up that nobody will pay for, or whose answer was lost. Always succeeds."""

    reservation_id: str


class ConfirmRequest(Envelope):
    """central: the money is authorised. May be repeated; the answer is then the same."""

    reservation_id: str


class ConfirmAnswer(Wire):
    ticket: str
    revision: int


class CancelRequest(Envelope):
    """central: the driver, or what became of the payment, ends this reservation. `requested_at` counts."""

    reservation_id: str
    cause: str
    requested_at: Instant


class CancelAnswer(Wire):
    revision: int


class AdmitRequest(Envelope):
    """central to hub, and on to the gate: decide on the car in this lane as if it had typed, worn or shown exactly one
    of these. `car_required`: only while a car stands on the lane's arrival loop.

    The hub fills in the gate's `challenge`; a gate takes each once, and only for a short time by its own clock.
    """

    request_id: str
    gate_id: str
    direction: Direction
    reservation_id: str | None = None
    plate: SealedPlate | None = None
    ticket: str | None = None
    car_required: bool
    answer_by: Instant
    challenge: str | None = None


class AdmitAnswer(Wire):
    """What the gate decided; the decision is on its disk, and the arm was asked to move if it is to."""

    verdict: Verdict
    reason: Reason
    reservation_id: str | None
    spot_id: str | None
    at: Instant
    took_ms: int


class Reply(Envelope):
    """The answer to a request: `result` where `ok`, else a stable `code` and a message for people.

    `final: false` says that the same request may succeed later.
    """

    ok: bool
    result: dict[str, Any] | None = None
    code: str | None = None
    message: str | None = None
    final: bool = True
