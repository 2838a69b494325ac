"""Looking at one car: with a reader and a camera that do what a test wants, and once with the real ones."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest

from cloud_sync.link.seal import Seal
from domain.errors import OperatorError
from domain.now import Now
from domain.plate import Plate
from domain.reservation import Status
from gate_firmware.events import Looked, Sight
from gate_firmware.looking import BLIND_MS, EXPECTED_FOR, FRAMES_KEPT, Looker
from hardware.camera import Frame, Pixels
from lpr.blindness import Blindness, fingerprint
from lpr.frame import Box
from lpr.qr import Code, QrFinder, any_text
from lpr.reader import BLANK, SIGNS, PlateReader, Sighting, engine
from lpr.voting import FRAMES_MAX
from simulator.street.conditions import Conditions
from simulator.street.frames import approach
from tests.gate_firmware.gate import HOUR_MS, NOW, OTHER, PLATE, SEAL, Gate, right, ticket

BLACK: Pixels = np.zeros((48, 64, 3), np.uint8)
STRIPES: Pixels = np.tile(np.repeat(np.array([0, 255], np.uint8), 8), (48, 4))[:, :, None].repeat(3, axis=2)


def sighting(text: str, p: float = 0.99, *, typical: bool = True, misread: bool = False) -> Sighting:
    """A sighting of a text: every sign in a column of its own at probability `p`, blanks between.

    Misread: its first sign looks more like a W than like itself.
    """
    columns = np.full((2 * len(text) + 1, BLANK + 1), (1 - p) / BLANK)
    columns[::2, BLANK] = p
    for place, sign in enumerate(text):
        columns[2 * place + 1, SIGNS.index(sign)] = p
    if misread:
        columns[1, [SIGNS.index(text[0]), SIGNS.index("W")]] = 0.2, 0.6
    log_probs = np.log(columns / columns.sum(axis=1, keepdims=True)).astype(np.float32)
    return Sighting(text, p, (10, 20, 160, 40), log_probs, typical)


@dataclass
class Camera:
    """Gives a new frame each time; time passes by `step_ms` with each question."""

    step_ms: int = 66
    now: Now = NOW
    pixels: Pixels | None = field(default_factory=lambda: STRIPES)
    frozen: bool = False
    _frame: Frame | None = None

    def newest(self) -> Frame | None:
        self.now = self.now.later(self.step_ms)
        if self.pixels is None:
            return None
        if self._frame is None or not self.frozen:
            self._frame = Frame(self.pixels, self.now.mono_ms)
        return self._frame

    def clock(self) -> Now:
        return self.now


LOOK_MS_MAX = 60_000


class Reader:
    """Sees what it was told to, frame by frame, and the last of it for ever."""

    def __init__(self, *frames: Sequence[Sighting] | Exception) -> None:
        self.frames = list(frames)
        self.reads = 0
        self.threads: set[str] = set()

    def read(self, frame: Pixels) -> Sequence[Sighting]:
        self.reads += 1
        self.threads.add(threading.current_thread().name)
        seen = self.frames.pop(0) if len(self.frames) > 1 else self.frames[0]
        if isinstance(seen, Exception):
            raise seen
        return seen


FAR_FROM_THE_PLATE = (900, 20, 100, 100)


class Codes:
    """Sees the codes that it was told to, frame by frame, and the last of it for ever."""

    def __init__(self, *frames: Sequence[str], box: Box = FAR_FROM_THE_PLATE) -> None:
        self.frames = list(frames or [[]])
        self.box = box
        self.reads = 0
        self.threads: set[str] = set()

    def find(self, frame: Pixels, sought: Callable[[str], bool] = any_text) -> Sequence[Code]:
        self.reads += 1
        self.threads.add(threading.current_thread().name)
        seen = self.frames.pop(0) if len(self.frames) > 1 else self.frames[0]
        return [Code(text, self.box) for text in seen]


def decoded(jpeg: bytes) -> Pixels:
    """A picture as the camera gives it."""
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def ready(reader: PlateReader) -> asyncio.Future[PlateReader]:
    """As one that has been loaded."""
    loaded: asyncio.Future[PlateReader] = asyncio.get_running_loop().create_future()
    loaded.set_result(reader)
    return loaded


class Lookers:
    """Makes them, and closes them in the end."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._made: list[Looker] = []

    def __call__(
        self,
        camera: Camera,
        reader: PlateReader | Awaitable[PlateReader],
        codes: QrFinder | None = None,
        *,
        picture: Callable[[], int | None] = lambda: None,
    ) -> Looker:
        loading = reader if isinstance(reader, Awaitable) else ready(reader)
        looker = Looker(
            camera,
            loading,
            codes or Codes(),
            self._gate.replica,
            SEAL,
            camera.clock,
            look_ms_max=LOOK_MS_MAX,
            picture=picture,
        )
        self._made.append(looker)
        return looker

    def close(self) -> None:
        for looker in self._made:
            looker.close()


@pytest.fixture
async def looker(entry: Gate) -> AsyncIterator[Lookers]:
    lookers = Lookers(entry)
    yield lookers
    lookers.close()


class TestCar:
    async def test_an_expected_plate_beyond_doubt_takes_one_frame(self, entry: Gate, looker: Lookers) -> None:
        entry.hub_says(right())
        looked = await looker(Camera(), Reader([sighting(PLATE.open)])).look("p1")
        assert (looked.passage_id, looked.sight, looked.plate, looked.frames) == ("p1", Sight.KNOWN, PLATE, 1)
        assert looked.score == pytest.approx(0, abs=0.5)

    async def test_frames_vote(self, entry: Gate, looker: Lookers) -> None:
        """One early far-away read of another expected plate does not win."""
        entry.hub_says(right(1), right(2, plate=OTHER))
        reader = Reader([sighting(OTHER.open, misread=True)], [], [sighting(PLATE.open, misread=True)])
        looked = await looker(Camera(), reader).look("p1")
        assert (looked.sight, looked.plate) == (Sight.KNOWN, PLATE)
        assert looked.frames == 5  # three votes, because of the one against it

    async def test_a_stranger_comes_with_its_best_open_read(self, entry: Gate, looker: Lookers) -> None:
        entry.hub_says(right())
        reader = Reader([sighting("QQ1111", 0.93)], [sighting("QQ1112", 0.97)], [sighting("QQ1113", 0.91)])
        looked = await looker(Camera(), reader).look("p1")
        assert (looked.sight, looked.plate, looked.frames) == (Sight.STRANGER, Plate("QQ1112"), FRAMES_MAX)

    async def test_with_nothing_booked_everyone_is_a_stranger(self, looker: Lookers) -> None:
        looked = await looker(Camera(), Reader([sighting("QQ1111")])).look("p1")
        assert (looked.sight, looked.score) == (Sight.STRANGER, None)

    async def test_on_a_slow_computer_what_was_read_in_time_decides(self, entry: Gate, looker: Lookers) -> None:
        camera = Camera()

        class Slow(Reader):
            def read(self, frame: Pixels) -> Sequence[Sighting]:
                camera.now = camera.now.later(LOOK_MS_MAX // 3)
                return super().read(frame)

        looked = await looker(camera, Slow([sighting("QQ1111")])).look("p1")
        assert (looked.sight, looked.frames) == (Sight.STRANGER, 3)

    async def test_lettering_is_no_plate(self, looker: Lookers) -> None:
        looked = await looker(Camera(), Reader([sighting("TAXI", typical=False)])).look("p1")
        assert (looked.sight, looked.plate) == (Sight.UNSURE, None)

    async def test_a_line_too_long_for_a_plate(self, looker: Lookers) -> None:
        looked = await looker(Camera(), Reader([sighting("ABCDEFGH12345")])).look("p1")
        assert looked.plate is None

    async def test_a_car_without_a_plate(self, looker: Lookers) -> None:
        looked = await looker(Camera(), Reader([])).look("p1")
        assert looked == Looked("p1", Sight.UNSURE, None, None, FRAMES_MAX)

    async def test_no_frame_is_read_twice(self, looker: Lookers) -> None:
        camera, reader = Camera(frozen=True), Reader([])
        looked = await looker(camera, reader).look("p1")
        assert (looked.sight, reader.reads) == (Sight.BLIND, 1)


class TestCameraThatStandsStill:
    """It may show the car before: what was there before this one came is not read."""

    async def test_is_blind(self, looker: Lookers) -> None:
        reader, codes = Reader([sighting(PLATE.open)]), Codes([ticket()])
        looked = await looker(Camera(), reader, codes, picture=lambda: fingerprint(STRIPES)).look("p1")
        assert looked.sight is Sight.BLIND
        assert (reader.reads, codes.reads) == (0, 0)

    async def test_is_read_once_it_moves(self, entry: Gate, looker: Lookers) -> None:
        entry.hub_says(right())

        class Stuck(Camera):
            def newest(self) -> Frame | None:
                if self.now.mono_ms - NOW.mono_ms > BLIND_MS // 2:
                    self.pixels = STRIPES[:, ::-1]
                return super().newest()

        camera = Stuck()
        looks = looker(camera, Reader([sighting(PLATE.open)]), picture=lambda: fingerprint(STRIPES))
        assert (await looks.look("p1")).sight is Sight.KNOWN
        camera.pixels = STRIPES
        assert (await looks.look("p1")).sight is Sight.KNOWN, "by then the picture is of this car"
        assert (await looks.look("p2")).sight is Sight.KNOWN

    async def test_shows_no_code_either(self, looker: Lookers) -> None:
        camera = Camera()
        looks = looker(camera, Reader([]), Codes([ticket()]), picture=lambda: fingerprint(STRIPES))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(looks.look_for_code("p1"), 0.1)


class TestCamera:
    @pytest.mark.parametrize(
        ("pixels", "blindness"),
        [
            (None, Blindness.NO_PICTURE),
            (BLACK, Blindness.BLACK),
            (np.full_like(BLACK, 255), Blindness.COVERED),
            (np.zeros((0, 0, 3), np.uint8), Blindness.BLACK),
        ],
    )
    async def test_blind(self, looker: Lookers, pixels: Pixels | None, blindness: Blindness) -> None:
        camera, reader = Camera(pixels=pixels), Reader([])
        looked = await looker(camera, reader).look("p1")
        assert looked == Looked("p1", Sight.BLIND, None, None, 0, blindness=blindness)
        assert BLIND_MS <= camera.now.mono_ms - NOW.mono_ms <= BLIND_MS + camera.step_ms
        assert reader.reads == 0

    async def test_that_goes_blind_while_it_looks(self, looker: Lookers) -> None:
        camera = Camera()

        class Curtain(Reader):
            def read(self, frame: Pixels) -> Sequence[Sighting]:
                camera.pixels = BLACK
                return super().read(frame)

        looked = await looker(camera, Curtain([])).look("p1")
        assert (looked.sight, looked.frames) == (Sight.BLIND, 1)

    async def test_that_sees_again_in_time(self, entry: Gate, looker: Lookers) -> None:
        entry.hub_says(right())
        camera, asked = Camera(step_ms=100), 0

        class Late(Camera):
            def newest(self) -> Frame | None:
                nonlocal asked
                asked += 1
                return None if asked < 8 else camera.newest()

        late = Late()
        late.clock = camera.clock  # type: ignore[method-assign]
        assert (await looker(late, Reader([sighting(PLATE.open)])).look("p1")).sight is Sight.KNOWN


class TestReader:
    async def test_that_fails_is_logged_and_comes_out_as_unsure(
        self, looker: Lookers, caplog: pytest.LogCaptureFixture
    ) -> None:
        fails = looker(Camera(), Reader(RuntimeError("out of memory")))
        assert await fails.look("p1") == Looked("p1", Sight.UNSURE, None, None, 0)
        await fails.look("p2")
        assert caplog.text.count("gate.reader_failed") == 1

    async def test_that_reads_again_is_logged_too(
        self, entry: Gate, looker: Lookers, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO")
        entry.hub_says(right())
        reads = Reader([sighting(PLATE.open)])
        reader = Reader(RuntimeError("out of memory"))
        again = looker(Camera(), reader)
        await again.look("p1")
        reader.read = reads.read  # type: ignore[method-assign]
        for number in (2, 3):
            assert (await again.look(f"p{number}")).sight is Sight.KNOWN
        assert caplog.text.count("gate.reader_reads_again") == 1

    async def test_that_never_loaded(self, looker: Lookers, caplog: pytest.LogCaptureFixture) -> None:
        async def broken() -> PlateReader:
            raise OperatorError("engine_missing", "no such library")

        looker_ = looker(Camera(), broken())
        for _ in range(2):
            assert (await looker_.look("p1")).sight is Sight.UNSURE
        assert "gate.reader_failed" not in caplog.text, "it is missing, which the lane says once"

    async def test_that_is_still_loading_is_waited_for(self, entry: Gate, looker: Lookers) -> None:
        entry.hub_says(right())
        loaded: asyncio.Future[PlateReader] = asyncio.get_running_loop().create_future()
        looker_ = looker(Camera(), loaded)
        given_up = asyncio.ensure_future(looker_.look("p1"))
        await asyncio.sleep(0)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        second = asyncio.ensure_future(looker_.look("p2"))  # one look that ended has not ended the loading
        await asyncio.sleep(0)
        loaded.set_result(Reader([sighting(PLATE.open)]))
        assert (await second).sight is Sight.KNOWN

    async def test_is_never_asked_two_things_at_once(self, entry: Gate, looker: Lookers) -> None:
        """A look that was cut short may be in the middle of a read."""
        entry.hub_says(right())
        begun, go_on = threading.Event(), threading.Event()

        class Slow(Reader):
            busy = False
            met = False

            def read(self, frame: Pixels) -> Sequence[Sighting]:
                self.met, self.busy = self.met or self.busy, True
                begun.set()
                go_on.wait(10)
                self.busy = False
                return super().read(frame)

        reader = Slow([sighting(PLATE.open)])
        looker_ = looker(Camera(), reader)
        first = asyncio.ensure_future(looker_.look("p1"))
        await asyncio.to_thread(begun.wait, 10)
        first.cancel()
        second = asyncio.ensure_future(looker_.look("p2"))
        await asyncio.sleep(0)
        go_on.set()
        assert (await second).passage_id == "p2"
        assert not reader.met
        assert len(reader.threads) == 1

    async def test_leaves_the_event_loop_alone(self, looker: Lookers) -> None:
        reader = Reader([])
        await looker(Camera(), reader).look("p1")
        assert threading.current_thread().name not in reader.threads


class TestExpected:
    async def known(self, looker_: Looker) -> bool:
        return (await looker_.look("p")).sight is Sight.KNOWN

    async def test_follows_the_replica(self, entry: Gate, looker: Lookers) -> None:
        looker_ = looker(Camera(), Reader([sighting(PLATE.open)]))
        assert not await self.known(looker_)
        entry.hub_says(right())
        assert await self.known(looker_)
        entry.hub_says(right(status=Status.EXPIRED, revision=3))
        assert not await self.known(looker_)

    async def test_follows_the_time_also_when_nothing_is_heard(self, entry: Gate, looker: Lookers) -> None:
        """Booked long ago for later: it comes due without any fact that says so."""
        entry.hub_says(right(start=24 * 3, end=24 * 3 + 1))
        camera = Camera()
        looker_ = looker(camera, Reader([sighting(PLATE.open)]))
        assert not await self.known(looker_)
        camera.now = NOW.later(72 * HOUR_MS)
        assert await self.known(looker_)

    async def test_is_not_gathered_for_every_car(self, entry: Gate, looker: Lookers) -> None:
        entry.hub_says(right())
        camera = Camera(step_ms=1)
        looker_ = looker(camera, Reader([sighting(PLATE.open)]))
        await self.known(looker_)
        entry.store.connection.execute("DELETE FROM rights")  # behind the replica's back
        assert await self.known(looker_)
        camera.now = camera.now.later(EXPECTED_FOR // 1_000 // EXPECTED_FOR.resolution)
        assert not await self.known(looker_)

    async def test_one_seal_that_does_not_open_keeps_no_other_out(
        self, entry: Gate, looker: Lookers, caplog: pytest.LogCaptureFixture
    ) -> None:
        entry.hub_says(right(1), right(2, plate=OTHER, seal=Seal(bytes(32))))
        looker_ = looker(Camera(), Reader([sighting(PLATE.open)]))
        assert await self.known(looker_)
        entry.hub_says(right(3, start=3, end=4))
        assert await self.known(looker_)
        assert caplog.text.count("gate.seals_broken") == 1


@pytest.fixture(scope="module")
def rapidocr() -> PlateReader:
    return engine("rapidocr", threads=1)


async def test_the_real_reader_on_a_car_that_comes_nearer(entry: Gate, looker: Lookers, rapidocr: PlateReader) -> None:
    entry.hub_says(right(1), right(2, plate=OTHER))
    shots = [shot.pixels for shot in approach(7, PLATE, 4, conditions=Conditions(noise=2.0))]

    class Street(Camera):
        def newest(self) -> Frame | None:
            self.pixels = shots.pop(0) if len(shots) > 1 else shots[0]
            return super().newest()

    looked = await looker(Street(), rapidocr).look("p1")
    assert (looked.sight, looked.plate) == (Sight.KNOWN, PLATE)


class TestFramesOfALook:
    async def test_are_the_last_that_were_read(self, entry: Gate, looker: Lookers) -> None:
        camera = Camera()
        eyes = looker(camera, Reader([sighting("QQ1111")]))
        looked = await eyes.look("p1")
        assert looked.frames == FRAMES_MAX
        assert eyes.frames_of("p1")[-1] is camera._frame
        assert len(eyes.frames_of("p1")) == FRAMES_KEPT
        assert eyes.frames_of("p2") == []

    async def test_are_none_of_the_car_before(self, looker: Lookers) -> None:
        eyes = looker(Camera(), Reader([sighting("QQ1111")]))
        await eyes.look("p1")
        before = eyes.frames_of("p1")
        await eyes.look("p2")
        assert eyes.frames_of("p1") == []
        assert not {id(frame) for frame in before} & {id(frame) for frame in eyes.frames_of("p2")}
