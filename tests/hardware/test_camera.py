"""What every camera must do, on a real video file and on the twin; then what only a real one can get wrong."""

import logging
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest

from hardware.camera import BACKOFF_MS_FIRST, BACKOFF_MS_MAX, STEADY_MS, Camera, VideoCamera
from hardware.picture_source import OpenCvSource, PictureSource, open_source
from hardware.simulated_lane import SimulatedLane
from hardware.twin_camera import CameraMode
from hardware.wiring import CameraWiring
from tests.broken_pictures import encoded, fed
from tests.hardware.moved_time import MovedTime
from tests.mjpeg_server import network_camera


def await_(happens: Callable[[], bool]) -> None:
    """Until it does, in real time."""
    until = monotonic() + 20
    while not happens():
        assert monotonic() < until, "it does not"
        sleep(0.01)


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


@pytest.mark.parametrize(
    ("source", "backend"),
    [
        (0, cv2.CAP_V4L2),
        ("/dev/video0", cv2.CAP_V4L2),
        ("/dev/shm/lane.avi", cv2.CAP_FFMPEG),  # noqa: S108  never made
        ("rtsp://camera/lane", cv2.CAP_FFMPEG),
    ],
)
def test_a_device_is_no_stream_and_a_file_in_memory_no_device(
    monkeypatch: pytest.MonkeyPatch, source: int | str, backend: int
) -> None:
    opened = []

    class Video:
        def __init__(self, source: int | str, backend: int, *_limits: object) -> None:
            opened.append((source, backend))

        def set(self, *_: object) -> None: ...

    monkeypatch.setattr(cv2, "VideoCapture", Video)
    OpenCvSource(CameraWiring(source=source))
    assert opened == [(source, backend)]


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
    time.pass_ms(STEADY_MS)
    assert camera.step() == 0
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


class TestStream:
    """A network camera, with real time for what it sends and moved time for how long it is waited for."""

    LIMITS: ClassVar[dict[str, Any]] = {"open_ms_max": 1_000, "read_ms_max": 200}

    def shade(self, camera: VideoCamera) -> int | None:
        frame = camera.newest()
        return None if frame is None else int(frame.pixels[0, 0, 0])

    def test_that_stalls_is_given_up_and_tried_ever_more_slowly(self, time: MovedTime) -> None:
        with network_camera() as server:
            camera = VideoCamera(CameraWiring(source=server.address, **self.LIMITS), clock=time)
            assert camera.step() == 0
            server.stalled = True
            while (wait := camera.step()) == 0:  # what was on its way
                pass
            assert wait == BACKOFF_MS_FIRST
            time.pass_ms(1_600)
            assert camera.newest() is None, "what was seen before is too old"
            waits = [camera.step() for _ in range(2)]  # the server answers, and sends no picture
            assert waits == [2 * BACKOFF_MS_FIRST, 4 * BACKOFF_MS_FIRST]
            server.stalled, server.shade = False, 120
            assert camera.step() == 0
            assert self.shade(camera) == 120
            assert server.clients >= 3

    def test_that_dies_and_comes_back(self, time: MovedTime, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "hardware.camera")
        with network_camera() as server:
            camera = VideoCamera(CameraWiring(source=server.address, **self.LIMITS), clock=time)
            assert camera.step() == 0
        while camera.step() == 0:
            pass
        waits = [camera.step() for _ in range(8)]
        assert waits[-1] == BACKOFF_MS_MAX, "never longer"
        time.pass_ms(sum(waits))
        assert camera.newest() is None
        with network_camera(server.port) as server:
            server.shade = 200
            assert camera.step() == 0
            assert self.shade(camera) == 200
            time.pass_ms(STEADY_MS)
            assert camera.step() == 0
        assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
        told = [str(vars(record)) for record in caplog.records]
        assert not any("127.0.0.1" in line for line in told), "an address may hold a password"

    def test_that_comes_and_goes_is_tried_ever_more_slowly_and_logged_once(
        self, time: MovedTime, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "hardware.camera")
        picture, waits = np.full((4, 6, 3), 90, np.uint8), []
        camera = VideoCamera(
            CameraWiring(source=0), clock=time, open_source=lambda _: TestDriver.Source(picture, picture, None)
        )
        for _ in range(8):
            assert camera.step() == 0
            time.pass_ms(STEADY_MS - 1)
            assert camera.step() == 0
            assert camera.newest() is not None, "what it shows is seen all the same"
            waits.append(camera.step())
        assert waits == [BACKOFF_MS_FIRST, 500, 1_000, 2_000, 4_000, *[BACKOFF_MS_MAX] * 3]
        assert [record.message for record in caplog.records] == ["camera.lost"]
        camera.step()
        time.pass_ms(STEADY_MS)
        assert [camera.step(), camera.step()] == [0, BACKOFF_MS_FIRST]
        assert [record.message for record in caplog.records] == ["camera.lost", "camera.back", "camera.lost"]

    def test_of_pictures_that_nobody_took_only_the_newest_is_left(self) -> None:
        with network_camera() as server:
            camera = VideoCamera(CameraWiring(source=server.address, **self.LIMITS))
            camera.start()
            try:
                await_(lambda: self.shade(camera) == 40)
                server.shade = 200
                sleep(0.5)  # nobody asks for a while, and fifty pictures come
                assert self.shade(camera) == 200
            finally:
                camera.stop()


class TestDriver:
    """Whatever a driver does, the camera is lost by it and nothing else."""

    class Source:
        def __init__(self, *reads: object) -> None:
            self.reads = list(reads)
            self.released = 0

        def read(self) -> Any:
            read = self.reads.pop(0)
            if isinstance(read, Exception):
                raise read
            return read

        def release(self) -> None:
            self.released += 1
            raise OSError("it was unplugged")

    PICTURE = np.full((4, 6, 3), 90, np.uint8)

    @pytest.mark.parametrize(
        "read",
        [
            cv2.error("out of memory"),
            MemoryError(),
            RuntimeError("rtsp://user:password@192.0.2.10/"),
            None,
            np.zeros((0, 0, 3), np.uint8),
            np.broadcast_to(np.zeros((1, 1, 3), np.uint8), (5_000, 5_000, 3)),
        ],
    )
    def test_that_fails_is_let_go_and_tried_anew(
        self, time: MovedTime, caplog: pytest.LogCaptureFixture, read: object
    ) -> None:
        sources = [first := self.Source(self.PICTURE, read), self.Source(self.PICTURE)]
        camera = VideoCamera(CameraWiring(source=0), clock=time, open_source=lambda _: sources.pop(0))
        assert [camera.step(), camera.step(), camera.step()] == [0, BACKOFF_MS_FIRST, 0]
        assert first.released == 1
        assert not any("password" in str(vars(record)) for record in caplog.records)

    def test_that_fails_to_open(self, time: MovedTime) -> None:
        def broken(_: CameraWiring) -> PictureSource | None:
            raise OSError("no such device")

        camera = VideoCamera(CameraWiring(source=0), clock=time, open_source=broken)
        assert camera.step() == BACKOFF_MS_FIRST

    def test_grey_pictures_are_shown_in_colour(self, time: MovedTime) -> None:
        grey = self.Source(np.full((4, 6), 90, np.uint8))
        camera = VideoCamera(CameraWiring(source=0), clock=time, open_source=lambda _: grey)
        camera.step()
        frame = camera.newest()
        assert frame is not None
        assert np.array_equal(frame.pixels, self.PICTURE)


def test_a_stream_that_says_it_is_huge_is_not_opened(tmp_path: Path, time: MovedTime) -> None:
    """FFmpeg would take one of 250 million pixels."""
    huge = tmp_path / "huge.mjpeg"
    huge.write_bytes(encoded(".jpg", np.zeros((4_200, 4_200, 3), np.uint8)) * 3)
    camera = VideoCamera(CameraWiring(source=str(huge)), clock=time)
    assert camera.step() == BACKOFF_MS_FIRST
    assert open_source(CameraWiring(source=str(huge))) is None


def test_hundreds_of_broken_streams_leave_the_process_as_it_was(tmp_path: Path) -> None:
    """Each begins with a whole picture, which is shown, and goes on with a broken one."""
    assert fed("streamed", 600, tmp_path).startswith("read 600, refused 0")
