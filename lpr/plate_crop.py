"""From a plate's box to the lines in it: which parts of it the recogniser is shown, and what they say in all."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lpr.frame import Box, Frame
from lpr.plate_line import is_typical_plate
from lpr.reader import BLANK, Sighting

Way: TypeAlias = tuple[Box, ...]
"""The rows of a plate, from top to bottom, that are to be read one by one."""

_LONG = 2.7
"""Width by height from which on a plate has nothing but its signs; below it stand a name and a slogan, too."""

_TWO_ROWS = 1.7
"""Width by height below which a plate is first read as two rows of signs."""

_BAND = 0.08
"""Share of a long plate's width that a country's blue band takes."""

_BAND_OF_TWO_ROWS = (0.05, 0.3)
"""Of a nearly square plate's width: what the band takes at least and at most, as it is as wide as on a long one."""

_BLUER = 45
"""By how much more blue than red (of 255) a band is than what is beside it. At night no colour tells it."""

_LOG_NEVER = np.float32(np.log(1e-12))


def ways(frame: Frame, box: Box) -> Sequence[Way]:
    """How the plate at `box` may be read, the likeliest way first; the next ones are for when that gave no clear read.

    The shares of the box were chosen on photographs: a state's name and a slogan take a sixth and an eighth.
    """
    aspect = box[2] / box[3]
    if aspect >= _LONG:
        signs = _without_band(frame, box)
        return ((signs,), (_part(signs, 0.12, 0.88),))
    line = _part(box, 0.17, 0.88)
    if aspect >= _TWO_ROWS:
        return ((line,), (_part(line, 0, 1, 0.04),))
    signs = _beside_band(frame, box)
    return ((_part(signs, 0.04, 0.52), _part(signs, 0.48, 0.96)), (line,))


def _without_band(frame: Frame, box: Box) -> Box:
    """The box without the blue band at its left, where there is one: its letters are no signs of the plate."""
    x, y, width, height = box
    band = round(width * _BAND)
    if not band:
        return box
    blue = _blue(frame, box)
    is_band = blue.size > 2 * band and np.median(blue[:band]) >= np.median(blue[2 * band :]) + _BLUER
    return (x + band, y, width - band, height) if is_band else box


def _beside_band(frame: Frame, box: Box) -> Box:
    """The same for a nearly square plate, whose band ends where the blue does."""
    x, y, width, height = box
    blue = _blue(frame, box)
    least, most = (round(width * share) for share in _BAND_OF_TWO_ROWS)
    beside = max(np.median(blue[blue.size // 2 :]), 0)  # beside yellow, black signs are bluer too
    [band] = np.nonzero(blue[:most] >= beside + _BLUER)
    return (x + int(band[-1]) + 1, y, width - int(band[-1]) - 1, height) if len(band) > least else box


def _blue(frame: Frame, box: Box) -> NDArray[np.float64]:
    """By how much more blue than red each column of the box is, from its left to its right."""
    x, y, width, height = box
    middle = frame[y + height // 5 : y + max(height * 4 // 5, 1), x : x + width].astype(np.int16)
    return np.asarray(np.median(middle[:, :, 0] - middle[:, :, 2], axis=0), np.float64)


def _part(box: Box, top: float, bottom: float, sides: float = 0) -> Box:
    """What lies between two shares of the box's height, less a share of its width on both sides; a pixel at least."""
    x, y, width, height = box
    start, side = round(height * top), round(width * sides)
    return x + side, y + start, max(width - 2 * side, 1), max(round(height * bottom) - start, 1)


def joined(rows: Sequence[Sighting], box: Box) -> Sighting:
    """The rows of one plate as one sighting at `box`: their columns after one another, with a blank between."""
    if len(rows) == 1:
        [row] = rows
        return Sighting(row.text, row.confidence, box, row.log_probs, row.typical)
    gap = np.full((1, BLANK + 1), _LOG_NEVER, np.float32)
    gap[0, BLANK] = 0
    columns = [part for row in rows for part in (row.log_probs, gap)][:-1]
    text = "".join(row.text for row in rows)
    confidence = sum(row.confidence * len(row.text) for row in rows) / max(len(text), 1)
    return Sighting(
        text,
        confidence,
        box,
        np.concatenate(columns),
        is_typical_plate(text, text, on_a_plate=any(row.typical for row in rows)),
    )
