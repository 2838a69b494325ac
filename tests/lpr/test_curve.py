import math
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from domain.plate import Plate
from lpr.curve import LAX, STRICT, path, picture, png
from lpr.frame import Frame
from lpr.matching import NOTHING, RULE
from lpr.reader import Sighting
from lpr.trial import Trial, trials

See = Callable[..., Sighting]


@pytest.fixture
def tried(see: See) -> list[Trial]:
    """One read right, one of which a look-alike gets in, one not read."""
    twin = see("HHAB123", doubt={3: "8"})
    seen = [([see("XY98765")], "XY98765"), ([twin], "HHAB123"), ([], "KAPA777")]
    return trials([(sightings, [Plate(plate)]) for sightings, plate in seen], 20)


def test_the_curve_runs_from_strict_to_lax_and_never_back(tried: list[Trial]) -> None:
    points = path(tried)
    assert (points[0].score, points[-1].score) == (STRICT, LAX)
    assert RULE.accept_score in {point.score for point in points}
    for rate in ("right", "stranger", "look_alike"):
        rates = [getattr(point, rate) for point in points]
        assert rates == sorted(rates)


def test_each_folder_has_a_curve_of_its_own_colour(tried: list[Trial]) -> None:
    def colours(names: list[str]) -> int:
        drawn = picture(dict.fromkeys(names, tried[:1]) | {names[-1]: tried}, 20)
        pixels, counts = np.unique(drawn.reshape(-1, 3), axis=0, return_counts=True)
        strong = np.ptp(pixels.astype(int), axis=1) > 90
        return int((counts[strong] > 200).sum())

    assert (colours(["eu"]), colours(["eu", "us"])) == (1, 2)


def test_strangers_are_drawn_on_the_left_and_look_alikes_on_the_right() -> None:
    def drawn(stranger: float, look_alike: float) -> Frame:
        """One of a hundred lets such a car in, which moves no axis."""
        out = -math.inf
        others = [Trial(NOTHING, True, -1.0, out, (out,), {})] * 99
        return picture({"eu": [Trial(NOTHING, True, -1.0, stranger, (look_alike,), {}), *others]}, 20)

    def changed(other: Frame) -> NDArray[np.intp]:
        return np.flatnonzero((other != drawn(-math.inf, -math.inf)).any(axis=(0, 2)))

    stranger, look_alike = changed(drawn(-2.0, -math.inf)), changed(drawn(-math.inf, -2.0))
    middle = 1440 // 2
    assert stranger.size
    assert stranger.max() < middle
    assert look_alike.size
    assert look_alike.min() > middle


def test_a_png_of_a_sensible_size(tried: list[Trial]) -> None:
    data = png({"eu": tried, "us": tried[:2]}, 2_000)
    assert len(data) < 150_000
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape == (830, 1440, 3)


@pytest.mark.parametrize("names", [["a"], ["abcde"], list("abcdefgh")])
def test_any_folders_can_be_drawn(names: list[str], tried: list[Trial]) -> None:
    assert picture(dict.fromkeys(names, tried[2:]), 20).size
