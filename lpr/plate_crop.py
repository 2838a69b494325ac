"""From a plate's box to the lines in it: which part of the picture the recogniser is shown."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from lpr.frame import Box
from lpr.plate_line import is_typical_plate
from lpr.reader import BLANK, Sighting

Way: TypeAlias = tuple[Box, ...]
"""The rows of a plate, from top to bottom, that are to be read one by one."""

LONG = 2.7
"""Width by height from which on a plate has nothing but its signs; below it stand a name and a slogan, too."""

ABOVE, BELOW = 0.17, 0.12
"""Shares of such a plate's height that name and slogan take."""

TWO_ROWS = 1.7
"""Width by height below which a plate is first read as two rows of signs."""

_LOG_NEVER = np.float32(np.log(1e-12))


def ways(box: Box) -> Sequence[Way]:
    """How the plate at `box` may be read, the likeliest way first; the next one is for when that gave no sure read."""
    aspect = box[2] / box[3]
    if aspect >= LONG:
        return ((box,), (_part(box, 0.12, 0.88),))
    one_line = (_part(box, ABOVE, 1 - BELOW),)
    rows = (_part(box, 0.04, 0.52), _part(box, 0.48, 0.96))
    return (rows, one_line) if aspect < TWO_ROWS else (one_line, (box,))


def _part(box: Box, top: float, bottom: float) -> Box:
    """What lies between two shares of the box's height, at least one pixel."""
    x, y, width, height = box
    start = round(height * top)
    return x, y + start, width, max(round(height * bottom) - start, 1)


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
    return Sighting(text, confidence, box, np.concatenate(columns), is_typical_plate(text, text))
