import logging
import pickle
import traceback
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput
from domain.plate import Plate

SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
plates = st.text(SIGNS, min_size=2, max_size=10)


@pytest.mark.parametrize("text", ["BAB1234", "b-ab 1234", " B·AB·1234 ", "B.AB.1234", "B - AB\t1234"])
def test_it_is_taken_as_people_write_it(text: str) -> None:
    assert Plate.parse(text) == Plate("BAB1234")


@pytest.mark.parametrize("text", ["", "A", "A" * 11, "AB_1", "ÇB 12", "AB\x0012", "AB/12", "車 12-34", "---"])
def test_anything_else_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(BadInput) as refused:
        Plate.parse(text)
    assert refused.value.code == "plate_invalid"
    assert refused.value.message == "a plate has 2 to 10 letters A-Z and digits"


@pytest.mark.parametrize(("text", "plate"), [("TÜ AB 12", "TUAB12"), ("lö·x 1", "LOX1"), ("FÜ-Ä 9", "FUA9")])
def test_umlauts_lose_their_dots_as_readers_see_them(text: str, plate: str) -> None:
    assert Plate.parse(text) == Plate(plate)


def test_lower_case_is_no_plate_until_it_is_parsed() -> None:
    with pytest.raises(BadInput):
        Plate("bab1234")


@given(plates)
def test_folded_plates_are_equal_where_only_o_and_0_or_i_and_1_differ(text: str) -> None:
    assert Plate(text).folded == Plate(text.replace("0", "O").replace("1", "I")).folded
    assert Plate(text).folded.translate(str.maketrans("01", "OI")) == text.translate(str.maketrans("01", "OI"))


@given(plates)
def test_however_it_is_printed_at_most_its_last_two_signs_show(text: str) -> None:
    plate = Plate(text)
    last = text[-2:] if len(text) > 4 else ""
    for printed in (repr(plate), str(plate), f"{plate}", f"{plate!r}", "%s" % plate, "{}".format(plate)):  # noqa: UP031, UP032
        assert printed == f"Plate(••{last})"


@pytest.mark.parametrize("text", ["A1", "B23", "C456"])
def test_of_a_short_plate_nothing_shows(text: str) -> None:
    """Its last two signs would be half of it, or all."""
    assert str(Plate(text)) == "Plate(••)"


def test_it_shows_nowhere_on_its_way_into_logs_and_exceptions(caplog: pytest.LogCaptureFixture) -> None:
    plate = Plate("BAB1234")
    logging.getLogger("x").warning("seen %s %r", plate, [plate], extra={"plate": plate})
    try:
        {Plate("XY99"): 1}[plate]
    except KeyError as error:
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
    text = caplog.text + str(vars(caplog.records[0])) + "".join(told.format())
    assert "••34" in text
    assert "BAB1234" not in text.replace('Plate("BAB1234")', "")  # the line of this test itself


def test_it_is_a_value(capsys: pytest.CaptureFixture[str]) -> None:
    plate = Plate("BAB1234")
    assert {plate: 1}[Plate("BAB1234")] == 1
    assert pickle.loads(pickle.dumps(plate)) == plate  # noqa: S301 our own
    assert replace(plate, open="XY99") == Plate("XY99")
    with pytest.raises(FrozenInstanceError):
        plate.open = "XY99"  # type: ignore[misc]
    print(plate)
    assert "BAB" not in capsys.readouterr().out
