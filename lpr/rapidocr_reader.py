"""The plate reader on RapidOCR: PP-OCR's text detector and recogniser in ONNX, from models in the wheel.

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

from lpr.ctc import best_read, plate_columns, reduced
from lpr.frame import Box, Frame
from lpr.plate_line import is_typical_plate, may_be_plate
from lpr.reader import Sighting

_SETTINGS = {
    "Global.log_level": "critical",
    "Global.use_vertical_padding": False,  # boxes stay in the frame's own pixels
    "Det.limit_type": "max",
    "Det.limit_side_len": 960,
}

_LINES_MAX = 16
"""Lines of one frame that are read, the tallest first: a wall full of lettering must not hold up the gate."""

_ASPECT_MAX = 12
"""Width by height of the longest line that is read. Plates of nine signs stay below 7."""

_SURE = 0.97
"""A line with digits that is read with less confidence is read once more without its edges."""

_EDGE = 0.15
"""How much of the height the second reading leaves out, above and below: state name, slogan, frame."""


class RapidOcrReader:
    """Reads a frame of 640 x 480 in about 0.1 s on one core of a desktop computer; takes 330 to 430 MB."""

    def __init__(self, threads: int) -> None:
        """Load both models, to run on `threads` cores (more than the machine has means all of them)."""
        self._ocr = _loaded(threads)
        self._recogniser = self._ocr.text_rec
        self._columns = plate_columns(self._recogniser.postprocess_op.character)

    def read(self, frame: Frame) -> Sequence[Sighting]:
        """The lines of the frame that may be a plate: typical plates first, then by height times confidence."""
        readings = [self._surer_reading(box, crop) for box, crop in self._lines(frame)]
        return sorted((s for s in readings if may_be_plate(s.text)), key=_promise, reverse=True)

    def _lines(self, frame: Frame) -> list[tuple[Box, Frame]]:
        """The lines of text in the frame, the tallest first: upright box, and the line itself turned level."""
        assert frame.dtype == np.uint8 and frame.shape[2:] == (3,), "a frame is H x W x 3 bytes"  # noqa: PT018
        try:
            crops, detected = self._ocr.detect_and_crop(frame, {})
        except RapidOCRError:  # how RapidOCR says that it found no text
            return []
        lines: list[tuple[Box, Frame]] = [
            (_upright(quad), crop)
            for quad, crop in zip(detected.boxes, crops, strict=True)
            if crop.shape[1] <= _ASPECT_MAX * crop.shape[0]
        ]
        return sorted(lines, key=lambda line: line[1].shape[0], reverse=True)[:_LINES_MAX]

    def _surer_reading(self, box: Box, crop: Frame) -> Sighting:
        first = self._recognise(box, crop)
        if first.confidence >= _SURE or not any(sign.isdigit() for sign in first.text):
            return first
        edge = int(_EDGE * len(crop))
        second = self._recognise(box, crop[edge : len(crop) - edge])
        return max(first, second, key=lambda reading: (reading.typical, reading.confidence))

    def _recognise(self, box: Box, crop: Frame) -> Sighting:
        # Padded to the aspect that the model was trained on, short lines are read better than bare.
        _, height, width = self._recogniser.rec_image_shape
        aspect = max(crop.shape[1] / crop.shape[0], width / height)
        batch = self._recogniser.resize_norm_img(crop, aspect)[np.newaxis]
        probabilities: NDArray[np.float32] = self._recogniser.session(batch)
        [(as_printed, _)], _ = self._recogniser.postprocess_op(probabilities)
        log_probs = reduced(probabilities[0], self._columns)
        text, confidence = best_read(log_probs)
        return Sighting(text, confidence, box, log_probs, is_typical_plate(text, as_printed))


def _loaded(threads: int) -> Any:
    """RapidOCR with both models loaded and used once, as it would do on the first car, which must not wait for that."""
    ocr = RapidOCR(params=_SETTINGS | {"EngineConfig.onnxruntime.intra_op_num_threads": threads})
    with suppress(RapidOCRError):
        ocr.detect_and_crop(np.zeros((540, 960, 3), np.uint8), {})
    ocr.recognize_txt([np.zeros((48, 320, 3), np.uint8)])
    return ocr


def _upright(quad: NDArray[np.float32]) -> Box:
    x, y, width, height = cv2.boundingRect(quad)
    return x, y, width, height


def _promise(sighting: Sighting) -> tuple[bool, float]:
    return sighting.typical, sighting.box[3] * sighting.confidence
