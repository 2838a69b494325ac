"""Drawn plates, because no photograph of a real one belongs in a repository."""

from collections.abc import Callable
from typing import TypeAlias

import cv2
import numpy as np
import pytest

from lpr.frame import Frame
from lpr.reader import BLANK, SIGNS, PlateReader, Sighting, engine
from lpr.stopwatch import Stopwatch

Draw: TypeAlias = Callable[..., Frame]
See: TypeAlias = Callable[..., Sighting]


def _lettered(frame: Frame, text: str, x: int, y: int, size: float) -> Frame:
    """Letter `text` in black on white, its upper left corner at x, y."""
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 3)
    cv2.rectangle(frame, (x - 12, y - 12), (x + width + 12, y + height + 12), (245, 245, 245), cv2.FILLED)
    cv2.putText(frame, text, (x, y + height), cv2.FONT_HERSHEY_SIMPLEX, size, (20, 20, 20), 3, cv2.LINE_AA)
    return frame


@pytest.fixture(scope="session")
def draw() -> Draw:
    """A frame of 640 x 480 with lines of text: `draw(("HH AB 123", x, y, size), ...)`."""

    def frame_with(*lines: tuple[str, int, int, float]) -> Frame:
        frame: Frame = np.full((480, 640, 3), 90, np.uint8)
        for text, x, y, size in lines:
            _lettered(frame, text, x, y, size)
        return frame

    return frame_with


@pytest.fixture(scope="session")
def stopwatch() -> Stopwatch:
    """The readers' own."""
    return Stopwatch()


@pytest.fixture(scope="session")
def rapidocr(stopwatch: Stopwatch) -> PlateReader:
    """The real reader, loaded once for all tests."""
    return engine("rapidocr", 1, stopwatch)


@pytest.fixture(scope="session")
def finder(stopwatch: Stopwatch) -> PlateReader:
    """The real reader, loaded once for all tests."""
    return engine("finder", 1, stopwatch)


@pytest.fixture(scope="session")
def see() -> See:
    """A sighting of a text: every sign in a column of its own at probability `p`, blanks between."""

    def sighting(
        text: str, p: float = 0.99, *, doubt: dict[int, str] | None = None, typical: bool = True, height: int = 40
    ) -> Sighting:
        columns = np.full((2 * len(text) + 1, BLANK + 1), (1 - p) / BLANK)
        columns[::2, BLANK] = p
        for at, sign in enumerate(text):
            columns[2 * at + 1, SIGNS.index(sign)] = p
            if doubt and at in doubt:  # the sign might as well be another
                columns[2 * at + 1, [SIGNS.index(sign), SIGNS.index(doubt[at])]] = p / 2
        log_probs = np.log(columns / columns.sum(axis=1, keepdims=True)).astype(np.float32)
        return Sighting(text, p, (10, 20, 4 * height, height), log_probs, typical)

    return sighting
