"""The payment provider: a small Protocol in the words of a parking lot; Stripe behind it is in `stripe_bank.py`.

Every call may be repeated: what has a cause is done once for that cause. An answer is definite (a value, or Refused)
or missing (TryLater): then it may have been done, and the same call is to be made again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import Enum
from typing import Any, Protocol

from domain.money import Money
from domain.now import parse_instant, rfc3339

LOOKED_THROUGH_MAX = 100
"""Refunds of one payment, or the latest charges of one customer, that are looked through; Stripe's own page limit."""


class IntentState(Enum):
    NEEDS_DRIVER = "needs_driver"  # the driver's bank wants to hear from the driver
    AUTHORISED = "authorised"
    CAPTURED = "captured"
    GONE = "gone"  # voided, lapsed or failed


@dataclass(frozen=True, slots=True)
class Intent:
    """An authorisation at the provider; `client_secret` lets the driver's app authenticate it.

    `customer_id` and `card_id` are who and what can be charged later without them.
    """

    intent_id: str
    state: IntentState
    client_secret: str | None
    customer_id: str | None = None
    card_id: str | None = None


@dataclass(frozen=True, slots=True)
class Booked:
    """What a payment is for, in names that say nothing of who the driver is. The provider keeps it with the payment, so
    that central's books can be put together again from there."""

    payment_id: str
    lot_id: str
    reservation_id: str
    user_id: str
    vehicle_id: str
    spot_id: str
    start_time: datetime
    end_time: datetime

    def metadata(self) -> dict[str, str]:
        """The same as the provider keeps it."""
        said = asdict(self)
        return said | {name: rfc3339(said[name]) for name in ("start_time", "end_time")}

    @classmethod
    def of(cls, metadata: Mapping[str, str]) -> "Booked | None":
        """What the provider has kept, or none where it is not about a booking, or not as we write it."""
        names = [field.name for field in fields(cls)]
        if not all(name in metadata for name in names):
            return None
        said: dict[str, Any] = {name: metadata[name] for name in names}
        try:
            return cls(**said | {name: parse_instant(said[name]) for name in ("start_time", "end_time")})
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be authorised, for what. Equal causes must come with equal orders."""

    cause: str
    amount: Money
    customer_id: str
    method_token: str
    booked: Booked


@dataclass(frozen=True, slots=True)
class Debt:
    """What a driver owes after their stay, and the card on file. Equal causes must come with equal debts."""

    cause: str
    amount: Money
    customer_id: str
    card_id: str
    lot_id: str
    reservation_id: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A payment of ours in the provider's record, whatever became of it. Not `booked`: a charge to a card on file."""

    cause: str
    amount: Money
    intent: Intent
    at: datetime
    booked: Booked | None


@dataclass(frozen=True, slots=True)
class PaidBack:
    """A refund of ours in the provider's record."""

    refund_id: str
    intent_id: str
    cause: str
    amount: Money
    request_key: str | None = None  # of whoever asked for it by hand


class Bank(Protocol):
    """Takes money and gives it back."""

    def open_customer(self, user_id: str) -> str:
        """The provider's name for a driver, with whom their cards stay: to be stored before the first is used.

        Says nothing of who the driver is. Raises Refused or TryLater.
        """

    def authorise(self, order: Order) -> Intent:
        """Reserve the money on the driver's card, and keep the card for what they may owe afterwards.

        Raises Refused where the card will not have it, or TryLater.
        """

    def charge(self, debt: Debt) -> str:
        """Take a debt from the card on file, without its driver; returns the provider's name for it.

        Raises Refused where the card will not have it, or TryLater.
        """

    def look(self, intent_id: str) -> Intent:
        """How an authorisation stands. Raises TryLater."""

    def capture(self, intent_id: str, cause: str) -> None:
        """Take the whole amount that was authorised. Raises Refused where it can be had no more, or TryLater."""

    def void(self, intent_id: str, cause: str) -> None:
        """Give an authorisation back. Raises Refused where its money was taken already, or TryLater."""

    def refund(self, intent_id: str, amount: Money, cause: str, request_key: str | None = None) -> str:
        """Pay back; returns the provider's name for it. Its record has the `request_key` too.

        Raises Refused where that cannot be done, or TryLater.
        """

    def taken_since(self, since: datetime) -> Sequence[Taken]:
        """The provider's record of our payments that were begun from `since` on, oldest first. Raises TryLater."""

    def paid_back_since(self, since: datetime) -> Sequence[PaidBack]:
        """The provider's record of our refunds from `since` on that were not refused, oldest first. Raises TryLater."""
