"""What a plate reader is: a frame goes in, lines that may be plates come out, with the evidence for each sign."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from domain.errors import OperatorError
from lpr.frame import Box, Frame
from lpr.stopwatch import Stopwatch

SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""The signs of a plate: columns 0 to 35 of `Sighting.log_probs`."""

BLANK = len(SIGNS)
"""The column of CTC's blank, into which goes everything that is no sign of a plate: dashes, seals, spaces."""


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """One line in one frame that may be a plate. Its repr shows no plate.

    `text` is the best open read, only of SIGNS; `confidence` in that read, 0..1; `box` is upright around the line;
    `log_probs` is T x 37, float32: natural logarithms of the probability of each sign and of blank in each of T
    columns from left to right. `typical` says that it looks like a plate by itself; what does not (no digit, no letter)
    is only worth comparing with the plates that are expected.
    """

    text: str = field(repr=False)
    confidence: float
    box: Box
    log_probs: NDArray[np.float32] = field(repr=False)
    typical: bool = True


def open_read(sightings: Sequence[Sighting]) -> Sighting | None:
    """The plate that is believed without knowing which are expected: the first sighting if it is typical."""
    return sightings[0] if sightings and sightings[0].typical else None


class PlateReader(Protocol):
    """Reads plates in single frames, and remembers nothing between them."""

    def read(self, frame: Frame) -> Sequence[Sighting]:
        """The lines of the frame that may be a plate, the likeliest first and typical ones before all others.

        A line that is hard to read may come more than once, each time as it was read from another part of the picture.
        """


ENGINES = ("finder", "rapidocr", "easyocr")
"""The names that `engine` knows."""

DEFAULT = "finder"

STANDARD = "standard"
"""EasyOCR's own recognition network."""

_EXTRAS = {"easyocr": "easyocr"}
"""What to install for an engine that is not the gate's own."""


def engine(
    name: str = DEFAULT,
    threads: int = 1,
    stopwatch: Stopwatch | None = None,
    *,
    models: Path | None = None,
    network: str = STANDARD,
) -> PlateReader:
    """Load the reader of that name, ready to read: models in memory, on `threads` cores, as OpenCV is for the whole
    process from then on.

    The stopwatch times the stages `find` and `read` of each frame. `models` is the folder of EasyOCR's models, and
    `network` which of its recognition networks it is to use; other engines bring their models along. Raises
    OperatorError for a name not in ENGINES, for one whose libraries are not installed, and for one whose models are not
    there.
    """
    if name not in ENGINES:
        raise OperatorError("engine_unknown", f"no plate reader is called {name!r}: take {' or '.join(ENGINES)}")
    cv2.setNumThreads(threads)
    try:  # half a second and 100 MB, EasyOCR's more, only where a reader is wanted
        if name == "easyocr":
            from lpr.easyocr_reader import EasyOcrReader  # noqa: PLC0415

            return EasyOcrReader(threads, stopwatch, models=models, network=network)
        if name == "finder":
            from lpr.finder_reader import FinderReader  # noqa: PLC0415

            return FinderReader(threads, stopwatch)
        from lpr.rapidocr_reader import RapidOcrReader  # noqa: PLC0415

        return RapidOcrReader(threads, stopwatch)
    except ImportError as error:
        extra = _EXTRAS.get(name, "gate")
        raise OperatorError("engine_missing", f"{error}: install gatehouse[{extra}] to read plates") from error
