"""Number plates as flat pictures, in far more looks than a street has: what a finder must know as a plate.

No country's rules are kept here (`simulator.street.plates` keeps those): a finder that has seen every colour, font and
ornament knows a plate by what all of them have in common. All lettering comes with OpenCV, so that the same seed draws
the same plate on every machine.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8]
Colour: TypeAlias = tuple[int, int, int]  # blue, green, red
Area: TypeAlias = tuple[int, int, int, int]  # left, top, right, bottom

LETTERS = "ABCDEFGHIJKLMNOPRSTUVWXYZ"
DIGITS = "0123456789"
WORDS = (
    "CALIFORNIA", "TEXAS", "MISSOURI", "ILLINOIS", "OHIO", "UTAH", "FLORIDA", "KANSAS", "NEVADA", "OREGON", "ALASKA",
    "ARIZONA", "GEORGIA", "MAINE", "IOWA", "HAWAII", "COLORADO", "NEW", "YORK", "VERMONT", "EVERGREEN", "SUNSHINE",
    "GARDEN", "SHOW-ME", "PARKING", "POLICE", "TAXI", "AUTO", "SERVICE", "MOTORS", "CENTER", "TURBO", "DIESEL",
    "GARAGE", "EXIT", "ENTRY", "STOP", "ONLY", "PRIVATE", "CUSTOMERS", "SALE", "OPEN", "CAFE", "HOTEL", "BANK",
    "PHARMACY", "BAKERY", "SPORT", "LIMITED",
)  # fmt: skip

_EU_GROUPS = (
    "AA-999AA",
    "A-AA 9999",
    "AA 999 AA",
    "AA99 AAA",
    "9A9 9999",
    "AAA 9999",
    "AAA 99-99",
    "99-AAA-9",
    "A 999 AA",
)
_US_GROUPS = (
    "AAA 9999",
    "9AAA999",
    "AA9 A9A",
    "AAA-999",
    "999 AAA",
    "9999 AA",
    "AA 99999",
    "AAA999",
    "9A9999",
    "AAAAAA",
)
_SHORT_GROUPS = (("AA", "9999"), ("AAA", "999"), ("A 9", "AA99"), ("999", "AAA"), ("AA 99", "AAA"), ("AA99", "AAA"))
_FACES = (("sans", 400), ("sans", 500), ("sans", 600), ("sans", 700), ("sans", 800), ("italic", 600), ("uni", 500))
_LINES = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX)
_FLAT = "-."  # drawn as a bar
FONTS = len(_FACES) + 2 * len(_LINES)

_DARK: tuple[Colour, ...] = ((24, 22, 22), (40, 36, 34), (110, 40, 20), (90, 25, 40), (30, 30, 120), (40, 80, 20))
_PALE: tuple[Colour, ...] = ((240, 240, 240), (225, 228, 230), (200, 205, 205), (250, 235, 225), (225, 240, 250))


def draw_face(rng: np.random.Generator) -> Pixels:
    """One plate from straight ahead in clean light, about 100 to 220 px high."""
    kinds: tuple[tuple[float, Callable[[np.random.Generator], Pixels]], ...] = (
        (0.40, _one_line),
        (0.42, _two_to_one),
        (0.08, _with_town),
        (0.10, _two_rows),
    )
    return kinds[_pick(rng, [share for share, _ in kinds])][1](rng)


def signs(rng: np.random.Generator, pattern: str) -> str:
    """`pattern` with each A turned into a letter and each 9 into a digit."""
    drawn = {"A": lambda: LETTERS[rng.integers(len(LETTERS))], "9": lambda: DIGITS[rng.integers(10)]}
    return "".join(drawn[sign]() if sign in drawn else sign for sign in pattern)


def word(rng: np.random.Generator) -> str:
    """A word as it stands on shops, cars and plates."""
    return WORDS[rng.integers(len(WORDS))]


def letter(picture: Pixels, text: str, area: Area, ink: Colour, font: int, *, spread: float = 1.0) -> None:
    """Set `text` on one line into `area`, as high as the area, narrowed where it is too long; centred.

    `spread` is the width of a sign by what the font would take.
    """
    left, top, right, bottom = area
    height, room = bottom - top, right - left
    if height < 3 or room < 3:
        return
    masks = [None if sign == " " else _glyph(sign, font) for sign in text]
    gap = 0.12
    widths = [0.35 if m is None else min(m.shape[1] / m.shape[0], 1.2) * spread for m in masks]
    total = (sum(widths) + gap * (len(widths) - 1)) * height
    squeeze = min(1.0, room / total)
    x = left + (room - total * squeeze) / 2
    for sign, mask, width in zip(text, masks, widths, strict=True):
        px = max(round(width * height * squeeze), 1)
        if mask is not None:
            high = max(height // 5, 1) if sign in _FLAT else height
            _stamp(picture, mask, (round(x), top + (height - high) // 2, px, high), ink)
        x += (width + gap) * height * squeeze


def _stamp(picture: Pixels, mask: Pixels, at: tuple[int, int, int, int], ink: Colour) -> None:
    x, y, width, height = at
    left, top = max(-x, 0), max(-y, 0)
    part = picture[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)]
    if not part.size:
        return
    sized = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)
    share = sized[top : top + part.shape[0], left : left + part.shape[1], None]
    share = share.astype(np.float32) / 255
    part[:] = (part * (1 - share) + np.array(ink, np.float32) * share).astype(np.uint8)


@lru_cache(maxsize=2048)
def _glyph(sign: str, font: int) -> Pixels:
    """One sign of one of FONTS fonts as an ink mask without margin."""
    if sign in _FLAT:
        return np.full((40, 22), 255, np.uint8)
    canvas: Pixels = np.zeros((260, 260, 3), np.uint8)
    white = (255, 255, 255)
    if font < len(_FACES):
        name, weight = _FACES[font]
        shown = "O" if sign == "0" else sign  # the font's zero is slashed
        cv2.putText(canvas, shown, (60, 190), white, cv2.FontFace(name), 150, weight)
    else:
        line, heavy = divmod(font - len(_FACES), 2)
        cv2.putText(canvas, sign, (60, 190), _LINES[line], 5, white, 12 + 8 * heavy, cv2.LINE_AA)
    mask = canvas[:, :, 0]
    x, y, width, height = cv2.boundingRect(mask)
    return mask[y : y + height, x : x + width].copy() if width and height else np.zeros((40, 20), np.uint8)


def _pick(rng: np.random.Generator, shares: Sequence[float]) -> int:
    return int(rng.choice(len(shares), p=np.array(shares) / sum(shares)))


def _any(rng: np.random.Generator, colours: Sequence[Colour]) -> Colour:
    return colours[int(rng.integers(len(colours)))]


def _ground(rng: np.random.Generator, width: int, height: int, colour: Colour, fancy: float) -> Pixels:
    """A plate's ground: one colour, or with `fancy` likelihood one that changes from top to bottom or has hills."""
    picture: Pixels = np.full((height, width, 3), colour, np.uint8)
    if rng.random() >= fancy:
        return picture
    other = np.clip(np.array(colour) + rng.integers(-120, 60, 3), 40, 255)
    across = np.linspace(0, 1, height)[:, None, None] ** rng.uniform(0.5, 3)
    if rng.random() < 0.5:
        across = across[::-1]
    if rng.random() < 0.4:
        across = np.abs(across * 2 - 1)
    picture[:] = (picture * (1 - across) + other * across).astype(np.uint8)
    if rng.random() < 0.35:
        peaks = [(int(x), int(rng.uniform(0.3, 0.8) * height)) for x in np.linspace(0, width, 7)]
        shade = tuple(int(part) for part in np.clip(other + rng.integers(-40, 40, 3), 30, 250))
        cv2.fillPoly(picture, [np.array([(0, height), *peaks, (width, height)])], shade, cv2.LINE_AA)
    return picture


def _inks(rng: np.random.Generator, dark_ground: float) -> tuple[Colour, Colour]:
    """Ground and ink; the other way round with `dark_ground` likelihood."""
    if rng.random() < dark_ground:
        return _any(rng, _DARK), _any(rng, _PALE)
    ground = _any(rng, _PALE)
    if rng.random() < 0.18:
        ground = (int(rng.uniform(10, 90)), int(rng.uniform(170, 215)), int(rng.uniform(225, 255)))
    ink = _DARK[0] if rng.random() < 0.6 else _any(rng, _DARK)
    return ground, ink


def _emblem(picture: Pixels, centre: tuple[int, int], size: int, rng: np.random.Generator) -> None:
    """A coat of arms, a seal or a sticker."""
    colour = tuple(int(part) for part in rng.integers(20, 230, 3))
    if rng.random() < 0.5:
        cv2.circle(picture, centre, size, colour, -1, cv2.LINE_AA)
    else:
        x, y = centre
        shield = [(x - size, y - size), (x + size, y - size), (x + size, y), (x, y + size), (x - size, y)]
        cv2.fillPoly(picture, [np.array(shield)], colour, cv2.LINE_AA)
    inner = tuple(int(part) for part in rng.integers(60, 255, 3))
    cv2.circle(picture, centre, max(size // 2, 1), inner, -1, cv2.LINE_AA)


def _border(picture: Pixels, ink: Colour, rng: np.random.Generator) -> None:
    if rng.random() < 0.55:
        height, width = picture.shape[:2]
        inset = int(rng.integers(1, 5))
        cv2.rectangle(picture, (inset, inset), (width - 1 - inset, height - 1 - inset), ink, int(rng.integers(2, 5)))


def _band(picture: Pixels, left: int, width: int, rng: np.random.Generator) -> None:
    """The blue band with a country's letter and perhaps its stars."""
    height = picture.shape[0]
    picture[:, left : left + width] = (int(rng.integers(110, 190)), int(rng.integers(40, 90)), int(rng.integers(0, 50)))
    if rng.random() < 0.7:
        cv2.circle(picture, (left + width // 2, height // 3), width // 4, (40, 200, 240), 2, cv2.LINE_AA)
    country = signs(rng, "A" if rng.random() < 0.5 else "AA")
    letter(picture, country, (left + 6, height * 2 // 3, left + width - 6, height - 8), (240, 240, 240), 2)


def _one_line(rng: np.random.Generator) -> Pixels:
    """Long and flat, as in Europe."""
    width, height = int(rng.uniform(470, 540)), int(rng.uniform(104, 122))
    if rng.random() < 0.12:
        width = int(rng.uniform(340, 440))
    ground, ink = _inks(rng, dark_ground=0.1)
    picture = _ground(rng, width, height, ground, fancy=0.15)
    left, right = 14, width - 14
    if rng.random() < 0.6:
        band = int(rng.uniform(36, 50))
        _band(picture, 0, band, rng)
        left = band + 8
    if rng.random() < 0.15:
        _band(picture, width - 42, 42, rng)
        right = width - 50
    _border(picture, ink, rng)
    pattern = _EU_GROUPS[rng.integers(len(_EU_GROUPS))]
    high = rng.uniform(0.62, 0.78)
    area = (left, int(height * (0.5 - high / 2)), right, int(height * (0.5 + high / 2)))
    font, spread = int(rng.integers(FONTS)), rng.uniform(0.75, 1.15)
    if rng.random() < 0.45:  # an emblem between two groups
        first, second = pattern[: len(pattern) // 3 + 1].strip(" -"), pattern[len(pattern) // 3 + 1 :].strip(" -")
        split = left + int((right - left) * len(first) / (len(first) + len(second) + 0.8))
        size = int(height * rng.uniform(0.1, 0.16))
        letter(picture, signs(rng, first), (area[0], area[1], split - 2, area[3]), ink, font, spread=spread)
        rest = (split + int(2.4 * size), area[1], right, area[3])
        letter(picture, signs(rng, second), rest, ink, font, spread=spread)
        if rng.random() < 0.5:
            _emblem(picture, (split + int(1.1 * size), height // 2), size, rng)
        else:
            _emblem(picture, (split + int(1.1 * size), height // 3), size, rng)
            _emblem(picture, (split + int(1.1 * size), height * 2 // 3), size, rng)
    else:
        letter(picture, signs(rng, pattern), area, ink, font, spread=spread)
    return picture


def _two_to_one(rng: np.random.Generator) -> Pixels:
    """Twice as wide as high with a state's name above and a slogan below, as in the United States."""
    width, height = 400, int(rng.uniform(192, 208))
    ground, ink = _inks(rng, dark_ground=0.12)
    picture = _ground(rng, width, height, ground, fancy=0.55)
    if rng.random() < 0.3:
        size = int(rng.uniform(25, 60))
        _emblem(picture, (int(rng.uniform(0.1, 0.9) * width), int(rng.uniform(0.3, 0.7) * height)), size, rng)
    _border(picture, ink, rng)
    small = ink if rng.random() < 0.5 else _any(rng, _DARK)
    if rng.random() < 0.85:
        margin = int(rng.uniform(40, 130))
        letter(picture, word(rng), (margin, 10, width - margin, 10 + int(rng.uniform(22, 34))), small, 2)
    if rng.random() < 0.6:
        margin = int(rng.uniform(40, 130))
        letter(picture, word(rng), (margin, height - 30, width - margin, height - 12), small, 1)
    for x in (int(width * 0.14), int(width * 0.86)):
        if rng.random() < 0.4:  # stickers
            y = 10 if rng.random() < 0.5 else height - 44
            colour = tuple(int(part) for part in rng.integers(20, 255, 3))
            cv2.rectangle(picture, (x - 26, y), (x + 26, y + 34), colour, -1)
    pattern = _US_GROUPS[rng.integers(len(_US_GROUPS))]
    top = int(height * rng.uniform(0.22, 0.3))
    area = (18, top, width - 18, top + int(height * rng.uniform(0.42, 0.54)))
    letter(picture, signs(rng, pattern), area, ink, int(rng.integers(FONTS)), spread=rng.uniform(0.7, 1.0))
    if rng.random() < 0.3:  # a dealer's frame that covers the edges
        edge = int(rng.uniform(6, 30))
        frame = _DARK[0] if rng.random() < 0.6 else _any(rng, _PALE)
        cv2.rectangle(picture, (0, 0), (width - 1, height - 1), frame, 2 * int(rng.uniform(4, 9)))
        picture[height - edge :] = frame
        if rng.random() < 0.5:
            picture[:edge] = frame
        contrast = _any(rng, _PALE) if frame == _DARK[0] else _DARK[0]
        letter(picture, word(rng), (90, height - edge + 4, width - 90, height - 4), contrast, 2)
    return picture


def _with_town(rng: np.random.Generator) -> Pixels:
    """One line below a town's name, as in Brazil."""
    width, height = 420, int(rng.uniform(132, 146))
    ground, ink = _inks(rng, dark_ground=0.15)
    if rng.random() < 0.5:
        ground = (170, 170, 168)
    picture = _ground(rng, width, height, ground, fancy=0.1)
    _border(picture, ink, rng)
    letter(picture, f"{signs(rng, 'AA')}-{word(rng)}", (90, 10, width - 90, 34), ink, int(rng.integers(FONTS)))
    area = (20, 42, width - 20, height - 12)
    letter(picture, signs(rng, "AAA-9999"), area, ink, int(rng.integers(FONTS)), spread=rng.uniform(0.8, 1.1))
    return picture


def _two_rows(rng: np.random.Generator) -> Pixels:
    """Two rows of signs, as on motorcycles and off-road cars."""
    width, height = ((280, 200), (240, 130), (220, 200), (180, 200))[rng.integers(4)]
    ground, ink = _inks(rng, dark_ground=0.1)
    picture = _ground(rng, width, height, ground, fancy=0.1)
    left = 12
    if rng.random() < 0.4:
        _band(picture, 0, 34, rng)
        left = 42
    _border(picture, ink, rng)
    rows = _SHORT_GROUPS[rng.integers(len(_SHORT_GROUPS))]
    font, spread = int(rng.integers(FONTS)), rng.uniform(0.75, 1.1)
    for pattern, (top, bottom) in zip(rows, ((0.09, 0.46), (0.54, 0.91)), strict=True):
        area = (left, int(height * top), width - 12, int(height * bottom))
        letter(picture, signs(rng, pattern), area, ink, font, spread=spread)
    return picture
