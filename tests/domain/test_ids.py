import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput
from domain.ids import CROCKFORD, ID_BITS, ID_LENGTH, is_unit_id, parse_reservation_id, reservation_id, shown

SOME_IDS = [reservation_id(bits) for bits in (0, 1, 2**ID_BITS - 1, 0x123456789AB, 0x0F0F0F0F0F0, 0x1A2B3C4D5E6)]

bits = st.integers(0, 2**ID_BITS - 1)


@given(bits)
def test_an_id_is_ten_characters_and_reads_back(random_bits: int) -> None:
    made = reservation_id(random_bits)
    assert len(made) == ID_LENGTH
    assert set(made) <= set(CROCKFORD)
    assert parse_reservation_id(made) == made


@given(bits, bits)
def test_different_bits_make_different_ids(one: int, other: int) -> None:
    assert (reservation_id(one) == reservation_id(other)) is (one == other)


def test_bits_above_the_45_do_not_count() -> None:
    assert reservation_id(5 + 2**ID_BITS) == reservation_id(5)


@pytest.mark.parametrize("made", SOME_IDS)
def test_every_single_wrong_character_is_found(made: str) -> None:
    for place, character in itertools.product(range(ID_LENGTH), CROCKFORD):
        if character != made[place]:
            with pytest.raises(BadInput):
                parse_reservation_id(made[:place] + character + made[place + 1 :])


@pytest.mark.parametrize("made", SOME_IDS)
def test_every_swap_of_two_characters_is_found(made: str) -> None:
    for one, other in itertools.combinations(range(ID_LENGTH), 2):
        if made[one] != made[other]:
            swapped = list(made)
            swapped[one], swapped[other] = swapped[other], swapped[one]
            with pytest.raises(BadInput):
                parse_reservation_id("".join(swapped))


@given(bits)
def test_it_is_understood_as_people_type_it(random_bits: int) -> None:
    made = reservation_id(random_bits)
    spoken = made.replace("0", "o").replace("1", "l")
    for typed in (
        shown(made),
        made.lower(),
        f"  {made} ",
        " ".join(made),
        spoken,
        made.replace("1", "I"),
        spoken.upper(),
    ):
        assert parse_reservation_id(typed) == made


def test_it_is_shown_in_two_halves() -> None:
    assert shown("7K3MQ2XD9P") == "7K3MQ-2XD9P"


@pytest.mark.parametrize(
    "typed",
    ["", "-", "7K3MQ", SOME_IDS[1] + "0", SOME_IDS[1][:-1] + "U", "ÄÖÜÄÖÜÄÖÜÄ", "٣" * 10, "\n" * 10, "x" * 10_000],
)
def test_what_is_no_id_is_refused_without_repeating_it(typed: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_reservation_id(typed)
    assert refused.value.message == "this is no reservation id; check it for a typing error"


@pytest.mark.parametrize("name", ["riverside", "riverside.entry-1", "riverside.1-042", "a", "1", "a" * 40])
def test_names_of_lots_gates_and_spots(name: str) -> None:
    assert is_unit_id(name)


@pytest.mark.parametrize(
    "name", ["", "Riverside", "-a", "a.", ".a", "a.b.c", "a/b", "a#", "a+", "a b", "a\n", "ä", "a" * 41, "..", "a.-b"]
)
def test_what_could_break_a_topic_a_path_or_a_url_is_no_name(name: str) -> None:
    assert not is_unit_id(name)
