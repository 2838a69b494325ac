"""What a reservation comes to, whatever order its facts arrive in."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.central.dues import (
    NOTHING,
    Case,
    Dues,
    Ending,
    Kind,
    Visit,
    Withdrawal,
    dues,
    price,
    waits_for_the_end,
)
from domain.money import Money
from domain.policy import Policy, Tariff, early_exit_refund
from domain.window import LONGEST, Window
from tests.cloud_sync.central.street import END, START
from tests.parts import NOON

MINUTE = timedelta(minutes=1)
WINDOW = Window(START, END)
PAID = Money(800, "EUR")
TARIFF = Tariff("EUR", 15, 100, 2_000)
POLICY = Policy(no_show_fee_percent=60, minimum_fee_minor=100)
WAITING = Case(PAID, 0, WINDOW, Ending.USED, None, Withdrawal.OPEN, ())

visits = st.builds(
    lambda came, stayed: Visit(START + came * MINUTE, START + (came + stayed) * MINUTE),
    st.integers(-15, 200),
    st.integers(0, 400),
)
policies = st.builds(Policy, no_show_fee_percent=st.integers(0, 100), minimum_fee_minor=st.integers(0, 900))


def decide(case: Case, policy: Policy = POLICY, at: int = 0) -> Dues:
    return dues(case, policy, TARIFF, START + at * MINUTE)


class Books:
    """Moves what is missing of each decision, as the settlement does."""

    def __init__(self, case: Case, policy: Policy) -> None:
        self.case, self.policy = case, policy
        self.back_minor = 0
        self.owed: dict[Kind, int] = {}

    def learn(self, **known: object) -> None:
        self.case = replace(self.case, **known, back_minor=self.back_minor)  # type: ignore[arg-type]
        due = decide(self.case, self.policy)
        self.back_minor = max(self.back_minor, due.back_minor)
        self.owed[due.debt] = max(self.owed.get(due.debt, 0), due.owed_minor)
        assert self.back_minor <= PAID.amount_minor

    @property
    def kept_minor(self) -> int:
        return PAID.amount_minor - self.back_minor + sum(self.owed.values())


@given(visits, policies, st.booleans(), st.booleans())
def test_a_no_show_pays_back_the_same_whatever_comes_first(
    visit: Visit, policy: Policy, complete: bool, comes: bool
) -> None:
    """The hub gives the spot up, knows who came in, and perhaps a car comes in late and leaves."""
    facts: list[dict[str, object]] = [
        {"ending": Ending.NO_SHOW},
        {"withdrawal": Withdrawal.COMPLETE if complete else Withdrawal.UNSURE},
    ]
    if comes:
        facts += [{"visits": (replace(visit, left_at=None),)}, {"visits": (visit,)}]
    ends = set()
    for order in permutations(range(len(facts))):
        if comes and order.index(2) > order.index(3):
            continue  # nobody leaves before they came
        books = Books(replace(WAITING, ending=Ending.NO_SHOW), policy)
        for number in order:
            books.learn(**facts[number])
        ends.add((books.back_minor, tuple(sorted(books.owed.values()))))
    assert len(ends) == 1
    ((back_minor, _),) = ends
    if comes and visit.left_at is not None:
        ordinary = early_exit_refund(PAID, WINDOW, visit.left_at, policy).amount_minor
        assert back_minor >= ordinary, "no fee is kept"


@given(visits, policies)
def test_who_was_already_paid_back_for_not_coming_and_comes_gets_no_more_than_the_fees_part(
    visit: Visit, policy: Policy
) -> None:
    books = Books(replace(WAITING, ending=Ending.NO_SHOW), policy)
    books.learn(withdrawal=Withdrawal.COMPLETE)
    before = books.back_minor
    assert visit.left_at is not None
    books.learn(visits=(visit,))
    ordinary = early_exit_refund(PAID, WINDOW, visit.left_at, policy).amount_minor
    assert books.back_minor == max(before, ordinary)


@given(visits, st.permutations(["cancelled", "withdrawn", "in", "out"]))
def test_a_drive_up_costs_the_tariff_whatever_came_first(visit: Visit, order: list[str]) -> None:
    if order.index("out") < order.index("in"):
        return
    facts: dict[str, dict[str, object]] = {
        "cancelled": {"ending": Ending.CANCELLED, "cancelled_at": NOON},
        "withdrawn": {"withdrawal": Withdrawal.COMPLETE},
        "in": {"visits": (replace(visit, left_at=None),)},
        "out": {"visits": (visit,)},
    }
    books = Books(replace(WAITING, ending=Ending.CANCELLED, cancelled_at=NOON), POLICY)
    for name in order:
        books.learn(**facts[name])
    assert visit.left_at is not None
    assert visit.entered_at is not None
    assert books.kept_minor == price(TARIFF, visit.entered_at, visit.left_at)


def test_a_cancellation_waits_until_it_is_known_who_came_in_or_the_window_has_ended() -> None:
    case = replace(WAITING, ending=Ending.CANCELLED, cancelled_at=NOON)
    assert decide(case, at=119) == NOTHING
    assert waits_for_the_end(case, END - MINUTE)
    assert decide(case, at=120).back_minor == 400
    assert not waits_for_the_end(case, END)
    for known in (Withdrawal.COMPLETE, Withdrawal.UNSURE):
        assert decide(replace(case, withdrawal=known)) == Dues(Kind.CANCEL, 400)


def test_the_lot_pays_its_own_cancelling_back_and_central_its_own_not() -> None:
    assert decide(replace(WAITING, ending=Ending.BY_LOT)) == Dues(Kind.CANCEL, 800)
    assert decide(replace(WAITING, ending=Ending.UNPAID)) == NOTHING


@pytest.mark.parametrize("ending", Ending)
def test_nothing_is_decided_on_a_stay_before_the_car_has_left(ending: Ending) -> None:
    inside = replace(WAITING, ending=ending, visits=(Visit(START, None),), withdrawal=Withdrawal.COMPLETE)
    assert decide(inside, at=500) == NOTHING


@pytest.mark.parametrize(("left", "back", "owed"), [(60, 400, 0), (120, 0, 0), (121, 0, 100), (136, 0, 200)])
def test_a_stay_is_paid_for_by_when_it_ends(left: int, back: int, owed: int) -> None:
    stayed = replace(WAITING, visits=(Visit(START, START + left * MINUTE),))
    assert decide(stayed) == Dues(Kind.EARLY_EXIT, back, Kind.OVERSTAY, owed)


def test_a_car_that_comes_again_after_the_window_owes_the_time_that_it_was_inside() -> None:
    again = (Visit(START, END), Visit(END + 60 * MINUTE, END + 90 * MINUTE))
    assert decide(replace(WAITING, visits=again)) == Dues(Kind.EARLY_EXIT, 0, Kind.OVERSTAY, 200)


def test_a_time_longer_than_any_booking_has_a_price() -> None:
    assert price(TARIFF, START, START) == price(TARIFF, END, START) == 0
    assert price(TARIFF, START, START + 2 * LONGEST + timedelta(days=1)) == (2 * LONGEST.days + 1) * 2_000


UNSEEN = Visit(None, START + 150 * MINUTE)
"""A car that was only seen to leave."""


@pytest.mark.parametrize(
    ("ending", "back", "owed"),
    [(Ending.NO_SHOW, 480, 0), (Ending.CANCELLED, 800, 0), (Ending.BY_LOT, 800, 0), (Ending.USED, 0, 0)],
)
def test_a_time_inside_that_began_nobody_knows_when_is_not_billed(ending: Ending, back: int, owed: int) -> None:
    case = replace(WAITING, ending=ending, withdrawal=Withdrawal.COMPLETE, visits=(UNSEEN,))
    decided = decide(replace(case, cancelled_at=START - timedelta(days=2)), replace(POLICY, no_show_fee_percent=40))
    assert (decided.back_minor, decided.owed_minor) == (back, owed)
