"""Each way of being blind, on rendered frames; and that what can be seen in is not called blind."""

from random import Random

import cv2
import numpy as np
import pytest

from lpr.blindness import FROZEN_MS, Blindness, Standstill, blindness, sharpness
from lpr.frame import Frame
from simulator.street.conditions import Conditions
from simulator.street.frames import approach, empty_lane
from simulator.street.plates import draw_plate

SEEDS = range(6)


def _decoded(jpeg: bytes) -> Frame:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def _noisy(frame: Frame, sigma: float, seed: int = 1) -> Frame:
    noise = np.random.default_rng(seed).normal(0, sigma, frame.shape)
    return (frame + noise).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def lanes() -> list[Frame]:
    """Lanes and cars on a fair day."""
    conditions = [Conditions.draw(np.random.default_rng(seed), 0.3) for seed in SEEDS]
    empty = [_decoded(empty_lane(seed, at)) for seed, at in zip(SEEDS, conditions, strict=True)]
    plate = draw_plate(Random(1))
    cars = [approach(seed, plate, 1, conditions=at)[0].pixels for seed, at in zip(SEEDS, conditions, strict=True)]
    return [*empty, *cars]


@pytest.mark.parametrize("severity", [0.0, 0.3, 0.6, 1.0])
def test_a_lane_in_any_weather_is_not_blind(severity: float) -> None:
    """At 1 its lamps are on, it pours, and plates are hardly read."""
    plate = draw_plate(Random(1))
    for seed in SEEDS:
        conditions = Conditions.draw(np.random.default_rng(seed), severity)
        frames = [_decoded(empty_lane(seed, conditions)), approach(seed, plate, 1, conditions=conditions)[0].pixels]
        assert [blindness(frame) for frame in frames] == [None, None], seed


def test_black(lanes: list[Frame]) -> None:
    assert blindness(np.zeros((720, 1280, 3), np.uint8)) is Blindness.BLACK
    assert blindness(np.zeros((0, 0, 3), np.uint8)) is Blindness.BLACK
    for level in (8, 24):
        assert blindness(_noisy(np.full((720, 1280, 3), level, np.uint8), 8)) is Blindness.BLACK
    for lane in lanes:
        assert blindness(_noisy((lane * 0.05).astype(np.uint8), 3)) is Blindness.BLACK


@pytest.mark.parametrize("level", [40, 60, 128, 250])
def test_covered_by_something_flat(level: int) -> None:
    assert blindness(_noisy(np.full((720, 1280, 3), level, np.uint8), 5)) is Blindness.COVERED


def test_covered_by_a_hand_that_lets_light_past() -> None:
    """Lit from one side, without any edge."""
    for seed in SEEDS:
        rough = np.random.default_rng(seed).integers(20, 200, (3, 4, 3), np.uint8)
        smooth = np.asarray(cv2.resize(rough, (1280, 720), interpolation=cv2.INTER_CUBIC), np.uint8)
        assert blindness(_noisy(smooth, 4)) is Blindness.COVERED


@pytest.mark.parametrize("sigma_px", [10, 14])
def test_defocused(sigma_px: int, lanes: list[Frame]) -> None:
    for lane in lanes:
        blurred = np.asarray(cv2.GaussianBlur(lane, (0, 0), sigma_px), np.uint8)
        assert blindness(_noisy(blurred, 5)) is Blindness.DEFOCUSED


def test_a_little_out_of_focus_is_not_blind(lanes: list[Frame]) -> None:
    """The reader finds out by itself."""
    assert [blindness(np.asarray(cv2.GaussianBlur(lane, (0, 0), 2), np.uint8)) for lane in lanes] == [None] * len(lanes)


def test_of_focus_nothing_is_said_where_there_is_little_light() -> None:
    dim: Frame = np.full((480, 640, 3), 40, np.uint8)
    dim[:, :320] = 70
    assert sharpness(cv2.GaussianBlur(dim, (0, 0), 20).astype(np.uint8)) is None
    assert blindness(dim) is None


def test_sharpness_is_the_steepest_change_as_a_share_of_all_the_light() -> None:
    """Bars that rise from one pixel to the next rise by three eighths a pixel once they are smoothed."""
    bars = np.repeat(np.arange(32, dtype=np.uint8) % 2, 20)
    for dark, bright in ((20, 200), (0, 255), (100, 160)):
        frame = np.tile(dark + bars * (bright - dark), (360, 1)).astype(np.uint8)[:, :, None].repeat(3, axis=2)
        assert sharpness(frame) == pytest.approx(0.375, abs=0.02)
        larger = frame.repeat(2, axis=0).repeat(2, axis=1)
        assert sharpness(larger) == sharpness(frame)


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (1, 400), (1, 3000), (3000, 4000)])
def test_frames_of_any_size_are_judged(shape: tuple[int, int]) -> None:
    assert blindness(np.zeros((*shape, 3), np.uint8)) is Blindness.BLACK
    rows = np.arange(shape[0] * shape[1]).reshape(shape) % 2 * 255
    blindness(rows.astype(np.uint8)[:, :, None].repeat(3, axis=2))


class TestStandstill:
    def test_the_same_picture_for_some_time(self, lanes: list[Frame]) -> None:
        still = Standstill()
        times = range(0, FROZEN_MS + 3_000, 1_000)
        assert [still.add(lanes[0].copy(), at) for at in times] == [at >= FROZEN_MS for at in times]

    def test_a_single_pixel_is_life(self, lanes: list[Frame]) -> None:
        still, lane = Standstill(), lanes[0].copy()
        for at in range(0, 10 * FROZEN_MS, FROZEN_MS - 1_000):
            lane[7, 7, 1] ^= 1
            assert not still.add(lane, at)

    def test_no_newer_picture_says_nothing(self, lanes: list[Frame]) -> None:
        """That is for whoever waits for one."""
        still = Standstill()
        assert [still.add(lanes[0], 5) for _ in range(100)] == [False] * 100

    def test_a_view_of_a_larger_frame(self, lanes: list[Frame]) -> None:
        still = Standstill()
        still.add(lanes[0][:, 100:200], 0)
        assert still.add(lanes[0][:, 100:200].copy(), FROZEN_MS)
