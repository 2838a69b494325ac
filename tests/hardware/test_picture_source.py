"""Which pictures come from what: what OpenCV is asked for, and what it is asked through."""

import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import cv2
import numpy as np
import pytest

from hardware.picture_source import OpenCvSource, open_source
from hardware.stream import MjpegStream, RtspStream
from hardware.wiring import CameraWiring
from tests.mjpeg_server import network_camera
from tests.rtsp_server import rtsp_camera

MJPG = cv2.VideoWriter.fourcc(*"MJPG")


class Device:
    """Stands for `cv2.VideoCapture` on a machine with a camera: notes what it is asked."""

    def __init__(self, source: object, api: int, settings: object = None) -> None:
        self.source, self.api = source, api
        self.limit_s = os.environ.get("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT")
        self.asked: dict[int, float] = {}
        self.is_released = False

    def set(self, setting: int, value: float) -> bool:
        self.asked[setting] = value
        return setting != cv2.CAP_PROP_BUFFERSIZE  # not every driver has each of them

    def get(self, setting: int) -> float:
        return self.asked.get(setting, 0.0)

    def isOpened(self) -> bool:  # noqa: N802  as OpenCV has it
        return self.source != "/dev/video9"

    def read(self) -> tuple[bool, Any]:
        return True, np.full((4, 6, 3), 90, np.uint8)

    def release(self) -> None:
        self.is_released = True


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> list[Device]:
    opened: list[Device] = []

    def capture(*arguments: Any) -> Device:
        opened.append(Device(*arguments))
        return opened[-1]

    monkeypatch.setattr(cv2, "VideoCapture", capture)
    monkeypatch.setenv("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "10")
    return opened


class TestV4l2:
    @pytest.mark.parametrize("source", [0, "/dev/v4l/by-id/usb-lane"])
    def test_what_is_asked_of_a_device(self, devices: list[Device], source: int | str) -> None:
        wiring = CameraWiring(source=source, width_px=1920, height_px=1080)
        assert isinstance(open_source(wiring), OpenCvSource)
        [device] = devices
        assert (device.source, device.api) == (source, cv2.CAP_V4L2)
        assert device.asked == {
            cv2.CAP_PROP_FOURCC: MJPG,
            cv2.CAP_PROP_FPS: 15,
            cv2.CAP_PROP_BUFFERSIZE: 2,
            cv2.CAP_PROP_FRAME_WIDTH: 1920,
            cv2.CAP_PROP_FRAME_HEIGHT: 1080,
        }
        assert next(iter(device.asked)) == cv2.CAP_PROP_FOURCC, "which sizes there are depends on it"

    def test_a_setting_that_its_driver_does_not_have_is_no_matter(self, devices: list[Device]) -> None:
        source = open_source(CameraWiring(source=0))
        assert source is not None
        assert source.read() is not None

    @pytest.mark.parametrize(("read_ms_max", "limit_s"), [(3_000, "3"), (100, "1"), (2_001, "3")])
    def test_a_read_has_a_limit_in_whole_seconds(self, devices: list[Device], read_ms_max: int, limit_s: str) -> None:
        open_source(CameraWiring(source=0, read_ms_max=read_ms_max))
        assert devices[0].limit_s == limit_s, "it is known when the device is opened"

    def test_a_file_among_the_devices_is_none(self, devices: list[Device]) -> None:
        with NamedTemporaryFile(dir="/dev/shm", suffix=".avi") as file:
            open_source(CameraWiring(source=file.name))
        assert devices[0].api == cv2.CAP_FFMPEG

    def test_one_that_is_not_there_is_let_go(self, devices: list[Device]) -> None:
        assert open_source(CameraWiring(source="/dev/video9")) is None
        assert devices[0].is_released


class TestStream:
    def test_mjpeg_is_taken_as_it_comes(self) -> None:
        with network_camera() as server:
            source = open_source(CameraWiring(source=server.address))
            assert isinstance(source, MjpegStream)
            try:
                picture = source.read()
                assert picture is not None
                assert (picture.shape, int(picture[0, 0, 0])) == ((48, 64, 3), server.shade)
            finally:
                source.release()

    def test_rtsp_tells_how_late_it_is(self, tmp_path: Path) -> None:
        with rtsp_camera(tmp_path) as server:
            source = open_source(CameraWiring(source=server.address))
            assert isinstance(source, RtspStream)
            source.release()

    def test_one_thread_decodes_as_more_of_them_keep_pictures_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        settings: list[list[int]] = []

        def capture(_source: str, api: int, asked: list[int]) -> Device:
            settings.append(asked)
            return Device("/dev/video9", api)

        monkeypatch.setattr(cv2, "VideoCapture", capture)
        open_source(CameraWiring(source="rtsp://192.0.2.10/lane", open_ms_max=700, read_ms_max=300))
        [asked] = settings
        assert dict(zip(asked[::2], asked[1::2], strict=True)) == {
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC: 700,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC: 300,
            cv2.CAP_PROP_N_THREADS: 1,
        }

    def test_a_file_is_read_picture_by_picture(self, tmp_path: Path) -> None:
        """Also one of MJPEG: of a file the newest picture is the last."""
        path = tmp_path / "lane.avi"
        writer = cv2.VideoWriter(str(path), MJPG, 15, (64, 48))
        for shade in (40, 80, 120):
            writer.write(np.full((48, 64, 3), shade, np.uint8))
        writer.release()
        source = open_source(CameraWiring(source=str(path)))
        assert source is not None
        pictures = [source.read() for _ in range(3)]
        assert source.read() is None
        shades = [int(picture[0, 0, 0]) for picture in pictures if picture is not None]
        assert shades == pytest.approx([40, 80, 120], abs=3)
