"""A phone or a sheet of paper with a QR code on it as a flat picture, before any camera; with the hand that holds it.

Lengths count in modules, the smallest squares of the code, of which each is `fine` pixels wide here.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.camera import Pixels
from simulator.street.held import Held, Medium
from simulator.street.plate_picture import Colour

QUIET_MODULES = 4  # that the standard asks for around a code
_HEADINGS: tuple[Colour, ...] = ((150, 90, 20), (70, 120, 40), (60, 50, 160), (60, 60, 60))
_SKINS: tuple[Colour, ...] = ((150, 175, 220), (110, 140, 190), (70, 95, 140), (45, 60, 95))
_WHITE: Colour = (250, 250, 250)
_DARK: Colour = (32, 30, 30)
_INK: Colour = (16, 16, 16)
_GREY: Colour = (130, 130, 130)
_BODY: Colour = (30, 28, 28)
_LIFTED: Colour = (205, 200, 195)  # what black becomes when daylight or fading has taken all of it
_THUMB = (0.15, 0.075)  # half its length and width, of the phone's width
_MARGIN = 0.3  # of the width, around the thing: for the hand

Light = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The flat picture; `cover` says where it hides what is behind; `code` is the code's x, y and width in it."""

    pixels: Pixels
    cover: Pixels
    code: tuple[int, int, int]


def sheet_picture(modules: Pixels, fine: int, held: Held, rng: np.random.Generator) -> Sheet:
    """The thing that is held, with the code of `modules` (1 is black) on it, as bright as it is."""
    is_phone = held.medium is Medium.PHONE
    widest = len(modules) + 2 * QUIET_MODULES
    width = round(widest * fine * (rng.uniform(1.0, 1.1) if is_phone else rng.uniform(1.2, 1.6)))
    height = round(width * (rng.uniform(1.9, 2.1) if is_phone else rng.uniform(1.1, 1.4)))
    code_px = len(modules) * fine
    x, y = (width - code_px) // 2, round((height - code_px) * rng.uniform(0.45, 0.6))
    page = _page((width, height), (x, y, code_px), fine, held, rng)
    page[y : y + code_px, x : x + code_px] = _code(modules, fine)
    light = (_screen if is_phone else _paper)(page.astype(np.float32), (x, y, code_px), fine, held, rng)
    margin = round(_MARGIN * width)
    page = np.clip(light, 0, 255).astype(np.uint8)
    pixels, cover = _in_hand(page, margin, is_phone, _thumb((width, height), (x, y, code_px), fine, held, rng), rng)
    return Sheet(pixels, cover, (x + margin, y + margin, code_px))


def _code(modules: Pixels, fine: int) -> Pixels:
    squares = np.kron(modules, np.ones((fine, fine), np.uint8))
    return np.where(squares[:, :, None] == 1, np.uint8(_INK[0]), np.uint8(_WHITE[0]))


def _page(size: tuple[int, int], code: tuple[int, int, int], fine: int, held: Held, rng: np.random.Generator) -> Pixels:
    """What is around the code: a heading, some lines of print, and on a dark page a white card."""
    (width, height), (x, y, code_px) = size, code
    page: Pixels = np.full((height, width, 3), _DARK if held.dark_page else _WHITE, np.uint8)
    quiet = held.quiet_modules * fine
    if held.dark_page:
        page[max(y - quiet, 0) : y + code_px + quiet, max(x - quiet, 0) : x + code_px + quiet] = _WHITE
    above, below = y - quiet, y + code_px + quiet
    heading = _HEADINGS[int(rng.integers(len(_HEADINGS)))]
    page[: round(above * 0.35)] = heading
    ink = _WHITE if held.dark_page else _INK
    _print(page, "Riverside", (round(above * 0.1), round(above * 0.27)), round(above * 0.18), _WHITE)
    _print(page, "Spot 1-042", (width // 12, round(above * 0.62)), round(min(width * 0.09, above * 0.22)), ink)
    _print(
        page, "today 14:00 to 18:00", (width // 12, round(above * 0.85)), round(min(width * 0.05, above * 0.14)), _GREY
    )
    _print(page, "7K3MQ-2XD9P", (width // 6, below + round(width * 0.13)), round(width * 0.085), ink)
    _print(page, "hold this to the camera", (width // 6, below + round(width * 0.22)), round(width * 0.045), _GREY)
    return page


def _print(page: Pixels, text: str, at: tuple[int, int], px: int, colour: Colour) -> None:
    if px >= 4:
        cv2.putText(page, text, at, colour, cv2.FontFace("sans"), px, 500)


def _screen(page: Light, code: tuple[int, int, int], fine: int, held: Held, rng: np.random.Generator) -> Light:
    """A lit screen behind glass."""
    height, width = page.shape[:2]
    px = fine / held.module_px  # flat pixels to one of the camera's
    light = page * np.float32(held.brightness)
    if held.bands:
        roll = np.radians(held.roll_deg)
        light *= _wave((width, height), (-np.sin(roll), np.cos(roll)), rng.uniform(50, 160) * px, held.bands, rng)
    if held.moire:
        for _ in range(2):
            way, period = rng.uniform(0, np.pi), rng.uniform(4, 22) * px
            for channel in range(3):  # red, green and blue lie side by side, so their beats are shifted
                wave = _wave((width, height), (np.cos(way), np.sin(way)), period, held.moire / 2, rng)
                light[:, :, channel] *= wave[:, :, 0]
    if held.bloom:
        halo = np.asarray(cv2.GaussianBlur(light, (0, 0), 3 * px), np.float32)
        light += held.bloom * (light + np.float32(0.8) * halo)
    washed = _washed(light, held)
    return _glared(washed, code, held.glare, rng) if held.glare else washed


def _paper(page: Light, code: tuple[int, int, int], fine: int, held: Held, rng: np.random.Generator) -> Light:
    """Paper with a fold across, lit from one side; what little it shines is a foil's."""
    height, width = page.shape[:2]
    slope = np.linspace(1.0, rng.uniform(0.7, 1.0), width, dtype=np.float32)
    fold_at = code[1] + code[2] * rng.uniform(-0.2, 1.2)
    rows = (np.arange(height, dtype=np.float32) - fold_at) / fine
    fold = 1 - rng.uniform(0, 0.25) * np.exp(-(rows**2)) + 0.04 * np.tanh(rows)
    falling = 0.94 * held.brightness * slope[None, :, None] * fold[:, None, None]
    light = np.asarray(_washed(page, held) * falling, np.float32)
    return _glared(light, code, held.glare / 2, rng) if held.glare else light


def _washed(light: Light, held: Held) -> Light:
    lifted = np.array(_LIFTED, np.float32)
    return (light + held.wash * lifted * (1 - np.minimum(light, 255) / 255)).astype(np.float32)


def _wave(
    size: tuple[int, int], way: tuple[float, float], period_px: float, depth: float, rng: np.random.Generator
) -> Light:
    """A factor between 1 - `depth` and 1 that swings along `way`."""
    across, down = np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32)
    phase = across[None, :] * way[0] + down[:, None] * way[1]
    swing = np.sin(phase * np.float32(2 * np.pi / period_px) + np.float32(rng.uniform(0, 2 * np.pi)))
    return np.asarray(1 - depth * (0.5 + 0.5 * swing), np.float32)[:, :, None]


def _glared(light: Light, code: tuple[int, int, int], glare: float, rng: np.random.Generator) -> Light:
    """One to three lamps or patches of sky, mirrored in the glass on or near the code."""
    x, y, size = code
    spots = np.zeros(light.shape[:2], np.float32)
    for _ in range(int(rng.integers(1, 4))):
        at = (round(x + size * rng.uniform(-0.1, 1.1)), round(y + size * rng.uniform(-0.1, 1.1)))
        length, width = size * rng.uniform(0.08, 0.28), size * rng.uniform(0.04, 0.12)
        axes = (max(round(length), 1), max(round(width), 1))
        cv2.ellipse(spots, at, axes, float(rng.uniform(0, 180)), 0, 360, float(rng.uniform(180, 420)), -1)
    soft = cv2.GaussianBlur(spots, (0, 0), size * rng.uniform(0.01, 0.05))
    return (light + glare * soft[:, :, None]).astype(np.float32)


def _thumb(
    size: tuple[int, int], code: tuple[int, int, int], fine: int, held: Held, rng: np.random.Generator
) -> tuple[int, int]:
    """Where the middle of the thumb lies: below the code, or from the left `held.thumb_modules` over it."""
    x, y, code_px = code
    if not held.thumb_modules:
        return round(size[0] * rng.uniform(-0.02, 0.06)), y + code_px + round(size[0] * rng.uniform(0.2, 0.3))
    return round(x + held.thumb_modules * fine - _THUMB[0] * 0.87 * size[0]), round(y + code_px * rng.uniform(0.2, 1.0))


def _in_hand(
    page: Pixels, margin: int, is_phone: bool, thumb: tuple[int, int], rng: np.random.Generator
) -> tuple[Pixels, Pixels]:
    """The page in its frame, with palm behind and fingertips on the edges, and what of the picture that covers."""
    height, width = page.shape[:2]
    edge = round(0.035 * width) if is_phone else 0
    pixels: Pixels = np.zeros((height + 2 * margin, width + 2 * margin, 3), np.uint8)
    cover: Pixels = np.zeros_like(pixels)
    skin = _SKINS[int(rng.integers(len(_SKINS)))]
    left, top = margin - edge, margin - edge
    right, bottom = margin + width + edge, margin + height + edge

    palm = ((left + right) // 2, bottom), (round(width * 0.6), round(height * 0.3))
    for layer, hand, body in ((pixels, _shade(skin, 0.8), _BODY), (cover, (255, 255, 255), (255, 255, 255))):
        cv2.ellipse(layer, *palm, 0, 0, 360, hand, -1, cv2.LINE_AA)
        _rounded(layer, (left, top, right, bottom), 3 * edge, body)
    pixels[margin : margin + height, margin : margin + width] = page
    tip, thumb_axes = (round(width * 0.085), round(width * 0.06)), (round(width * _THUMB[0]), round(width * _THUMB[1]))
    digits = [((margin + thumb[0], margin + thumb[1]), thumb_axes, -35.0)]
    for finger in range(4):
        x = right + round(tip[0] * rng.uniform(-0.1, 0.4))
        digits.append(((x, round(bottom - height * (0.12 + 0.1 * finger))), tip, -8.0))
    for place in digits:
        _tip(pixels, *place, skin)
        _tip(cover, *place, (255, 255, 255), rim=1.0)
    return pixels, cover[:, :, 0].copy()


def _tip(
    layer: Pixels, at: tuple[int, int], axes: tuple[int, int], angle_deg: float, colour: Colour, rim: float = 0.75
) -> None:
    cv2.ellipse(layer, at, axes, angle_deg, 0, 360, _shade(colour, rim), -1, cv2.LINE_AA)
    inner = (max(axes[0] - 2, 1), round(axes[1] * 0.8))
    cv2.ellipse(layer, at, inner, angle_deg, 0, 360, colour, -1, cv2.LINE_AA)


def _rounded(layer: Pixels, box: tuple[int, int, int, int], radius: int, colour: Colour) -> None:
    left, top, right, bottom = box
    cv2.rectangle(layer, (left + radius, top), (right - radius, bottom), colour, -1)
    cv2.rectangle(layer, (left, top + radius), (right, bottom - radius), colour, -1)
    for x in (left + radius, right - radius):
        for y in (top + radius, bottom - radius):
            cv2.circle(layer, (x, y), radius, colour, -1, cv2.LINE_AA)


def _shade(colour: Colour, by: float) -> Colour:
    blue, green, red = (round(part * by) for part in colour)
    return blue, green, red
