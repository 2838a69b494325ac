"""What central expects of its bank: of Stripe, as localstripe plays it, and of the provider of a simulated world.

Every call is made twice, and each refusal means something. What only the wire to Stripe has comes last.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import uuid4

import pytest

from cloud_sync.central.bank import Bank, Booked, Debt, IntentState, Order, PaidBack, Taken
from cloud_sync.central.stripe_bank import StripeBank
from domain.errors import Refused, TryLater
from domain.money import Money
from simulator.world.bank import WorldBank
from tests.cloud_sync.central.banks import BankProcess
from tests.cloud_sync.central.street import END, START
from tests.parts import NOON

LONG_AGO = NOON - timedelta(days=365)


@pytest.fixture
def stripe(bank_process: BankProcess) -> StripeBank:
    return StripeBank("sk_test_12345", bank_process.url)


@pytest.fixture(params=["stripe", "world"])
def bank(request: pytest.FixtureRequest) -> Bank:
    if request.param == "world":
        return WorldBank(lambda: 0, Random(0), NOON)
    stripe = request.getfixturevalue("stripe")
    assert isinstance(stripe, StripeBank)
    return stripe


@pytest.fixture
def cause() -> str:
    return f"{uuid4().hex}:charge:1"


@pytest.fixture
def customer(bank: Bank) -> str:
    return bank.open_customer(f"usr_{uuid4().hex}")


def order(cause: str, customer: str, method: str = "pm_card_visa") -> Order:
    reservation_id = cause.partition(":")[0]
    amount = Money(800, "EUR")
    booked = Booked("pay_1", "riverside", reservation_id, "usr_1", "veh_1", "riverside.1-001", START, END)
    return Order(cause, amount, customer, method, booked)


def debt(bank: Bank, customer: str, cause: str, amount_minor: int = 200) -> Debt:
    """What is owed after a stay that was paid for with a card."""
    intent = bank.authorise(order(cause, customer))
    assert intent.customer_id is not None
    assert intent.card_id is not None
    owed = Money(amount_minor, "EUR")
    return Debt(f"{cause}:overstay", owed, intent.customer_id, intent.card_id, "riverside", cause.partition(":")[0])


def test_a_driver_is_one_customer(bank: Bank) -> None:
    user_id = f"usr_{uuid4().hex}"
    assert bank.open_customer(user_id) == bank.open_customer(user_id)


def test_the_same_card_pays_for_a_second_booking_and_for_nobody_else(bank: Bank, customer: str, cause: str) -> None:
    card = bank.authorise(order(cause, customer)).card_id
    assert card is not None
    assert bank.authorise(order(f"2{cause}", customer, card)).state is IntentState.AUTHORISED
    other = bank.open_customer(f"usr_{uuid4().hex}")
    with pytest.raises(Refused):
        bank.authorise(order(f"3{cause}", other, card))


def test_everything_may_be_repeated(bank: Bank, customer: str, cause: str) -> None:
    intent = bank.authorise(order(cause, customer))
    assert bank.authorise(order(cause, customer)) == intent
    assert intent.state is IntentState.AUTHORISED
    for _ in range(2):
        bank.capture(intent.intent_id, cause)
    bank.capture(intent.intent_id, f"{cause} as if its key were forgotten")
    assert bank.look(intent.intent_id).state is IntentState.CAPTURED
    refunds = {bank.refund(intent.intent_id, Money(300, "EUR"), f"{cause}:back") for _ in range(2)}
    assert len(refunds) == 1


def test_an_authorisation_is_given_back(bank: Bank, customer: str, cause: str) -> None:
    intent = bank.authorise(order(cause, customer))
    bank.void(intent.intent_id, cause)
    bank.void(intent.intent_id, f"{cause} as if its key were forgotten")
    assert bank.look(intent.intent_id).state is IntentState.GONE
    with pytest.raises(Refused):
        bank.capture(intent.intent_id, cause)


def test_what_was_taken_is_not_given_back_as_if_it_were_not(bank: Bank, customer: str, cause: str) -> None:
    intent = bank.authorise(order(cause, customer))
    bank.capture(intent.intent_id, cause)
    with pytest.raises(Refused):
        bank.void(intent.intent_id, cause)


@pytest.mark.parametrize(
    ("method", "code"), [("pm_card_chargeCustomerFail", "card_declined"), ("pm_unknown", "payment_refused")]
)
def test_a_card_that_will_not_do(bank: Bank, customer: str, cause: str, method: str, code: str) -> None:
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            bank.authorise(order(cause, customer, method))
        assert refused.value.code == code


def test_the_record_says_what_was_taken_and_paid_back_and_what_for(bank: Bank, customer: str, cause: str) -> None:
    asked = order(cause, customer)
    intent = bank.authorise(asked)
    refund_id = ""
    for state in (IntentState.AUTHORISED, IntentState.CAPTURED):
        if state is IntentState.CAPTURED:
            bank.capture(intent.intent_id, cause)
            refund_id = bank.refund(intent.intent_id, Money(300, "EUR"), f"{cause}:back", "asked")
        (taken,) = [one for one in bank.taken_since(LONG_AGO) if one.cause == cause]
        assert taken == Taken(cause, Money(800, "EUR"), replace(intent, state=state), taken.at, asked.booked)
    paid_back = [one for one in bank.paid_back_since(LONG_AGO) if one.intent_id == intent.intent_id]
    assert paid_back == [PaidBack(refund_id, intent.intent_id, f"{cause}:back", Money(300, "EUR"), "asked")]


def test_a_charge_to_the_card_on_file_is_on_record(bank: Bank, customer: str, cause: str) -> None:
    owed = debt(bank, customer, cause)
    charge_id = bank.charge(owed)
    (taken,) = [one for one in bank.taken_since(LONG_AGO) if one.cause == owed.cause]
    assert (taken.intent.intent_id, taken.intent.state) == (charge_id, IntentState.CAPTURED)
    assert (taken.amount, taken.booked) == (owed.amount, None)


def test_the_record_is_empty_from_the_future_on(bank: Bank, customer: str, cause: str) -> None:
    intent = bank.authorise(order(cause, customer))
    bank.capture(intent.intent_id, cause)
    bank.refund(intent.intent_id, Money(300, "EUR"), f"{cause}:back")
    future = datetime.now(UTC) + timedelta(hours=1)
    assert not bank.taken_since(future)
    assert not bank.paid_back_since(future)


def test_more_than_was_taken_is_not_paid_back(bank: Bank, customer: str, cause: str) -> None:
    intent = bank.authorise(order(cause, customer))
    with pytest.raises(Refused):
        bank.refund(intent.intent_id, Money(1, "EUR"), f"{cause}:too-early")
    bank.capture(intent.intent_id, cause)
    bank.refund(intent.intent_id, Money(500, "EUR"), f"{cause}:one")
    with pytest.raises(Refused):
        bank.refund(intent.intent_id, Money(301, "EUR"), f"{cause}:two")


def test_a_cause_with_other_parameters_is_in_doubt(bank: Bank, customer: str, cause: str) -> None:
    bank.authorise(order(cause, customer))
    with pytest.raises(TryLater):
        bank.authorise(replace(order(cause, customer), amount=Money(900, "EUR")))


def test_the_card_on_file_is_charged_once(bank: Bank, customer: str, cause: str) -> None:
    owed = debt(bank, customer, cause)
    assert len({bank.charge(owed) for _ in range(2)}) == 1


def test_a_card_that_is_not_on_file_is_not_charged(bank: Bank, customer: str, cause: str) -> None:
    owed = debt(bank, customer, cause)
    for card in ("pm_card_chargeCustomerFail", "pm_card_visa", "pm_unknown"):
        with pytest.raises(Refused):
            bank.charge(replace(owed, cause=f"{cause}:{card}", card_id=card))


def test_a_driver_who_must_be_asked_is_looked_up_with_their_card(bank: Bank, customer: str, cause: str) -> None:
    intent = bank.authorise(order(cause, customer))
    assert bank.look(intent.intent_id) == intent


def test_stripe_is_told_no_name_and_what_the_money_is_for(
    stripe: StripeBank, bank_process: BankProcess, cause: str
) -> None:
    user_id = f"usr_{uuid4().hex}"
    intent = stripe.authorise(order(cause, stripe.open_customer(user_id)))
    stripe.capture(intent.intent_id, cause)
    for _ in range(2):
        stripe.refund(intent.intent_id, Money(300, "EUR"), f"{cause}:back")
    (customer,) = bank_process.posted("/v1/customers", user_id)
    assert customer["params"] == {"metadata[user_id]": user_id}
    (made,) = bank_process.posted("/v1/payment_intents", cause)
    assert made["params"]["metadata[spot_id]"] == "riverside.1-001"
    assert made["params"]["metadata[end_time]"] == "2026-05-14T16:00:00.000Z"
    assert len(bank_process.posted("/v1/refunds", cause)) == 1


def test_what_the_operator_must_mend_is_no_refusal(
    bank_process: BankProcess, cause: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(TryLater):
        StripeBank("not_a_key", bank_process.url).authorise(order(cause, "cus_1"))
    assert "bank.misconfigured" in caplog.messages


def test_a_bank_that_is_not_there_is_in_doubt(cause: str) -> None:
    with pytest.raises(TryLater):
        StripeBank("sk_test_12345", "http://127.0.0.1:1").authorise(order(cause, "cus_1"))


def test_a_charge_of_stripe_needs_no_driver(stripe: StripeBank, bank_process: BankProcess, cause: str) -> None:
    owed = debt(stripe, stripe.open_customer(f"usr_{uuid4().hex}"), cause)
    stripe.charge(owed)
    (made,) = bank_process.posted("/v1/payment_intents", owed.cause)
    assert (made["answer"]["status"], made["answer"]["amount"]) == ("succeeded", 200)
    assert made["params"]["off_session"] == "true"


def test_a_charge_whose_key_stripe_forgot_is_found_by_its_cause(
    stripe: StripeBank, bank_process: BankProcess, cause: str
) -> None:
    owed = debt(stripe, stripe.open_customer(f"usr_{uuid4().hex}"), cause)
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


def test_a_record_of_several_pages_is_read_whole(
    stripe: StripeBank, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud_sync.central.stripe_bank.LOOKED_THROUGH_MAX", 2)
    causes = [f"{number}{cause}" for number in range(5)]
    customer = stripe.open_customer(f"usr_{uuid4().hex}")
    for one in causes:
        intent = stripe.authorise(order(one, customer))
        stripe.capture(intent.intent_id, one)
        stripe.refund(intent.intent_id, Money(300, "EUR"), f"{one}:back")
    assert [taken.cause for taken in stripe.taken_since(LONG_AGO) if taken.cause in causes] == causes
    assert {f"{one}:back" for one in causes} <= {paid_back.cause for paid_back in stripe.paid_back_since(LONG_AGO)}
