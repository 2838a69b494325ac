"""What a driver or a file gives, as a picture."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from domain.errors import BadInput
from domain.picture_header import SCANS_MAX
from hardware.picture import PIXELS_MAX, coloured, decoded
from tests.broken_pictures import fed, jpeg_of_scans, resized, whole


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1), (4, 6, 3), (4, 6, 4)])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_grey_colour_and_a_fourth_channel(shape: tuple[int, ...], depth: type[np.unsignedinteger]) -> None:
    level = 200 if depth is np.uint8 else 200 * 257
    pixels = coloured(np.full(shape, level, depth))
    assert pixels is not None
    assert pixels.shape == (4, 6, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert (pixels == 200).all()


def test_blue_stays_blue() -> None:
    pixels = coloured(np.array([[[200, 100, 50, 0]]], np.uint8))
    assert pixels is not None
    assert pixels.tolist() == [[[200, 100, 50]]]


@pytest.mark.parametrize("raw", [np.zeros((0, 0, 3), np.uint8), np.zeros(5, np.uint8), np.zeros((4, 6, 2), np.uint8)])
def test_what_is_no_picture(raw: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    assert coloured(raw) is None


def test_what_is_of_no_depth_that_is_known() -> None:
    assert coloured(np.zeros((4, 6, 3), np.float32)) is None


def test_what_is_too_large() -> None:
    one = np.zeros((1, 1), np.uint8)
    assert coloured(np.broadcast_to(one, (PIXELS_MAX + 1, 1))) is None


def test_a_picture_is_decoded_in_colour_also_where_it_has_none() -> None:
    colour = np.full((4, 4, 3), 80, np.uint8)
    for pixels in (colour, colour[:, :, 0]):
        done, data = cv2.imencode(".png", pixels)
        assert done
        assert np.array_equal(decoded(data.tobytes()), colour)


@pytest.mark.parametrize("data", [b"", b"no picture", b"\xff\xd8\xff\xe0" + bytes(100)])
def test_what_is_no_picture_is_refused_by_its_size_alone(data: bytes) -> None:
    with pytest.raises(BadInput, match=f"^{len(data)} bytes") as refused:
        decoded(data)
    assert refused.value.code == "picture_invalid"


def test_a_picture_that_says_it_is_huge_is_refused() -> None:
    with pytest.raises(BadInput, match="no picture"):
        decoded(resized(whole()["jpeg"], 5_000, 5_000))


def test_a_picture_in_countless_scans_is_refused() -> None:
    with pytest.raises(BadInput, match="no picture"):
        decoded(jpeg_of_scans(whole()["jpeg progressive"], SCANS_MAX + 1))


def test_two_thousand_broken_pictures_leave_the_process_as_it_was(tmp_path: Path) -> None:
    assert fed("shown", 2_000, tmp_path).startswith("read 3")
