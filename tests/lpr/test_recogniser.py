"""What a line is made into before the network reads it, and how the network is loaded."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.errors import OperatorError
from lpr.recogniser import _HEIGHT, ASPECT_MAX, Recogniser, _normal


def _span(batch: NDArray[np.float32], columns: int) -> float:
    """From the darkest to the brightest of what is read, but for its rim; 2 is from black to white."""
    return float(np.ptp(batch[0, :, 4:-4, 4 : columns - 4]))


@pytest.mark.parametrize("height", [20, 28, 48, 150])
def test_what_is_finer_than_strokes_is_gone_and_strokes_stay(height: int) -> None:
    width = 4 * height
    chequered = (np.indices((height, width)).sum(axis=0) % 2 * 255).astype(np.uint8)
    assert _span(_normal(np.dstack([chequered] * 3), 0), 4 * _HEIGHT) < 0.4
    stroke = max(height // 8, 3)
    striped = (np.indices((height, width))[1] // stroke % 2 * 255).astype(np.uint8)
    assert _span(_normal(np.dstack([striped] * 3), 0), 4 * _HEIGHT) > 1.6


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1), (27, 5), (29, 5), (48, 240), (300, 9_000)])
def test_a_line_of_any_size_is_as_high_as_the_network_reads(shape: tuple[int, int]) -> None:
    batch = _normal(np.full((*shape, 3), 200, np.uint8), 240)
    assert batch.shape[:3] == (1, 3, _HEIGHT)
    assert 240 <= batch.shape[3] <= ASPECT_MAX * _HEIGHT
    assert batch[0, :, :, 0] == pytest.approx(200 / 127.5 - 1)


@pytest.mark.parametrize(("threads", "used"), [(1, 1), (64, min(64, os.cpu_count() or 64))])
def test_runs_on_as_many_cores_as_it_is_given_and_there_are(threads: int, used: int) -> None:
    assert Recogniser(threads)._session.get_session_options().intra_op_num_threads == used


def test_a_wheel_without_the_model_is_to_be_installed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = tmp_path / "rapidocr" / "__init__.py"
    wheel.parent.mkdir()
    wheel.touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "rapidocr", raising=False)
    with pytest.raises(OperatorError, match=rf"{wheel.parent}/models/.*\.onnx is missing: install rapidocr") as missing:
        Recogniser(1)
    assert missing.value.code == "model_missing"
