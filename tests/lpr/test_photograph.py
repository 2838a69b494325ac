from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from domain.errors import BadInput
from lpr import photograph
from lpr.frame import Frame

KINDS = ("jpg", "png", "bmp", "webp", "tiff")


def _encoded(kind: str, frame: Frame) -> bytes:
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
    with pytest.raises(BadInput, match="cut short"):
        photograph.load(file)


def test_what_is_no_picture_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("no picture")
    for name, message in [
        ("empty.jpg", "is empty"),
        ("text.jpg", "is no picture"),
        ("missing.jpg", "No such file"),
        (".", "Is a directory"),
    ]:
        with pytest.raises(BadInput, match=message):
            photograph.load(tmp_path / name)


def test_a_grey_picture_has_three_channels(tmp_path: Path) -> None:
    file = tmp_path / "grey.png"
    file.write_bytes(_encoded("png", np.zeros((10, 20), np.uint8)))
    assert photograph.load(file).shape == (10, 20, 3)
