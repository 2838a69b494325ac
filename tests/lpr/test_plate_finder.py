"""From what the network says to boxes in the frame, and the real network on drawn cars."""

import random
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.plate import Plate
from lpr.frame import Frame
from lpr.plate_finder import LARGE, MODEL, NEAR_PX, NEARER_PX, SMALL, STRIDE, Found, PlateFinder, decoded, overlap
from simulator.street.conditions import Conditions
from simulator.street.frames import approach, shot
from simulator.street.plates import Style, draw_plate

Said = tuple[NDArray[np.float32], NDArray[np.float32]]
SIZE = (12, 20)  # rows and columns
SHIPPED_BYTES_MAX = 3_000_000


def say(*plates: tuple[int, int, float, tuple[float, float, float, float]]) -> Said:
    """A network's answer: for each plate its row, column, score and sides in pixels."""
    score, sides = np.zeros(SIZE, np.float32), np.ones((4, *SIZE), np.float32)
    for row, column, sure, distances in plates:
        score[row, column] = sure
        sides[:, row, column] = distances
    return score, sides


def test_a_cell_says_where_its_plate_is() -> None:
    [(box, sure)] = decoded(*say((3, 5, 0.9, (10, 4, 20, 6))))
    assert box == (5.5 * STRIDE - 10, 3.5 * STRIDE - 4, 5.5 * STRIDE + 20, 3.5 * STRIDE + 6)
    assert sure == pytest.approx(0.9)


def test_nothing_sure_is_nothing_found() -> None:
    assert decoded(*say((3, 5, 0.05, (10, 4, 20, 6)))) == []
    assert decoded(*say()) == []


def test_plates_come_by_their_scores() -> None:
    side = (8, 4, 8, 4)
    found = decoded(*say((2, 2, 0.5, side), (8, 15, 0.9, side), (8, 4, 0.7, side)))
    assert [round(sure, 1) for _, sure in found] == [0.9, 0.7, 0.5]


def test_of_neighbouring_cells_the_best_one_counts() -> None:
    side = (30, 10, 30, 10)
    assert len(decoded(*say((3, 5, 0.8, side), (3, 6, 0.9, side), (4, 6, 0.7, side)))) == 1


def test_of_overlapping_boxes_the_best_one_stays() -> None:
    wide = (40, 12, 40, 12)
    [(_, sure)] = decoded(*say((5, 8, 0.6, wide), (5, 10, 0.8, wide)))
    assert sure == pytest.approx(0.8)
    assert len(decoded(*say((5, 3, 0.6, (10, 12, 10, 12)), (5, 10, 0.8, wide)))) == 2


def test_what_is_found_is_bounded() -> None:
    everywhere = [(row, column, 0.5, (4, 4, 4, 4)) for row in range(0, 12, 2) for column in range(0, 20, 2)]
    assert len(decoded(*say(*everywhere))) == 8


def test_overlap_is_intersection_by_union() -> None:
    assert overlap((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 10, 10), (10, 0, 20, 10)) == 0
    assert overlap((0, 0, 10, 10), (0, 0, 10, 10)) == 1


def test_the_network_is_small_enough_to_ship() -> None:
    assert 100_000 < MODEL.stat().st_size < SHIPPED_BYTES_MAX


@pytest.fixture(scope="module")
def plates() -> PlateFinder:
    return PlateFinder(threads=1)


def _finds(plates: PlateFinder, frame: Frame, truth: tuple[int, int, int, int], size: tuple[int, int] = SMALL) -> bool:
    """Whether the surest box is the plate that was drawn."""
    found = plates.find(frame, size)
    x, y, width, height = truth
    return bool(found) and (overlap((x, y, x + width, y + height), _corners(found[0].box)) > 0.5)


def _corners(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    x, y, width, height = box
    return x, y, x + width, y + height


def test_finds_the_plate_of_a_car_that_comes_nearer(plates: PlateFinder) -> None:
    seen = [one for seed in range(6) for one in approach(seed, Plate("KAGH1042"), 3, conditions=Conditions(noise=2.0))]
    found = [_finds(plates, one.pixels, one.box) for one in seen]
    assert sum(found) >= len(found) - 1


@pytest.mark.parametrize("style", Style)
def test_finds_plates_of_every_style(plates: PlateFinder, style: Style) -> None:
    rng = random.Random(4)
    seen = [shot(seed, draw_plate(rng, style), 110, Conditions(yaw_deg=8, pitch_deg=8)) for seed in range(5)]
    assert sum(_finds(plates, one.pixels, one.box) for one in seen) >= 4


def test_a_small_plate_is_found_in_the_large_look(plates: PlateFinder) -> None:
    rng = random.Random(4)
    seen = [shot(seed, draw_plate(rng, Style.FR), 48, Conditions(noise=1.0)) for seed in range(5)]
    assert sum(_finds(plates, one.pixels, one.box, LARGE) for one in seen) >= 4


@pytest.mark.parametrize("plate_px", [NEAR_PX, NEARER_PX])
def test_a_closer_look_gives_a_better_box_and_a_score(plates: PlateFinder, plate_px: int) -> None:
    rng = random.Random(5)
    for seed in range(4):
        seen = shot(seed, draw_plate(rng, Style.FR), 90, Conditions(noise=1.0))
        x, y, width, height = seen.box
        rough = Found((x - width // 6, y - height // 8, width, height), 0.5)
        closer = plates.closer(seen.pixels, rough, plate_px)
        truth = _corners(seen.box)
        assert overlap(_corners(closer.box), truth) > max(overlap(_corners(rough.box), truth), 0.6)
        assert closer.score > 0.3


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (620, 470, 20, 10), (0, 0, 640, 480), (300, 0, 40, 480)])
def test_a_closer_look_at_nothing_finds_nothing(plates: PlateFinder, box: tuple[int, int, int, int]) -> None:
    assert plates.closer(np.full((480, 640, 3), 120, np.uint8), Found(box, 0.9)) == Found(box, 0.0)


def test_boxes_stay_in_the_frame(plates: PlateFinder) -> None:
    frame = shot(3, draw_plate(random.Random(1), Style.DE), 200, Conditions()).pixels
    x, y, width, height = shot(3, draw_plate(random.Random(1), Style.DE), 200, Conditions()).box
    cut = frame[: y + height // 2, : x + width // 2]
    for one in plates.find(cut):
        left, top, right, bottom = _corners(one.box)
        assert 0 <= left < right <= cut.shape[1]
        assert 0 <= top < bottom <= cut.shape[0]


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 1), (2000, 8), (720, 1280)])
def test_an_even_frame_of_any_size_has_no_plate(plates: PlateFinder, shape: tuple[int, int]) -> None:
    assert list(plates.find(np.full((*shape, 3), 120, np.uint8))) == []


def test_an_upright_picture_is_seen_as_large_as_one_that_lies(
    plates: PlateFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, ...]] = []

    class Spy:
        def run(self, _: None, inputs: dict[str, Frame]) -> list[NDArray[np.float32]]:
            seen.append(inputs["frame"].shape)
            rows, columns = inputs["frame"].shape[1] // STRIDE, inputs["frame"].shape[2] // STRIDE
            return [np.zeros((1, rows, columns), np.float32), np.ones((1, 4, rows, columns), np.float32)]

    monkeypatch.setattr(plates, "_session", Spy())
    for shape in ((720, 1280), (1280, 720), (480, 640)):
        plates.find(np.zeros((*shape, 3), np.uint8))
    assert seen == [(1, 384, 640, 3), (1, 640, 384, 3), (1, 384, 512, 3)]


def test_only_a_frame_is_looked_at(plates: PlateFinder, draw: Callable[..., Frame]) -> None:
    with pytest.raises(AssertionError, match="H x W x 3"):
        plates.find(draw()[:, :, 0])
