"""Frames of a gate's camera: the same for the same seed, and true to the plate in them."""

import hashlib
import random

import cv2
import numpy as np
import pytest

from domain.plate import Plate
from hardware.camera import Pixels
from simulator.street.conditions import Conditions
from simulator.street.frames import Shot, approach, empty_lane, shot
from simulator.street.lane_view import HEIGHT_PX, WIDTH_PX
from simulator.street.plates import Style, draw_plate

PLATE = Plate("KAGH1042")


def seeded(seed: int) -> random.Random:
    return random.Random(seed)


def decode(jpeg: bytes) -> Pixels:
    pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return np.asarray(pixels, np.uint8)


@pytest.fixture(scope="module")
def shots() -> list[Shot]:
    return approach(7, PLATE, 4)


def test_the_same_seed_gives_the_same_bytes(shots: list[Shot]) -> None:
    def digests(shots: list[Shot]) -> list[str]:
        return [hashlib.sha256(shot.jpeg).hexdigest() for shot in shots]

    assert digests(approach(7, PLATE, 4)) == digests(shots)
    assert digests(approach(8, PLATE, 4)) != digests(shots)
    assert empty_lane(7) == empty_lane(7)
    assert empty_lane(7) != empty_lane(8)


@pytest.mark.parametrize("seed", range(6))
def test_the_plate_grows_within_its_bounds_and_stays_in_view(seed: int) -> None:
    number = draw_plate(seeded(seed), list(Style)[seed])
    boxes = [shot.box for shot in approach(seed, number, 3)]
    widths = [box[2] for box in boxes]
    assert widths == sorted(widths)
    assert 88 <= widths[0] <= 92
    assert 212 <= widths[-1] <= 220
    for x, y, w, h in boxes:
        assert x >= 0
        assert y >= 0
        assert x + w <= WIDTH_PX
        assert y + h <= HEIGHT_PX


def test_jpeg_decodes_to_the_pixels(shots: list[Shot]) -> None:
    picture = decode(shots[-1].jpeg)
    assert picture.shape == (HEIGHT_PX, WIDTH_PX, 3)
    assert np.abs(picture.astype(int) - shots[-1].pixels).mean() < 10


@pytest.mark.parametrize("seed", range(4))
def test_the_truth_box_holds_the_plate_and_little_else(seed: int) -> None:
    """Two pictures that differ in nothing but the plate's signs differ in the box and nowhere else."""
    clean = Conditions(yaw_deg=10, pitch_deg=8)
    one, other = (approach(seed, Plate(text), 1, conditions=clean)[0] for text in ("WW888WW", "JJ111JJ"))
    changed = cv2.boundingRect(np.any(one.pixels != other.pixels, axis=2).astype(np.uint8))
    x, y, w, h = one.box
    assert other.box == one.box
    assert x <= changed[0]
    assert y <= changed[1]
    assert changed[0] + changed[2] <= x + w
    assert changed[1] + changed[3] <= y + h
    assert changed[2] > 0.6 * w
    assert changed[3] > 0.5 * h


def test_the_lane_is_that_of_its_seed() -> None:
    calm = Conditions()
    lane = decode(empty_lane(3, calm)).astype(int)
    car = decode(approach(9, PLATE, 1, conditions=calm, lane_seed=3)[0].jpeg).astype(int)
    assert np.abs(lane[:100] - car[:100]).mean() < 2


@pytest.mark.parametrize("severity", [0.0, 0.5, 1.0])
def test_single_shots_under_any_conditions(severity: float) -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        conditions = Conditions.draw(rng, severity)
        taken = shot(seed, draw_plate(seeded(seed), Style.US), 24 + 100 * seed, conditions)
        x, y, w, h = taken.box
        assert 0 <= x < x + w <= WIDTH_PX
        assert 0 <= y < y + h <= HEIGHT_PX
        assert decode(taken.jpeg).shape == (HEIGHT_PX, WIDTH_PX, 3)


@pytest.mark.parametrize(("light", "on"), [(0.2, True), (0.5, True), (0.6, False), (1.0, False)])
def test_lamps_are_on_from_dusk(light: float, on: bool) -> None:
    """They are the one thing beside the plate that shines."""
    conditions = Conditions(yaw_deg=12, pitch_deg=10, light=light)
    for seed in range(2):
        [taken] = approach(seed, PLATE, 1, conditions=conditions, plate_px=(150, 150))
        x, y, w, h = taken.box
        taken.pixels[y : y + h, x : x + w] = 0
        assert bool((taken.pixels.min(axis=2) > 250).sum() > 1_000) is on


def test_harder_conditions_spoil_more() -> None:
    def sharpness(conditions: Conditions) -> float:
        taken = approach(5, PLATE, 1, conditions=conditions)[0]
        x, y, w, h = taken.box
        grey = cv2.cvtColor(taken.pixels[y : y + h, x : x + w], cv2.COLOR_BGR2GRAY)
        return float(cv2.Laplacian(grey, cv2.CV_64F).std())

    plain = sharpness(Conditions())
    for worse in (Conditions(motion_px=6), Conditions(defocus_px=2), Conditions(light=0.3, contrast=0.5)):
        assert sharpness(worse) < plain
