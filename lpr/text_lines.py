"""Where lines of lettering may be in a frame, by contrast alone: for a recogniser that comes without a detector.

Letters are many upright edges side by side. What is found is cheap and rough: lettering of every kind, lines and their
single words, and things that only look like it; it is for the recogniser to say what they are.
"""

import cv2
import numpy as np

from lpr.frame import Box, Frame

LINES_MAX = 16
"""The tallest of them: a wall full of lettering must not hold up the gate."""

_SAME = 0.6
"""Of two boxes' area that both have, from which on they are the same line."""

_SIDE_PX_MAX = 960
_EDGE_MIN = 40
"""Change of light from pixel to pixel, of 255, that may be a letter's edge."""

_GAPS_PX = (11, 27, 61)
"""Edges so far apart belong to one line: signs of a small plate, words of a large one."""

_HEIGHT_PX_MIN = 10
_ASPECT_MIN, _ASPECT_MAX = 1.6, 12.0
_FULL_MIN = 0.45
"""Of its box that a line fills with edges and the gaps between them."""

_MARGIN = 0.2
"""Of the height, left around a line on each side."""


def text_lines(frame: Frame) -> list[Box]:
    """The upright boxes around them in pixels of the frame, the tallest first; one may lie within another."""
    scale = min(_SIDE_PX_MAX / max(frame.shape[:2]), 1.0)
    small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else frame
    grey = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), (3, 3), 0)
    edges = np.abs(cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=1 / 4)) > _EDGE_MIN
    found: list[Box] = []
    for gap in _GAPS_PX:
        found += [box for box in _lines(edges.astype(np.uint8), gap) if not any(_is_same(box, one) for one in found)]
    tallest = sorted(found, key=lambda box: box[3], reverse=True)[:LINES_MAX]
    height, width = frame.shape[:2]
    return [_with_margin(box, scale, width, height) for box in tallest]


def _lines(edges: Frame, gap: int) -> list[Box]:
    joined = cv2.morphologyEx(edges, cv2.MORPH_CLOSE, np.ones((3, gap), np.uint8))
    # An edge that stands alone, a post or a bonnet's rim, joins nothing and goes.
    joined = cv2.morphologyEx(joined, cv2.MORPH_OPEN, np.ones((5, gap), np.uint8))
    contours, _ = cv2.findContours(joined, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    boxes = []
    for contour in contours:
        x, y, width, height = cv2.boundingRect(contour)
        fits = height >= _HEIGHT_PX_MIN and _ASPECT_MIN * height <= width <= _ASPECT_MAX * height
        if fits and cv2.contourArea(contour) >= _FULL_MIN * width * height:
            boxes.append((x, y, width, height))
    return boxes


def shared_px(one: Box, other: Box) -> int:
    """The area that both of them have."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(across, 0) * max(down, 0)


def _is_same(one: Box, other: Box) -> bool:
    both = shared_px(one, other)
    return both > _SAME * (one[2] * one[3] + other[2] * other[3] - both)


def _with_margin(box: Box, scale: float, width: int, height: int) -> Box:
    x, y, across, down = (side / scale for side in box)
    margin = _MARGIN * down
    left, top = max(round(x - margin), 0), max(round(y - margin), 0)
    right, bottom = min(round(x + across + margin), width), min(round(y + down + margin), height)
    return left, top, right - left, bottom - top
