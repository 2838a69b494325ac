"""The messages on the topics: facts and their acknowledgements, status, requests and replies."""

from enum import Enum
from typing import Any, Self

from pydantic import Field

from cloud_sync.link.v1.facts import Direction, Mode
from cloud_sync.link.v1.wire import Envelope, Instant, Wire
from domain.admission import Reason, Verdict
from domain.fact import Fact
from domain.money import Money
from domain.now import Trust
from domain.plate import SealedPlate
from domain.spot import VehicleType

BATCH_MAX = 200
"""Facts in one message at most."""

MARKS_MAX = 32
"""Epochs of a log that are compared; what is older is sent as a snapshot."""

PARTS_MAX = 10_000
"""Messages in one snapshot at most: two million facts."""

PAGES_MAX = 64
"""Pages that one message has a receiver compare at most."""


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


class WireMark(Wire):
    """A place in a unit's log and the log's hash there; epoch 0, seq 0 and 64 zeros: before the first fact."""

    epoch: int = Field(ge=0)
    seq: int = Field(ge=0)
    chain: str


class Ask(Enum):
    """What a unit wants of the receiver of its log."""

    CURSOR = "cursor"  # how far it is
    RETURN = "return"  # the facts of this log that it has behind the newest mark that it knows, or behind `after`
    GRANT = "grant"  # leave to speak for the unit: of its parent


class Grant(Wire):
    """By a parent: `run` may speak for the unit, in this epoch; who began before obeys and stops."""

    run: str
    epoch: int = Field(ge=1)


class Head(Wire):
    """How a unit's own log goes, by the ends of its newest epochs, newest first; `run` names this start of the unit,
    `epoch` is the one that it writes in, or means to. `granted`: its parent has given leave for that. Who asks for it
    says what the parent granted `last`, as it has heard: one who does not know that may have been dead for a while."""

    run: str
    epoch: int = Field(ge=1)
    granted: bool
    marks: list[WireMark] = Field(max_length=MARKS_MAX)
    ask: Ask
    after: WireMark | None = None
    last: Grant | None = None


class Part(Wire):
    """Number `number` (from 1) of `of` parts of a snapshot: what the log up to `at` amounts to, as the latest fact of
    each subject. The receiver's copy becomes this and nothing else, once it has all parts. `epoch` is the one that the
    unit writes in."""

    at: WireMark
    number: int = Field(ge=1)
    of: int = Field(ge=1, le=PARTS_MAX)
    epoch: int | None = None


class Digest(Wire):
    """SHA-256 over the values of one field, line by line; `subject` is the field of that name in every kind."""

    field: str
    sha256: str


class Page(Wire):
    """What a log says about the subjects of one `kind` from `first` on and before `until` (none: to the last)."""

    kind: str
    first: str = ""
    until: str | None = None
    digests: list[Digest]


class Compare(Wire):
    """Number `number` of what a receiver at `at` is to compare its copy with; what was over at `since` is left out."""

    number: int = Field(ge=1)
    at: WireMark
    since: Instant
    pages: list[Page] = Field(max_length=PAGES_MAX)


class Sent(Wire):
    """When a message was sent, by the clock of its sender that no time server moves: what it tells of the same `boot`
    was so long before."""

    boot: str
    mono_ms: int


class Facts(Envelope):
    """A run of one unit's facts, in order; or what else is said of its log: where it stands (`head`), a part of a
    snapshot (its `facts`, and `part`), or what it amounts to (`compare`). A gate says when it `sent` them."""

    facts: list[WireFact] = Field(max_length=BATCH_MAX)
    head: Head | None = None
    part: Part | None = None
    compare: Compare | None = None
    sent: Sent | None = None


class AckState(Enum):
    OK = "ok"  # applied up to here
    REPLAY = "replay"  # something is missing after this position: send on from here
    FORKED = "forked"  # the log contradicts what was seen before: nothing is applied until both ends have compared
    SNAPSHOT = "snapshot"  # the copy is not what it was compared with: send all of it anew


class Ack(Envelope):
    """How far a receiver has stored and applied a unit's facts, and the log's hash there; epoch 0 and seq 0: nothing.

    `opens`: this end listens from now on, and has not heard yet how far the log goes; `answers` what was asked, by this
    `run` of the unit; `returned` are facts of the unit's own that it may have lost; `part`: so many parts of a snapshot
    have come, in order; `ahead` is a fact that came another way, before those that lead up to it; `compared` is the
    number of what this end's copy was compared with.
    """

    unit: str
    epoch: int
    seq: int
    state: AckState
    chain: str | None = None
    opens: bool = False
    answers: Ask | None = None
    run: str | None = None
    returned: list[WireFact] = Field(default=[], max_length=BATCH_MAX)
    grant: Grant | None = None
    part: int | None = None
    ahead: WireMark | None = None
    compared: int | None = None


class UnitStatus(Envelope):
    """Retained: a unit's presence. The broker sends `online: false` as the last will.

    `run` names this start of the unit; `granted`: its parent has granted it this epoch. A gate adds the `challenge`
    that a request to it must repeat, and its lane's `mode`.
    """

    unit: str
    online: bool
    epoch: int
    boot: str
    at: Instant
    challenge: str | None = None
    run: str | None = None
    granted: bool = True
    mode: Mode | None = None


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


class Told(Wire):
    """What an answer has beside its own: the fact that tells of it, so that it is known in two places at once."""

    fact: WireFact | None = None


class HoldAnswer(Told):
    hold_expires_at: Instant


class ReleaseRequest(Envelope):
    """central: give a hold up that nobody will pay for, or whose answer was lost. Always succeeds."""

    reservation_id: str


class ConfirmRequest(Envelope):
    """central: the money is authorised. May be repeated; the answer is then the same."""

    reservation_id: str


class ConfirmAnswer(Told):
    ticket: str
    revision: int


class CancelRequest(Envelope):
    """central: the driver, or what became of the payment, ends this reservation. `requested_at` counts."""

    reservation_id: str
    cause: str
    requested_at: Instant


class CancelAnswer(Told):
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


class OpenRequest(Envelope):
    """hub to gate: an attendant, `by` name, lets the car in this lane pass, or the one that is about to come;
    `reservation_id` says whose it is, where they know. The `challenge` as for `AdmitRequest`; the answer is an
    `AdmitAnswer`."""

    request_id: str
    gate_id: str
    by: str = Field(min_length=1, max_length=80)
    reservation_id: str | None = None
    challenge: str | None = None


class ModeRequest(Envelope):
    """hub to gate: an attendant, `by` name, sets the lane's mode. The `challenge` as for `AdmitRequest`."""

    request_id: str
    gate_id: str
    mode: Mode
    by: str = Field(min_length=1, max_length=80)
    challenge: str | None = None


class ModeAnswer(Wire):
    """The lane is in this mode, and the fact that says so is on the gate's disk."""

    mode: Mode
    at: Instant


class Reply(Envelope):
    """The answer to a request: `result` where `ok`, else a stable `code` and a message for people.

    `final: false` says that the same request may succeed later. `epoch` is of who answers: one that has been succeeded
    is not believed.
    """

    ok: bool
    result: dict[str, Any] | None = None
    code: str | None = None
    message: str | None = None
    final: bool = True
    epoch: int | None = None
