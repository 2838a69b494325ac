"""The payloads of facts: what has happened, in version 1 of each kind."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, ClassVar

from pydantic import Field, PlainSerializer, ValidationError

from cloud_sync.link.v1.wire import Instant, Wire, describe
from domain.admission import Evidence, Reason, Verdict
from domain.errors import PeerError, UnknownVersion
from domain.fact import Fact, FactRef
from domain.money import Money
from domain.now import parse_instant
from domain.plate import SealedPlate
from domain.policy import Policy, Tariff
from domain.reservation import Status
from domain.spot import SpotKind, VehicleType
from domain.stay import Conflict


class Direction(Enum):
    ENTRY = "entry"
    EXIT = "exit"


AT = "at"


class Payload(Wire):
    """What a fact says. `kind` is its name and version on the wire.

    Where it says how something is now, `subject` names the field that says what: the latest fact of a kind about it is
    the whole truth, and all that is kept for long. It is over at the instant in the field that `over_at` names, or,
    with `AT`, when it has happened; but not while the first field of `lasts_while` has the second as its value.
    `planned`: that instant is known beforehand, and does not move.

    Copies of it are compared with this fact by the fields in `compared`, as far as they keep them
    (`cloud_sync/link/digest.py`); a plate by its mark, as it may be sealed anew.
    """

    kind: ClassVar[str]
    subject: ClassVar[str | None] = None
    over_at: ClassVar[str | None] = None
    lasts_while: ClassVar[tuple[str, str] | None] = None
    planned: ClassVar[bool] = False
    compared: ClassVar[tuple[str, ...]] = ()


class ReservationChanged(Payload):
    """hub: a reservation as it is now. The latest revision is the whole truth about it.

    `ticket_id` and `ticket_revision` are of the ticket that counts, so that the hub can sign it again; `booked_kind` is
    what the spot that was booked was laid out for; `cancel_requested_at` the instant that counts of a wish to cancel.
    """

    kind = "reservation.changed/1"
    subject = "reservation_id"
    over_at = "end_time"
    lasts_while = "status", Status.CHECKED_IN.value
    planned = True
    compared = (
        "revision", "status", "spot_id", "user_id", "vehicle_id", "vehicle_type", "plate.mark", "start_time",
        "end_time", "price", "hold_expires_at", "cause",
    )  # fmt: skip
    reservation_id: str
    revision: int
    status: Status
    spot_id: str
    user_id: str
    vehicle_id: str
    vehicle_type: VehicleType
    plate: SealedPlate
    start_time: Instant
    end_time: Instant
    price: Money
    hold_expires_at: Instant | None
    cause: str
    booked_kind: SpotKind | None = None
    ticket_id: str | None = None
    ticket_revision: int | None = None
    cancel_requested_at: Instant | None = None


class StayChanged(Payload):
    """hub: a stay as it is now; `origin` is the fact that it follows from: a gate's, or the hub's own.

    `evidence` is what the car was let in on, `ticket_id` the ticket that it used up, if any; `plate_mark` finds the
    plate that was read.
    """

    kind = "stay.changed/1"
    subject = "stay_id"
    over_at = "left_at"
    compared = "reservation_id", "spot_id", "entered_at", "conflict"
    stay_id: str
    reservation_id: str | None
    spot_id: str | None
    entered_at: Instant | None
    left_at: Instant | None
    conflict: Conflict | None
    origin: FactRef
    evidence: Evidence = Evidence.NONE
    ticket_id: str | None = None
    plate_mark: str | None = None


class StayEnded(Payload):
    """hub: who of the lot, `by` name, says that a car has left which no exit has known. `exit_id` is the stay that was
    told of when the car was seen leaving, where they know; none: nobody saw it leave."""

    kind = "stay.ended/1"
    stay_id: str
    exit_id: str | None
    by: str = Field(max_length=80)


class SpotChanged(Payload):
    """hub: a spot of the lot as it is now."""

    kind = "spot.changed/1"
    subject = "spot_id"
    compared = "spot_kind", "in_service"
    spot_id: str
    spot_kind: SpotKind
    in_service: bool


class GateChanged(Payload):
    """hub: a lane of the lot."""

    kind = "gate.changed/1"
    subject = "gate_id"
    compared = ("direction",)
    gate_id: str
    direction: Direction


class TicketKeyPublished(Payload):
    """hub: a public Ed25519 key (hexadecimal) that tickets of this lot are signed with."""

    kind = "ticket_key.published/1"
    subject = "key_id"
    compared = ("public_key",)
    key_id: str
    public_key: str = Field(pattern="^[0-9a-f]{64}$")


class Listing(Enum):
    """What a plate is on the lot's lists for."""

    STAFF = "staff"  # comes and goes without a booking
    DENIED = "denied"  # is not let in, whatever it has booked


class PlateListed(Payload):
    """hub: a plate is on one of the lot's lists until an instant (none: for good); who takes it off lets it end now.
    `by` is who of the lot wants it so, `note` what for."""

    kind = "plate.listed/1"
    subject = "mark"
    over_at = "until"
    compared = "listing", "plate.mark", "until"
    mark: str
    plate: SealedPlate
    listing: Listing
    until: Instant | None
    by: str = Field(max_length=80)
    note: str = Field(default="", max_length=80)


class PolicyChanged(Payload):
    """central to hub, and on from hub to gates: what the lot promises and charges from now on."""

    kind = "policy.changed/1"
    subject = ""  # there is one of it
    compared = "policy", "tariff"
    policy: Policy
    tariff: Tariff


class PaymentChanged(Payload):
    """central: what has been paid for a reservation that ends at `end_time`, and what of it was paid back; and what its
    driver is called on the attendants' page."""

    kind = "payment.changed/1"
    subject = "reservation_id"
    over_at = "end_time"
    planned = True
    compared = "paid", "refunded"
    reservation_id: str
    paid: Money
    refunded: Money
    end_time: Instant | None = None
    driver_name: str | None = None


class GateDecided(Payload):
    """gate: a decision, stored before anything moves. `plate` is what was read, sealed; `took_ms` from the car's
    arrival on the loop to the decision. `awaited`: nobody stands there yet, the arm goes up for who is to come.
    `ticket` is the text of the ticket that it rests on, where nothing else tells the gate of its reservation: the hub
    may have lost it. `by`: who of the lot has opened, where somebody has."""

    kind = "gate.decided/1"
    passage_id: str
    direction: Direction
    verdict: Verdict
    reason: Reason
    evidence: Evidence
    reservation_id: str | None
    spot_id: str | None
    plate: SealedPlate | None
    score: Annotated[float | None, PlainSerializer(lambda x: None if x is None else round(x, 3), when_used="json")]
    frames: int
    took_ms: int
    awaited: bool = False
    ticket: str | None = Field(default=None, max_length=1_000)
    by: str | None = Field(default=None, max_length=80)


class GatePassed(Payload):
    """gate: a car has crossed the safety loop. `reservation_id` says whose it is, where the gate knows, `evidence` by
    what, `spot_id` where the driver was sent, `ticket_id` which ticket is used up. `unseen`: the gate was down when the
    car must have crossed. `staff`: its plate is on the list of those who need no reservation."""

    kind = "gate.passed/1"
    passage_id: str
    direction: Direction
    reservation_id: str | None
    plate: SealedPlate | None
    evidence: Evidence = Evidence.NONE
    spot_id: str | None = None
    ticket_id: str | None = None
    unseen: bool = False
    staff: bool = False


class Noted(Enum):
    BACKED_OUT = "backed_out"  # a car has gone back from where it was looked at, or from an open arm
    NOT_DRIVEN = "not_driven"  # the arm was up for a car, or was to be, and it stood there
    NOT_COME = "not_come"  # the arm was up for a car that was let in from afar
    TAILGATED = "tailgated"  # a second car has crossed on one opening
    IN_DOUBT = "in_doubt"  # a car has crossed, or gone back and stands there: who stands there is looked at next


class LaneNoted(Payload):
    """gate: something that has happened in its lane and is neither a decision nor a passage. `passage_id` names the
    car's time in the lane that it belongs to."""

    kind = "lane.noted/1"
    what: Noted
    passage_id: str


class Mode(Enum):
    """What a lane does with cars."""

    AUTOMATIC = "automatic"  # it lets pass who may
    HELD_OPEN = "held_open"  # its arm stays up; who passes is written down as ever
    CLOSED = "closed"  # an entry lets nobody in; no exit is ever closed


class LaneModeChanged(Payload):
    """gate: what its lane does from now on, also after a restart; `by` is who of the lot wants it so."""

    kind = "lane.mode/1"
    subject = "gate_id"
    gate_id: str
    mode: Mode
    by: str = Field(max_length=80)


class WithdrawalNoted(Payload):
    """entry gate: it knows that a reservation was cancelled or became a no-show by this revision. Whatever car it let
    in on an earlier one is in its log before this."""

    kind = "withdrawal.noted/1"
    reservation_id: str
    revision: int


class WithdrawalSettled(Payload):
    """hub: who came in on a reservation that was cancelled or became a no-show is known by now, and what is owed can be
    decided. Not `complete`: an entry gate has not answered, and never may."""

    kind = "withdrawal.settled/1"
    subject = "reservation_id"
    over_at = AT
    reservation_id: str
    revision: int
    complete: bool


class WithdrawalVouched(Payload):
    """hub: a manager of the lot, `by` name, has vouched that nobody came in by this entry gate on a reservation that
    became a no-show by this revision. The gate's own answer is not waited for any more."""

    kind = "withdrawal.vouched/1"
    reservation_id: str
    revision: int
    gate_id: str
    by: str = Field(max_length=80)


class AlarmRaised(Payload):
    """Any unit: somebody must look at something; `alarm` is one of the names in docs/running.md."""

    kind = "alarm.raised/1"
    alarm: str
    detail: str = Field(max_length=400)


PAYLOADS: dict[str, type[Payload]] = {
    payload.kind: payload
    for payload in (
        ReservationChanged,
        StayChanged,
        StayEnded,
        SpotChanged,
        GateChanged,
        TicketKeyPublished,
        PlateListed,
        PolicyChanged,
        PaymentChanged,
        GateDecided,
        GatePassed,
        LaneNoted,
        LaneModeChanged,
        WithdrawalNoted,
        WithdrawalSettled,
        WithdrawalVouched,
        AlarmRaised,
    )
}


def payload_of(fact: Fact) -> Payload:
    """What `fact` says. Raises UnknownVersion for a kind that is not known here, PeerError for a malformed one."""
    model = PAYLOADS.get(fact.kind)
    if model is None:
        raise UnknownVersion("fact_unknown", f"no fact {fact.kind!r} in this version")
    try:
        return model.model_validate(fact.payload)
    except ValidationError as error:
        raise PeerError("fact_invalid", f"{fact.kind}: {describe(error)}") from None


HAPPENED = frozenset(kind for kind, model in PAYLOADS.items() if model.subject is None)
"""Kinds of facts that tell what has happened, and not the present state of anything."""


def subject_of(fact: Fact) -> tuple[str, datetime | None] | None:
    """What a fact tells the present state of, and when that is over (None: not by itself); None for a fact that tells
    what has happened. It asks nothing of the payload but these."""
    model = PAYLOADS.get(fact.kind)
    if model is None or model.subject is None:
        return None
    over_at = fact.at if model.over_at is AT else _instant(fact.payload.get(model.over_at or ""))
    if model.lasts_while is not None and fact.payload.get(model.lasts_while[0]) == model.lasts_while[1]:
        over_at = None
    return str(fact.payload.get(model.subject, "")), over_at


def values_of(fact: Fact) -> dict[str, Any]:
    """What copies of a fact are compared by, as JSON values."""
    return {name: _at_path(fact.payload, name) for name in PAYLOADS[fact.kind].compared}


def _at_path(payload: Mapping[str, Any], path: str) -> Any:
    name, _, inner = path.partition(".")
    value = payload.get(name)
    return _at_path(value, inner) if inner and isinstance(value, Mapping) else value


def _instant(text: object) -> datetime | None:
    try:
        return parse_instant(text) if isinstance(text, str) else None
    except ValueError:
        return None
