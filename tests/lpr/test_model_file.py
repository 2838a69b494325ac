"""A network whose file is not as it was installed is named."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import onnxruntime as ort
import pytest

from domain.errors import OperatorError
from lpr import model_file
from lpr.model_file import network_in, of_rapidocr
from lpr.plate_finder import MODEL, PlateFinder
from lpr.rapidocr_reader import _DETECTOR as DETECTOR
from lpr.rapidocr_reader import RapidOcrReader
from lpr.recogniser import _MODEL as RECOGNISER
from lpr.recogniser import Recogniser


def test_one_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(OperatorError) as error:
        PlateFinder(1, tmp_path / "plate_finder.onnx")
    assert (error.value.code, str(tmp_path / "plate_finder.onnx") in error.value.message) == ("model_missing", True)


@pytest.mark.parametrize("content", [b"", b"nothing " * 512, MODEL.read_bytes()[:10_000]])
def test_one_that_is_damaged_is_one_line(tmp_path: Path, content: bytes) -> None:
    model = tmp_path / "plate_finder.onnx"
    model.write_bytes(content)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    with pytest.raises(OperatorError) as error:
        network_in(model, options, takes=["frame"])
    assert error.value.code == "model_invalid"
    assert error.value.message.startswith(f"{model} cannot be loaded")
    assert "\n" not in error.value.message


@pytest.mark.parametrize("expected", [{"takes": ["x"]}, {"takes": ["frame"], "says": ["character"]}])
def test_another_network_in_its_place_is_named(expected: dict[str, list[str]]) -> None:
    with pytest.raises(OperatorError) as error:
        network_in(MODEL, ort.SessionOptions(), **expected)
    assert (error.value.code, str(MODEL) in error.value.message) == ("model_invalid", True)


class TestRapidOcrsOwn:
    """Of its wheel: named where they are missing or damaged. RapidOCR by itself would fetch them from the network."""

    @pytest.fixture
    def models(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Copies of them, which tests may spoil."""
        models = Path(shutil.copytree(of_rapidocr(DETECTOR).parent, tmp_path / "models"))
        monkeypatch.setattr(model_file, "find_spec", lambda _: SimpleNamespace(origin=str(tmp_path / "__init__.py")))
        return models

    @pytest.mark.parametrize(("name", "load"), [(DETECTOR, RapidOcrReader), (RECOGNISER, Recogniser)])
    @pytest.mark.parametrize(("content", "code"), [(None, "model_missing"), (b"nothing " * 512, "model_invalid")])
    def test_are_named(
        self, models: Path, name: str, load: Callable[[int], object], content: bytes | None, code: str
    ) -> None:
        (models / name).unlink()
        if content is not None:
            (models / name).write_bytes(content)
        with pytest.raises(OperatorError) as error:
            load(1)
        assert (error.value.code, str(models / name) in error.value.message) == (code, True)
        assert "\n" not in error.value.message
