"""Formats of countries: which plates have them, and what they settle."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from domain.errors import BadInput
from lpr.frame import Frame
from lpr.plate_formats import FormatReader, PlateFormats, known_countries
from lpr.reader import Sighting

EUROPE = [country for country in known_countries() if country not in ("us", "br")]

PLATES = {
    "de": ["BAC5678", "HHAB1234E"],
    "at": ["W12345X", "GRAZ1"],
    "ch": ["ZH123456"],
    "fr": ["AB123CD"],
    "it": ["AB123CD"],
    "es": ["1234BCD"],
    "pt": ["AA00BB"],
    "gb": ["AB12CDE"],
    "nl": ["12ABC3"],
    "be": ["1ABC234"],
    "lu": ["AB1234"],
    "dk": ["AB12345"],
    "se": ["ABC12D"],
    "no": ["AB12345"],
    "fi": ["ABC123"],
    "pl": ["WA12345"],
    "cz": ["1A23456"],
    "sk": ["BA123AB"],
    "hu": ["AABC123"],
    "ro": ["B123ABC", "CJ12ABC"],
    "bg": ["CB1234AB"],
    "hr": ["ZG1234AB"],
    "br": ["ABC1234", "ABC1D23"],
    "us": ["ABC1234", "1ABC234", "FK2X2Z"],
}


def test_each_country_has_a_plate_here() -> None:
    assert set(PLATES) == set(known_countries())


@pytest.mark.parametrize("country", PLATES)
def test_its_plates_have_its_formats(country: str) -> None:
    formats = PlateFormats([country])
    for plate in PLATES[country]:
        assert formats.fit(plate), plate
        assert not formats.fit(f"{plate}{plate}")


@pytest.mark.parametrize(
    ("countries", "read", "settled"),
    [
        (["sk"], "RK896A0", "RK896AO"),
        (["sk"], "RKB96A0", "RKB96A0"),  # what is no matter of shape is left alone
        (["es"], "I234BCD", "1234BCD"),
        (["es"], "IZ34BCD", "IZ34BCD"),
        (["fr"], "A0I23CD", "AO123CD"),
        (["fr"], "AOI23CD", "AO123CD"),
        (["fr"], "AB123CD", "AB123CD"),
        (["se"], "ABC1O0", "ABC100"),
        (["de"], "O0O0", "O0O0"),  # OOO0 and O000 would do: not sure
        (["nl"], "OO00OO", "OO00OO"),  # it has a format
        (["us"], "L7816O1", "L7816O1"),
        ([], "RK896A0", "RK896A0"),
    ],
)
def test_a_format_settles_signs_of_one_shape(countries: list[str], read: str, settled: str) -> None:
    assert PlateFormats(countries).settled(read) == settled


def test_where_anything_is_a_format_nothing_is_settled() -> None:
    assert PlateFormats([*EUROPE, "us"]).settled("RK896A0") == "RK896A0"


def test_an_unknown_country_is_named_with_those_there_are() -> None:
    with pytest.raises(BadInput, match="known of xx: take of de, at"):
        PlateFormats(["de", "xx"])


def test_the_reader_settles_typical_plates_alone(see: Callable[..., Sighting]) -> None:
    class Reader:
        def read(self, _frame: Frame) -> Sequence[Sighting]:
            return [see("RK896A0"), see("BB135B0", typical=False)]

    plate, lettering = FormatReader(Reader(), PlateFormats(["sk"])).read(np.zeros((4, 4, 3), np.uint8))
    assert (plate.text, lettering.text) == ("RK896AO", "BB135B0")
    np.testing.assert_array_equal(plate.log_probs, see("RK896A0").log_probs)
