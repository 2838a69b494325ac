"""A picture of who is let in as the accept threshold moves: the right cars against those who are not expected.

Drawn with OpenCV, which is there anyway; its lettering is Rubik.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from lpr.frame import Frame
from lpr.matching import RULE
from lpr.trial import LetIn, Trial

Colour = tuple[int, int, int]  # blue, green, red
Place = tuple[float, float]

STRICT, LAX = -0.2, -6.0
"""The thresholds between which the curve runs."""

_STEP = 0.1
_MARKED = (-1.0, -2.0, -4.0, -6.0)
"""Thresholds that are named beside the chosen one, so that a reader sees which way the curve runs."""

_WIDTH, _HEIGHT, _TOP = 1440, 830, 232
_INK, _GREY, _GRID, _PAPER = (52, 40, 32), (128, 114, 104), (232, 228, 224), (255, 255, 255)
_FOLDERS: tuple[Colour, ...] = ((160, 92, 24), (28, 98, 214), (92, 132, 36), (130, 60, 130))
"""The colours of the folders' curves, in their order: blue, orange, green, purple."""

_APART_PX = 34
"""Dots that lie closer than this have one name."""

_SHIFT = 4  # bits of sub-pixel position in OpenCV's drawing calls


def png(curves: Mapping[str, Sequence[Trial]], expected: int) -> bytes:
    """The picture as a PNG file; `curves` has the trials of each folder, whose names stand beside their curves."""
    encoded, data = cv2.imencode(".png", picture(curves, expected), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    assert encoded, "OpenCV encodes every 8-bit picture"
    return data.tobytes()


def picture(curves: Mapping[str, Sequence[Trial]], expected: int) -> Frame:
    """Two panels with one scale: on the left strangers and a random list, on the right a list with a look-alike."""
    paths = {name: path(tried) for name, tried in curves.items()}
    points = [point for each in paths.values() for point in each]
    lowest = max(min(math.floor(10 * point.right) / 10 for point in points), 0.0)
    lowest = min(lowest, 0.9)
    ends = [_end(max(point.stranger for point in points)), _end(max(point.look_alike for point in points))]
    paper: Frame = np.full((_HEIGHT, _WIDTH, 3), _PAPER, np.uint8)
    photographs = sum(map(len, curves.values()))
    _text(paper, "Who is let in as the accept threshold moves", (60, 66), 34, _INK, weight=600)
    told = (
        f"{photographs} photographs, {expected:,} expected plates; beside a dot its threshold, filled is the chosen one"
    )
    _text(paper, told, (60, 102), 21, _GREY)
    left, gap, right = 140, 110, _WIDTH - 60
    across = (right - left - gap) / sum(ends)
    for panel, (end, title) in enumerate(
        zip(ends, ("Strangers, a random list", "Strangers one look-alike sign from a listed plate"), strict=True)
    ):
        start = left + panel * (ends[0] * across + gap)
        axes = _Axes(paper, (start, start + end * across), (_TOP, _HEIGHT - 110), end, lowest)
        axes.draw(title, labels=panel == 0)
        for (name, points_of), colour in zip(paths.items(), _FOLDERS * len(paths), strict=False):
            shown = [(point.stranger if panel == 0 else point.look_alike, point) for point in points_of]
            axes.curve(name, shown, colour)
    _text(paper, "unlisted cars let in", ((left + right) / 2, _HEIGHT - 32), 20, _GREY, align=0.5)
    _text(paper, "right plate accepted", (60, _TOP - 26), 20, _GREY)
    return paper


def path(tried: Sequence[Trial]) -> list[LetIn]:
    """The curve from the strictest threshold to the laxest."""
    return [LetIn.at(score, tried) for score in np.arange(STRICT, LAX - _STEP / 2, -_STEP).round(3).tolist()]


def _end(most: float) -> float:
    """Where the axis ends: at whole twentieths, one at least."""
    return max(math.ceil(20 * most - 1e-9), 1) / 20


@dataclass(frozen=True, slots=True)
class _Axes:
    """One panel: where rates of false and of right accepts, as fractions, lie on the paper."""

    paper: Frame
    x_px: tuple[float, float]
    y_px: tuple[float, float]
    x_end: float
    y_start: float

    def at(self, false: float, right: float) -> Place:
        x, y = false / self.x_end, (1 - right) / (1 - self.y_start)
        return self.x_px[0] + x * (self.x_px[1] - self.x_px[0]), self.y_px[0] + y * (self.y_px[1] - self.y_px[0])

    def draw(self, title: str, *, labels: bool) -> None:
        """The grid, with its numbers; those of the right accepts where `labels` says so."""
        for tenth in range(round(10 * self.y_start), 11):
            start, end = self.at(0, tenth / 10), self.at(self.x_end, tenth / 10)
            _line(self.paper, [start, end], _GRID, 1)
            if labels:
                _text(self.paper, f"{10 * tenth} %", (start[0] - 18, start[1] + 7), 20, _GREY, align=1)
        for twentieth in range(round(20 * self.x_end) + 1):
            low, high = self.at(twentieth / 20, self.y_start), self.at(twentieth / 20, 1)
            _line(self.paper, [low, high], _GREY if twentieth == 0 else _GRID, 1)
            _text(self.paper, f"{5 * twentieth} %", (low[0], low[1] + 32), 20, _GREY, align=0.5)
        _text(self.paper, title, (self.x_px[0], _TOP - 62), 22, _INK, weight=600)

    def curve(self, name: str, shown: Sequence[tuple[float, LetIn]], colour: Colour) -> None:
        """One folder's curve, its chosen threshold as a large dot, some others as small ones."""
        places = {point.score: self.at(false, point.right) for false, point in shown}
        _line(self.paper, _corners(list(places.values())), colour, 4)
        for score in _MARKED:
            _dot(self.paper, places[score], 5, colour, _PAPER)
        chosen = places[RULE.accept_score]
        _dot(self.paper, chosen, 10, _PAPER, colour)
        _text(self.paper, _signed(RULE.accept_score), _beside(chosen), 20, colour, weight=600)
        named = [chosen]
        for score in _MARKED:
            if all(math.dist(places[score], other) > _APART_PX for other in named):
                _text(self.paper, _signed(score), _beside(places[score]), 18, _GREY)
                named.append(places[score])
        x, y = places[LAX]
        _text(self.paper, name, (x + 18, y + 9), 26, colour, weight=700)


def _signed(score: float) -> str:
    return f"{score:g}".replace("-", "\N{MINUS SIGN}")


def _beside(dot: Place) -> Place:
    """Where a dot's words begin: below to the right, where its curve does not go."""
    return dot[0] + 10, dot[1] + 30


def _corners(places: Sequence[Place]) -> list[Place]:
    """The path without those places at which it goes straight on."""
    moved = [place for place, before in zip(places, [None, *places], strict=False) if place != before]
    along = [
        here
        for before, here, after in zip(moved, moved[1:], moved[2:], strict=False)
        if not (before[0] == here[0] == after[0] or before[1] == here[1] == after[1])
    ]
    return [moved[0], *along, moved[-1]]


def _line(paper: Frame, places: Sequence[Place], colour: Colour, width: int) -> None:
    points = np.round(np.array(places) * (1 << _SHIFT)).astype(np.int32)
    cv2.polylines(paper, [points], False, colour, width, cv2.LINE_AA, _SHIFT)


def _dot(paper: Frame, centre: Place, radius: int, rim: Colour, fill: Colour) -> None:
    x, y = (round(part * (1 << _SHIFT)) for part in centre)
    cv2.circle(paper, (x, y), (radius + 3) << _SHIFT, rim, -1, cv2.LINE_AA, _SHIFT)
    cv2.circle(paper, (x, y), radius << _SHIFT, fill, -1, cv2.LINE_AA, _SHIFT)


def _text(
    paper: Frame, text: str, at: Place, size: int, colour: Colour, *, weight: int = 400, align: float = 0.0
) -> None:
    """One line on the baseline at `at`; `align` is the share of its width that stands before that."""
    face = cv2.FontFace("sans")
    width = cv2.getTextSize((0, 0), text, (0, 0), face, size, weight)[2]
    cv2.putText(paper, text, (round(at[0] - align * width), round(at[1])), colour, face, size, weight)
