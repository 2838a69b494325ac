"""A stream's newest picture: of MJPEG on a stand-in that gives what it is told to, by RTSP on a real one."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from queue import SimpleQueue
from threading import Event

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from domain.errors import BadInput, OperatorError
from hardware.camera import BACKOFF_MS_FIRST, VideoCamera
from hardware.picture import Pixels, decoded
from hardware.stream import BROKEN_MAX, DRIFT_MAX, LATE_MS, SKIPPED_MAX, Lateness, MjpegStream, RtspStream
from hardware.wiring import CameraWiring
from tests.broken_pictures import encoded, resized
from tests.hardware.moved_time import MovedTime
from tests.rtsp_server import FRAME_MS, STEP, RtspCamera, rtsp_camera


def jpeg(shade: int) -> bytes:
    return encoded(".jpg", np.full((8, 8, 3), shade, np.uint8))


@dataclass
class Sent:
    """Stands for a `cv2.VideoCapture` of MJPEG as it comes: gives what is put in, and ends with None."""

    parts: SimpleQueue[bytes | None] = field(default_factory=SimpleQueue)
    asks: SimpleQueue[None] = field(default_factory=SimpleQueue)
    is_released: Event = field(default_factory=Event)
    part: bytes = b""

    def send(self, *parts: bytes | None) -> None:
        """Returns once all of them have been taken, and the next one is asked for."""
        for part in parts:
            self.asks.get(timeout=10)
            self.parts.put(part)
        if None in parts:
            assert self.is_released.wait(10)
        else:
            self.asks.put(self.asks.get(timeout=10))

    def grab(self) -> bool:
        self.asks.put(None)
        part = self.parts.get()
        self.part = part or b""
        return part is not None

    def retrieve(self) -> tuple[bool, NDArray[np.uint8]]:
        return True, np.frombuffer(self.part, np.uint8)[np.newaxis]

    def release(self) -> None:
        self.is_released.set()


class TestMjpeg:
    @pytest.fixture
    def sent(self) -> Iterator[Sent]:
        sent = Sent()
        yield sent
        sent.parts.put(None)

    @pytest.fixture
    def stream(self, sent: Sent) -> MjpegStream:
        return MjpegStream(sent)  # type: ignore[arg-type]

    def shade(self, stream: MjpegStream) -> int | None:
        picture = stream.read()
        return None if picture is None else int(picture[0, 0, 0])

    def test_of_pictures_that_wait_only_the_newest_is_decoded(self, sent: Sent, stream: MjpegStream) -> None:
        sent.send(jpeg(40), jpeg(80), jpeg(120))
        assert self.shade(stream) == 120
        sent.send(jpeg(160))
        assert self.shade(stream) == 160

    def test_no_picture_is_read_twice(self, sent: Sent, stream: MjpegStream) -> None:
        sent.send(jpeg(40))
        assert self.shade(stream) == 40
        sent.send(None)
        assert self.shade(stream) is None, "it waited for the next one"
        assert self.shade(stream) is None

    def test_what_came_before_its_end_is_read(self, sent: Sent, stream: MjpegStream) -> None:
        sent.send(jpeg(40), None)
        assert self.shade(stream) == 40
        assert self.shade(stream) is None

    @pytest.mark.parametrize("broken", [b"no picture", jpeg(40)[:-40], resized(jpeg(40), 5_000, 5_000)])
    def test_a_broken_picture_is_passed_over(
        self, sent: Sent, stream: MjpegStream, monkeypatch: pytest.MonkeyPatch, broken: bytes
    ) -> None:
        self.after_each_broken(monkeypatch, lambda: sent.send(jpeg(80)))
        sent.send(broken)
        assert self.shade(stream) == 80

    def test_one_of_nothing_but_broken_pictures_counts_as_ended(
        self, sent: Sent, stream: MjpegStream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken = self.after_each_broken(monkeypatch, lambda: sent.send(b"no picture"))
        sent.send(b"no picture")
        assert self.shade(stream) is None
        assert len(broken) == BROKEN_MAX

    def after_each_broken(self, monkeypatch: pytest.MonkeyPatch, comes: Callable[[], None]) -> list[bytes]:
        """Have the next picture come once one was found to be broken; those that were."""
        broken: list[bytes] = []

        def decode(data: bytes) -> Pixels:
            try:
                return decoded(data)
            except BadInput:
                broken.append(data)
                comes()
                raise

        monkeypatch.setattr("hardware.stream.decoded", decode)
        return broken

    def test_released_it_lets_the_stream_go_with_the_next_picture(self, sent: Sent, stream: MjpegStream) -> None:
        sent.parts.put(jpeg(40))
        stream.release()
        assert sent.is_released.wait(10)


class TestLateness:
    def test_of_pictures_that_all_come_as_late_as_each_other_it_knows_nothing(self) -> None:
        lateness = Lateness()
        assert lateness.of(0, 5_000) == -math.inf
        assert lateness.of(66, 5_066) == pytest.approx(0, abs=1)

    def test_one_that_comes_later_than_the_promptest(self) -> None:
        lateness = Lateness()
        for taken, came in ((0, 1_000), (66, 1_046)):  # the second 20 ms prompter
            lateness.of(taken, came)
        assert lateness.of(132, 1_412) == pytest.approx(300, abs=2)
        assert lateness.of(198, 1_178) == pytest.approx(0, abs=3), "it has caught up"

    def test_one_that_is_prompter_than_all_before(self) -> None:
        lateness = Lateness()
        lateness.of(0, 1_000)
        assert lateness.of(66, 1_016) == pytest.approx(-50, abs=1)

    @pytest.mark.parametrize("set_back_ms", [0, 3_600_000])
    def test_a_clock_that_is_none_or_is_set_back_tells_nothing(self, set_back_ms: int) -> None:
        lateness = Lateness()
        lateness.of(3_600_000, 0)
        assert lateness.of(3_600_000 - set_back_ms, 1_000) == pytest.approx(0, abs=10)
        assert lateness.of(3_600_066 - set_back_ms, 1_366) == pytest.approx(300, abs=10), "what follows is compared"

    @pytest.mark.parametrize(("slower", "is_late"), [(0.5 * DRIFT_MAX, False), (4 * DRIFT_MAX, True)])
    def test_a_clock_that_is_a_little_slower_than_ours_is_no_lateness(self, slower: float, is_late: bool) -> None:
        lateness = Lateness()
        late = [lateness.of(at * (1 - slower), at) for at in range(0, 3_600_000, 1_000)]
        assert (late[-1] > LATE_MS) is is_late


class Slow:
    """A clock in seconds, of a unit that takes so long for each picture, however fast they come."""

    def __init__(self, picture_ms: float) -> None:
        self.picture_ms = picture_ms
        self.now_ms = 1_000_000.0

    def __call__(self) -> float:
        self.now_ms += self.picture_ms
        return self.now_ms / 1_000


class TestRtsp:
    """On a real stream, whose pictures all come at once; what passes is the time that decoding them takes."""

    @pytest.fixture
    def server(self, tmp_path: Path) -> Iterator[RtspCamera]:
        with rtsp_camera(tmp_path) as server:
            yield server

    def opened(self, server: RtspCamera, clock: Callable[[], float], late_ms_max: int = 1_500) -> RtspStream:
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, 2_000, cv2.CAP_PROP_READ_TIMEOUT_MSEC, 200]
        return RtspStream(cv2.VideoCapture(server.address, cv2.CAP_FFMPEG, limits), late_ms_max, clock)

    def read(self, stream: RtspStream, count: int) -> list[int]:
        """The numbers of the pictures that it gives: each is brighter than the one before."""
        pictures = [stream.read() for _ in range(count)]
        return [round(int(picture[0, 0, 0]) / STEP) for picture in pictures if picture is not None]

    def test_pictures_that_come_in_time_are_all_read(self, server: RtspCamera) -> None:
        stream = self.opened(server, Slow(FRAME_MS))
        first, *others = self.read(stream, 10)
        assert others == list(range(first + 1, first + 10))
        stream.release()

    def test_what_came_while_it_was_opened_is_passed_over(self, server: RtspCamera) -> None:
        clock = Slow(5)
        stream = self.opened(server, lambda: clock() if clock.now_ms < 1_000_100 else prompt())
        prompt = Slow(FRAME_MS)
        prompt.now_ms = 1_000_100
        assert 20 <= self.read(stream, 1)[0] <= 24, "twenty pictures in 100 ms had been waiting"
        stream.release()

    def test_of_late_pictures_one_in_five_is_shown(self, server: RtspCamera) -> None:
        clock = Slow(FRAME_MS)
        stream = self.opened(server, clock)
        [last] = self.read(stream, 1)
        clock.picture_ms = FRAME_MS + LATE_MS / 2
        late = [last, *self.read(stream, 4)]
        assert [b - a for a, b in pairwise(late)] == [1, 1, 1 + SKIPPED_MAX, 1 + SKIPPED_MAX]
        clock.picture_ms = 0
        catching_up = [late[-1], *self.read(stream, 5)]
        assert [b - a for a, b in pairwise(catching_up)] == [*[1 + SKIPPED_MAX] * 3, 1, 1]
        stream.release()

    def test_one_that_is_too_late_is_given_up(self, server: RtspCamera) -> None:
        clock = Slow(FRAME_MS)
        stream = self.opened(server, clock, late_ms_max=1_000)
        assert self.read(stream, 1)
        clock.now_ms += 1_100
        with pytest.raises(OperatorError, match=r"1\.1 s late") as late:
            stream.read()
        assert late.value.code == "stream_late"
        stream.release()

    def test_its_end_is_no_picture(self, server: RtspCamera) -> None:
        stream = self.opened(server, Slow(FRAME_MS))
        assert 50 < len(self.read(stream, 70)) < 60
        stream.release()

    def test_one_that_sends_nothing_is_not_waited_for_again_and_again(self) -> None:
        """Each wait may take as long as a read may."""

        class Dead:
            grabs = 0

            def grab(self) -> bool:
                self.grabs += 1
                return False

        dead = Dead()
        assert RtspStream(dead, 1_500).read() is None  # type: ignore[arg-type]
        assert dead.grabs <= 2

    def test_a_camera_opens_it_again_and_says_why(
        self, server: RtspCamera, time: MovedTime, caplog: pytest.LogCaptureFixture
    ) -> None:
        clock = Slow(FRAME_MS)
        camera = VideoCamera(
            CameraWiring(source=server.address), clock=time, open_source=lambda _: self.opened(server, clock)
        )
        assert camera.step() == 0
        clock.now_ms += 1_600
        assert camera.step() == BACKOFF_MS_FIRST
        [lost] = caplog.records
        assert "s late" in vars(lost)["why"]
        assert camera.step() == 0
        assert server.clients == 2
        camera.stop()
