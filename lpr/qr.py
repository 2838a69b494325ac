"""Camera frame -> texts of the QR codes in it. Whether a text is a valid ticket is for others to say.

The readers fail on different pictures, so a frame is looked at up to four times, the cheapest look first: smoothed,
enlarged, as black and white by neighbourhood, all with zxing-cpp; and by zbar, which takes the longest and therefore
only sees frames in which zxing-cpp found a code that it could not read. docs/lpr.md has the figures.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
import zxingcpp

from domain.errors import OperatorError
from lpr.frame import Box, Frame

SIDE_PX_MAX = 1920
"""Longer frames are shrunk to this: a photograph of 50 million pixels must not hold up the gate."""

_ENLARGE = 1.3
"""Enough for modules of 2 px; more takes longer and reads less."""

_NEIGHBOURHOOD_PX = 31
_ZBAR_SCALE = 0.75
"""zbar reads noisy frames better made smaller, and in half the time."""

_FORMATS = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)


def any_text(text: str) -> bool:
    """Seeks nothing in particular."""
    return bool(text)


@dataclass(frozen=True, slots=True)
class Code:
    """A code in a frame: its text, empty where something is seen of it that cannot be read; its upright box in px."""

    text: str
    box: Box


class QrReader(Protocol):
    """Reads QR codes in single frames, and remembers nothing between them."""

    def read(self, frame: Frame, sought: Callable[[str], bool] = any_text) -> Sequence[str]:
        """The texts of the codes in the frame, each once; looks on until one of them is `sought`.

        A lot's own sign may carry a code too: whoever seeks tickets says how to tell them.
        """


class QrFinder(Protocol):
    """Finds QR codes in single frames, and remembers nothing between them."""

    def find(self, frame: Frame, sought: Callable[[str], bool] = any_text) -> Sequence[Code]:
        """As `QrReader.read`, with where the codes are; those too of which something is seen but cannot be read."""


class Zbar:
    """zbar alone."""

    def __init__(self) -> None:
        """Load libzbar. Raises OperatorError where it is not installed."""
        try:
            from pyzbar import pyzbar  # noqa: PLC0415 - loads a system library that may not be there
        except ImportError as error:
            raise OperatorError("zbar_missing", f"{error}: install the system package libzbar0, and pyzbar") from error
        self._decode: Callable[..., list[Any]] = pyzbar.decode
        self._symbols = [pyzbar.ZBarSymbol.QRCODE]

    def codes(self, grey: Frame) -> list[Code]:
        """The codes in a grey frame, H x W."""
        found = self._decode(grey, symbols=self._symbols)
        return [Code(code.data.decode(errors="replace"), tuple(code.rect)) for code in found]


class QrChain:
    """zxing-cpp in three looks, then zbar: 1 to 2 ms where the first look reads, 5 to 10 ms for a frame without a code.

    Times are for 1280 x 720 on one core of a desktop computer. Without libzbar it reads a little less, and `missing`
    says what to install.
    """

    def __init__(self) -> None:
        self.missing: OperatorError | None = None
        self._zbar: Zbar | None = None
        try:
            self._zbar = Zbar()
        except OperatorError as error:
            self.missing = error

    def read(self, frame: Frame, sought: Callable[[str], bool] = any_text) -> list[str]:
        """See QrReader: of what `find` finds that which can be read."""
        return [code.text for code in self.find(frame, sought) if code.text]

    def find(self, frame: Frame, sought: Callable[[str], bool] = any_text) -> list[Code]:
        """See QrFinder. Takes grey frames and those with transparency too, of any size."""
        grey = _grey(frame)
        if not grey.size:
            return []
        found: dict[str, Code] = {}  # in the order of reading
        damaged: list[Code] = []
        for look in (_smoothed, _enlarged, _black_and_white):
            looked = look(grey)
            scale = frame.shape[1] / looked.shape[1]
            for code in zxingcpp.read_barcodes(
                looked,
                formats=_FORMATS,
                try_downscale=False,
                try_invert=look is _smoothed,  # a phone in dark mode may turn the whole page over
                return_errors=True,
            ):
                if code.valid:
                    found.setdefault(code.text, Code(code.text, _box(code.position, scale)))
                else:
                    damaged.append(Code("", _box(code.position, scale)))
            if any(map(sought, found)):
                return list(found.values())
        if damaged and self._zbar is not None:
            looked = _scaled(grey, _ZBAR_SCALE)
            scale = frame.shape[1] / looked.shape[1]
            for read in self._zbar.codes(looked):
                found.setdefault(read.text, Code(read.text, _times(read.box, scale)))
        return [*found.values(), *damaged]


def _box(position: Any, scale: float) -> Box:
    """The upright box around the four corners that zxing-cpp gives, in a frame that is `scale` times as large."""
    corners = [getattr(position, corner) for corner in ("top_left", "top_right", "bottom_right", "bottom_left")]
    across, down = [corner.x for corner in corners], [corner.y for corner in corners]
    return _times((min(across), min(down), max(across) - min(across), max(down) - min(down)), scale)


def _times(box: Box, scale: float) -> Box:
    x, y, width, height = (round(side * scale) for side in box)
    return x, y, width, height


def _grey(frame: Frame) -> Frame:
    assert frame.dtype == np.uint8, "a frame is of bytes"
    assert frame.ndim == 2 or frame.shape[2:] in {(1,), (3,), (4,)}, "a frame is H x W x 3"
    if not frame.size:
        return np.empty((0, 0), np.uint8)
    scale = SIDE_PX_MAX / max(frame.shape[:2])
    if scale < 1:
        frame = _scaled(frame, scale)
    if frame.ndim == 3 and frame.shape[2] > 1:
        code = cv2.COLOR_BGR2GRAY if frame.shape[2] == 3 else cv2.COLOR_BGRA2GRAY
        return np.asarray(cv2.cvtColor(frame, code), np.uint8)
    return np.ascontiguousarray(frame.reshape(frame.shape[:2]))


def _scaled(frame: Frame, scale: float) -> Frame:
    size = max(round(frame.shape[1] * scale), 1), max(round(frame.shape[0] * scale), 1)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(frame, size, interpolation=how), np.uint8)


def _smoothed(grey: Frame) -> Frame:
    """Without the sensor's noise, in which zxing-cpp would look for patterns."""
    return np.asarray(cv2.medianBlur(grey, 3), np.uint8)


def _enlarged(grey: Frame) -> Frame:
    return _scaled(grey, _ENLARGE)


def _black_and_white(grey: Frame) -> Frame:
    """Each pixel against its surroundings: under shadows, bands and glare."""
    smooth = cv2.GaussianBlur(grey, (3, 3), 0)
    flat = cv2.adaptiveThreshold(smooth, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, _NEIGHBOURHOOD_PX, 2)
    return np.asarray(flat, np.uint8)
