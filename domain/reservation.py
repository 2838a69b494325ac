"""A reservation is a right to a spot in a window; what really happened is a stay (`domain/stay.py`).

A driver's booking is HELD by the lot's hub while they pay. Payment makes it CONFIRMED, and the signed ticket is
issued. The car that comes in makes it CHECKED_IN, the car that leaves COMPLETED. A hold that is not paid for in time
is EXPIRED; a driver may cancel until the car is in; who does not come in time is a NO_SHOW. Requests step through the
table below and are refused where it has no step. Facts are never refused: a car that came in without a right to is a
stay with a conflict, and leaves the reservation as it is.
"""

from enum import Enum

from domain.errors import IllegalStep


class Status(Enum):
    HELD = "held"  # the spot is kept until hold_expires_at while the driver pays
    CONFIRMED = "confirmed"  # paid for or promised to be; the ticket is signed
    CHECKED_IN = "checked_in"  # the car is inside
    COMPLETED = "completed"  # the car has left
    EXPIRED = "expired"  # the hold ran out unpaid
    CANCELLED = "cancelled"  # by the driver, an operator, or for want of payment
    NO_SHOW = "no_show"  # the grace period ended without the car


class Step(Enum):
    CONFIRM = "confirm"
    EXPIRE = "expire"
    CANCEL = "cancel"
    CHECK_IN = "check_in"
    COMPLETE = "complete"
    NO_SHOW = "no_show"
    MOVE = "move"  # to another spot: somebody stands on its own
    CANCEL_EARLIER = "cancel_earlier"  # it was cancelled before its car came, or did not, and the lot learns of it now


STEPS: dict[Status, dict[Step, Status]] = {
    Status.HELD: {
        Step.CONFIRM: Status.CONFIRMED,
        Step.EXPIRE: Status.EXPIRED,
        Step.CANCEL: Status.CANCELLED,
    },
    Status.CONFIRMED: {
        Step.CHECK_IN: Status.CHECKED_IN,
        Step.CANCEL: Status.CANCELLED,
        Step.NO_SHOW: Status.NO_SHOW,
        Step.MOVE: Status.CONFIRMED,
    },
    Status.CHECKED_IN: {
        Step.COMPLETE: Status.COMPLETED,
        Step.CANCEL_EARLIER: Status.CANCELLED,
    },
    Status.COMPLETED: {Step.CANCEL_EARLIER: Status.CANCELLED},
    Status.EXPIRED: {},
    Status.CANCELLED: {},
    Status.NO_SHOW: {Step.CANCEL_EARLIER: Status.CANCELLED},
}

HOLDS_SPOT = frozenset({Status.HELD, Status.CONFIRMED, Status.CHECKED_IN})
"""While a reservation is in one of these, its window on its spot belongs to it alone."""


def step(status: Status, by: Step) -> Status:
    """The status after `by`. Raises IllegalStep where the table has no such step."""
    try:
        return STEPS[status][by]
    except KeyError:
        raise IllegalStep(
            f"reservation_{status.value}",
            f"a reservation that is {status.value} cannot {by.value.replace('_', ' ')}",
        ) from None
