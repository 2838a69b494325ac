from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.money import Money
from domain.policy import Policy, Tariff, cancel_refund, early_exit_refund, no_show_refund
from domain.window import LONGEST, Window

START = datetime(2026, 5, 14, 10, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def lasting(length: timedelta) -> Window:
    return Window(START, START + length)


def eur(amount_minor: int) -> Money:
    return Money(amount_minor, "EUR")


lengths = st.timedeltas(timedelta.resolution, LONGEST)
instants = st.timedeltas(-3 * DAY, LONGEST + 3 * DAY).map(lambda offset: START + offset)
amounts = st.integers(0, 10_000_000).map(eur)
tariffs = st.builds(
    Tariff,
    currency=st.just("EUR"),
    step_minutes=st.integers(1, 3_000),
    step_minor=st.integers(0, 5_000),
    day_max_minor=st.none() | st.integers(0, 100_000),
)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    notices = draw(st.lists(st.integers(0, 3 * 86_400), max_size=4, unique=True))
    percents = draw(st.lists(st.integers(0, 100), min_size=len(notices), max_size=len(notices)))
    steps = zip(sorted(notices, reverse=True), sorted(percents, reverse=True), strict=True)
    return Policy(minimum_fee_minor=draw(st.integers(0, 3_000)), cancel_steps=tuple(steps))


class TestTariff:
    @pytest.mark.parametrize(
        ("length", "minor"),
        [
            (timedelta(minutes=1), 150),  # a started step is a step
            (timedelta(minutes=30), 150),
            (timedelta(minutes=30) + timedelta.resolution, 300),
            (6 * HOUR, 1_800),
            (7 * HOUR, 1_800),  # the ceiling of the first 24 hours
            (DAY, 1_800),
            (DAY + timedelta(minutes=1), 1_950),
            (DAY + 23 * HOUR, 3_600),
            (LONGEST, 31 * 1_800),
        ],
    )
    def test_half_an_hour_costs_150_and_a_day_no_more_than_1800(self, length: timedelta, minor: int) -> None:
        assert Tariff("EUR", 30, 150, 1_800).price(lasting(length)) == eur(minor)

    @pytest.mark.parametrize(
        ("step_minutes", "length", "steps"), [(7, 5 * DAY, 1_029), (2_880, 2 * DAY, 1), (10_080, 8 * DAY, 2)]
    )
    def test_without_a_ceiling_midnight_starts_no_new_step(
        self, step_minutes: int, length: timedelta, steps: int
    ) -> None:
        """Steps that do not divide a day had been counted anew each day: 7 days cost 7 weekly steps."""
        assert Tariff("EUR", step_minutes, 100).price(lasting(length)) == eur(steps * 100)

    @given(tariffs, lengths, lengths)
    def test_it_is_never_negative_and_never_falls_with_time(
        self, tariff: Tariff, one: timedelta, other: timedelta
    ) -> None:
        less, more = sorted([one, other])
        assert 0 <= tariff.price(lasting(less)).amount_minor <= tariff.price(lasting(more)).amount_minor

    @given(tariffs, lengths)
    def test_no_started_day_costs_more_than_the_ceiling(self, tariff: Tariff, length: timedelta) -> None:
        assume(tariff.day_max_minor is not None)
        assert tariff.price(lasting(length)).amount_minor <= -(-length // DAY) * (tariff.day_max_minor or 0)

    @given(tariffs, st.timedeltas(timedelta.resolution, DAY - timedelta.resolution))
    def test_a_ceiling_that_is_not_reached_changes_nothing(self, tariff: Tariff, length: timedelta) -> None:
        free, high = replace(tariff, day_max_minor=None), replace(tariff, day_max_minor=10**9)
        assert free.price(lasting(length)) == high.price(lasting(length))

    @pytest.mark.parametrize(
        "wrong", [{"step_minutes": 0}, {"step_minutes": -5}, {"step_minor": -1}, {"day_max_minor": -1}]
    )
    def test_one_that_cannot_price_is_refused(self, wrong: dict[str, int]) -> None:
        right: dict[str, Any] = {"currency": "EUR", "step_minutes": 30, "step_minor": 150}
        with pytest.raises(ValueError, match="1 minute or more"):
            Tariff(**right | wrong)


class TestPolicy:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"hold_s": -1},
            {"early_s": -1},
            {"grace_s": -1},
            {"silent_gate_wait_s": -1},
            {"move_s": -1},
            {"frames_kept_h": -1},
            {"no_show_fee_percent": 101},
            {"no_show_fee_percent": -1},
            {"minimum_fee_minor": -1},
            {"cancel_steps": ((0, 101),)},
            {"cancel_steps": ((0, -1),)},
            {"cancel_steps": ((0, 0), (3_600, 50))},
            {"cancel_steps": ((3_600, 50), (3_600, 20))},
            {"cancel_steps": ((3_600, 20), (0, 50))},
        ],
    )
    def test_one_that_would_pay_back_too_much_is_refused(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=r"policy|cancel step|no-show fee"):
            Policy(**wrong)


class TestEarlyExit:
    @pytest.mark.parametrize(
        ("left_after", "refund"),
        [
            (-HOUR, 900),  # before it began: all but the fee
            (timedelta(), 900),
            (10 * timedelta(minutes=1), 900),  # the fee is more than ten minutes cost
            (HOUR, 750),
            (3 * HOUR, 250),
            (4 * HOUR, 0),
            (9 * HOUR, 0),
        ],
    )
    def test_the_unused_part_goes_back_less_the_minimum_fee(self, left_after: timedelta, refund: int) -> None:
        policy = Policy(minimum_fee_minor=100)
        assert early_exit_refund(eur(1_000), lasting(4 * HOUR), START + left_after, policy) == eur(refund)

    def test_a_fraction_of_a_cent_is_the_drivers(self) -> None:
        assert early_exit_refund(eur(100), lasting(3 * HOUR), START + HOUR, Policy()) == eur(67)

    def test_a_window_below_a_millisecond_is_no_division_by_zero(self) -> None:
        assert early_exit_refund(eur(100), lasting(timedelta.resolution), START, Policy()) == eur(100)

    @given(amounts, lengths, instants, policies())
    def test_it_is_never_negative_never_above_what_was_paid_and_leaves_the_fee(
        self, paid: Money, length: timedelta, left_at: datetime, policy: Policy
    ) -> None:
        refund = early_exit_refund(paid, lasting(length), left_at, policy)
        kept = paid - refund
        assert 0 <= refund.amount_minor <= paid.amount_minor
        assert kept.amount_minor >= min(policy.minimum_fee_minor, paid.amount_minor)

    @given(amounts, lengths, instants, instants, policies())
    def test_who_leaves_later_gets_no_more(
        self, paid: Money, length: timedelta, one: datetime, other: datetime, policy: Policy
    ) -> None:
        earlier, later = sorted([one, other])
        window = lasting(length)
        assert (
            early_exit_refund(paid, window, earlier, policy).amount_minor
            >= early_exit_refund(paid, window, later, policy).amount_minor
        )

    @given(amounts, lengths, instants)
    def test_without_a_fee_what_is_kept_is_the_used_share_to_the_cent(
        self, paid: Money, length: timedelta, left_at: datetime
    ) -> None:
        used = min(max(left_at - START, timedelta()), length)
        share = Fraction(used // timedelta.resolution, length // timedelta.resolution)
        kept = paid - early_exit_refund(paid, lasting(length), left_at, Policy())
        assert 0 <= paid.amount_minor * share - kept.amount_minor < 1


class TestCancel:
    @pytest.mark.parametrize(
        ("notice", "refund"),
        [
            (2 * DAY, 1_000),
            (DAY, 1_000),
            (DAY - timedelta.resolution, 500),
            (HOUR, 500),
            (HOUR - timedelta.resolution, 0),
            (timedelta(), 0),
            (-HOUR, 0),  # it has begun
        ],
    )
    def test_the_first_step_whose_notice_was_given_counts(self, notice: timedelta, refund: int) -> None:
        assert cancel_refund(eur(1_000), lasting(HOUR), START - notice, Policy()) == eur(refund)

    @pytest.mark.parametrize(("notice", "refund"), [(2 * DAY, 1_000), (2 * HOUR, 300)])
    def test_the_minimum_fee_stays_unless_all_goes_back(self, notice: timedelta, refund: int) -> None:
        policy = Policy(minimum_fee_minor=700)
        assert cancel_refund(eur(1_000), lasting(HOUR), START - notice, policy) == eur(refund)

    def test_without_steps_nothing_goes_back(self) -> None:
        assert cancel_refund(eur(1_000), lasting(HOUR), START - DAY, Policy(cancel_steps=())) == eur(0)

    @given(amounts, instants, policies())
    def test_it_is_never_negative_and_never_above_what_was_paid(
        self, paid: Money, cancelled_at: datetime, policy: Policy
    ) -> None:
        refund = cancel_refund(paid, lasting(HOUR), cancelled_at, policy)
        assert 0 <= refund.amount_minor <= paid.amount_minor
        if refund != paid:
            assert (paid - refund).amount_minor >= min(policy.minimum_fee_minor, paid.amount_minor)

    @given(amounts, instants, instants, policies())
    def test_who_cancels_later_gets_no_more(self, paid: Money, one: datetime, other: datetime, policy: Policy) -> None:
        earlier, later = sorted([one, other])
        window = lasting(HOUR)
        assert (
            cancel_refund(paid, window, earlier, policy).amount_minor
            >= cancel_refund(paid, window, later, policy).amount_minor
        )


@pytest.mark.parametrize(("percent", "back_minor"), [(100, 0), (0, 1_001), (50, 501), (33, 671)])
def test_who_did_not_come_gets_back_all_but_the_fee_which_is_rounded_down(percent: int, back_minor: int) -> None:
    assert no_show_refund(Money(1_001, "EUR"), Policy(no_show_fee_percent=percent)) == Money(back_minor, "EUR")
