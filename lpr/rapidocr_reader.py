"""The plate reader on RapidOCR: PP-OCR's text detector in ONNX, from the model in the wheel, before `lpr.recogniser`.

Differs from RapidOCR's own pipeline in what costs plates: no angle classifier, which turns good plates upside down; the
detector sees at most 960 px, where 1280 would read two in a hundred more for half as much time again; a doubtful line
is read twice; of the recogniser all probabilities are kept, not the best characters alone.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rapidocr import RapidOCR
from rapidocr.main import RapidOCRError

from domain.errors import OperatorError
from lpr.frame import Box, Frame
from lpr.model_file import of_rapidocr
from lpr.plate_line import may_be_plate
from lpr.reader import Sighting
from lpr.recogniser import ASPECT_MAX, Recogniser
from lpr.stopwatch import Stopwatch

_SETTINGS = {
    "Global.log_level": "critical",
    "Global.use_vertical_padding": False,  # boxes stay in the frame's own pixels
    "Det.limit_type": "max",
    "Det.limit_side_len": 960,
}

_DETECTOR = "PP-OCRv6_det_small.onnx"

_LINES_MAX = 16
"""Lines of one frame that are read, the tallest first: a wall full of lettering must not hold up the gate."""

_SURE = 0.97
"""A line with digits that is read with less confidence is read once more without its edges."""

_EDGE = 0.15
"""How much of the height the second reading leaves out, above and below: state name, slogan, frame."""


class RapidOcrReader:
    """Reads a frame of 640 x 480 in about 0.1 s on one core of a desktop computer; takes 330 to 430 MB."""

    def __init__(self, threads: int, stopwatch: Stopwatch | None = None) -> None:
        """Load both models, to run on `threads` cores (more than the machine has means all of them).

        The stopwatch times the stages `find` and `read`.
        """
        self._detector = _loaded(threads)
        self._recogniser = Recogniser(threads)
        self._stopwatch = stopwatch or Stopwatch()

    def read(self, frame: Frame) -> Sequence[Sighting]:
        """The lines of the frame that may be a plate: typical plates first, then by height times confidence."""
        with self._stopwatch.stage("find"):
            lines = self._lines(frame)
        with self._stopwatch.stage("read"):
            readings = [self._surer_reading(box, crop) for box, crop in lines]
        return sorted((s for s in readings if may_be_plate(s.text)), key=_promise, reverse=True)

    def _lines(self, frame: Frame) -> list[tuple[Box, Frame]]:
        """The lines of text in the frame, the tallest first: upright box, and the line itself turned level."""
        assert frame.dtype == np.uint8 and frame.shape[2:] == (3,), "a frame is H x W x 3 bytes"  # noqa: PT018
        try:
            crops, detected = self._detector.detect_and_crop(frame, {})
        except RapidOCRError:  # how RapidOCR says that it found no text
            return []
        lines: list[tuple[Box, Frame]] = [
            (_upright(quad), crop)
            for quad, crop in zip(detected.boxes, crops, strict=True)
            if crop.shape[1] <= ASPECT_MAX * crop.shape[0]
        ]
        return sorted(lines, key=lambda line: line[1].shape[0], reverse=True)[:_LINES_MAX]

    def _surer_reading(self, box: Box, crop: Frame) -> Sighting:
        first = self._recogniser.read(box, crop)
        if first.confidence >= _SURE or not any(sign.isdigit() for sign in first.text):
            return first
        edge = int(_EDGE * len(crop))
        second = self._recogniser.read(box, crop[edge : len(crop) - edge])
        return max(first, second, key=lambda reading: (reading.typical, reading.confidence))


def _loaded(threads: int) -> Any:
    """RapidOCR with its detector loaded and used once, as it would do on the first car, which must not wait for it.

    Its model is named: one that RapidOCR does not find by itself, or takes for damaged, it fetches from the network.
    """
    model = of_rapidocr(_DETECTOR)
    settings = {"Det.model_path": str(model), "EngineConfig.onnxruntime.intra_op_num_threads": threads}
    ocr = RapidOCR(params=_SETTINGS | settings)
    try:
        with suppress(RapidOCRError):
            ocr.detect_and_crop(np.zeros((540, 960, 3), np.uint8), {})
    except Exception as error:  # what ONNX Runtime raises has no class of its own above it
        why = str(error).partition("\n")[0]
        raise OperatorError("model_invalid", f"{model} cannot be loaded, install rapidocr 3.10 again: {why}") from error
    return ocr


def _upright(quad: NDArray[np.float32]) -> Box:
    x, y, width, height = cv2.boundingRect(quad)
    return x, y, width, height


def _promise(sighting: Sighting) -> tuple[bool, float]:
    return sighting.typical, sighting.box[3] * sighting.confidence
