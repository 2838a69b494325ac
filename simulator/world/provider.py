"""A card provider's own books in a simulated world: what it holds, what it took and paid back, and what it was asked.

It behaves as Stripe documents:

- an idempotency key is answered once and replayed for 24 hours, refusals too, then forgotten; a key that comes with
  other parameters is an error (docs.stripe.com/api/idempotent_requests);
- an authorisation that is neither captured nor given back lapses after 7 days (place-a-hold-on-a-payment-method);
- nothing is captured twice, and no more is paid back than was captured.

There are no webhooks, early or late: central asks for none, and looks by itself at whatever is in doubt. No plate,
name or card number ever comes here.
"""

import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from cloud_sync.central.bank import IntentState
from domain.errors import Refused, TryLater
from domain.money import Money

DAY_MS = 86_400_000
KEYS_KEPT_MS = DAY_MS
AUTHORISATION_LASTS_MS = 7 * DAY_MS

T = TypeVar("T")


class Card(Enum):
    """How a card behaves; the value is the token that a driver pays with."""

    GOOD = "pm_card_visa"
    DECLINED = "pm_card_chargeCustomerFail"  # at once
    ASKS = "pm_card_authenticationRequired"  # the driver must say that it is them
    SPENT = "pm_card_spentBeforeCapture"  # authorised, and then the money cannot be had
    ONCE = "pm_card_declinedOffSession"  # pays, and is declined when its driver is not there

    @classmethod
    def draw(cls, dice: random.Random) -> "Card":
        """One of the cards that drivers have: most of them are good."""
        others = [card for card in cls if card is not cls.GOOD]
        return dice.choice(others) if dice.random() < OTHER_CARDS else cls.GOOD


OTHER_CARDS = 0.12
"""The share of cards that are not simply good."""


class What(Enum):
    ASKED_DRIVER = "asked-driver"
    AUTHORISED = "authorised"
    DECLINED = "declined"
    CAPTURED = "captured"
    VOIDED = "voided"
    LAPSED = "lapsed"
    CHARGED = "charged"  # to the card on file, captured at once
    REFUNDED = "refunded"


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that the provider did, in true time. Money moves with `CAPTURED`, `CHARGED` and `REFUNDED` alone."""

    at_ms: int
    what: What
    cause: str
    amount: Money
    intent_id: str


@dataclass(slots=True)
class Held:
    """A payment intent, as the provider keeps it; what it is for is in `metadata`."""

    intent_id: str
    amount: Money
    customer_id: str
    card_id: str
    metadata: Mapping[str, str]
    created_ms: int
    state: IntentState
    refunded_minor: int = 0

    @property
    def cause(self) -> str:
        return self.metadata["cause"]


@dataclass(frozen=True, slots=True)
class PaidBack:
    refund_id: str
    intent_id: str
    cause: str
    amount: Money
    created_ms: int
    request_key: str | None


class Provider:
    """The provider's server. Every answer here is definite; `bank.py` loses some of them on the way."""

    def __init__(self, clock: Callable[[], int]) -> None:
        """`clock` tells true time in milliseconds."""
        self._clock = clock
        self._answers: dict[str, tuple[int, object, object]] = {}
        self._cards: dict[str, tuple[str, Card]] = {}
        self._lapsing: deque[Held] = deque()
        self.intents: dict[str, Held] = {}
        self.refunds: dict[str, PaidBack] = {}
        self.deeds: list[Deed] = []
        self.misused_keys: list[str] = []
        """Keys that came with other parameters: whoever asked made two different things of one cause."""

    def once(self, key: str, asked: object, do: Callable[[], T]) -> T:
        """Answer as before where this key is known, also if that was a refusal; else do it. Raises Refused, TryLater"""
        now_ms = self._clock()
        known = self._answers.get(key)
        if known is None or now_ms - known[0] >= KEYS_KEPT_MS:
            answer: object
            try:
                answer = do()
            except Refused as refused:
                answer = refused
            known = self._answers[key] = (now_ms, asked, answer)
        if known[1] != asked:
            self.misused_keys.append(key)
            raise TryLater("provider_unavailable", f"the key {key} came with other parameters before")
        if isinstance(known[2], Refused):
            raise Refused(known[2].code, known[2].message)
        return known[2]  # type: ignore[return-value]  # what `do` gave for this key

    def keep_card(self, method: str, customer_id: str) -> str:
        """The id of a card that stays with its customer; a token makes a new one. Raises Refused for others'."""
        if method in self._cards and self._cards[method][0] == customer_id:
            return method
        try:
            card = Card(method)
        except ValueError:
            raise Refused("payment_refused", "no such payment method, or another customer's") from None
        card_id = f"pm_{len(self._cards) + 1}"
        self._cards[card_id] = (customer_id, card)
        return card_id

    def authorise(self, amount: Money, customer_id: str, card_id: str, metadata: Mapping[str, str]) -> Held:
        """Reserve the money. Raises Refused for a card that will not have it."""
        card = self._cards[card_id][1]
        if card is Card.DECLINED:
            raise self._declined(metadata["cause"], amount)
        state = IntentState.NEEDS_DRIVER if card is Card.ASKS else IntentState.AUTHORISED
        held = self._open(amount, customer_id, card_id, metadata, state)
        self._lapsing.append(held)
        self._did(What.AUTHORISED if state is IntentState.AUTHORISED else What.ASKED_DRIVER, held)
        return held

    def charge(self, amount: Money, customer_id: str, card_id: str, metadata: Mapping[str, str]) -> Held:
        """Take money from a card on file. Raises Refused where it is not, or will not have it."""
        on_file = self._cards.get(card_id)
        if on_file is None or on_file[0] != customer_id:
            raise Refused("payment_refused", "this card was not set up for future use")
        if on_file[1] in (Card.ONCE, Card.SPENT):
            raise self._declined(metadata["cause"], amount)
        held = self._open(amount, customer_id, card_id, metadata, IntentState.CAPTURED)
        self._did(What.CHARGED, held)
        return held

    def authenticated(self, intent_id: str, *, agrees: bool) -> None:
        """The driver has answered their bank; nothing where it does not wait for that any more."""
        held = self.look(intent_id)
        if held.state is IntentState.NEEDS_DRIVER:
            held.state = IntentState.AUTHORISED if agrees else IntentState.GONE
            self._did(What.AUTHORISED if agrees else What.DECLINED, held)

    def look(self, intent_id: str) -> Held:
        self.let_lapse()
        return self.intents[intent_id]

    def capture(self, intent_id: str) -> None:
        """Raises Refused where there is nothing to capture, or nothing to be had any more."""
        held = self.look(intent_id)
        if held.state is not IntentState.AUTHORISED:
            raise Refused("payment_refused", f"an intent that is {held.state.value} cannot be captured")
        if self._cards[held.card_id][1] is Card.SPENT:
            held.state = IntentState.GONE
            self._did(What.DECLINED, held)
            raise Refused("card_declined", "the money cannot be had any more")
        held.state = IntentState.CAPTURED
        self._did(What.CAPTURED, held)

    def void(self, intent_id: str) -> None:
        """Raises Refused where it was captured, or is gone already."""
        held = self.look(intent_id)
        if held.state in (IntentState.CAPTURED, IntentState.GONE):
            raise Refused("payment_refused", f"an intent that is {held.state.value} cannot be given back")
        held.state = IntentState.GONE
        self._did(What.VOIDED, held)

    def refund(self, intent_id: str, amount: Money, cause: str, request_key: str | None = None) -> PaidBack:
        """Raises Refused where nothing was captured, or less than that is left."""
        held = self.look(intent_id)
        left = held.amount.amount_minor - held.refunded_minor if held.state is IntentState.CAPTURED else 0
        if amount.currency != held.amount.currency or not 0 < amount.amount_minor <= left:
            raise Refused("payment_refused", f"{amount.amount_minor} is more than the {left} that is left")
        held.refunded_minor += amount.amount_minor
        paid_back = PaidBack(f"re_{len(self.refunds) + 1}", intent_id, cause, amount, self._clock(), request_key)
        self.refunds[paid_back.refund_id] = paid_back
        self.deeds.append(Deed(self._clock(), What.REFUNDED, cause, amount, intent_id))
        return paid_back

    def let_lapse(self) -> None:
        """Give back what nobody captured in time."""
        until_ms = self._clock() - AUTHORISATION_LASTS_MS
        while self._lapsing and self._lapsing[0].created_ms <= until_ms:
            held = self._lapsing.popleft()
            if held.state in (IntentState.NEEDS_DRIVER, IntentState.AUTHORISED):
                held.state = IntentState.GONE
                self._did(What.LAPSED, held, held.created_ms + AUTHORISATION_LASTS_MS)

    def _open(
        self, amount: Money, customer_id: str, card_id: str, metadata: Mapping[str, str], state: IntentState
    ) -> Held:
        intent_id = f"pi_{len(self.intents) + 1}"
        held = Held(intent_id, amount, customer_id, card_id, dict(metadata), self._clock(), state)
        self.intents[intent_id] = held
        return held

    def _declined(self, cause: str, amount: Money) -> Refused:
        self.deeds.append(Deed(self._clock(), What.DECLINED, cause, amount, ""))
        return Refused("card_declined", "the card was declined")

    def _did(self, what: What, held: Held, at_ms: int | None = None) -> None:
        when_ms = self._clock() if at_ms is None else at_ms
        self.deeds.append(Deed(when_ms, what, held.cause, held.amount, held.intent_id))
