"""What a cut-out line says: PP-OCR's text recogniser in ONNX, from the model in RapidOCR's wheel.

Of its answer all probabilities are kept, not the best characters alone.
"""

import os

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from lpr.ctc import best_read, plate_columns, printed, reduced
from lpr.frame import Box, Frame
from lpr.model_file import network_in, of_rapidocr
from lpr.plate_line import is_typical_plate
from lpr.reader import Sighting

_MODEL = "PP-OCRv6_rec_small.onnx"
_INPUT, _CHARACTERS = "x", "character"
_HEIGHT = 48

WIDTH_OF_LINES, WIDTH_OF_PLATES = 320, 240
"""In pixels. Filled up to such a width short lines are read better than bare: lines of any text to that of the model's
training; plates, cut out exactly, are read as well or better at less, and in three quarters of the time."""

_ROWS, _BLUR_PX = 28, 0.6
"""A line is shrunk to so many rows, where it has more, and blurred by a Gaussian of this sigma before it is enlarged to
_HEIGHT: else noise and JPEG's blocks are read as strokes. Anything near does as well (docs/lpr.md)."""

ASPECT_MAX = 12
"""Width by height of the longest line that is read. Plates of nine signs stay below 7."""


class Recogniser:
    """Reads a line in some 20 ms on one core of a desktop computer."""

    def __init__(self, threads: int, width: int = WIDTH_OF_LINES) -> None:
        """Load the model, to run on `threads` cores, and use it once: the first car must not wait for that.

        `width` is what shorter lines are filled up to.

        Raises OperatorError where the wheel has no such model.
        """
        options = ort.SessionOptions()
        options.intra_op_num_threads = min(threads, os.cpu_count() or threads)
        options.log_severity_level = 4
        self._session = network_in(of_rapidocr(_MODEL), options, takes=[_INPUT], says=[_CHARACTERS])
        characters = self._session.get_modelmeta().custom_metadata_map[_CHARACTERS].splitlines()
        self._alphabet = ["", *characters, " "]  # CTC's blank comes first
        self._columns = plate_columns(self._alphabet)
        self._width = width
        self.read((0, 0, width, _HEIGHT), np.zeros((_HEIGHT, width, 3), np.uint8))

    def read(self, box: Box, line: Frame, *, on_a_plate: bool = False) -> Sighting:
        """What `line` says, which was cut out at `box`; `on_a_plate` is for `is_typical_plate`."""
        [probabilities] = self._session.run(None, {_INPUT: _normal(line, self._width)})
        log_probs = reduced(probabilities[0], self._columns)
        text, confidence = best_read(log_probs)
        as_printed = printed(probabilities[0], self._alphabet)
        return Sighting(text, confidence, box, log_probs, is_typical_plate(text, as_printed, on_a_plate=on_a_plate))


def _normal(line: Frame, width_min: int) -> NDArray[np.float32]:
    """The line, softened, _HEIGHT high, -1 to 1, with grey to its right: 1 x 3 x _HEIGHT x W."""
    height, width = line.shape[:2]
    resized = min(max(-(-width * _HEIGHT // height), 1), ASPECT_MAX * _HEIGHT)
    batch = np.zeros((1, 3, _HEIGHT, max(resized, width_min)), np.float32)
    pixels = np.asarray(cv2.resize(_softened(line, resized), (resized, _HEIGHT)), np.float32)
    batch[0, :, :, :resized] = pixels.transpose(2, 0, 1) / 127.5 - 1
    return batch


def _softened(line: Frame, width: int) -> Frame:
    """The line without what is finer than the strokes of signs; `width` is what it will be enlarged to."""
    if len(line) > _ROWS:
        size = max(round(width * _ROWS / _HEIGHT), 1), _ROWS
        line = np.asarray(cv2.resize(line, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.GaussianBlur(line, (0, 0), _BLUR_PX), np.uint8)
