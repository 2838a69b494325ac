import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from domain.errors import BadInput
from lpr import photograph
from lpr.frame import Frame
from tests.broken_pictures import encoded, fed, jpeg_of_scans, jpeg_turned, png_saying, png_turned, webp_turned

KINDS = ("jpg", "png", "bmp", "webp", "tiff")


def _encoded(kind: str, frame: NDArray[Any]) -> bytes:
    done, data = cv2.imencode(f".{kind}", frame)
    assert done
    return data.tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_picture_becomes_a_frame(kind: str, draw: Callable[..., Frame], tmp_path: Path) -> None:
    file = tmp_path / f"car.{kind}"
    file.write_bytes(_encoded(kind, draw(("HH AB 123", 100, 100, 1.0))))
    frame = photograph.load(file)
    assert frame.shape == (480, 640, 3)
    assert frame.dtype == np.uint8


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kept", [0.05, 0.5, 0.95])
def test_a_picture_cut_short_is_never_half_read(
    kind: str, kept: float, draw: Callable[..., Frame], tmp_path: Path
) -> None:
    data = _encoded(kind, draw(("HH AB 123", 100, 100, 1.0)))
    file = tmp_path / f"cut.{kind}"
    file.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(BadInput, match=f"{file} .*cut short"):
        photograph.load(file)


def test_what_is_no_picture_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("no picture")
    for name, message in [
        ("empty.jpg", "is empty"),
        ("text.jpg", "is no JPEG, PNG, BMP, WebP or TIFF"),
        ("missing.jpg", "No such file"),
        (".", "Is a directory"),
    ]:
        with pytest.raises(BadInput, match=f"{tmp_path / name} .*{message}"):
            photograph.load(tmp_path / name)


@pytest.mark.parametrize(
    ("kind", "pixels"),
    [
        ("png", np.full((10, 20), 200, np.uint8)),
        ("jpg", np.full((10, 20), 200, np.uint8)),
        ("tiff", np.full((10, 20), 200, np.uint8)),
        ("png", np.full((10, 20, 4), 200, np.uint8)),
        ("webp", np.full((10, 20, 4), 200, np.uint8)),
        ("png", np.full((10, 20), 200 * 257, np.uint16)),
        ("png", np.full((10, 20, 4), 200 * 257, np.uint16)),
        ("tiff", np.full((10, 20, 3), 200 * 257, np.uint16)),
    ],
)
def test_grey_transparent_and_16_bit_pictures_become_frames(kind: str, pixels: NDArray[Any], tmp_path: Path) -> None:
    file = tmp_path / f"odd.{kind}"
    file.write_bytes(_encoded(kind, pixels))
    frame = photograph.load(file)
    assert frame.shape == (10, 20, 3)
    assert frame.dtype == np.uint8
    assert np.abs(frame.astype(int) - 200).max() <= 2


@pytest.mark.parametrize(("orientation", "corner"), [(1, (0, 0)), (3, (-1, -1)), (6, (0, -1)), (8, (-1, 0))])
@pytest.mark.parametrize("kind", ["jpg", "png", "webp"])
def test_a_picture_is_turned_upright_by_exif(
    kind: str, orientation: int, corner: tuple[int, int], tmp_path: Path
) -> None:
    pixels: Frame = np.zeros((32, 64, 3), np.uint8)
    pixels[:16, :16] = 255  # its upper left corner
    file = tmp_path / f"turned.{kind}"
    match kind:
        case "jpg":
            file.write_bytes(jpeg_turned(encoded(".jpg", pixels), orientation))
        case "png":
            file.write_bytes(png_turned(encoded(".png", pixels), orientation))
        case "webp":
            lossless = encoded(".webp", pixels, cv2.IMWRITE_WEBP_QUALITY, 101)
            file.write_bytes(webp_turned(lossless, orientation, 64, 32))
    frame = photograph.load(file)
    assert frame.shape == ((64, 32, 3) if orientation in (6, 8) else (32, 64, 3))
    bright = [at for at in ((0, 0), (0, -1), (-1, 0), (-1, -1)) if frame[at].mean() > 200]
    assert bright == [corner]


def test_a_picture_that_is_huge_is_refused_before_there_is_room_for_it(tmp_path: Path) -> None:
    """A small file that decodes well, to 432 MB."""
    row, rows = zlib.compressobj(9), bytes(1 + 3 * 12_000)
    bomb = png_saying(12_000, 12_000, b"".join([*(row.compress(rows) for _ in range(12_000)), row.flush()]))
    assert len(bomb) < 1_000_000
    file = tmp_path / "huge.png"
    file.write_bytes(bomb)
    with pytest.raises(BadInput, match=f"{file} says that it is 12000 x 12000 px") as refused:
        photograph.load(file)
    assert refused.value.code == "image_too_large"


def test_a_jpeg_of_countless_scans_is_refused_before_they_are_decoded(tmp_path: Path) -> None:
    """A small file over whose pixels the decoder would go 20,000 times, for minutes."""
    flat = np.full((2_000, 3_000, 3), 120, np.uint8)
    progressive = encoded(".jpg", flat, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    file = tmp_path / "slow.jpg"
    file.write_bytes(progressive)
    assert photograph.load(file).shape == flat.shape
    file.write_bytes(jpeg_of_scans(progressive, 20_000))
    with pytest.raises(BadInput, match=f"{file} is a JPEG in more than 64 scans") as refused:
        photograph.load(file)
    assert refused.value.code == "image_too_slow"


def test_a_file_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photograph, "BYTES_MAX", 3 * 1024 * 1024)
    with pytest.raises(BadInput, match="/dev/zero is larger than 3 MB"):
        photograph.load(Path("/dev/zero"))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(BadInput, match=r"pipe\.jpg cannot be read: it is a pipe"):
        photograph.load(tmp_path / "pipe.jpg")


def test_two_thousand_broken_pictures_leave_the_process_as_it_was(tmp_path: Path) -> None:
    """Each is a frame or an error that names the file; memory is bounded, and is flat."""
    assert fed("photograph", 2_000, tmp_path).startswith("read 3")  # of 2,000, those that bits were flipped in
