"""Plates in clear are found, and random text is none."""

import pytest

from simulator.in_clear import PlatesInClear

PLATES = PlatesInClear(["BX1", "BX12", "KAXY123", "KAXY124", "KAXY12"])


@pytest.mark.parametrize(
    "text", [b"BX1", b'"BX12"', b"01KAXY12300", b"..KAXY124", b"KAXY12", b"seen: KA-XY 123", b"KA XY 12", b"BX 12"]
)
def test_a_plate_is_found_also_in_parts(text: bytes) -> None:
    at = PLATES.found(text)
    assert at is not None
    assert text[at : at + 2] in (b"KA", b"BX")


@pytest.mark.parametrize("text", [b"ABX1", b"BX123", b"KAXY", b"kaxy123", b"BX 13", b"KA/XY/123", b"0KA-XY 123", b""])
def test_what_is_none_is_not(text: bytes) -> None:
    assert PLATES.found(text) is None


def test_nothing_is_found_where_nothing_is_sought() -> None:
    assert PlatesInClear([]).found(b"KAXY123") is None
