"""What every camera must do, on a real video file and on the twin; then what only a real one can get wrong."""

import logging
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from hardware.camera import BACKOFF_MS_FIRST, BACKOFF_MS_MAX, Camera, VideoCamera
from hardware.simulated_lane import SimulatedLane
from hardware.twin_camera import CameraMode
from hardware.wiring import CameraWiring
from tests.broken_pictures import fed
from tests.hardware.conftest import MovedTime

SHADES = (40, 80, 120, 160, 200)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Five frames, each of one shade."""
    path = tmp_path / "lane.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 15, (320, 240))
    assert writer.isOpened()
    for shade in SHADES:
        writer.write(np.full((240, 320, 3), shade, np.uint8))
    writer.release()
    return path


@pytest.fixture(params=["video", "twin"])
def shown(
    request: pytest.FixtureRequest, video: Path, lane: SimulatedLane, time: MovedTime
) -> tuple[Camera, Callable[[], None], Callable[[], None]]:
    """A camera that sees something, what makes it take its next frame, and what breaks it."""
    if request.param == "video":
        camera = VideoCamera(CameraWiring(source=str(video)), clock=time)
        camera.step()

        def next_frame() -> None:
            time.pass_ms(66)
            camera.step()

        return camera, next_frame, lambda: time.pass_ms(2_000)  # no frame comes any more

    def break_twin() -> None:
        lane.camera_twin.mode = CameraMode.NONE

    return lane.camera, lambda: time.pass_ms(66), break_twin


def test_newest_is_a_colour_picture_with_its_time(
    shown: tuple[Camera, Callable[[], None], Callable[[], None]], time: MovedTime
) -> None:
    frame = shown[0].newest()
    assert frame is not None
    assert frame.pixels.dtype == np.uint8
    assert frame.pixels.ndim == 3
    assert frame.pixels.shape[2] == 3
    assert 0 <= time() - frame.mono_ms < 100


def test_asking_twice_gives_the_same_frame_until_a_newer_one_comes(
    shown: tuple[Camera, Callable[[], None], Callable[[], None]],
) -> None:
    camera, next_frame, _ = shown
    first = camera.newest()
    assert camera.newest() is first
    next_frame()
    second = camera.newest()
    assert first is not None
    assert second is not None
    assert second.mono_ms > first.mono_ms


def test_a_broken_camera_gives_none(shown: tuple[Camera, Callable[[], None], Callable[[], None]]) -> None:
    camera, _, break_camera = shown
    break_camera()
    assert camera.newest() is None


def test_only_the_newest_frame_is_kept(video: Path, time: MovedTime) -> None:
    camera = VideoCamera(CameraWiring(source=str(video)), clock=time)
    for _ in SHADES:
        camera.step()
    frame = camera.newest()
    assert frame is not None
    assert abs(float(frame.pixels.mean()) - SHADES[-1]) < 3


def test_a_missing_camera_is_asked_for_ever_more_slowly_and_logged_once(
    tmp_path: Path, video: Path, time: MovedTime, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "hardware.camera")
    later = tmp_path / "later.avi"
    camera = VideoCamera(CameraWiring(source=str(later)), clock=time)
    waits = [camera.step() for _ in range(8)]
    assert waits[0] == BACKOFF_MS_FIRST
    assert waits == sorted(waits)
    assert waits[-1] == BACKOFF_MS_MAX
    assert camera.newest() is None
    video.rename(later)
    assert camera.step() == 0
    assert camera.newest() is not None
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_a_stream_that_ends_is_opened_again(video: Path, time: MovedTime) -> None:
    camera = VideoCamera(CameraWiring(source=str(video)), clock=time)
    waits = [camera.step() for _ in range(len(SHADES) + 2)]
    assert waits == [0] * len(SHADES) + [BACKOFF_MS_FIRST, 0]


def test_the_thread_reads_by_itself_and_ends(video: Path) -> None:
    stamped = threading.Event()

    def clock() -> int:
        stamped.set()
        return 0

    camera = VideoCamera(CameraWiring(source=str(video)), clock=clock)
    camera.start()
    try:
        assert stamped.wait(10)
    finally:
        camera.stop()
    assert camera.newest() is not None
    assert not camera._thread.is_alive()


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_a_server_that_never_answers_does_not_hold_the_thread(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel accepts, nobody answers
        address = f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/lane"
        camera = VideoCamera(CameraWiring(source=address, open_ms_max=100, read_ms_max=100))
        assert camera.step() == BACKOFF_MS_FIRST
        assert camera.newest() is None


def test_a_thousand_broken_streams_leave_the_process_as_it_was(tmp_path: Path) -> None:
    """Each begins with a whole picture, which is shown, and goes on with a broken one."""
    assert fed("streamed", 1_000, tmp_path).startswith("read 1000, refused 0")
