"""A camera that is looked after all the time: on the simulated one, with the time moved."""

import asyncio
from contextlib import suppress

import numpy as np
import pytest

from gate_firmware import camera_sight
from gate_firmware.camera_sight import SETTLE_MS, CameraSight
from hardware.camera import Pixels
from hardware.twin import LaneTwin
from hardware.twin_camera import CameraMode, CameraTwin
from lpr.blindness import FROZEN_MS, Blindness, fingerprint

CHECK_MS = 1_000


class Scene:
    """A lane's camera, checked every second."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000
        lane = LaneTwin(arm_travel_ms=20, car_speed_mm_per_s=2_500, now_ms=self.now_ms)
        self.camera = CameraTwin(lane, frame_interval_ms=66, clock=lambda: self.now_ms)
        self.sight = CameraSight(self.camera, lambda: self.now_ms)

    def passes(self, ms: int) -> list[Blindness | None]:
        """What was said at each check."""
        said = []
        for _ in range(ms // CHECK_MS):
            self.now_ms += CHECK_MS
            said.append(self.sight.check())
        return said


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    assert set(scene.passes(60_000)) == {None}, "an empty lane is nothing to worry about, however long"
    return scene


KINDS = {
    CameraMode.NONE: Blindness.NO_PICTURE,
    CameraMode.BLACK: Blindness.BLACK,
    CameraMode.COVERED: Blindness.COVERED,
    CameraMode.DEFOCUSED: Blindness.DEFOCUSED,
}


@pytest.mark.parametrize("mode", KINDS)
def test_blind_once_it_has_lasted_and_until_it_has_seen_for_as_long(scene: Scene, mode: CameraMode) -> None:
    scene.camera.mode = mode
    assert set(scene.passes(SETTLE_MS)) == {None}
    assert set(scene.passes(3_000)) == {KINDS[mode]}
    scene.camera.mode = CameraMode.OK
    assert set(scene.passes(SETTLE_MS)) == {KINDS[mode]}
    assert scene.passes(CHECK_MS) == [None]


def test_what_passes_is_not_said(scene: Scene) -> None:
    for _ in range(5):  # lorries
        scene.camera.mode = CameraMode.COVERED
        assert set(scene.passes(SETTLE_MS // 2)) == {None}
        scene.camera.mode = CameraMode.OK
        assert set(scene.passes(SETTLE_MS // 2)) == {None}


def test_trouble_that_changes_is_no_end_of_it(scene: Scene) -> None:
    """At dusk a picture may be black and nearly black in turn."""
    for _ in range(SETTLE_MS // CHECK_MS // 2):
        scene.camera.mode = CameraMode.BLACK
        scene.passes(CHECK_MS)
        scene.camera.mode = CameraMode.COVERED
        scene.passes(CHECK_MS)
    assert scene.passes(CHECK_MS) == [Blindness.COVERED]


def test_a_picture_that_stands_still_is_given_to_nobody(scene: Scene) -> None:
    scene.camera.mode = CameraMode.FROZEN
    assert set(scene.passes(FROZEN_MS - CHECK_MS)) == {None}
    assert scene.sight.newest() is not None, "nobody knows yet"
    scene.passes(CHECK_MS)
    assert scene.passes(CHECK_MS) == [Blindness.FROZEN]
    assert scene.sight.newest() is None
    scene.camera.mode = CameraMode.OK
    scene.passes(CHECK_MS)
    assert scene.sight.newest() is not None, "what moves is shown at once"
    scene.passes(SETTLE_MS)
    assert scene.passes(CHECK_MS) == [None]


def test_the_picture_before_is_known(scene: Scene) -> None:
    before = scene.camera.newest()
    assert before is not None
    assert scene.sight.picture == fingerprint(before.pixels)
    scene.now_ms += 66
    after = scene.camera.newest()
    assert after is not None
    assert scene.sight.picture != fingerprint(after.pixels), "a sensor takes no picture twice"


def test_a_black_picture_may_stand_still(scene: Scene) -> None:
    """A sensor that is dead gives noughts."""
    black: Pixels = np.zeros((72, 128, 3), np.uint8)
    scene.camera.empty_lane, scene.camera.mode = black, CameraMode.OK
    scene.passes(CHECK_MS)
    scene.camera.mode = CameraMode.FROZEN
    assert scene.passes(FROZEN_MS + SETTLE_MS)[-1] is Blindness.BLACK


def test_it_gives_the_frames_of_its_camera(scene: Scene) -> None:
    assert scene.sight.newest() is scene.camera.newest()
    scene.camera.mode = CameraMode.NONE
    assert scene.sight.newest() is None


async def test_each_change_is_told_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_sight, "CHECK_EVERY_S", 0.0)
    told: list[Blindness | None] = []
    changed = asyncio.Event()

    def lasts(blindness: Blindness | None) -> None:
        told.append(blindness)
        changed.set()

    running = asyncio.ensure_future(scene.sight.run(lasts))
    for mode in (CameraMode.BLACK, CameraMode.OK):
        scene.camera.mode = mode
        changed.clear()
        while not changed.is_set():
            scene.now_ms += CHECK_MS
            await asyncio.sleep(0.001)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert told == [Blindness.BLACK, None]
