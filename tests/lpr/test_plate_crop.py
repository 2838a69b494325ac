"""Which part of a plate's box is read, and how rows become one line."""

from collections.abc import Callable

import numpy as np
import pytest

from domain.plate import Plate
from lpr.frame import Frame
from lpr.matching import Decision, Expected, match, scored
from lpr.plate_crop import joined, ways
from lpr.reader import BLANK, Sighting

See = Callable[..., Sighting]
GREY: Frame = np.full((400, 500, 3), 120, np.uint8)


def test_a_long_plate_is_read_whole_first() -> None:
    first, second = ways(GREY, (10, 20, 400, 100))
    assert first == ((10, 20, 400, 100),)
    assert second == ((10, 32, 400, 76),)


def test_the_blue_band_of_a_country_is_left_out() -> None:
    frame = GREY.copy()
    frame[20:120, 10:44] = (150, 60, 10)
    assert ways(frame, (10, 20, 400, 100))[0] == ((42, 20, 368, 100),)
    frame[20:120, 10:410] = (150, 60, 10)  # a blue plate has no band
    assert ways(frame, (10, 20, 400, 100))[0] == ((10, 20, 400, 100),)


def test_of_a_plate_twice_as_wide_as_high_name_and_slogan_are_left_out() -> None:
    first, second = ways(GREY, (10, 20, 200, 100))
    assert first == ((10, 37, 200, 71),)
    assert second == ((18, 37, 184, 71),)


def test_a_nearly_square_plate_is_read_row_by_row() -> None:
    [(upper, lower), (line,)] = ways(GREY, (0, 0, 140, 100))
    assert upper == (0, 4, 140, 48)
    assert lower == (0, 48, 140, 48)
    assert line == (0, 17, 140, 71)


@pytest.mark.parametrize("ground", [(120, 120, 120), (20, 190, 245)])
def test_the_blue_band_of_a_nearly_square_plate_is_left_out_as_wide_as_it_is(ground: tuple[int, int, int]) -> None:
    frame = np.full_like(GREY, ground)
    frame[:100, 30:40] = (24, 22, 22)  # a sign
    for band in (12, 28):
        frame[:100, :band] = (150, 60, 10)
        [upper, lower], _ = ways(frame, (0, 0, 140, 100))
        assert upper == (band, 4, 140 - band, 48)
        assert lower == (band, 48, 140 - band, 48)


def test_a_blue_plate_in_two_rows_has_no_band() -> None:
    blue = np.full_like(GREY, (150, 60, 10))
    assert ways(blue, (0, 0, 140, 100))[0][0] == (0, 4, 140, 48)


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (3, 5, 1, 40), (3, 5, 40, 1)])
def test_every_row_has_a_pixel(box: tuple[int, int, int, int]) -> None:
    rows = [row for way in ways(GREY, box) for row in way]
    assert all(width >= 1 and height >= 1 for _, _, width, height in rows)
    assert all(y + height <= box[1] + max(box[3], 1) for _, y, _, height in rows)


def test_rows_are_one_plate_for_reading_and_matching(see: See) -> None:
    whole = joined([see("KA", 0.9), see("PA777", 0.99)], (1, 2, 3, 4))
    assert (whole.text, whole.box, whole.typical) == ("KAPA777", (1, 2, 3, 4), True)
    assert whole.confidence == pytest.approx((2 * 0.9 + 5 * 0.99) / 7)
    np.testing.assert_allclose(np.exp(whole.log_probs).sum(axis=1), 1, atol=1e-3)
    found = match(scored([whole], Expected([Plate("KAPA777"), Plate("KAPA77")])))
    assert (found.decision, found.plate) == (Decision.ACCEPT, Plate("KAPA777"))


def test_equal_signs_on_both_sides_of_the_gap_stay_two(see: See) -> None:
    upper, lower = see("A1"), see("12")
    bare = [Sighting(s.text, s.confidence, s.box, s.log_probs[1:-1], s.typical) for s in (upper, lower)]
    whole = joined(bare, (0, 0, 9, 9))
    assert match(scored([whole], Expected([Plate("A112"), Plate("A12")]))).plate == Plate("A112")


def test_rows_that_say_nothing_are_no_plate(see: See) -> None:
    empty = Sighting("", 0.0, (0, 0, 1, 1), np.log(np.full((4, BLANK + 1), 1 / (BLANK + 1), np.float32)), False)
    whole = joined([empty, empty], (0, 0, 9, 9))
    assert (whole.text, whole.confidence, whole.typical) == ("", 0, False)
