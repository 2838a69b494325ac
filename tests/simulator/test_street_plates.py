"""Plates as the street draws them."""

import random

import numpy as np
import pytest

from domain.plate import Plate
from simulator.street.plate_picture import PX_PER_MM, plate_picture, size_mm
from simulator.street.plates import NumberPlate, Shape, Style, draw_plate


def seeded(seed: int) -> random.Random:
    return random.Random(seed)


@pytest.mark.parametrize("style", Style)
def test_each_style_sets_the_plates_that_it_draws(style: Style) -> None:
    for seed in range(200):
        number = draw_plate(seeded(seed), style)
        assert number.style is style
        assert "".join(number.groups) == number.plate.open
        assert draw_plate(seeded(seed), style) == number


@pytest.mark.parametrize(
    ("text", "style", "groups"),
    [
        ("AB123CD", Style.FR, ("AB", "123", "CD")),
        ("AB12CDE", Style.UK, ("AB12", "CDE")),
        ("GB456X", Style.NL, ("GB", "456", "X")),
        ("KAGH1042", Style.DE, ("KA", "GH", "1042")),
        ("7XYZ", Style.PLAIN, ("7XYZ",)),
        ("42", Style.PLAIN, ("4", "2")),
    ],
)
def test_any_plate_gets_a_style(text: str, style: Style, groups: tuple[str, ...]) -> None:
    number = NumberPlate.of(Plate(text))
    assert (number.style, number.groups) == (style, groups)


def test_a_plate_that_does_not_fit_the_style_is_plain() -> None:
    assert NumberPlate.of(Plate("XY"), Style.FR).style is Style.PLAIN


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("AB123CD", (("AB", "123"), ("CD",))),
        ("AB12CDE", (("AB12",), ("CDE",))),
        ("GB456X", (("GB",), ("456", "X"))),
        ("KAGH1042", (("KA",), ("GH", "1042"))),
        ("7XYZ", (("7XYZ",),)),
    ],
)
@pytest.mark.parametrize("shape", [Shape.TWO_ROWS, Shape.MOTORCYCLE])
def test_groups_are_set_in_two_rows(text: str, rows: tuple[tuple[str, ...], ...], shape: Shape) -> None:
    assert NumberPlate.of(Plate(text), shape=shape).rows == rows
    assert NumberPlate.of(Plate(text)).rows == (tuple(group for row in rows for group in row),)


@pytest.mark.parametrize("shape", Shape)
@pytest.mark.parametrize("style", Style)
def test_no_sign_is_lost_on_the_edge(style: Style, shape: Shape) -> None:
    """Of plates of one sort, whichever signs are on them, the margin looks the same."""
    pictures = [plate_picture(draw_plate(seeded(seed), style, shape)) for seed in range(20)]
    edge = 5 * PX_PER_MM
    for margin in (np.s_[:edge], np.s_[-edge:], np.s_[:, -edge:], np.s_[:, :edge]):
        assert all(np.array_equal(picture[margin], pictures[0][margin]) for picture in pictures)


@pytest.mark.parametrize("style", Style)
def test_the_picture_has_the_plates_size_and_its_signs_differ(style: Style) -> None:
    one, other = (draw_plate(seeded(seed), style) for seed in (1, 2))
    picture = plate_picture(one)
    width, height = size_mm(one)
    assert picture.shape == (height * PX_PER_MM, width * PX_PER_MM, 3)
    assert np.array_equal(picture, plate_picture(one))
    assert not np.array_equal(picture, plate_picture(other))


@pytest.mark.parametrize("length", [2, 10])
def test_the_shortest_and_longest_plates_can_be_drawn(length: int) -> None:
    assert plate_picture(NumberPlate.of(Plate("W" * length))).size > 0
