"""A unit tells nobody what it does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

LOADS = {
    "finder": "from lpr.finder_reader import FinderReader; FinderReader(1)",
    "rapidocr": "from lpr.rapidocr_reader import RapidOcrReader; RapidOcrReader(1)",
}
BARE = "import onnxruntime, sys; onnxruntime.InferenceSession('lpr/models/plate_finder.onnx')"


def left_behind(program: str, home: Path) -> list[str]:
    """The files that a process leaves in its user's home."""
    environment = {name: value for name, value in os.environ.items() if name not in ("ORT_DISABLE_TELEMETRY", "CI")}
    environment |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "XDG_DATA_HOME": str(home / "data")}
    subprocess.run([sys.executable, "-c", program], env=environment, cwd=Path(__file__).parents[2], check=True)
    return [path.name for path in home.rglob("*") if path.is_file()]


@pytest.mark.parametrize("engine", LOADS)
def test_a_plate_reader_keeps_no_id_of_the_machine_and_nothing_to_send(engine: str, tmp_path: Path) -> None:
    assert left_behind(LOADS[engine], tmp_path) == []


def test_onnx_runtime_would(tmp_path: Path) -> None:
    """Else the test above shows nothing."""
    assert "deviceid" in left_behind(BARE, tmp_path)
