"""A number plate as a flat picture, before any camera: ground, border, country band, signs.

Measures are in millimetres and close to the real ones (one-line plates 520 x 110 with signs 75 high, two-line ones
340 x 200, motorcycles 220 x 200 with signs 49 high, FZV Anlage 4; the United States 305 x 152). The letters are Rubik,
which comes inside OpenCV 5, drawn narrow like plate lettering; its slashed zero gives way to a narrow O, as on most
plates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from hardware.camera import Pixels
from simulator.street.plates import NumberPlate, Shape, Style

PX_PER_MM = 2
Colour = tuple[int, int, int]  # blue, green, red

WHITE: Colour = (238, 240, 240)
YELLOW: Colour = (20, 190, 245)
BLACK: Colour = (24, 22, 22)
BLUE: Colour = (150, 60, 10)
STARS: Colour = (40, 200, 240)


@dataclass(frozen=True, slots=True)
class _Look:
    """How one style is made, in millimetres."""

    size: tuple[int, int] = (520, 110)
    ground: Colour = WHITE
    ink: Colour = BLACK
    country: str = ""  # on the blue band at the left; no band without it
    right_band: bool = False
    separators: tuple[str, ...] = (" ", " ")  # between groups; "o" stands for the German seals
    sign_size: tuple[int, int] = (46, 75)
    heading: str = ""  # above the signs


_LOOKS = {
    Style.DE: _Look(country="D", separators=("o", " ")),
    Style.FR: _Look(country="F", right_band=True, separators=("-", "-"), sign_size=(44, 78)),
    Style.NL: _Look(country="NL", ground=YELLOW, separators=("-", "-"), sign_size=(45, 77)),
    Style.UK: _Look(sign_size=(50, 79), ground=YELLOW),
    Style.US: _Look(size=(305, 152), sign_size=(34, 66), ink=(110, 50, 20), heading="EVERGREEN"),
    Style.PLAIN: _Look(),
}
_SIZES = {Shape.TWO_ROWS: (340, 200), Shape.MOTORCYCLE: (220, 200)}
_MOTORCYCLE_SIGN = (30, 49)
_BAND = 44
_GAP = 9  # between signs
_SEPARATOR_WIDTH = {"": 0, " ": 28, "-": 34, "o": 50}


def size_mm(number: NumberPlate) -> tuple[int, int]:
    """Width and height of the plate."""
    return _SIZES.get(number.shape, _LOOKS[number.style].size)


def plate_picture(number: NumberPlate) -> Pixels:
    """The plate from straight ahead in clean daylight, `PX_PER_MM` to the millimetre."""
    look = _LOOKS[number.style]
    width, height = size_mm(number)
    picture: Pixels = np.full((height * PX_PER_MM, width * PX_PER_MM, 3), look.ground, np.uint8)
    left, right = 12, width - 12
    if look.country:
        _band(picture, 0, look.country)
        left = _BAND + 10
    if look.right_band and number.shape is Shape.LONG:
        _band(picture, width - _BAND, "")
        right = width - _BAND - 10
    top = 0
    if look.heading and number.shape is Shape.LONG:
        _put_text(picture, look.heading, (width // 2, 26), 24, look.ink)
        top = 28
    sign_size = _MOTORCYCLE_SIGN if number.shape is Shape.MOTORCYCLE else look.sign_size
    row_height = (height - top) // len(number.rows)
    middle, separators = top + row_height // 2, look.separators
    for row in number.rows:
        within = separators[: len(row) - 1]
        _signs(picture, row, within, sign_size, look.ink, (left, right), middle)
        middle, separators = middle + row_height, separators[len(row) :]
    cv2.rectangle(picture, (3, 3), (width * PX_PER_MM - 4, height * PX_PER_MM - 4), look.ink, 3, cv2.LINE_AA)
    return picture


def _signs(
    picture: Pixels,
    groups: Sequence[str],
    separators: Sequence[str],
    sign_size: tuple[int, int],
    ink: Colour,
    between: tuple[int, int],
    middle: int,
) -> None:
    """Set the groups into the width between two millimetres, around the middle line; too long ones become narrow."""
    sign_width, sign_height = sign_size
    signs = sum(len(group) for group in groups)
    gaps = _GAP * (signs - len(groups)) + sum(_SEPARATOR_WIDTH[separator] for separator in separators)
    room = between[1] - between[0]
    sign_width = min(sign_width, (room - gaps) // signs)
    x = between[0] + (room - signs * sign_width - gaps) // 2
    for group, separator in zip(groups, (*separators, ""), strict=True):
        for sign in group:
            _stamp(picture, _glyph(sign, sign_width, sign_height), (x, middle - sign_height // 2), ink)
            x += sign_width + _GAP
        x -= _GAP
        _separator(picture, separator, (x + _SEPARATOR_WIDTH[separator] // 2, middle), ink)
        x += _SEPARATOR_WIDTH[separator]


def _separator(picture: Pixels, separator: str, centre: tuple[int, int], ink: Colour) -> None:
    x, y = centre[0] * PX_PER_MM, centre[1] * PX_PER_MM
    if separator == "-":
        cv2.rectangle(picture, (x - 14, y - 8), (x + 14, y + 8), ink, -1)
    elif separator == "o":
        # Pale, as the silver and coloured seals are beside black signs.
        cv2.circle(picture, (x, y - 38), 30, (170, 190, 180), -1, cv2.LINE_AA)
        cv2.circle(picture, (x, y + 38), 34, (200, 195, 190), -1, cv2.LINE_AA)


def _band(picture: Pixels, left: int, country: str) -> None:
    height = picture.shape[0]
    x = left * PX_PER_MM
    cv2.rectangle(picture, (x, 0), (x + _BAND * PX_PER_MM, height), BLUE, -1)
    centre = x + _BAND * PX_PER_MM // 2
    for angle in range(0, 360, 30):
        star = (
            centre + round(24 * np.cos(np.radians(angle))),
            height * 3 // 10 + round(24 * np.sin(np.radians(angle))),
        )
        cv2.circle(picture, star, 4, STARS, -1, cv2.LINE_AA)
    if country:
        _put_text(picture, country, (left + _BAND // 2, height // PX_PER_MM * 4 // 5), 28, WHITE)


def _put_text(picture: Pixels, text: str, centre: tuple[int, int], size: int, colour: Colour) -> None:
    """Small print in the plain font, centred on a millimetre."""
    face, px = cv2.FontFace("sans"), size * PX_PER_MM
    (width, height) = cv2.getTextSize((0, 0), text, (0, 0), face, px, 600)[2:]
    at = (centre[0] * PX_PER_MM - width // 2, centre[1] * PX_PER_MM + height // 2)
    cv2.putText(picture, text, at, colour, face, px, 600)


@lru_cache(maxsize=512)
def _glyph(sign: str, width: int, height: int) -> Pixels:
    """One sign as an ink mask, filling `height`, and `width` unless it is a narrow one; sizes in millimetres."""
    canvas: Pixels = np.zeros((400, 400, 3), np.uint8)
    cv2.putText(canvas, "O" if sign == "0" else sign, (60, 320), (255, 255, 255), cv2.FontFace("sans"), 300, 560)
    mask = canvas[:, :, 0]
    x, y, w, h = cv2.boundingRect(mask)
    narrow = {"I": 0.25, "1": 0.62, "J": 0.85, "0": 0.88, "L": 0.9}.get(sign, 1.0)
    cell: Pixels = np.zeros((height * PX_PER_MM, width * PX_PER_MM), np.uint8)
    drawn = max(round(width * PX_PER_MM * narrow), 1)
    left = (width * PX_PER_MM - drawn) // 2
    cell[:, left : left + drawn] = cv2.resize(
        mask[y : y + h, x : x + w], (drawn, height * PX_PER_MM), interpolation=cv2.INTER_AREA
    )
    return cell


def _stamp(picture: Pixels, mask: Pixels, corner: tuple[int, int], ink: Colour) -> None:
    x, y = corner[0] * PX_PER_MM, corner[1] * PX_PER_MM
    area = picture[y : y + mask.shape[0], x : x + mask.shape[1]]
    share = mask[:, : area.shape[1], None].astype(np.float32) / 255
    area[:] = (area * (1 - share) + np.array(ink, np.float32) * share).astype(np.uint8)
