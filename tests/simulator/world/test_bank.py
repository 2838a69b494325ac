"""What the world's provider does beyond what every bank does: time passes, calls and answers get lost."""

from datetime import timedelta
from random import Random

import pytest

from cloud_sync.central.bank import Booked, Debt, Intent, IntentState, Order
from domain.errors import Refused, TryLater
from domain.money import Money
from simulator.account import Moved
from simulator.world.bank import DOWN, Trouble, WorldBank
from simulator.world.provider import DAY_MS, Card, What
from tests.parts import NOON

PRICE = Money(800, "EUR")
HOUR = timedelta(hours=1)


class World:
    """A bank, and the time there."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.bank = WorldBank(lambda: self.now_ms, Random(7), NOON)

    def authorise(self, cause: str = "R:charge:1", card: Card = Card.GOOD) -> Intent:
        spot_id, window = "riverside.1-001", (NOON + HOUR, NOON + 2 * HOUR)
        booked = Booked("pay_1", "riverside", "R", "usr_1", "veh_1", spot_id, *window)
        return self.bank.authorise(Order(cause, PRICE, "cus_1", card.value, booked))

    def whats(self) -> list[What]:
        return [deed.what for deed in self.bank.deeds]


@pytest.fixture
def world() -> World:
    return World()


def test_a_call_that_is_lost_was_not_made(world: World) -> None:
    world.bank.trouble = DOWN
    with pytest.raises(TryLater):
        world.authorise()
    assert world.bank.deeds == []


def test_an_answer_that_is_lost_is_given_again(world: World) -> None:
    world.bank.trouble = Trouble(answer_lost=1)
    with pytest.raises(TryLater):
        world.authorise()
    world.bank.trouble = Trouble()
    intent = world.authorise()
    assert world.whats() == [What.AUTHORISED]
    world.bank.trouble = Trouble(answer_lost=1)
    for call in (
        lambda: world.bank.capture(intent.intent_id, "R:charge:1"),
        lambda: world.bank.refund(intent.intent_id, Money(300, "EUR"), "R:early-exit:1"),
    ):
        with pytest.raises(TryLater):
            call()
    assert world.whats() == [What.AUTHORISED, What.CAPTURED]
    world.bank.trouble = Trouble()
    for _ in range(2):
        world.bank.capture(intent.intent_id, "R:charge:1")
        world.bank.refund(intent.intent_id, Money(300, "EUR"), "R:early-exit:1")
    assert world.whats() == [What.AUTHORISED, What.CAPTURED, What.REFUNDED]
    assert world.bank.moved() == {
        "R": [Moved("R", "charge", 1, 800, is_refund=False), Moved("R", "early-exit", 1, 300, is_refund=True)]
    }


def test_a_key_is_forgotten_after_a_day(world: World) -> None:
    first = world.authorise()
    world.now_ms = DAY_MS - 1
    assert world.authorise() == first
    world.now_ms = DAY_MS
    assert world.authorise() != first


def test_a_refusal_is_replayed_too(world: World) -> None:
    for _ in range(2):
        with pytest.raises(Refused):
            world.authorise(card=Card.DECLINED)
    assert world.whats() == [What.DECLINED]
    world.now_ms = DAY_MS
    with pytest.raises(Refused):
        world.authorise(card=Card.DECLINED)
    assert world.whats() == 2 * [What.DECLINED]


def test_what_has_a_cause_is_found_when_its_key_is_forgotten(world: World) -> None:
    intent = world.authorise()
    world.bank.capture(intent.intent_id, "R:charge:1")
    assert intent.card_id is not None
    debt = Debt("R:overstay:1", Money(200, "EUR"), "cus_1", intent.card_id, "riverside", "R")
    charged = world.bank.charge(debt)
    refunded = world.bank.refund(intent.intent_id, Money(300, "EUR"), "R:early-exit:1")
    world.now_ms = 2 * DAY_MS
    world.bank.capture(intent.intent_id, "R:charge:1")
    assert world.bank.charge(debt) == charged
    assert world.bank.refund(intent.intent_id, Money(300, "EUR"), "R:early-exit:1") == refunded
    assert world.whats() == [What.AUTHORISED, What.CAPTURED, What.CHARGED, What.REFUNDED]


def test_an_authorisation_lapses_after_seven_days(world: World) -> None:
    intent = world.authorise()
    world.now_ms = 7 * DAY_MS - 1
    assert world.bank.look(intent.intent_id).state is IntentState.AUTHORISED
    assert [held.cause for held in world.bank.held_back()] == ["R:charge:1"]
    world.now_ms = 8 * DAY_MS
    assert world.bank.look(intent.intent_id).state is IntentState.GONE
    with pytest.raises(Refused):
        world.bank.capture(intent.intent_id, "R:charge:1")
    assert [(deed.at_ms, deed.what) for deed in world.bank.deeds][1:] == [(7 * DAY_MS, What.LAPSED)]
    assert world.bank.held_back() == []


@pytest.mark.parametrize(
    ("agrees", "state"),
    [(True, IntentState.AUTHORISED), (False, IntentState.GONE), (None, IntentState.NEEDS_DRIVER)],
)
def test_a_driver_is_asked(world: World, agrees: bool | None, state: IntentState) -> None:
    intent = world.authorise(card=Card.ASKS)
    assert intent.state is IntentState.NEEDS_DRIVER
    assert intent.client_secret is not None
    if agrees is not None:
        for _ in range(2):
            world.bank.authenticate(intent.client_secret, agrees=agrees)
    assert world.bank.look(intent.intent_id).state is state
    assert world.authorise(card=Card.ASKS) == intent  # the answer to the same call is the same


def test_money_that_is_spent_before_it_is_taken(world: World) -> None:
    intent = world.authorise(card=Card.SPENT)
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            world.bank.capture(intent.intent_id, "R:charge:1")
        assert refused.value.code == "card_declined"
    assert world.whats() == [What.AUTHORISED, What.DECLINED]


def test_a_card_that_is_declined_without_its_driver(world: World) -> None:
    intent = world.authorise(card=Card.ONCE)
    world.bank.capture(intent.intent_id, "R:charge:1")
    assert intent.card_id is not None
    with pytest.raises(Refused):
        world.bank.charge(Debt("R:overstay:1", Money(200, "EUR"), "cus_1", intent.card_id, "riverside", "R"))


def test_a_cause_that_comes_with_other_parameters_is_on_record(world: World) -> None:
    intent = world.authorise()
    world.bank.capture(intent.intent_id, "R:charge:1")
    with pytest.raises(TryLater):
        world.authorise(card=Card.ASKS)
    assert world.bank.provider.misused_keys == ["R:charge:1:authorise"]


def test_the_record_is_read_from_an_instant_on(world: World) -> None:
    for cause in ("R:charge:1", "S:charge:1"):
        intent = world.authorise(cause)
        world.bank.capture(intent.intent_id, cause)
        world.bank.refund(intent.intent_id, Money(100, "EUR"), f"{cause}:back")
        world.now_ms += 60_000
    since = NOON + timedelta(minutes=1)
    assert [taken.cause for taken in world.bank.taken_since(since)] == ["S:charge:1"]
    assert [paid_back.cause for paid_back in world.bank.paid_back_since(since)] == ["S:charge:1:back"]


def test_the_same_seed_loses_the_same(world: World) -> None:
    lost = []
    for _ in range(2):
        bank = WorldBank(lambda: 0, Random(3), NOON)
        bank.trouble = Trouble(call_lost=0.3, answer_lost=0.3)
        run = []
        for number in range(40):
            try:
                run.append(bank.open_customer(f"usr_{number}"))
            except TryLater as error:
                run.append(error.message)
        lost.append(run)
    assert lost[0] == lost[1]
    assert len(set(lost[0])) > 10
    assert [card for card in map(Card.draw, [Random(n) for n in range(200)]) if card is not Card.GOOD]
