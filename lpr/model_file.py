"""Loads a network from its file."""

from pathlib import Path

import onnxruntime as ort

from domain.errors import OperatorError


def network_in(model: Path, options: ort.SessionOptions) -> ort.InferenceSession:
    """The network, in memory, for the processor. Raises OperatorError (`model_missing`, `model_invalid`), which names
    the file."""
    if not model.is_file():
        raise OperatorError("model_missing", f"{model} is missing: install gatehouse again")
    try:
        return ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # what ONNX Runtime raises has no class of its own above it
        why = str(error).partition("\n")[0]
        raise OperatorError("model_invalid", f"{model} cannot be loaded, install gatehouse again: {why}") from error
