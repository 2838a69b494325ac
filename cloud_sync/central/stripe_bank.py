"""Stripe as the payment provider: PaymentIntents with manual capture."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import stripe

from cloud_sync.central.bank import (
    LOOKED_THROUGH_MAX,
    Booked,
    Debt,
    Intent,
    IntentState,
    Order,
    PaidBack,
    Taken,
)
from domain.errors import Refused, TryLater
from domain.money import Money

log = logging.getLogger(__name__)

API_VERSION = "2025-03-31.basil"
"""Stripe's wire version that this module is written against; it does not move with the library."""

TIMEOUT_S = 8
RETRIES = 1
"""At once, by Stripe's own client; what needs longer is repeated by the saga."""

RECORD_MAX = 1_000_000
"""Payments, and refunds, that are looked through when the books are compared: more than a year of a large operator."""

_STATES = {
    "requires_action": IntentState.NEEDS_DRIVER,
    "requires_capture": IntentState.AUTHORISED,
    "succeeded": IntentState.CAPTURED,
}


class StripeBank:
    """`Bank` at Stripe: PaymentIntents with manual capture. Blocks: call it in a thread."""

    def __init__(self, secret_key: str, api_base: str | None = None) -> None:
        """`api_base` points at a stand-in for https://api.stripe.com."""
        self._client = stripe.StripeClient(
            secret_key,
            stripe_version=API_VERSION,
            base_addresses={"api": api_base.rstrip("/")} if api_base else None,
            max_network_retries=RETRIES,
            http_client=stripe.RequestsClient(timeout=TIMEOUT_S),
        ).v1

    def open_customer(self, user_id: str) -> str:
        with _definite_or_try_later():
            customer = self._client.customers.create(
                params={"metadata": {"user_id": user_id}}, options={"idempotency_key": f"{user_id}:customer"}
            )
        return customer.id

    def authorise(self, order: Order) -> Intent:
        with _definite_or_try_later():
            intent = self._client.payment_intents.create(
                params={
                    "amount": order.amount.amount_minor,
                    "currency": order.amount.currency.lower(),
                    "customer": order.customer_id,
                    "payment_method": order.method_token,
                    "payment_method_types": ["card"],  # type: ignore[typeddict-unknown-key]  # renamed after API_VERSION
                    "setup_future_usage": "off_session",
                    "capture_method": "manual",
                    "confirm": True,
                    "metadata": {"cause": order.cause, **order.booked.metadata()},
                },
                options={"idempotency_key": f"{order.cause}:authorise"},
            )
        return _intent(intent)

    def charge(self, debt: Debt) -> str:
        with _definite_or_try_later():
            # A charge may be repeated days later, when Stripe has forgotten its idempotency key.
            known = self._client.payment_intents.list(
                params={"customer": debt.customer_id, "limit": LOOKED_THROUGH_MAX}
            )
            for intent in known.data:
                if _is_for(intent.metadata, debt.cause) and intent.status in ("succeeded", "processing"):
                    return _taken(intent)
            intent = self._client.payment_intents.create(
                params={
                    "amount": debt.amount.amount_minor,
                    "currency": debt.amount.currency.lower(),
                    "customer": debt.customer_id,
                    "payment_method": debt.card_id,
                    "payment_method_types": ["card"],  # type: ignore[typeddict-unknown-key]  # renamed after API_VERSION
                    "off_session": True,
                    "confirm": True,
                    "metadata": {
                        "cause": debt.cause,
                        "lot_id": debt.lot_id,
                        "reservation_id": debt.reservation_id,
                    },
                },
                options={"idempotency_key": debt.cause},
            )
        return _taken(intent)

    def look(self, intent_id: str) -> Intent:
        with _definite_or_try_later():
            return _intent(self._client.payment_intents.retrieve(intent_id))

    def capture(self, intent_id: str, cause: str) -> None:
        try:
            with _definite_or_try_later():
                self._client.payment_intents.capture(intent_id, options={"idempotency_key": f"{cause}:capture"})
        except Refused:
            # Stripe forgets idempotency keys after a day: then "already captured" comes back as a refusal.
            if self.look(intent_id).state is not IntentState.CAPTURED:
                raise

    def void(self, intent_id: str, cause: str) -> None:
        try:
            with _definite_or_try_later():
                self._client.payment_intents.cancel(intent_id, options={"idempotency_key": f"{cause}:void"})
        except Refused:
            if self.look(intent_id).state is not IntentState.GONE:
                raise

    def refund(self, intent_id: str, amount: Money, cause: str, request_key: str | None = None) -> str:
        with _definite_or_try_later():
            # A refund may be repeated days later, when Stripe has forgotten its idempotency key.
            known = self._client.refunds.list(params={"payment_intent": intent_id, "limit": LOOKED_THROUGH_MAX})
            for refund in known.data:
                if _is_for(refund.metadata, cause):
                    return _paid_back(refund)
            refund = self._client.refunds.create(
                params={
                    "payment_intent": intent_id,
                    "amount": amount.amount_minor,
                    "metadata": {"cause": cause} | ({} if request_key is None else {"request_key": request_key}),
                },
                options={"idempotency_key": cause},
            )
        return _paid_back(refund)

    def taken_since(self, since: datetime) -> list[Taken]:
        with _definite_or_try_later():
            page = self._client.payment_intents.list(
                params={"created": {"gte": int(since.timestamp())}, "limit": LOOKED_THROUGH_MAX}
            )
            ours = [intent for intent in islice(page.auto_paging_iter(), RECORD_MAX) if "cause" in _kept(intent)]
        return [_payment_in_record(intent) for intent in sorted(ours, key=lambda intent: intent.created)]

    def paid_back_since(self, since: datetime) -> list[PaidBack]:
        with _definite_or_try_later():
            page = self._client.refunds.list(
                params={"created": {"gte": int(since.timestamp())}, "limit": LOOKED_THROUGH_MAX}
            )
            ours = [refund for refund in islice(page.auto_paging_iter(), RECORD_MAX) if "cause" in _kept(refund)]
        return [
            _refund_in_record(refund)
            for refund in sorted(ours, key=lambda refund: refund.created)
            if refund.status not in _NOT_PAID_OUT
        ]


_NOT_PAID_OUT = ("failed", "canceled")


def _payment_in_record(intent: stripe.PaymentIntent) -> Taken:
    kept = _kept(intent)
    at = datetime.fromtimestamp(intent.created, UTC)
    return Taken(kept["cause"], _money(intent), _intent(intent), at, Booked.of(kept))


def _refund_in_record(refund: stripe.Refund) -> PaidBack:
    kept = _kept(refund)
    intent_id = _name(refund.payment_intent) or ""
    return PaidBack(refund.id, intent_id, kept["cause"], _money(refund), kept.get("request_key"))


def _kept(thing: stripe.PaymentIntent | stripe.Refund) -> Mapping[str, str]:
    return {} if thing.metadata is None else thing.metadata.to_dict()


def _money(thing: stripe.PaymentIntent | stripe.Refund) -> Money:
    return Money(thing.amount, thing.currency.upper())


def _intent(intent: stripe.PaymentIntent) -> Intent:
    return Intent(
        intent.id,
        _STATES.get(intent.status, IntentState.GONE),
        intent.client_secret,
        _name(intent.customer),
        _name(intent.payment_method),
    )


def _name(thing: Any) -> str | None:
    """Stripe's name for a thing, whether it came as that or whole."""
    return thing if thing is None or isinstance(thing, str) else str(thing.id)


def _is_for(metadata: Any, cause: str) -> bool:
    return bool(metadata) and "cause" in metadata and metadata["cause"] == cause


def _taken(intent: stripe.PaymentIntent) -> str:
    match intent.status:
        case "succeeded":
            return intent.id
        case "processing":
            raise TryLater("provider_processing", "the payment provider is still at it")
        case _:
            raise Refused("card_declined", "the card on file wants its holder")


def _paid_back(refund: stripe.Refund) -> str:
    if refund.status in _NOT_PAID_OUT:
        raise Refused("refund_failed", "the provider could not pay the refund out")
    return refund.id


@contextmanager
def _definite_or_try_later() -> Iterator[None]:
    """Sort Stripe's errors; none of their texts goes on, since they repeat what was sent."""
    try:
        yield
    except stripe.CardError as error:
        raise Refused(error.code or "card_declined", "the card was declined; try another one") from error
    except stripe.InvalidRequestError as error:
        raise Refused("payment_refused", "the payment provider refuses this; check the payment method") from error
    except (stripe.AuthenticationError, stripe.PermissionError, stripe.IdempotencyError) as error:
        # Nothing was done, but who must act is the operator, not the driver: it is tried until they have.
        log.error("bank.misconfigured", extra={"error": type(error).__name__})
        raise TryLater("provider_unavailable", "payments are out of order; try again later") from error
    except stripe.StripeError as error:
        raise TryLater("provider_silent", "the payment provider did not answer; try again later") from error
