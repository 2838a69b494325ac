"""Central's `Bank` in a simulated world: the way to the provider (`provider.py`), on which calls and answers get lost.

It does what `StripeBank` does: it looks for a cause before it moves money for it, since the provider forgets keys, and
takes "already captured" and "already given back" for a yes. Where a call or its answer is lost it raises TryLater,
also where the provider has done what was asked.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

from cloud_sync.central.bank import LOOKED_THROUGH_MAX, Booked, Debt, Intent, IntentState, Order, PaidBack, Taken
from domain.errors import Refused, TryLater
from domain.money import Money
from simulator.account import Moved
from simulator.world.provider import Deed, Held, Provider, What

T = TypeVar("T")

_MOVES_MONEY = frozenset({What.CAPTURED, What.CHARGED, What.REFUNDED})


@dataclass(frozen=True, slots=True)
class Trouble:
    """How likely a call to the provider, and how likely an answer of it is lost."""

    call_lost: float = 0.0
    answer_lost: float = 0.0


DOWN = Trouble(call_lost=1.0)


class WorldBank:
    """`Bank` at a provider that everybody in a world shares; one for central, whatever becomes of its process."""

    def __init__(self, clock: Callable[[], int], dice: random.Random, begins: datetime) -> None:
        """`clock` tells true time in milliseconds since `begins`; `dice` say what gets lost."""
        self.provider = Provider(clock)
        self.trouble = Trouble()
        """Set it at any time."""
        self._dice = dice
        self._begins = begins

    def open_customer(self, user_id: str) -> str:
        return self._call(lambda: self.provider.once(f"{user_id}:customer", user_id, lambda: f"cus_{user_id}"))

    def authorise(self, order: Order) -> Intent:
        metadata = {"cause": order.cause, **order.booked.metadata()}

        def ask() -> Intent:
            card_id = self.provider.keep_card(order.method_token, order.customer_id)
            return _intent(self.provider.authorise(order.amount, order.customer_id, card_id, metadata))

        return self._call(lambda: self.provider.once(f"{order.cause}:authorise", order, ask))

    def charge(self, debt: Debt) -> str:
        def ask() -> Held:
            metadata = {"cause": debt.cause, "lot_id": debt.lot_id, "reservation_id": debt.reservation_id}
            return self.provider.charge(debt.amount, debt.customer_id, debt.card_id, metadata)

        known = self._call(lambda: list(islice(self._intents_of(debt.customer_id), LOOKED_THROUGH_MAX)))
        for held in known:
            if held.cause == debt.cause and held.state is IntentState.CAPTURED:
                return held.intent_id
        return self._call(lambda: self.provider.once(debt.cause, debt, ask)).intent_id

    def look(self, intent_id: str) -> Intent:
        return self._call(lambda: _intent(self.provider.look(intent_id)))

    def capture(self, intent_id: str, cause: str) -> None:
        def ask() -> None:
            self.provider.once(f"{cause}:capture", ("capture", intent_id), lambda: self.provider.capture(intent_id))

        try:
            self._call(ask)
        except Refused:
            if self.look(intent_id).state is not IntentState.CAPTURED:
                raise

    def void(self, intent_id: str, cause: str) -> None:
        def ask() -> None:
            self.provider.once(f"{cause}:void", ("void", intent_id), lambda: self.provider.void(intent_id))

        try:
            self._call(ask)
        except Refused:
            if self.look(intent_id).state is not IntentState.GONE:
                raise

    def refund(self, intent_id: str, amount: Money, cause: str, request_key: str | None = None) -> str:
        known = self._call(lambda: [one for one in self.provider.refunds.values() if one.intent_id == intent_id])
        for paid_back in known:
            if paid_back.cause == cause:
                return paid_back.refund_id
        asked = (intent_id, amount)

        def ask() -> str:
            return self.provider.refund(intent_id, amount, cause, request_key).refund_id

        return self._call(lambda: self.provider.once(cause, asked, ask))

    def taken_since(self, since: datetime) -> list[Taken]:
        since_ms = self._ms(since)

        def ask() -> list[Taken]:
            self.provider.let_lapse()
            return [self._taken(held) for held in self.provider.intents.values() if held.created_ms >= since_ms]

        return self._call(ask)

    def paid_back_since(self, since: datetime) -> list[PaidBack]:
        since_ms = self._ms(since)
        return self._call(
            lambda: [
                PaidBack(one.refund_id, one.intent_id, one.cause, one.amount, one.request_key)
                for one in self.provider.refunds.values()
                if one.created_ms >= since_ms
            ]
        )

    def authenticate(self, client_secret: str, *, agrees: bool) -> None:
        """The driver has said to their bank that it is them, or that it is not: with what their app was given."""
        self.provider.authenticated(client_secret.removesuffix("_secret"), agrees=agrees)

    @property
    def deeds(self) -> list[Deed]:
        """Everything that the provider did, in true time."""
        self.provider.let_lapse()
        return self.provider.deeds

    def moved(self) -> dict[str, list[Moved]]:
        """Everything that was taken or paid back, by reservation, in order."""
        by_reservation: dict[str, list[Moved]] = defaultdict(list)
        for deed in self.deeds:
            if deed.what in _MOVES_MONEY:
                one = Moved.by(deed.cause, deed.amount.amount_minor, is_refund=deed.what is What.REFUNDED)
                by_reservation[one.reservation_id].append(one)
        return dict(by_reservation)

    def held_back(self) -> list[Held]:
        """What is still authorised, neither taken nor given back."""
        self.provider.let_lapse()
        waiting = (IntentState.AUTHORISED, IntentState.NEEDS_DRIVER)
        return [held for held in self.provider.intents.values() if held.state in waiting]

    def _taken(self, held: Held) -> Taken:
        at = self._begins + timedelta(milliseconds=held.created_ms)
        return Taken(held.cause, held.amount, _intent(held), at, Booked.of(held.metadata))

    def _ms(self, at: datetime) -> int:
        return (at - self._begins) // timedelta(milliseconds=1)

    def _intents_of(self, customer_id: str) -> Iterator[Held]:
        newest_first = reversed(self.provider.intents.values())
        return (held for held in newest_first if held.customer_id == customer_id)

    def _call(self, do: Callable[[], T]) -> T:
        """The answer, unless the call or the answer is lost."""
        if self._dice.random() < self.trouble.call_lost:
            raise TryLater("provider_silent", "the call did not reach the payment provider")
        answer: T | Refused
        try:
            answer = do()
        except Refused as refused:
            answer = refused
        if self._dice.random() < self.trouble.answer_lost:
            raise TryLater("provider_silent", "the payment provider's answer was lost")
        if isinstance(answer, Refused):
            raise answer
        return answer


def _intent(held: Held) -> Intent:
    return Intent(held.intent_id, held.state, f"{held.intent_id}_secret", held.customer_id, held.card_id)
