"""What a payment does next. Plain decisions on a row; the shell in `payment.py` performs them.

    AUTHORISE -> (AUTHENTICATE) -> CONFIRM -> CAPTURE -> PAID
                        |            |  |        |
                        |            |  v        v
                        |            | UNPAID <--'          tell the hub that the money cannot be had
                        v            v  v
      FAILED <-------- VOID <--------'--'                   give the authorisation back

The card is authorised; the lot's hub confirms and signs the ticket; only then the money is taken. A definite no leads
down. No answer leads nowhere: whoever did not answer may have done it, so that the same is asked again, with the same
idempotency key, until there is an answer. Only waiting has an end: a driver may authenticate while the hold lasts, and
a hub may stay silent until the window ends, or until a day before the authorisation lapses.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

AUTHORISATION_LASTS = timedelta(days=6)
"""A day less than the seven that a card authorisation lasts at Stripe ("Place a hold on a payment method")."""


class Step(Enum):
    AUTHORISE = "authorise"
    AUTHENTICATE = "authenticate"  # the driver's bank wants to hear from the driver
    CONFIRM = "confirm"
    CAPTURE = "capture"
    UNPAID = "unpaid"
    VOID = "void"
    PAID = "paid"
    FAILED = "failed"


class Outcome(Enum):
    YES = "yes"
    NO = "no"  # definite: it was not done and will not be
    WAIT = "wait"  # the driver must act
    DOUBT = "doubt"  # nobody answered: it may have been done


ENDED = frozenset({Step.PAID, Step.FAILED})

_AFTER: dict[Step, dict[Outcome, Step]] = {
    Step.AUTHORISE: {Outcome.YES: Step.CONFIRM, Outcome.NO: Step.FAILED, Outcome.WAIT: Step.AUTHENTICATE},
    Step.AUTHENTICATE: {Outcome.YES: Step.CONFIRM, Outcome.NO: Step.VOID, Outcome.WAIT: Step.AUTHENTICATE},
    Step.CONFIRM: {Outcome.YES: Step.CAPTURE, Outcome.NO: Step.VOID},
    Step.CAPTURE: {Outcome.YES: Step.PAID, Outcome.NO: Step.UNPAID},
    Step.UNPAID: {Outcome.YES: Step.VOID, Outcome.NO: Step.VOID},  # no: the car is inside already, a debt
    Step.VOID: {Outcome.YES: Step.FAILED, Outcome.NO: Step.FAILED},
}


@dataclass(frozen=True, slots=True)
class Progress:
    """What of a payment's row decides how it goes on."""

    step: Step
    authorised_at: datetime | None
    hold_expires_at: datetime
    window_end: datetime


def next_step(payment: Progress, now: datetime) -> Step:
    """What to do now: the step that the row is at, unless waiting for it has come to its end."""
    if payment.step is Step.AUTHENTICATE and now >= payment.hold_expires_at:
        return Step.VOID
    if payment.step is Step.CONFIRM and now >= _give_up_at(payment):
        # The hub may have confirmed and its answer be lost: it must be told, before the money is let go.
        return Step.UNPAID if now < payment.window_end else Step.VOID
    if payment.step is Step.UNPAID and now >= payment.window_end:
        return Step.VOID
    return payment.step


def after(step: Step, outcome: Outcome) -> Step:
    """The step that follows; the same one where nobody answered."""
    return step if outcome is Outcome.DOUBT else _AFTER[step][outcome]


def _give_up_at(payment: Progress) -> datetime:
    if payment.authorised_at is None:  # nothing to pay, nothing that lapses
        return payment.window_end
    return min(payment.window_end, payment.authorised_at + AUTHORISATION_LASTS)
