"""A network whose file is not as it was installed is named."""

from pathlib import Path

import onnxruntime as ort
import pytest

from domain.errors import OperatorError
from lpr.model_file import network_in
from lpr.plate_finder import MODEL, PlateFinder


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
        network_in(model, options)
    assert error.value.code == "model_invalid"
    assert error.value.message.startswith(f"{model} cannot be loaded")
    assert "\n" not in error.value.message
