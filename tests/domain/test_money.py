import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import Money


@pytest.mark.parametrize(
    ("money", "shown"),
    [
        (Money(1_250, "EUR"), "12.50 EUR"),
        (Money(5, "EUR"), "0.05 EUR"),
        (Money(0, "USD"), "0.00 USD"),
        (Money(-5, "EUR"), "-0.05 EUR"),
        (Money(-1_250, "EUR"), "-12.50 EUR"),
        (Money(400, "JPY"), "400 JPY"),
        (Money(-400, "XAF"), "-400 XAF"),
        (Money(1_250, "KWD"), "1.250 KWD"),
        (Money(-7, "TND"), "-0.007 TND"),
    ],
)
def test_it_is_shown_with_its_currencys_digits(money: Money, shown: str) -> None:
    assert str(money) == shown


@pytest.mark.parametrize("currency", ["", "eur", "EURO", "E1R", "EUR\n", "€"])
def test_a_currency_is_three_capitals_and_the_error_does_not_repeat_it(currency: str) -> None:
    with pytest.raises(ValueError, match="a currency is an ISO 4217 code, such as EUR"):
        Money(1, currency)


def test_currencies_do_not_mix() -> None:
    for mix in (Money.__add__, Money.__sub__):
        with pytest.raises(ValueError, match="EUR and USD do not add up"):
            mix(Money(1, "EUR"), Money(1, "USD"))


amounts = st.integers(-(10**12), 10**12)


@given(amounts, amounts)
def test_sums_are_exact(one: int, other: int) -> None:
    total = Money(one, "EUR") + Money(other, "EUR")
    assert total == Money(one + other, "EUR")
    assert total - Money(other, "EUR") == Money(one, "EUR")


@given(st.integers(0, 10**12), st.integers(1, 10**9), st.data())
def test_a_share_and_the_rest_differ_from_the_whole_by_less_than_a_minor_unit(
    amount: int, whole: int, data: st.DataObject
) -> None:
    part = data.draw(st.integers(0, whole))
    money = Money(amount, "EUR")
    both = money.share(part, whole) + money.share(whole - part, whole)
    assert both in (money, money - Money(1, "EUR"))
    assert money.share(whole, whole) == money
    assert money.share(0, whole) == Money(0, "EUR")
