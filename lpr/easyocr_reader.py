"""The plate reader on EasyOCR, loaded by EasyOCR's own code from files that the operator has: nothing is downloaded.

`models` is laid out as EasyOCR does it. The standard models are `model/craft_mlt_25k.pth`, which finds lines, and
`model/english_g2.pth`, which reads them. A recognition network of one's own is `user_network/NAME.yaml` (its alphabet
and size), `user_network/NAME.py` (its architecture) and `model/NAME.pth` (its weights); then lines are found by
contrast (`text_lines.py`), because it is wanted where the standard models are not to be had.

All of these files are programs to EasyOCR: take them only from somebody whose programs you would run.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from domain.errors import OperatorError
from lpr.ctc import best_read, plate_columns, reduced
from lpr.frame import Box, Frame
from lpr.plate_line import is_typical_plate, may_be_plate
from lpr.reader import STANDARD, Sighting
from lpr.stopwatch import Stopwatch
from lpr.text_lines import LINES_MAX, shared_px, text_lines

_SIDE_PX_MIN = 8
"""A frame with a shorter side shows no line, and EasyOCR's detector cannot be asked about it."""

_LANGUAGES = ["en"]
_DETECTOR, _RECOGNISER = "craft", "english_g2"


class EasyOcrReader:
    """Reads lines with EasyOCR's recognition networks; of what they say all probabilities are kept.

    One thread at a time may use it: torch's number of threads is the process's.
    """

    def __init__(
        self,
        threads: int,
        stopwatch: Stopwatch | None = None,
        *,
        models: Path | None = None,
        network: str = STANDARD,
    ) -> None:
        """Load the models in `models` (where EasyOCR keeps them, if None), to run on `threads` cores.

        Raises OperatorError (`model_missing`, `model_invalid`), which names the file; ImportError without EasyOCR.
        """
        easyocr = _easyocr()
        self._stopwatch = stopwatch or Stopwatch()
        self._torch = sys.modules["torch"]
        self._torch.set_num_threads(threads)
        folder = Path(easyocr.config.MODULE_PATH) if models is None else models
        for file in _files(easyocr, folder, network):
            if not file.is_file():
                raise OperatorError(
                    "model_missing", f"{file} is not there, which EasyOCR needs to read plates; nothing is downloaded"
                )
        easyocr.easyocr.imgH = easyocr.config.imgH  # else it is what the last network of one's own wanted
        self._has_detector = network == STANDARD
        try:
            self._reader = easyocr.Reader(
                _LANGUAGES,
                gpu=False,
                model_storage_directory=str(folder / "model"),
                user_network_directory=str(folder / "user_network"),
                recog_network=network,
                detector=self._has_detector,
                download_enabled=False,
                verbose=False,
            )
        except FileNotFoundError as error:  # its own word for a standard model that is another file, too
            raise OperatorError("model_invalid", f"EasyOCR does not take its models: {error}") from error
        except Exception as error:  # they are programs: whatever these raise
            raise OperatorError(
                "model_invalid", f"EasyOCR does not take {network} in {folder}: {type(error).__name__}: {error}"
            ) from error
        self._reader.recognizer.eval()  # EasyOCR does it with each line
        self._height_px: int = easyocr.easyocr.imgH  # of a line; EasyOCR has one for all its readers
        self._collate = easyocr.recognition.AlignCollate
        self._list_dataset = easyocr.recognition.ListDataset
        self._get_image_list = easyocr.utils.get_image_list
        self._columns = plate_columns(self._reader.converter.character)

    def read(self, frame: Frame) -> Sequence[Sighting]:
        """The lines of the frame that may be a plate: typical plates first, then by height times confidence."""
        assert frame.dtype == np.uint8 and frame.shape[2:] == (3,), "a frame is H x W x 3 bytes"  # noqa: PT018
        if min(frame.shape[:2]) < _SIDE_PX_MIN:
            return []
        grey = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8)
        with self._stopwatch.stage("find"):
            lines = list(self._lines(frame, grey))
        with self._stopwatch.stage("read"):
            sightings = [self._recognise(box, line, width) for box, line, width in lines]
        best: list[Sighting] = []
        for sighting in sorted((s for s in sightings if may_be_plate(s.text)), key=_promise, reverse=True):
            if not any(_is_part(sighting.box, better.box) for better in best):
                best.append(sighting)
        return best

    def _lines(self, frame: Frame, grey: Frame) -> Iterator[tuple[Box, Frame, int]]:
        """Each line's upright box, the line as high as the network wants it, and how wide a picture it is put in."""
        flat, slanted = self._found(frame)
        one_by_one: list[tuple[list[Any], list[Any]]] = [([line], []) for line in flat]
        one_by_one += [([], [line]) for line in slanted]
        for level, free in one_by_one:  # as EasyOCR does without CUDA: each in a picture of its own width
            lines, width = self._get_image_list(level, free, grey, model_height=self._height_px)
            for corners, line in lines:
                x, y, across, down = cv2.boundingRect(np.asarray(corners, np.float32))
                yield (x, y, across, down), line, int(width)

    def _found(self, frame: Frame) -> tuple[list[Any], list[Any]]:
        """Lines as EasyOCR has them: level ones as x, x, y, y, others as four corners."""
        if self._has_detector:
            flat, slanted = self._reader.detect(frame)
            return flat[0][:LINES_MAX], slanted[0][:LINES_MAX]
        return [[x, x + width, y, y + height] for x, y, width, height in text_lines(frame)], []

    def _recognise(self, box: Box, line: Frame, width: int) -> Sighting:
        collate = self._collate(imgH=self._height_px, imgW=width, keep_ratio_with_pad=True)
        batch = collate([self._list_dataset([line])[0]])
        longest = self._torch.zeros(1, width // 10 + 1, dtype=self._torch.long)  # only attention decoders look at it
        with self._torch.inference_mode():
            scores = self._reader.recognizer(batch, longest)
        probabilities: NDArray[np.float32] = self._torch.softmax(scores, dim=2).numpy()
        best = probabilities.argmax(axis=2).reshape(-1)
        [as_printed] = self._reader.converter.decode_greedy(best, [len(best)])
        log_probs = reduced(probabilities[0], self._columns)
        text, confidence = best_read(log_probs)
        return Sighting(text, confidence, box, log_probs, is_typical_plate(text, as_printed))


def _files(easyocr: Any, folder: Path, network: str) -> list[Path]:
    if network == STANDARD:
        known = easyocr.config.detection_models[_DETECTOR], easyocr.config.recognition_models["gen2"][_RECOGNISER]
        return [folder / "model" / one["filename"] for one in known]
    own = folder / "user_network"
    return [own / f"{network}.yaml", own / f"{network}.py", folder / "model" / f"{network}.pth"]


def _easyocr() -> Any:
    """EasyOCR, with all that it imports.

    It imports torchvision, which on a torch that was built without CUDA fails for want of two operators that nobody
    here uses: then they are declared, and it imports.
    """
    import torch  # noqa: PLC0415  ImportError where EasyOCR is not installed

    try:
        import torchvision  # noqa: F401, PLC0415
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        declared = torch.library.Library("torchvision", "DEF")
        declared.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        declared.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _DECLARED.append(declared)
    import easyocr  # noqa: PLC0415
    import easyocr.config  # noqa: PLC0415
    import easyocr.recognition  # noqa: PLC0415
    import easyocr.utils  # noqa: PLC0415

    return easyocr


_DECLARED: list[Any] = []
"""What is declared is so for as long as it is kept."""


def _is_part(box: Box, of: Box) -> bool:
    """Whether most of it lies within the other: a word of a line that is read as a whole."""
    return 2 * shared_px(box, of) > box[2] * box[3]


def _promise(sighting: Sighting) -> tuple[bool, float]:
    return sighting.typical, sighting.box[3] * sighting.confidence
