"""Stripe, as localstripe plays it: every call twice, and what each refusal means."""

from dataclasses import replace
from uuid import uuid4

import pytest

from cloud_sync.central.bank import Debt, IntentState, Order, StripeBank
from domain.errors import Refused, TryLater
from domain.money import Money
from tests.cloud_sync.central.banks import BankProcess
from tests.cloud_sync.central.street import END, START


@pytest.fixture
def stripe(bank_process: BankProcess) -> StripeBank:
    return StripeBank("sk_test_12345", bank_process.url)


@pytest.fixture
def cause() -> str:
    return f"{uuid4().hex}:charge:1"


@pytest.fixture
def customer(stripe: StripeBank) -> str:
    return stripe.open_customer(f"usr_{uuid4().hex}")


def order(cause: str, customer: str, method: str = "pm_card_visa") -> Order:
    reservation_id = cause.partition(":")[0]
    amount = Money(800, "EUR")
    return Order(cause, amount, customer, method, "riverside", reservation_id, "riverside.1-001", START, END)


def attached_card(stripe: StripeBank, customer: str) -> str:
    """A card that stays with its customer; `pm_card_visa` is another one each time."""
    made = stripe._client.payment_methods.create(
        params={"type": "card", "card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2030, "cvc": "123"}}
    )
    stripe._client.payment_methods.attach(made.id, params={"customer": customer})
    return made.id


def test_a_driver_is_one_customer_without_a_name(stripe: StripeBank, bank_process: BankProcess) -> None:
    user_id = f"usr_{uuid4().hex}"
    assert stripe.open_customer(user_id) == stripe.open_customer(user_id)
    (made,) = bank_process.posted("/v1/customers", user_id)
    assert made["params"] == {"metadata[user_id]": user_id}


def test_the_same_card_pays_for_a_second_booking_and_for_nobody_else(
    stripe: StripeBank, customer: str, cause: str
) -> None:
    card = attached_card(stripe, customer)
    for number in range(2):
        assert stripe.authorise(order(f"{number}{cause}", customer, card)).state is IntentState.AUTHORISED
    other = stripe.open_customer(f"usr_{uuid4().hex}")
    with pytest.raises(Refused):
        stripe.authorise(order(cause, other, card))


def test_everything_may_be_repeated(stripe: StripeBank, bank_process: BankProcess, customer: str, cause: str) -> None:
    intent = stripe.authorise(order(cause, customer))
    assert stripe.authorise(order(cause, customer)) == intent
    assert intent.state is IntentState.AUTHORISED
    for _ in range(2):
        stripe.capture(intent.intent_id, cause)
    stripe.capture(intent.intent_id, f"{cause} as if its key were forgotten")
    assert stripe.look(intent.intent_id).state is IntentState.CAPTURED
    refunds = {stripe.refund(intent.intent_id, Money(300, "EUR"), f"{cause}:back") for _ in range(2)}
    assert len(refunds) == 1
    assert len(bank_process.posted("/v1/refunds", cause)) == 1
    (made,) = bank_process.posted("/v1/payment_intents", cause)
    assert made["params"]["metadata[spot_id]"] == "riverside.1-001"
    assert made["params"]["metadata[end_time]"] == "2026-05-14T16:00:00.000Z"


def test_an_authorisation_is_given_back(stripe: StripeBank, customer: str, cause: str) -> None:
    intent = stripe.authorise(order(cause, customer))
    stripe.void(intent.intent_id, cause)
    stripe.void(intent.intent_id, f"{cause} as if its key were forgotten")
    assert stripe.look(intent.intent_id).state is IntentState.GONE
    with pytest.raises(Refused):
        stripe.capture(intent.intent_id, cause)


@pytest.mark.parametrize(
    ("method", "code"), [("pm_card_chargeCustomerFail", "card_declined"), ("pm_unknown", "payment_refused")]
)
def test_a_card_that_will_not_do(stripe: StripeBank, customer: str, cause: str, method: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        stripe.authorise(order(cause, customer, method))
    assert refused.value.code == code


def test_more_than_was_taken_is_not_paid_back(stripe: StripeBank, customer: str, cause: str) -> None:
    intent = stripe.authorise(order(cause, customer))
    with pytest.raises(Refused):
        stripe.refund(intent.intent_id, Money(1, "EUR"), f"{cause}:too-early")
    stripe.capture(intent.intent_id, cause)
    stripe.refund(intent.intent_id, Money(500, "EUR"), f"{cause}:one")
    with pytest.raises(Refused):
        stripe.refund(intent.intent_id, Money(301, "EUR"), f"{cause}:two")


def test_what_the_operator_must_mend_is_no_refusal(
    bank_process: BankProcess, customer: str, cause: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(TryLater):
        StripeBank("not_a_key", bank_process.url).authorise(order(cause, customer))
    assert "bank.misconfigured" in caplog.messages


def test_a_bank_that_is_not_there_is_in_doubt(customer: str, cause: str) -> None:
    with pytest.raises(TryLater):
        StripeBank("sk_test_12345", "http://127.0.0.1:1").authorise(order(cause, customer))


def debt(stripe: StripeBank, customer: str, cause: str, amount_minor: int = 200) -> Debt:
    """What is owed after a stay that was paid for with a card."""
    intent = stripe.authorise(order(cause, customer))
    assert intent.customer_id is not None
    assert intent.card_id is not None
    owed = Money(amount_minor, "EUR")
    return Debt(f"{cause}:overstay", owed, intent.customer_id, intent.card_id, "riverside", cause.partition(":")[0])


def test_the_card_on_file_is_charged_once(
    stripe: StripeBank, bank_process: BankProcess, customer: str, cause: str
) -> None:
    owed = debt(stripe, customer, cause)
    assert len({stripe.charge(owed) for _ in range(2)}) == 1
    (made,) = bank_process.posted("/v1/payment_intents", owed.cause)
    assert (made["answer"]["status"], made["answer"]["amount"]) == ("succeeded", 200)
    assert made["params"]["off_session"] == "true"


def test_a_charge_whose_key_is_forgotten_is_found_by_its_cause(
    stripe: StripeBank, bank_process: BankProcess, customer: str, cause: str
) -> None:
    owed = debt(stripe, customer, cause)
    made = stripe._client.payment_intents.create(
        params={
            "amount": 200,
            "currency": "eur",
            "customer": owed.customer_id,
            "payment_method": owed.card_id,
            "confirm": True,
            "off_session": True,
            "metadata": {"cause": owed.cause},
        },
        options={"idempotency_key": f"{owed.cause}, days ago"},
    )
    assert stripe.charge(owed) == made.id
    assert len(bank_process.posted("/v1/payment_intents", owed.cause)) == 1


def test_a_card_that_is_not_on_file_is_not_charged(stripe: StripeBank, customer: str, cause: str) -> None:
    owed = debt(stripe, customer, cause)
    for card in ("pm_card_chargeCustomerFail", "pm_card_visa", "pm_unknown"):
        with pytest.raises(Refused):
            stripe.charge(replace(owed, cause=f"{cause}:{card}", card_id=card))


def test_a_driver_who_must_be_asked_is_looked_up_with_their_card(stripe: StripeBank, customer: str, cause: str) -> None:
    intent = stripe.authorise(order(cause, customer))
    assert stripe.look(intent.intent_id) == intent
