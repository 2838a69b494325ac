"""What weather, light and a cheap camera do to a clean picture."""

import cv2
import numpy as np

from hardware.camera import Pixels
from simulator.street.conditions import Conditions

MUD = (62, 74, 86)
SHINES_FROM = 243  # grey level, just above a clean plate and a bright sky by day
DUSK_TINT = (1.08, 0.97, 0.92)  # of blue, green and red: dusk is bluish


def spoil_plate(plate: Pixels, conditions: Conditions, rng: np.random.Generator) -> Pixels:
    """A flat picture of a plate with mud on it, brighter by retroreflection where lamps are on."""
    height, width = plate.shape[:2]
    blots = np.asarray(
        cv2.resize(rng.random((5, 20), dtype=np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    )
    specks = np.asarray(cv2.resize(rng.random((28, 130), dtype=np.float32), (width, height)))
    cover = np.clip((0.7 * blots + 0.3 * specks - (1.0 - conditions.dirt)) * 4, 0, 0.92)[:, :, None]
    lit = plate * (1.0 + 0.6 * max(0.6 - conditions.light, 0.0))
    return np.clip(lit * (1 - cover) + np.array(MUD, np.float32) * cover, 0, 255).astype(np.uint8)


def spoil(picture: Pixels, conditions: Conditions, rng: np.random.Generator) -> Pixels:
    """The picture as taken under `conditions`: rain, blur, light, then the sensor's noise."""
    if conditions.rain > 0:
        picture = _rain(picture, conditions.rain, rng)
    if conditions.motion_px >= 1:
        picture = _smear(picture, conditions.motion_px, rng.uniform(60, 120))
    if conditions.defocus_px > 0.2:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), conditions.defocus_px), np.uint8)
    noise = np.empty(picture.shape[:2], np.int16)
    noise[:] = rng.standard_normal(picture.shape[:2], dtype=np.float32) * conditions.noise
    taken = cv2.LUT(picture, _tone(conditions))
    return np.asarray(cv2.add(taken, cv2.merge([noise] * 3), dtype=cv2.CV_8U), np.uint8)


def _tone(conditions: Conditions) -> Pixels:
    """Light, tint and contrast as one table per colour."""
    dusk = 1.0 - conditions.light
    levels = np.arange(256, dtype=np.float32)[:, None]
    tint = 1.0 + (np.array(DUSK_TINT, np.float32) - 1.0) * dusk
    # A camera opens up in the dark, so the picture loses less than the scene does; and what is nearly white, a lamp or
    # a plate that throws the camera's light back, does not depend on daylight.
    exposed = conditions.light**0.6
    shining = np.clip((levels - SHINES_FROM) / (255 - SHINES_FROM), 0, 1)
    lit = levels * (tint * exposed * (1 - shining) + shining)
    grey = 110 * exposed
    table = np.clip((lit - grey) * conditions.contrast + grey, 0, 255).astype(np.uint8)
    return np.asarray(table[None], np.uint8)


def _smear(picture: Pixels, length_px: float, angle_deg: float) -> Pixels:
    """Motion blur along one direction."""
    size = 2 * int(np.ceil(length_px / 2)) + 1
    kernel = np.zeros((size, size), np.float32)
    half = np.array([np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))]) * length_px / 2
    centre = size // 2
    start, end = np.round(centre - half).astype(int), np.round(centre + half).astype(int)
    cv2.line(kernel, (int(start[0]), int(start[1])), (int(end[0]), int(end[1])), 1.0, 1, cv2.LINE_AA)
    return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), np.uint8)


def _rain(picture: Pixels, rain: float, rng: np.random.Generator) -> Pixels:
    """Bright, slightly slanted streaks, and a veil over everything."""
    height, width = picture.shape[:2]
    streaks: Pixels = np.zeros((height, width), np.uint8)
    slant = rng.uniform(-0.2, 0.2)
    count = int(900 * rain)
    for x, y, length in zip(
        rng.integers(0, width, count), rng.integers(0, height, count), rng.integers(8, 26, count), strict=True
    ):
        cv2.line(streaks, (int(x), int(y)), (int(x + slant * length), int(y + length)), 110, 1, cv2.LINE_AA)
    veiled = cv2.addWeighted(picture, 1 - 0.2 * rain, np.full_like(picture, 150), 0.2 * rain, 0)
    return np.asarray(cv2.add(veiled, cv2.merge([streaks] * 3)), np.uint8)
