"""What every plate reader must do, whichever engine it runs on, and whatever stands around it."""

import sys
from collections.abc import Callable

import numpy as np
import pytest

from domain.errors import OperatorError
from lpr.frame import Frame
from lpr.pipeline import pipeline
from lpr.plate_formats import FormatReader, PlateFormats
from lpr.quality import QualityReader
from lpr.reader import BLANK, ENGINES, PlateReader, Sighting, engine, open_read
from lpr.region import Region, RegionReader
from lpr.stopwatch import Stopwatch

PLATE = ("HH AB 1234", 180, 200, 1.6)


OF_ITS_OWN_VENV = ("easyocr",)
"""Tried by `make test-easyocr`, which runs these same tests."""

AROUND: dict[str, Callable[[PlateReader], PlateReader]] = {
    "quality": QualityReader,
    "region": lambda engine: RegionReader(engine, Region(top=0.1, bottom=0.9)),
    "formats": lambda engine: FormatReader(engine, PlateFormats(["de"])),
    "pipeline": lambda engine: pipeline(engine, region=Region(left=0.05), formats=PlateFormats(["de"])),
}
"""What stands around an engine, and is a reader itself."""


@pytest.fixture(scope="module", params=[*(name for name in ENGINES if name not in OF_ITS_OWN_VENV), *AROUND])
def reader(request: pytest.FixtureRequest) -> PlateReader:
    around = AROUND.get(request.param)
    loaded: PlateReader = request.getfixturevalue("finder" if around else request.param)
    return around(loaded) if around else loaded


@pytest.fixture(scope="module")
def frame(draw: Callable[..., Frame]) -> Frame:
    return draw(PLATE)


@pytest.fixture(scope="module")
def plate(reader: PlateReader, frame: Frame) -> Sighting:
    """The one plate in `frame`."""
    [sighting] = reader.read(frame)
    return sighting


def test_reads_a_plain_plate(plate: Sighting) -> None:
    assert plate.text == "HHAB1234"
    assert plate.typical
    assert 0.9 < plate.confidence <= 1


def test_box_lies_around_the_plate_in_pixels_of_the_frame(plate: Sighting) -> None:
    x, y, width, height = plate.box
    assert x - 30 < 180 < x + 30
    assert y - 30 < 200 < y + 30
    assert 200 < width < 330
    assert 25 < height < 90


def test_columns_are_log_probabilities_of_signs_and_blank(plate: Sighting) -> None:
    assert plate.log_probs.dtype == np.float32
    assert plate.log_probs.shape[1] == BLANK + 1
    assert len(plate.log_probs) >= 2 * len(plate.text)
    np.testing.assert_allclose(np.exp(plate.log_probs).sum(axis=1), 1, atol=1e-3)


def test_repr_shows_no_plate(plate: Sighting) -> None:
    assert "AB1" not in repr(plate)
    assert "1234" not in repr([plate])


def test_reading_changes_nothing_and_remembers_nothing(reader: PlateReader, frame: Frame, plate: Sighting) -> None:
    before = frame.copy()
    assert reader.read(np.zeros_like(frame)) == []
    [again] = reader.read(frame)
    assert (again.text, again.box, again.confidence) == (plate.text, plate.box, plate.confidence)
    np.testing.assert_array_equal(frame, before)


def test_a_view_of_a_larger_frame_is_read(reader: PlateReader, frame: Frame) -> None:
    region = np.tile(frame, (1, 2, 1))[100:380, 100:600]
    plate = open_read(reader.read(region))
    assert plate is not None
    assert plate.text == "HHAB1234"


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 1), (8, 2000), (100, 100)])
def test_frames_with_nothing_to_read_give_no_sighting(reader: PlateReader, shape: tuple[int, int]) -> None:
    assert reader.read(np.full((*shape, 3), 200, np.uint8)) == []


def test_reading_writes_nothing_to_the_terminal(
    reader: PlateReader, frame: Frame, capfd: pytest.CaptureFixture[str]
) -> None:
    reader.read(frame)
    reader.read(np.zeros_like(frame))
    assert capfd.readouterr() == ("", "")


def test_each_stage_is_timed(request: pytest.FixtureRequest, reader: PlateReader, frame: Frame) -> None:
    stopwatch: Stopwatch = request.getfixturevalue("stopwatch")
    stopwatch.reset()
    reader.read(frame)
    assert [stage for stage in stopwatch.ms if stage != "cut"] == ["find", "read"]
    assert all(ms > 0 for ms in stopwatch.ms.values())


def test_a_frame_of_another_form_is_a_bug(reader: PlateReader) -> None:
    with pytest.raises(AssertionError, match="H x W x 3"):
        reader.read(np.zeros((480, 640), np.uint8))


def test_open_read_believes_only_typical_plates(see: Callable[..., Sighting]) -> None:
    plate, lettering = see("HHAB1234"), see("PARKING", typical=False)
    assert open_read([plate, lettering]) is plate
    assert open_read([lettering]) is None
    assert open_read([]) is None


def test_an_unknown_engine_is_named_with_those_there_are() -> None:
    with pytest.raises(OperatorError, match=r"'tesseract'.*rapidocr") as caught:
        engine("tesseract")
    assert caught.value.code == "engine_unknown"


@pytest.mark.parametrize(
    ("name", "library", "extra"),
    [
        ("finder", "lpr.finder_reader", "gate"),
        ("rapidocr", "lpr.rapidocr_reader", "gate"),
        ("easyocr", "torch", "easyocr"),
    ],
)
def test_a_missing_library_names_what_to_install(
    monkeypatch: pytest.MonkeyPatch, name: str, library: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(OperatorError, match=rf"gatehouse\[{extra}\]"):
        engine(name)
