"""QR codes are read in whatever a camera sends, and nothing is read where there is none."""

import random
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import segno

from domain.errors import OperatorError
from lpr.frame import Box, Frame
from lpr.qr import SIDE_PX_MAX, Code, QrChain, QrReader, Zbar
from simulator.street.conditions import Conditions
from simulator.street.frames import approach, empty_lane
from simulator.street.held import Held, Medium
from simulator.street.phone import held_up
from simulator.street.plates import draw_plate

BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


def ticket_text(seed: int, length: int = 225) -> str:
    return "".join(random.Random(seed).choices(BASE45, k=length))


def code_picture(text: str, scale: int = 4) -> Frame:
    modules = np.array([list(row) for row in segno.make_qr(text, error="m", boost_error=False).matrix], np.uint8)
    code = np.kron(1 - np.pad(modules, 4), np.ones((scale, scale), np.uint8)) * np.uint8(255)
    return np.repeat(code[:, :, None], 3, axis=2)


def decoded(jpeg: bytes) -> Frame:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def is_near(box: Box, there: Box, px: int = 8) -> bool:
    return all(abs(side - other) <= px for side, other in zip(box, there, strict=True))


@pytest.fixture(scope="module")
def reader() -> QrChain:
    return QrChain()


def test_reads_what_a_driver_holds_up(reader: QrReader) -> None:
    """At moderate severity, phones and paper: what is missed now and then, the next frame shows."""
    missed = []
    for seed in range(14):
        text = ticket_text(seed, (180, 225, 300)[seed % 3])
        held = Held.draw(np.random.default_rng(seed), severity=0.3)
        if list(reader.read(decoded(held_up(seed, text, held=held).jpeg))) != [text]:
            missed.append(seed)
    assert len(missed) <= 1, missed


@pytest.mark.parametrize(
    ("seed", "held"),
    [
        pytest.param(28, Held.draw(np.random.default_rng(28), severity=0.7), id="smoothed"),
        pytest.param(20, Held(module_px=3.5, bands=0.7, camera=Conditions(noise=3)), id="enlarged"),
        pytest.param(6, Held(module_px=3.5, bands=0.95, camera=Conditions(noise=3)), id="black and white"),
        pytest.param(11, Held(module_px=3.5, glare=0.8, camera=Conditions(noise=3)), id="zbar, made smaller"),
    ],
)
def test_reads_what_only_one_of_its_looks_reads(reader: QrReader, seed: int, held: Held) -> None:
    assert reader.read(held_up(seed, ticket_text(seed), held=held).pixels) == [ticket_text(seed)]


@pytest.mark.parametrize("medium", Medium)
@pytest.mark.parametrize("module_px", [2.5, 5, 8])
def test_reads_every_size_in_good_light(reader: QrReader, medium: Medium, module_px: float) -> None:
    text = ticket_text(1)
    assert reader.read(held_up(4, text, held=Held(medium, module_px)).pixels) == [text]


def test_reads_nothing_in_empty_lanes_and_in_front_of_cars(reader: QrReader) -> None:
    for seed in range(4):
        conditions = Conditions.draw(np.random.default_rng(seed), severity=seed / 4)
        jpegs = [empty_lane(seed, conditions)]
        jpegs += [shot.jpeg for shot in approach(seed, draw_plate(random.Random(seed)), 2, conditions=conditions)]
        assert [reader.read(decoded(jpeg)) for jpeg in jpegs] == [[], [], []]


def test_two_codes_in_one_frame(reader: QrReader) -> None:
    texts = [ticket_text(1), ticket_text(2, 260)]
    frame = np.vstack([held_up(seed, text, held=Held()).pixels for seed, text in enumerate(texts)])
    assert sorted(reader.read(frame)) == sorted(texts)


def test_looks_on_for_what_is_sought(reader: QrReader) -> None:
    """A sign that is easily read does not hide a ticket that only a closer look reads."""
    frame: Frame = np.full((720, 1280, 3), 120, np.uint8)
    sign, ticket = code_picture("HTTPS://LOT.EXAMPLE"), code_picture(ticket_text(3), scale=2)
    frame[100 : 100 + len(sign), 50 : 50 + len(sign)] = sign
    frame[300 : 300 + len(ticket), 700 : 700 + len(ticket)] = ticket
    assert reader.read(frame) == ["HTTPS://LOT.EXAMPLE"]
    assert set(reader.read(frame, lambda text: len(text) > 100)) == {"HTTPS://LOT.EXAMPLE", ticket_text(3)}


def test_reads_a_page_that_dark_mode_has_turned_over(reader: QrReader) -> None:
    assert reader.read(255 - code_picture("TURNED OVER")) == ["TURNED OVER"]


def test_grey_transparent_and_sliced_frames(reader: QrReader) -> None:
    picture = code_picture("7K3MQ-2XD9P")
    wide = np.tile(picture, (1, 2, 1))
    for frame in (
        picture[:, :, 0],
        picture[:, :, :1],
        cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA),
        wide[:, : picture.shape[1]],
        picture[::-1],
    ):
        assert reader.read(np.asarray(frame, np.uint8)) == ["7K3MQ-2XD9P"]


def test_a_huge_frame_is_made_smaller(reader: QrReader) -> None:
    picture = code_picture("7K3MQ-2XD9P", scale=2 * SIDE_PX_MAX // 29)
    assert max(picture.shape) > 1.5 * SIDE_PX_MAX
    assert reader.read(picture) == ["7K3MQ-2XD9P"]


@pytest.mark.parametrize("shape", [(0, 0, 3), (0, 640, 3), (1, 1, 3), (1, 5_000, 3), (5_000, 1, 3), (2, 2), (7, 3, 1)])
@pytest.mark.parametrize("level", [0, 200])
def test_frames_of_odd_sizes_hold_nothing(reader: QrReader, shape: tuple[int, ...], level: int) -> None:
    assert reader.read(np.full(shape, level, np.uint8)) == []


def test_noise_holds_nothing(reader: QrReader) -> None:
    assert reader.read(np.random.default_rng(1).integers(0, 256, (360, 640, 3), np.uint8)) == []


def test_a_frame_of_another_kind_is_a_bug(reader: QrReader) -> None:
    with pytest.raises(AssertionError, match="bytes"):
        reader.read(np.zeros((10, 10, 3), np.float32))
    with pytest.raises(AssertionError, match="H x W x 3"):
        reader.read(np.zeros((10, 10, 2), np.uint8))


def test_reading_changes_nothing(reader: QrReader) -> None:
    frame = code_picture("SAME")
    before = frame.copy()
    assert reader.read(frame) == reader.read(frame)
    np.testing.assert_array_equal(frame, before)


@pytest.mark.parametrize("module_px", [2.5, 5, 8])
@pytest.mark.parametrize("enlarged", [1, 2])
def test_says_where_a_code_is(reader: QrChain, module_px: float, enlarged: int) -> None:
    shot = held_up(4, ticket_text(1), held=Held(module_px=module_px))
    (left, top), (right, bottom) = shot.corners.min(axis=0), shot.corners.max(axis=0)
    [code] = reader.find(shot.pixels.repeat(enlarged, axis=0).repeat(enlarged, axis=1))
    where = [round(float(side) * enlarged) for side in (left, top, right - left, bottom - top)]
    assert is_near(code.box, (where[0], where[1], where[2], where[3]), px=12 * enlarged)


def test_says_where_one_is_that_cannot_be_read(reader: QrChain) -> None:
    torn = code_picture(ticket_text(5))
    torn[80:180, 80:220] = 255
    [code, *_] = reader.find(torn)
    assert code.text == ""
    assert reader.read(torn) == []
    assert is_near(code.box, (16, 16, len(torn) - 32, len(torn) - 32), px=len(torn) // 4)


def test_zbar_is_asked_only_where_a_code_was_found_and_not_read(reader: QrChain) -> None:
    asked = []

    class Asked(Zbar):
        def codes(self, grey: Frame) -> list[Code]:
            asked.append(grey.shape)
            return [Code("BY ZBAR", (0, 0, 10, 10))]

    chain = QrChain()
    chain._zbar = Asked()
    assert chain.read(np.full((720, 1280, 3), 90, np.uint8)) == []
    assert chain.read(code_picture("PLAIN")) == ["PLAIN"]
    assert not asked
    torn = code_picture(ticket_text(5))
    torn[100:160, 90:200] = 255
    assert chain.read(torn) == ["BY ZBAR"]
    assert len(asked) == 1


def test_zbar_reads() -> None:
    picture = code_picture("7K3MQ-2XD9P")[:, :, 0]
    [code] = Zbar().codes(picture)
    assert code.text == "7K3MQ-2XD9P"
    assert is_near(code.box, (16, 16, len(picture) - 32, len(picture) - 32))


def test_without_zbar_the_chain_reads_and_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyzbar", None)
    with pytest.raises(OperatorError, match="libzbar0") as caught:
        Zbar()
    assert caught.value.code == "zbar_missing"
    chain = QrChain()
    assert chain.missing is not None
    assert chain.missing.code == "zbar_missing"
    assert chain.read(code_picture("STILL")) == ["STILL"]
    torn = code_picture(ticket_text(5))
    torn[100:160, 90:200] = 255
    assert chain.read(torn) == []


def test_with_zbar_nothing_is_missing(reader: QrChain) -> None:
    assert reader.missing is None


def test_files_hold_the_same_as_frames(reader: QrReader, tmp_path: Path) -> None:
    file = tmp_path / "code.png"
    cv2.imwrite(str(file), code_picture("FILE"))
    assert reader.read(decoded(file.read_bytes())) == ["FILE"]
