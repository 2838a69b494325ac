"""The simulated camera: whose frames it shows when, and what counts as a picture."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from hardware.camera import Pixels
from hardware.twin import LaneTwin
from hardware.twin_camera import EMPTY_LANE, CameraMode, CameraTwin
from tests.hardware.moved_time import MovedTime


def shade(level: int) -> Pixels:
    return np.full((4, 4, 3), level, np.uint8)


@dataclass
class Scene:
    """A lane with an arm that is quick, and a camera that takes a frame every 50 ms."""

    time: MovedTime
    lane: LaneTwin = field(init=False)
    camera: CameraTwin = field(init=False)

    def __post_init__(self) -> None:
        self.lane = LaneTwin(arm_travel_ms=20, car_speed_mm_per_s=2_500, now_ms=self.time())
        self.camera = CameraTwin(self.lane, frame_interval_ms=50, clock=self.time)
        self.time.when_ticked = lambda: self.lane.advance(self.time())

    @property
    def level(self) -> int:
        """What the newest frame shows."""
        frame = self.camera.newest()
        assert frame is not None
        return int(frame.pixels[0, 0, 0])


@pytest.fixture
def scene(time: MovedTime) -> Scene:
    return Scene(time)


def test_a_frame_has_the_instant_of_its_interval_and_stays_until_the_next(scene: Scene) -> None:
    scene.time.pass_ms(30)
    first = scene.camera.newest()
    assert first is not None
    assert first.mono_ms == 1_000_000
    scene.camera.mode = CameraMode.BLACK
    assert scene.camera.newest() is first, "what was taken was taken"
    scene.time.pass_ms(20)
    second = scene.camera.newest()
    assert second is not None
    assert second.mono_ms == 1_000_050
    assert second.pixels.max() <= 1, "black, but for the noise"


def test_frames_go_by_how_far_the_car_has_come_and_the_last_one_stays(scene: Scene) -> None:
    scene.camera.car_frames = [shade(1), shade(2)]
    assert scene.level == EMPTY_LANE[0, 0, 0], "nobody is there yet"
    scene.lane.arrive("c1", scene.time())
    seen = []
    for _ in range(100):
        scene.time.pass_ms(50)
        seen.append(scene.level)
    assert list(dict.fromkeys(seen)) == [1, 2]
    assert 20 < seen.index(2) < 40, "half-way of 3.1 s"
    assert scene.lane.car is not None
    assert scene.lane.car.approach == 1.0


def test_past_the_arm_the_car_is_not_seen(scene: Scene) -> None:
    scene.camera.car_frames = [shade(1)]
    scene.lane.raise_arm(scene.time())
    scene.lane.arrive("c1", scene.time())
    while scene.lane.car is not None and scene.lane.car.front <= 0:
        assert scene.level in (1, EMPTY_LANE[0, 0, 0])
        scene.time.pass_ms(20)
    scene.time.pass_ms(50)
    assert scene.lane.car is not None, "it is still in the lane"
    assert scene.level == EMPTY_LANE[0, 0, 0]


def test_a_car_without_pictures_leaves_the_lane_as_it_was(scene: Scene) -> None:
    scene.camera.empty_lane = shade(7)
    scene.lane.arrive("c1", scene.time())
    scene.time.pass_ms(1_000)
    assert scene.level == 7


def test_a_camera_that_comes_back_shows_the_present(scene: Scene) -> None:
    scene.camera.mode = CameraMode.NONE
    assert scene.camera.newest() is None
    scene.camera.mode = CameraMode.OK
    scene.camera.empty_lane = shade(9)
    assert scene.level == 9


def test_a_frozen_camera_goes_on_giving_what_it_showed_as_if_it_were_new(scene: Scene) -> None:
    scene.camera.car_frames = [shade(1)]
    scene.lane.arrive("c1", scene.time())
    scene.time.pass_ms(1_000)
    assert scene.level == 1
    before = scene.camera.newest()
    scene.camera.mode = CameraMode.FROZEN
    scene.lane.leave(scene.time())
    scene.time.pass_ms(10_000)
    after = scene.camera.newest()
    assert scene.lane.car is None
    assert before is not None
    assert after is not None
    assert after.pixels is before.pixels
    assert after.mono_ms > before.mono_ms


def test_the_plate_of_a_tailgater_is_hidden(scene: Scene) -> None:
    scene.camera.car_frames = [shade(1)]
    scene.lane.raise_arm(scene.time())
    scene.lane.arrive("c1", scene.time(), follower="c2")
    while scene.lane.passages == 0:
        scene.time.pass_ms(20)
    assert scene.lane.car is not None
    assert scene.lane.car.front < 0
    assert scene.level == EMPTY_LANE[0, 0, 0]


def test_no_two_frames_are_the_same_but_of_a_camera_that_is_frozen(scene: Scene) -> None:
    def differ() -> bool:
        first = scene.camera.newest()
        scene.time.pass_ms(50)
        second = scene.camera.newest()
        assert first is not None
        assert second is not None
        assert second.mono_ms == first.mono_ms + 50
        return not np.array_equal(first.pixels, second.pixels)

    assert all(differ() for _ in range(20))
    scene.camera.mode = CameraMode.FROZEN
    scene.camera.empty_lane = shade(9)
    assert not any(differ() for _ in range(20))


@pytest.mark.parametrize(
    ("mode", "contrast"), [(CameraMode.OK, 109), (CameraMode.DEFOCUSED, 60), (CameraMode.COVERED, 0)]
)
def test_what_a_spoilt_camera_shows(scene: Scene, mode: CameraMode, contrast: int) -> None:
    scene.camera.mode = mode
    frame = scene.camera.newest()
    assert frame is not None
    assert frame.pixels.shape == EMPTY_LANE.shape
    assert contrast <= np.ptp(frame.pixels) <= contrast + 40
    steepest = int(np.abs(np.diff(frame.pixels.astype(int), axis=1)).max())
    assert (steepest > 50) is (mode is CameraMode.OK)
