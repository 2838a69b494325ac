"""Codes beside the plate, and codes alone: with a reader that does as told, and with phones as a camera sees them."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence

import pytest

from domain.admission import Evidence, Reason
from domain.plate import Plate
from gate_firmware.events import ByTicket, CodeSeen, Sight
from gate_firmware.looking import CODE_SETTLE_MS, FAILED_S
from hardware.camera import Frame
from lpr.qr import Code, QrChain
from simulator.street.conditions import Conditions
from simulator.street.frames import approach, empty_lane
from simulator.street.held import Held, Medium
from simulator.street.phone import held_up
from tests.gate_firmware.gate import KEY_KNOWN, NOW, OTHER, PLATE, Gate, right, ticket
from tests.gate_firmware.test_looking import BLACK, Camera, Codes, Lookers, Reader, decoded, sighting

CODE, ANOTHER = ticket(), ticket(2)
SIGN = "HTTPS://LOT.EXAMPLE/RIVERSIDE"


@pytest.fixture
async def looker(entry: Gate) -> AsyncIterator[Lookers]:
    lookers = Lookers(entry)
    yield lookers
    lookers.close()


class TestBesideThePlate:
    async def test_both_come_together(self, entry: Gate, looker: Lookers) -> None:
        entry.hub_says(right())
        looked = await looker(Camera(), Reader([sighting(PLATE.open)]), Codes([CODE])).look("p1")
        assert (looked.sight, looked.plate, looked.code) == (Sight.KNOWN, PLATE, CODE)

    async def test_the_plates_vote_has_a_moment_to_settle(self, entry: Gate, looker: Lookers) -> None:
        entry.hub_says(right())
        camera = Camera(step_ms=100)
        reader = Reader([], [], [], [sighting(PLATE.open)])
        looked = await looker(camera, reader, Codes([], [CODE], [])).look("p1")
        assert (looked.sight, looked.plate, looked.code) == (Sight.KNOWN, PLATE, CODE)

    async def test_and_no_longer(self, looker: Lookers) -> None:
        camera = Camera(step_ms=200)
        looked = await looker(camera, Reader([]), Codes([CODE])).look("p1")
        assert (looked.sight, looked.code) == (Sight.UNSURE, CODE)
        assert camera.now.mono_ms - NOW.mono_ms <= CODE_SETTLE_MS + 2 * camera.step_ms

    async def test_a_plate_that_is_sure_does_not_wait_for_a_code(self, entry: Gate, looker: Lookers) -> None:
        entry.hub_says(right())
        looked = await looker(Camera(), Reader([sighting(PLATE.open)]), Codes([], [CODE])).look("p1")
        assert (looked.frames, looked.code) == (1, None)

    async def test_the_first_that_may_be_a_ticket_is_the_one(self, looker: Lookers) -> None:
        looked = await looker(Camera(), Reader([]), Codes([], [SIGN], [SIGN, CODE], [ANOTHER])).look("p1")
        assert looked.code == CODE

    @pytest.mark.parametrize("frames", [([CODE],), ([""],), ([CODE], [])])
    async def test_what_stands_on_the_phone_is_no_plate(self, looker: Lookers, frames: tuple[list[str], ...]) -> None:
        """The spot and the reservation, in large letters; also where the code itself cannot be read."""
        beside = Codes(*frames, box=(10, 80, 160, 160))
        looked = await looker(Camera(), Reader([sighting("SPOT1042")]), beside).look("p1")
        assert (looked.sight, looked.plate) == (Sight.UNSURE, None)
        looked = await looker(Camera(), Reader([sighting("SPOT1042")]), Codes(*frames)).look("p1")
        assert (looked.sight, looked.plate) == (Sight.STRANGER, Plate("SPOT1042"))

    @pytest.mark.parametrize("sticker", [SIGN, "https://dealer.example/offers"])
    async def test_a_sticker_beside_the_plate_hides_nothing(self, entry: Gate, looker: Lookers, sticker: str) -> None:
        entry.hub_says(right())
        beside = Codes([sticker], box=(10, 80, 160, 160))
        looked = await looker(Camera(), Reader([sighting(PLATE.open)]), beside).look("p1")
        assert (looked.sight, looked.plate, looked.code) == (Sight.KNOWN, PLATE, None)

    async def test_nor_does_it_take_the_phones_place(self, looker: Lookers) -> None:
        """The phone's code was seen in the frame before, and is where it was."""

        class PhoneThenSticker(Codes):
            def find(self, *_args: object) -> Sequence[Code]:
                self.reads += 1
                return [Code("", (10, 80, 160, 160))] if self.reads == 1 else [Code(SIGN, (600, 80, 50, 50))]

        looked = await looker(Camera(), Reader([sighting("SPOT1042")]), PhoneThenSticker()).look("p1")
        assert (looked.sight, looked.plate) == (Sight.UNSURE, None)

    async def test_the_lots_own_sign_is_no_ticket(self, looker: Lookers) -> None:
        looked = await looker(Camera(), Reader([]), Codes([SIGN, "lower case" * 20])).look("p1")
        assert looked.code is None

    async def test_it_is_kept_when_the_camera_goes_blind(self, looker: Lookers) -> None:
        camera = Camera()

        class Curtain(Codes):
            def find(self, *_args: object) -> Sequence[Code]:
                camera.pixels = BLACK
                return [Code(CODE, self.box)]

        looked = await looker(camera, Reader([]), Curtain()).look("p1")
        assert (looked.sight, looked.code) == (Sight.BLIND, CODE)


class TestWhileTheReaderLoads:
    @pytest.fixture
    async def never(self) -> asyncio.Future[Reader]:
        return asyncio.get_running_loop().create_future()

    async def test_a_code_comes_at_once_and_alone(self, looker: Lookers, never: asyncio.Future[Reader]) -> None:
        eyes = looker(Camera(), never, Codes([], [SIGN], [CODE]))
        async with asyncio.timeout(20):
            looked = await eyes.look("p1")
        assert (looked.sight, looked.plate, looked.code, looked.frames) == (Sight.UNSURE, None, CODE, 3)
        assert len(eyes.frames_of("p1")) == 1, "the one that shows it"

    async def test_a_blind_camera_is_said_to_be(self, looker: Lookers, never: asyncio.Future[Reader]) -> None:
        async with asyncio.timeout(20):
            assert (await looker(Camera(pixels=None), never).look("p1")).sight is Sight.BLIND

    async def test_once_it_is_there_the_same_look_reads_the_plate(
        self, entry: Gate, looker: Lookers, never: asyncio.Future[Reader]
    ) -> None:
        entry.hub_says(right())

        class LoadedMeanwhile(Codes):
            def find(self, *_args: object) -> Sequence[Code]:
                self.reads += 1
                if self.reads == 3:
                    loop.call_soon_threadsafe(never.set_result, Reader([sighting(PLATE.open)]))
                return []

        loop, codes = asyncio.get_running_loop(), LoadedMeanwhile()
        async with asyncio.timeout(20):
            looked = await looker(Camera(), never, codes).look("p1")
        assert (looked.sight, looked.plate) == (Sight.KNOWN, PLATE)
        assert codes.reads > 3


class TestAlone:
    async def test_no_plate_is_read(self, looker: Lookers) -> None:
        reader, codes = Reader([]), Codes([], [], [SIGN], [CODE])
        assert await looker(Camera(), reader, codes).look_for_code("p1") == CodeSeen("p1", CODE)
        assert (reader.reads, codes.reads) == (0, 4)
        assert threading.current_thread().name not in codes.threads

    async def test_what_was_judged_is_passed_over(self, looker: Lookers) -> None:
        codes = Codes([CODE], [CODE, ANOTHER])
        assert await looker(Camera(), Reader([]), codes).look_for_code("p1", {CODE}) == CodeSeen("p1", ANOTHER)

    async def test_it_waits_without_end_and_no_frame_is_read_twice(self, looker: Lookers) -> None:
        long = asyncio.Event()

        class Still(Camera):
            def newest(self) -> Frame | None:
                if self.now.mono_ms > NOW.later(500).mono_ms:
                    long.set()
                return super().newest()

        codes = Codes([])
        looking = asyncio.ensure_future(looker(Still(frozen=True), Reader([]), codes).look_for_code("p1"))
        async with asyncio.timeout(20):
            await long.wait()
        assert not looking.done()
        assert codes.reads == 1
        looking.cancel()

    async def test_it_needs_no_reader_of_plates(self, looker: Lookers) -> None:
        never: asyncio.Future[Reader] = asyncio.get_running_loop().create_future()
        assert (await looker(Camera(), never, Codes([CODE])).look_for_code("p1")).code == CODE

    async def test_a_reader_that_fails_is_logged_and_tried_again(
        self, looker: Lookers, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gate_firmware.looking.FAILED_S", 0)
        assert FAILED_S > 0

        class Flaky(Codes):
            def find(self, *_args: object) -> Sequence[Code]:
                self.reads += 1
                if self.reads == 1:
                    raise RuntimeError("out of memory")
                return [Code(CODE, self.box)]

        assert (await looker(Camera(), Reader([]), Flaky()).look_for_code("p1")).code == CODE
        assert caplog.text.count("gate.code_reader_failed") == 1


@pytest.fixture(scope="module")
def chain() -> QrChain:
    return QrChain()


class Street(Camera):
    """Shows these pictures one after the other, the last of them for ever."""

    def __init__(self, *shots: bytes) -> None:
        super().__init__()
        self.shots = [decoded(shot) for shot in shots]

    def newest(self) -> Frame | None:
        self.pixels = self.shots.pop(0) if len(self.shots) > 1 else self.shots[0]
        return super().newest()


PHONES = {
    "straight": Held(),
    "paper": Held(medium=Medium.PAPER),
    "far": Held(module_px=3.0),
    "at an angle": Held(yaw_deg=28, pitch_deg=-18, roll_deg=20),
    "glare": Held(glare=0.25),
    "dim": Held(brightness=0.45, camera=Conditions(light=0.25, noise=4.0)),
    "dark page": Held(dark_page=True),
    "washed out": Held(wash=0.35),
    "blurred": Held(camera=Conditions(motion_px=1.5, defocus_px=0.7, noise=4.0)),
}


class TestPhones:
    """From the picture of a phone to the arm: what drivers hold up is read, verified, and believed or not."""

    async def code(self, looker: Lookers, chain: QrChain, *shots: bytes) -> str:
        async with asyncio.timeout(20):
            return (await looker(Street(*shots), Reader([]), chain).look_for_code("p1")).code

    @pytest.mark.parametrize("how", PHONES)
    async def test_a_ticket_is_read_however_it_is_held(
        self, entry: Gate, looker: Lookers, chain: QrChain, how: str
    ) -> None:
        entry.hub_says(KEY_KNOWN)
        empty = empty_lane(1, Conditions())
        shots = [held_up(seed, ticket(), held=PHONES[how]).jpeg for seed in range(3)]
        code = await self.code(looker, chain, empty, *shots)
        judgement = entry.judge.named(ByTicket(code), None, NOW)
        assert (judgement.decision.reason, judgement.evidence) == (Reason.BOOKED, Evidence.TICKET)

    async def test_beside_the_cars_plate(self, entry: Gate, looker: Lookers, chain: QrChain) -> None:
        """The phone is held before a car that waits, whose plate a real reader would see."""
        entry.hub_says(KEY_KNOWN)
        shot = held_up(3, ticket(), held=Held(module_px=3.0)).jpeg
        looked = await looker(Street(shot), Reader([sighting(PLATE.open)]), chain).look("p1")
        judgement = entry.judge.looked(looked, looked, NOW)
        assert (judgement.passes, judgement.evidence) == (True, Evidence.TICKET_AND_PLATE)

    async def test_no_code_is_seen_in_cars(self, looker: Lookers, chain: QrChain) -> None:
        shots = [shot.jpeg for shot in approach(7, OTHER, 3)]
        camera = Street(*shots)
        looked = await looker(camera, Reader([]), chain).look("p1")
        assert (looked.sight, looked.code) == (Sight.UNSURE, None)


class TestFramesOfACode:
    async def test_have_the_one_that_shows_it(self, entry: Gate, looker: Lookers) -> None:
        entry.hub_says(right())
        eyes = looker(Camera(), Reader([], [], [], [], [sighting(PLATE.open)]), Codes([CODE], []))
        looked = await eyes.look("p1")
        assert (looked.code, looked.frames) == (CODE, 5)
        assert len(eyes.frames_of("p1")) == 3, "the first, and the last two"

    async def test_come_after_those_of_the_plate(self, looker: Lookers) -> None:
        camera = Camera()
        eyes = looker(camera, Reader([sighting("QQ1111")]), Codes([], []))
        await eyes.look("p1")
        seen = eyes.frames_of("p1")
        eyes._codes = Codes([CODE])
        await eyes.look_for_code("p1")
        assert eyes.frames_of("p1") == [camera._frame, *seen]
