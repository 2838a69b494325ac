"""The EasyOCR reader, in a virtual environment of its own: `make test-easyocr` runs this, `make test` does not.

What every reader must do (test_reader.py) is tried here with a recognition network that is made first, because
EasyOCR's standard weights are no part of this project. That standard models are loaded, and find and read lines, is
tried with weights of the right shapes that know nothing: it proves the way, and nothing about how well they read.
"""

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import easyocr
import numpy as np
import pytest
import torch
from easyocr.craft import CRAFT
from easyocr.model.vgg_model import Model as English

from domain.errors import OperatorError
from lpr.easyocr_reader import EasyOcrReader
from lpr.frame import Frame
from lpr.reader import PlateReader, engine
from lpr.stopwatch import Stopwatch
from tests.lpr import plate_network
from tests.lpr.test_reader import *  # noqa: F403  the conformance suite, with the reader below

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """EasyOCR's folder with a network of our own in it."""
    folder = tmp_path_factory.mktemp("easyocr")
    plate_network.make(folder / "models")
    return folder / "models"


@pytest.fixture(scope="module")  # type: ignore[no-redef]  # in place of the suite's own
def reader(models: Path, stopwatch: Stopwatch) -> PlateReader:
    return engine("easyocr", 1, stopwatch, models=models, network=plate_network.NAME)


def test_reads_drawn_plates_that_it_has_not_seen(reader: PlateReader, draw: Callable[..., Frame]) -> None:
    plates = ["B AC 5678", "M XY 4321", "KA PA 777", "W 12345 X", "7 ABC 890"]
    read = [[s.text for s in reader.read(draw((plate, 120, 200, 1.5)))] for plate in plates]
    assert sum(texts == [plate.replace(" ", "")] for texts, plate in zip(read, plates, strict=True)) >= 4, read


def test_of_two_plates_the_taller_comes_first(reader: PlateReader, draw: Callable[..., Frame]) -> None:
    frame = draw(("B AC 5678", 40, 60, 1.1), ("M XY 4321", 150, 300, 2.0))
    assert [s.text for s in reader.read(frame)][:2] == ["MXY4321", "BAC5678"]


def test_the_command_reads_with_it(models: Path, draw: Callable[..., Frame], tmp_path: Path) -> None:
    import cv2  # noqa: PLC0415

    image = tmp_path / "car.png"
    cv2.imwrite(str(image), draw(("HH AB 1234", 180, 200, 1.6)))
    command = [sys.executable, "-c", "from lpr.cli import app; app()", "read", "--engine", "easyocr"]
    command += ["--models", str(models), "--network", plate_network.NAME, str(image)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "HHAB1234" in done.stdout


@pytest.mark.parametrize("missing", ["user_network/{}.yaml", "user_network/{}.py", "model/{}.pth"])
def test_a_missing_file_of_ones_own_network_is_named(models: Path, tmp_path: Path, missing: str) -> None:
    for name in ("user_network/{}.yaml", "user_network/{}.py", "model/{}.pth"):
        file = tmp_path / name.format(plate_network.NAME)
        file.parent.mkdir(exist_ok=True)
        if name != missing:
            file.write_bytes((models / name.format(plate_network.NAME)).read_bytes())
    with pytest.raises(OperatorError, match=missing.format(plate_network.NAME)) as caught:
        engine("easyocr", models=tmp_path, network=plate_network.NAME)
    assert caught.value.code == "model_missing"


@pytest.mark.parametrize(("there", "missing"), [([], "craft_mlt_25k.pth"), (["craft_mlt_25k.pth"], "english_g2.pth")])
def test_a_missing_standard_model_is_named_and_nothing_is_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: list[str], missing: str
) -> None:
    def downloads(*_: object, **__: object) -> None:
        raise AssertionError("a download")

    monkeypatch.setattr(easyocr.easyocr, "download_and_unzip", downloads)
    (tmp_path / "model").mkdir()
    for name in there:
        (tmp_path / "model" / name).write_bytes(b"weights")
    with pytest.raises(OperatorError, match=f"{tmp_path / 'model' / missing} is not there") as caught:
        engine("easyocr", models=tmp_path)
    assert caught.value.code == "model_missing"


def test_a_standard_model_that_is_another_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    for name in ("craft_mlt_25k.pth", "english_g2.pth"):
        (tmp_path / "model" / name).write_bytes(b"not it")
    with pytest.raises(OperatorError, match=r"craft_mlt_25k\.pth") as caught:
        engine("easyocr", models=tmp_path)
    assert caught.value.code == "model_invalid"


def test_weights_that_do_not_fit_the_network_are_the_operators_error(models: Path, tmp_path: Path) -> None:
    for name in ("user_network/{}.yaml", "user_network/{}.py"):
        file = tmp_path / name.format(plate_network.NAME)
        file.parent.mkdir(exist_ok=True)
        file.write_bytes((models / name.format(plate_network.NAME)).read_bytes())
    (tmp_path / "model").mkdir()
    torch.save({"module.other": torch.zeros(1)}, tmp_path / "model" / f"{plate_network.NAME}.pth")
    with pytest.raises(OperatorError, match=f"does not take {plate_network.NAME} in {tmp_path}"):
        engine("easyocr", models=tmp_path, network=plate_network.NAME)


class TestStandardModels:
    """The standard way through EasyOCR, with weights that know nothing."""

    @pytest.fixture(scope="class")
    @staticmethod
    def standard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EasyOcrReader]:
        folder = tmp_path_factory.mktemp("standard")
        (folder / "model").mkdir()
        torch.manual_seed(3)
        made: dict[str, Any] = {
            "craft_mlt_25k.pth": CRAFT(),
            "english_g2.pth": English(1, 256, 256, num_class=97),
        }
        with pytest.MonkeyPatch.context() as patch:
            for name, model in made.items():
                file = folder / "model" / name
                torch.save({f"module.{key}": value for key, value in model.state_dict().items()}, file)
                known = [
                    *easyocr.config.detection_models.values(),
                    easyocr.config.recognition_models["gen2"]["english_g2"],
                ]
                of_it = next(one for one in known if one["filename"] == name)
                patch.setitem(of_it, "md5sum", hashlib.md5(file.read_bytes()).hexdigest())  # noqa: S324
            yield EasyOcrReader(1, models=folder)

    def test_are_loaded_and_asked(self, standard: EasyOcrReader, draw: Callable[..., Frame]) -> None:
        """They find nothing, or something where nothing is; whatever it is, it is a sighting."""
        for sighting in standard.read(draw(("HH AB 1234", 180, 200, 1.6))):
            np.testing.assert_allclose(np.exp(sighting.log_probs).sum(axis=1), 1, atol=1e-3)

    def test_lines_that_their_detector_finds_are_read(
        self, standard: EasyOcrReader, draw: Callable[..., Frame], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        level, slanted = [168, 480, 188, 250], [[170.0, 190.0], [470.0, 186.0], [474.0, 246.0], [172.0, 250.0]]
        monkeypatch.setattr(standard._reader, "detect", lambda _frame: ([[level]], [[slanted]]))
        lines = list(standard._lines(draw(("HH AB 1234", 180, 200, 1.6)), np.full((480, 640), 200, np.uint8)))
        assert [box for box, _, _ in lines] == [(168, 188, 313, 63), (170, 186, 305, 65)]
        for box, line, width in lines:
            assert line.shape[0] == 64
            sighting = standard._recognise(box, line, width)
            assert len(sighting.log_probs) >= 20

    @pytest.mark.parametrize("shape", [(1, 1), (7, 400), (8, 2000), (100, 100)])
    def test_bear_frames_of_any_size(self, standard: EasyOcrReader, shape: tuple[int, int]) -> None:
        standard.read(np.full((*shape, 3), 200, np.uint8))


def test_a_torch_without_the_operators_of_torchvision_is_given_them(models: Path) -> None:
    """A build of torch for the processor alone has a torchvision whose library it cannot load."""
    program = f"""
import torch
def cannot(path): raise OSError(path)
torch.ops.load_library = cannot
try:
    import torchvision
except RuntimeError as error:
    print("without:", error)
from pathlib import Path
import sys
for name in [name for name in sys.modules if name.startswith("torchvision")]:
    del sys.modules[name]
from lpr.reader import engine
print(type(engine("easyocr", models=Path({str(models)!r}), network={plate_network.NAME!r})).__name__)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "without: operator torchvision::nms does not exist" in done.stdout
    assert "EasyOcrReader" in done.stdout
