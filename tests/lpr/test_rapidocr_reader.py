"""What is RapidOCR's own: which lines are plates, and in which order they come."""

from collections.abc import Callable

import cv2
import numpy as np

from lpr.frame import Frame
from lpr.rapidocr_reader import RapidOcrReader
from lpr.reader import PlateReader, open_read


def test_lettering_comes_after_the_plate_however_large(rapidocr: PlateReader, draw: Callable[..., Frame]) -> None:
    frame = draw(("PARKING", 60, 60, 3.0), ("KA PA 777", 200, 300, 1.4), ("2024-05-14 06:58:58", 20, 430, 0.8))
    sightings = rapidocr.read(frame)
    assert [(s.text, s.typical) for s in sightings] == [("KAPA777", True), ("PARKING", False)]


def test_of_two_plates_the_taller_comes_first(rapidocr: PlateReader, draw: Callable[..., Frame]) -> None:
    frame = draw(("B AC 5678", 40, 60, 0.9), ("M XY 4321", 150, 300, 2.2))
    assert [s.text for s in rapidocr.read(frame)] == ["MXY4321", "BAC5678"]


def test_state_name_and_slogan_do_not_spoil_a_plate(rapidocr: PlateReader) -> None:
    frame: Frame = np.full((480, 640, 3), 90, np.uint8)
    frame[190:221, 190:304] = 245
    for text, y, size, weight in (
        ("CALIFORNIA", 197, 0.225, 1),
        ("HH AB 1234", 211, 0.5, 2),
        ("dmv.ca.gov", 218, 0.225, 1),
    ):
        cv2.putText(frame, text, (200, y), cv2.FONT_HERSHEY_SIMPLEX, size, (20, 20, 20), weight, cv2.LINE_AA)
    assert [s.text for s in rapidocr.read(frame)] == ["HHAB1234"]


def test_a_wall_of_lettering_is_bounded(rapidocr: PlateReader, draw: Callable[..., Frame]) -> None:
    frame = draw(*((f"S{i:02d}", 20 + 150 * (i % 4), 20 + 45 * (i // 4), 0.8) for i in range(40)))
    assert len(rapidocr.read(frame)) == 16


def test_a_line_longer_than_any_plate_is_not_read(rapidocr: PlateReader, draw: Callable[..., Frame]) -> None:
    """Nothing but the number of its strokes tells one from the other."""
    plate, hatching = (draw(("AB 12" + " /" * strokes, 20, 200, 1.0)) for strokes in (8, 21))
    assert [s.text for s in rapidocr.read(plate)] == ["AB12"]
    assert rapidocr.read(hatching) == []


def test_in_a_low_strip_the_box_is_in_pixels_of_the_strip(rapidocr: PlateReader, draw: Callable[..., Frame]) -> None:
    [plate] = rapidocr.read(draw(("HH AB 1234", 60, 18, 0.7))[:50])
    x, y, width, height = plate.box
    assert (plate.text, 0 <= y < y + height <= 50, 0 <= x < x + width <= 640) == ("HHAB1234", True, True)


def test_more_threads_than_cores_are_no_error(draw: Callable[..., Frame]) -> None:
    plate = open_read(RapidOcrReader(threads=64).read(draw(("HH AB 1234", 180, 200, 1.6))))
    assert plate is not None
    assert plate.text == "HHAB1234"
