"""Whether a car may come in: what the gate decides alone, from rights that it holds already."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum

from domain.now import Now, Trust
from domain.plate import SealedPlate
from domain.policy import Policy
from domain.reservation import Status
from domain.spot import VehicleType
from domain.window import Window


class Verdict(Enum):
    """What the lane does with a car."""

    ADMIT = "admit"  # entry: the arm goes up
    ASK = "ask"  # entry: not sure; ask for the QR code, the id, or an attendant
    REFUSE = "refuse"  # entry: sure, and no
    RELEASE = "release"  # exit: the arm goes up for whoever stands there


class Evidence(Enum):
    """How a car was identified, the weakest first. What is stronger outranks what is weaker."""

    NONE = "none"
    PLATE = "plate"
    ID = "id"  # a reservation id that was typed, or that an app sent
    TICKET = "ticket"
    TICKET_AND_PLATE = "ticket+plate"

    def outranks(self, other: "Evidence") -> bool:
        order = list(Evidence)
        return order.index(self) > order.index(other)


class Reason(Enum):
    """Why; shown to the driver in words and counted in metrics."""

    BOOKED = "booked"
    LATE = "late"  # the spot was given up; there is another one
    SECOND_CAR = "second_car"  # a car is inside on this booking by weaker evidence: an attendant sorts it out
    NO_BOOKING = "no_booking"
    TOO_EARLY = "too_early"
    ENDED = "ended"  # its window, or the one stay that it was for
    CANCELLED = "cancelled"
    PAYMENT_PENDING = "payment_pending"
    ALREADY_INSIDE = "already_inside"
    NO_SHOW = "no_show"  # the spot was given up; somebody must find another
    PLATE_UNSURE = "plate_unsure"
    CAMERA_BLIND = "camera_blind"
    PLATE_DIFFERS = "plate_differs"  # surely another plate than the ticket's or the booking's
    TICKET_INVALID = "ticket_invalid"  # not signed by this lot, or changed since
    TICKET_ELSEWHERE = "ticket_elsewhere"  # it says that it is another lot's
    TICKET_REPLACED = "ticket_replaced"  # there is a newer one
    TICKET_USED = "ticket_used"
    STAY_CLOSED = "stay_closed"  # exit: it is known which car this is
    UNKNOWN_CAR = "unknown_car"  # exit: opened all the same, the attendant matches it
    STAFF = "staff"  # on the list of those who come and go without a booking
    DENIED = "denied"  # on the list of those who are not let in
    ATTENDANT = "attendant"  # somebody of the lot has opened
    HELD_OPEN = "held_open"  # somebody of the lot holds the lane open for everyone
    LANE_CLOSED = "lane_closed"  # somebody of the lot has closed it


@dataclass(frozen=True, slots=True)
class Right:
    """A reservation as a gate knows it; without its plate where all that is known of it is the driver's ticket.

    `has_left`: a car came in on it and has left again.
    """

    reservation_id: str
    revision: int
    status: Status
    spot_id: str
    window: Window
    vehicle_type: VehicleType
    plate: SealedPlate | None
    has_left: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """`spot_id` is where a driver who may come in is sent; none: somebody in the lot has to find a spot for them."""

    verdict: Verdict
    reason: Reason
    right: Right | None = None
    spot_id: str | None = None


SpotFor = Callable[[Right], str | None]
"""Where the car of a right can stand now: on its own spot, else on another that is free; None where there is none."""


_MAY_COME_IN = frozenset({Status.CONFIRMED, Status.CHECKED_IN, Status.NO_SHOW})
"""Of these it depends on the time, and on who is inside already."""

_BY_STATUS: dict[Status, Decision] = {
    Status.HELD: Decision(Verdict.REFUSE, Reason.PAYMENT_PENDING),
    Status.COMPLETED: Decision(Verdict.REFUSE, Reason.ENDED),
    Status.EXPIRED: Decision(Verdict.REFUSE, Reason.NO_BOOKING),
    Status.CANCELLED: Decision(Verdict.REFUSE, Reason.CANCELLED),
}

_MOST_USEFUL_FIRST = (
    Reason.BOOKED,
    Reason.LATE,
    Reason.SECOND_CAR,
    Reason.ALREADY_INSIDE,
    Reason.PAYMENT_PENDING,
    Reason.TOO_EARLY,
    Reason.NO_SHOW,
    Reason.ENDED,
    Reason.CANCELLED,
    Reason.NO_BOOKING,
)


def admission(
    rights: Iterable[Right],
    by: Evidence,
    inside: Mapping[str, Evidence],
    policy: Policy,
    spot_for: SpotFor,
    now: Now,
) -> Decision:
    """Decide on a car that is by `by` surely the one of `rights`, all that it holds; none: it is none that we expect.

    One right that admits is enough. Where none does, the driver is told of the one that comes nearest. `inside` says
    by what evidence the cars that are known to be in the lot came in, by their reservation ids.
    """
    decisions = [_one(right, by, inside, policy, spot_for, now) for right in rights]
    if not decisions:
        return Decision(Verdict.REFUSE, Reason.NO_BOOKING)
    return min(decisions, key=lambda decision: _MOST_USEFUL_FIRST.index(decision.reason))


def _one(
    right: Right, by: Evidence, inside: Mapping[str, Evidence], policy: Policy, spot_for: SpotFor, now: Now
) -> Decision:
    if right.status not in _MAY_COME_IN:
        return replace(_BY_STATUS[right.status], right=right)
    held_by = inside.get(right.reservation_id)
    if held_by is not None and by.outranks(held_by) and now.utc < right.window.end:
        return Decision(Verdict.ADMIT, Reason.SECOND_CAR, right)
    if held_by is not None or right.status is Status.CHECKED_IN:
        return Decision(Verdict.ASK, Reason.ALREADY_INSIDE, right)
    over = _over_or_early(right, policy, now)
    if over is not None:
        return Decision(Verdict.REFUSE, over, right)
    spot_id = spot_for(right)
    if right.status is Status.CONFIRMED:
        return Decision(Verdict.ADMIT, Reason.BOOKED, right, spot_id)
    late, nowhere = Decision(Verdict.ADMIT, Reason.LATE, right, spot_id), Decision(Verdict.ASK, Reason.NO_SHOW, right)
    return nowhere if spot_id is None else late


def _over_or_early(right: Right, policy: Policy, now: Now) -> Reason | None:
    window = right.window
    if right.status is Status.NO_SHOW and right.has_left:
        return Reason.ENDED  # it came late after all, and that stay is over
    if now.utc >= window.end:
        return Reason.ENDED
    # Without a trusted clock the true time is only known to be at or after `now.utc`: it may well have started.
    if now.trust is not Trust.NONE and now.utc < window.start - timedelta(seconds=policy.early_s):
        return Reason.TOO_EARLY
    return None
