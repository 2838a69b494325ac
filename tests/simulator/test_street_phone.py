"""Codes held up to the camera: the same for the same seed, whole in the picture, and spoiled by what spoils them."""

import random
from dataclasses import replace

import cv2
import numpy as np
import pytest

from hardware.camera import Pixels
from simulator.street.conditions import Conditions
from simulator.street.frames import Shot
from simulator.street.held import MODULE_PX_MAX, MODULE_PX_MIN, Held, Medium
from simulator.street.lane_view import HEIGHT_PX, WIDTH_PX
from simulator.street.phone import held_up

TEXT = "".join(random.Random(1).choices("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", k=225))
VERSION_9 = 53  # modules across


def code_in(shot: Shot) -> Pixels:
    """The code seen straight, grey, ten pixels a module."""
    size = 10 * VERSION_9
    straight = np.array([(0, 0), (size, 0), (size, size), (0, size)], np.float32)
    to_straight = cv2.getPerspectiveTransform(shot.corners, straight)
    grey = cv2.cvtColor(shot.pixels, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.warpPerspective(grey, to_straight, (size, size)), np.uint8)


def test_the_same_arguments_give_the_same_bytes() -> None:
    held = Held.draw(np.random.default_rng(3), severity=0.8)
    assert held == Held.draw(np.random.default_rng(3), severity=0.8)
    assert held_up(3, TEXT, held=held).jpeg == held_up(3, TEXT, held=held).jpeg
    assert held_up(3, TEXT).jpeg == held_up(3, TEXT).jpeg
    assert held_up(4, TEXT, held=held).jpeg != held_up(3, TEXT, held=held).jpeg


@pytest.mark.parametrize("severity", [0.0, 0.5, 1.0])
def test_the_code_is_whole_in_the_picture_and_of_its_size(severity: float) -> None:
    for seed in range(4):
        held = Held.draw(np.random.default_rng(seed), severity)
        assert MODULE_PX_MIN <= held.module_px <= MODULE_PX_MAX
        shot = held_up(seed, TEXT, held=held)
        assert shot.pixels.shape == (HEIGHT_PX, WIDTH_PX, 3)
        x, y, w, h = shot.box
        assert 0 <= x < x + w <= WIDTH_PX
        assert 0 <= y < y + h <= HEIGHT_PX
        assert np.sqrt(cv2.contourArea(shot.corners)) == pytest.approx(held.module_px * VERSION_9, rel=0.1)


@pytest.mark.parametrize("medium", Medium)
def test_the_truth_corners_are_the_codes(medium: Medium) -> None:
    """Between them stand the finder patterns, black seven modules wide with white and black inside."""
    held = Held(medium, yaw_deg=20, pitch_deg=-15, roll_deg=12)
    code = code_in(held_up(2, TEXT, held=held))
    ring, gap, heart = code[5, 5:65], code[15, 15:55], code[25:45, 25:45]
    assert ring.mean() < 70
    assert gap.mean() > 170
    assert heart.mean() < 70


def test_what_is_behind_is_left_alone() -> None:
    behind: Pixels = np.full((HEIGHT_PX, WIDTH_PX, 3), (10, 200, 90), np.uint8)
    shot = held_up(5, TEXT, held=Held(Medium.PAPER, module_px=3), behind=behind)
    assert np.all(behind == (10, 200, 90))
    green = np.all(shot.pixels == (10, 200, 90), axis=2)
    x, y, w, h = shot.box
    assert not green[y : y + h, x : x + w].any()
    assert 0.3 < green.mean() < 0.95


@pytest.mark.parametrize(
    "worse",
    [
        {"brightness": 0.3},
        {"wash": 0.6},
        {"bands": 0.8},
        {"moire": 0.5},
        {"camera": Conditions(defocus_px=2)},
        {"camera": Conditions(motion_px=5)},
        {"camera": Conditions(contrast=0.5)},
    ],
)
def test_what_spoils_takes_contrast(worse: dict[str, object]) -> None:
    plain = Held(module_px=4)
    spoiled = replace(plain, **worse)  # type: ignore[arg-type]
    assert code_in(held_up(6, TEXT, held=spoiled)).std() < 0.97 * code_in(held_up(6, TEXT, held=plain)).std()


@pytest.mark.parametrize(("worse", "sign"), [({"glare": 1.0}, 1), ({"bloom": 1.0}, 1), ({"thumb_modules": 10.0}, -1)])
def test_what_hides_changes_the_code(worse: dict[str, float], sign: int) -> None:
    plain = Held(module_px=4)
    spoiled = replace(plain, **worse)  # type: ignore[arg-type]
    for seed in (1, 2, 3):
        difference = code_in(held_up(seed, TEXT, held=spoiled)).astype(int) - code_in(held_up(seed, TEXT, held=plain))
        assert (sign * difference > 60).mean() > 0.005


def test_the_quiet_zone_ends_where_it_is_cut() -> None:
    """Two modules beyond the code a dark page begins, or is still white."""
    for quiet, white in ((1, False), (4, True)):
        shot = held_up(7, TEXT, held=Held(module_px=8, dark_page=True, quiet_modules=quiet))
        (x, y), (right, _) = shot.corners[0], shot.corners[1]
        strip = shot.pixels[round(float(y)) - 20, round(float(x)) + 10 : round(float(right)) - 10]
        assert (float(strip.mean()) > 200) is white
