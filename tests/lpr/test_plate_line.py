import pytest

from lpr.plate_line import is_typical_plate, may_be_plate


@pytest.mark.parametrize(
    ("signs", "worth"), [("", False), ("A", False), ("A1", True), ("ABCDE12345", True), ("A" * 11, False)]
)
def test_lines_of_as_many_signs_as_a_plate_are_worth_matching(signs: str, worth: bool) -> None:
    assert may_be_plate(signs) is worth


@pytest.mark.parametrize(("signs", "worth"), [("III", False), ("1LI1", False), ("777", True), ("1I0", True)])
def test_the_bars_of_a_fence_are_not(signs: str, worth: bool) -> None:
    assert may_be_plate(signs) is worth


@pytest.mark.parametrize("as_printed", ["HH-AB 1234", "5LTA600", "B·AC 12", "KA 99 Z", "1ABC"])
def test_plates_are_typical(as_printed: str) -> None:
    assert is_typical_plate("".join(filter(str.isalnum, as_printed)), as_printed)


@pytest.mark.parametrize(
    "as_printed",
    [
        "G.WAGEN",
        "376-8750",
        "A1B",
        "ABCDE12345",
        "14 MAY 24",
        "14may2014",
        "2014-05-14",
        "6:58 PM",
        "10:19:19",
        "",
        "   ",
    ],
)
def test_lettering_numbers_dates_and_times_are_not(as_printed: str) -> None:
    assert not is_typical_plate("".join(filter(str.isalnum, as_printed.upper())), as_printed)


def test_on_a_plate_digits_alone_are_enough_but_no_date_is() -> None:
    assert is_typical_plate("1268205", "126-8205", on_a_plate=True)
    assert not is_typical_plate("1268205", "126-8205")
    assert not is_typical_plate("PARKING", "PARKING", on_a_plate=True)
    assert not is_typical_plate("20140514", "2014-05-14", on_a_plate=True)
