"""Loads a network from its file."""

from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path

import onnxruntime as ort

from domain.errors import OperatorError


def network_in(
    model: Path, options: ort.SessionOptions, *, takes: Collection[str], says: Collection[str] = ()
) -> ort.InferenceSession:
    """The network, in memory, for the processor. It `takes` inputs of these names, and `says` these of itself.

    Raises OperatorError (`model_missing`, `model_invalid`), which names the file.
    """
    if not model.is_file():
        raise OperatorError("model_missing", f"{model} is missing: install gatehouse again")
    try:
        session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # what ONNX Runtime raises has no class of its own above it
        why = str(error).partition("\n")[0]
        raise OperatorError("model_invalid", f"{model} cannot be loaded, install gatehouse again: {why}") from error
    inputs, said = {each.name for each in session.get_inputs()}, session.get_modelmeta().custom_metadata_map
    if inputs != set(takes) or not set(says) <= set(said):
        raise OperatorError("model_invalid", f"{model} is another network: install gatehouse again")
    return session


def of_rapidocr(name: str) -> Path:
    """Where RapidOCR's wheel has a model, found without loading RapidOCR.

    Raises ImportError where RapidOCR is not installed, and OperatorError (`model_missing`) where it has no such file:
    by itself RapidOCR would fetch one from the network.
    """
    package = find_spec("rapidocr")
    if package is None or package.origin is None:
        raise ImportError("No module named 'rapidocr'", name="rapidocr")
    file = Path(package.origin).parent / "models" / name
    if not file.exists():
        raise OperatorError("model_missing", f"{file} is missing: install rapidocr 3.10 again, from its wheel")
    return file
