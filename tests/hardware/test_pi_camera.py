"""The Pi's own camera, on a stand-in for picamera2, which only Raspberry Pi OS has."""

import logging
import sys
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from hardware.camera import BACKOFF_MS_FIRST, VideoCamera
from hardware.wiring import CameraWiring
from tests.hardware.moved_time import MovedTime


class Picamera2:
    """As much of it as is used. `pictures` is what it has to give; after the last of them it gives none."""

    pictures: ClassVar[list[NDArray[Any]]] = []
    opened: ClassVar[list["Picamera2"]] = []
    fails_at = ""

    def __init__(self, index: int) -> None:
        if self.fails_at == "open":
            raise IndexError("list index out of range")  # what it says where no camera is connected
        self.index, self.calls = index, ["open"]
        self.configuration: dict[str, Any] = {}
        self.opened.append(self)

    def create_video_configuration(self, **configuration: Any) -> dict[str, Any]:
        return configuration

    def configure(self, configuration: dict[str, Any]) -> None:
        self.configuration = configuration

    def start(self) -> None:
        if self.fails_at == "start":
            raise RuntimeError("Camera __init__ sequence did not complete.")
        self.calls.append("start")

    def capture_array(self, name: str, wait: bool) -> str:
        assert (name, wait) == ("main", False)
        return "job"

    def wait(self, job: str, timeout: float) -> NDArray[Any]:
        assert (job, timeout) == ("job", 3.0)
        if not self.pictures:
            raise TimeoutError
        return self.pictures.pop(0)

    def stop(self) -> None:
        if self.fails_at == "stop":
            raise RuntimeError("Camera frontend has timed out!")
        self.calls.append("stop")

    def close(self) -> None:
        self.calls.append("close")


@pytest.fixture
def pi(monkeypatch: pytest.MonkeyPatch) -> type[Picamera2]:
    """A Pi with the package and a camera."""
    package = ModuleType("picamera2")
    package.Picamera2 = Picamera2  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "picamera2", package)
    monkeypatch.setattr(Picamera2, "pictures", [])
    monkeypatch.setattr(Picamera2, "opened", [])
    return Picamera2


def picture(level: int) -> NDArray[Any]:
    return np.full((720, 1280, 3), level, np.uint8)


@pytest.mark.parametrize(("source", "index"), [("picamera2", 0), ("picamera2:1", 1)])
def test_it_gives_its_newest_picture_in_the_size_of_the_wiring(
    pi: type[Picamera2], time: MovedTime, source: str, index: int
) -> None:
    pi.pictures += [picture(40), picture(80)]
    camera = VideoCamera(CameraWiring(source=source), clock=time)
    assert [camera.step(), camera.step()] == [0, 0]
    frame = camera.newest()
    assert frame is not None
    assert frame.pixels[0, 0].tolist() == [80, 80, 80]
    assert frame.mono_ms == time()
    [opened] = pi.opened
    assert (opened.index, opened.calls) == (index, ["open", "start"])
    assert opened.configuration["main"] == {"size": (1280, 720), "format": "RGB888"}
    assert opened.configuration["queue"] is False, "a queue would hold an old picture ready"


def test_one_that_gives_none_any_more_is_let_go_and_opened_anew(pi: type[Picamera2], time: MovedTime) -> None:
    pi.pictures += [picture(40)]
    camera = VideoCamera(CameraWiring(source="picamera2"), clock=time)
    assert [camera.step(), camera.step()] == [0, BACKOFF_MS_FIRST]
    assert pi.opened[0].calls == ["open", "start", "stop", "close"]
    pi.pictures += [picture(80)]
    assert camera.step() == 0
    assert len(pi.opened) == 2


@pytest.mark.parametrize(("fails_at", "calls"), [("open", []), ("start", [["open", "close"]])])
def test_a_camera_that_is_not_connected_is_waited_for(
    pi: type[Picamera2], time: MovedTime, monkeypatch: pytest.MonkeyPatch, fails_at: str, calls: list[list[str]]
) -> None:
    monkeypatch.setattr(pi, "fails_at", fails_at)
    camera = VideoCamera(CameraWiring(source="picamera2"), clock=time)
    assert camera.step() == BACKOFF_MS_FIRST
    assert camera.newest() is None
    assert [opened.calls for opened in pi.opened] == calls, "what was opened is let go"
    monkeypatch.setattr(pi, "fails_at", "")
    pi.pictures += [picture(40)]
    assert camera.step() == 0


def test_one_that_cannot_even_be_stopped_is_closed(
    pi: type[Picamera2], time: MovedTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    pi.pictures += [picture(40)]
    camera = VideoCamera(CameraWiring(source="picamera2"), clock=time)
    camera.step()
    monkeypatch.setattr(pi, "fails_at", "stop")
    assert camera.step() == BACKOFF_MS_FIRST
    assert pi.opened[0].calls == ["open", "start", "close"]


def test_without_the_package_it_says_what_to_install(
    time: MovedTime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The lane goes on without a camera, and says so once."""
    caplog.set_level(logging.INFO, "hardware.camera")
    monkeypatch.setitem(sys.modules, "picamera2", None)
    camera = VideoCamera(CameraWiring(source="picamera2"), clock=time)
    for _ in range(3):
        assert camera.step() > 0
    assert camera.newest() is None
    assert len(caplog.records) == 1
    assert "sudo apt install python3-picamera2" in vars(caplog.records[0])["why"]


def test_no_other_camera_needs_the_package() -> None:
    assert CameraWiring(source="/dev/video0").pi_camera is None
    assert CameraWiring(source=0).pi_camera is None
    assert CameraWiring(source="rtsp://192.0.2.10/picamera2:1").pi_camera is None
