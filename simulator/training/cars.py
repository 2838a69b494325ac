"""Cars of simple shapes, front or rear, around the place of their plate."""

import cv2
import numpy as np

from simulator.training.canvas import Canvas
from simulator.training.lettering import paint_chrome
from simulator.training.mounting import mount


def paint_car(canvas: Canvas, centre: tuple[float, float], width: float, *, plate: bool) -> None:
    """A car's front or rear around its plate's place at `centre`: body, window, lamps, bumper, grille, letters."""
    x, y = centre
    left, right = x - width / 2, x + width / 2
    body = canvas.colour(15, 245)
    top, bottom = y - width * canvas.between(0.3, 0.55), y + width * canvas.between(0.1, 0.25)
    canvas.cover(left, top, right, bottom)
    shade = tuple(int(part * canvas.between(0.5, 0.9)) for part in body)
    canvas.rectangle(
        left * 0.95 + right * 0.05, bottom, right * 0.95 + left * 0.05, bottom + width * 0.05, (20, 20, 22)
    )
    canvas.rectangle(left, top + width * 0.15, right, bottom, body)
    roof = top - width * canvas.between(0.02, 0.2)
    inset = width * canvas.between(0.06, 0.2)
    canvas.area(
        [(left, top + width * 0.16), (left + inset, roof), (right - inset, roof), (right, top + width * 0.16)], body
    )
    glass = canvas.colour(10, 120)
    canvas.area(
        [
            (left + inset * 0.7, top + width * 0.13),
            (left + inset * 1.3, roof + width * 0.03),
            (right - inset * 1.3, roof + width * 0.03),
            (right - inset * 0.7, top + width * 0.13),
        ],
        glass,
    )
    canvas.rectangle(left, y + width * canvas.between(-0.02, 0.12), right, bottom, (shade[0], shade[1], shade[2]))
    if canvas.likely(0.5):  # a darker bumper
        canvas.rectangle(left, bottom - width * canvas.between(0.05, 0.2), right, bottom, canvas.colour(10, 90))
    _lamps(canvas, (left, right), y - width * canvas.between(0.05, 0.2), width)
    if canvas.likely(0.5):
        _grille(canvas, (x, y - width * canvas.between(0.05, 0.18)), width)
    if canvas.likely(0.6):
        size = max(int(width * 0.03), 1)
        cv2.circle(canvas.pixels, (int(x), int(y - width * 0.12)), size, canvas.colour(90, 240), -1, cv2.LINE_AA)
    for side in (-1, 1):
        if canvas.likely(0.4):
            paint_chrome(canvas, (x + side * width * 0.3, y - width * canvas.between(0.06, 0.14)), width * 0.2)
    if canvas.likely(0.5):  # the niche that a plate sits in
        niche, high = width * canvas.between(0.14, 0.24), width * canvas.between(0.05, 0.1)
        canvas.rectangle(x - niche, y - high, x + niche, y + high, canvas.colour(10, 140))
    if plate:
        mount(canvas, (x + width * canvas.between(-0.05, 0.05), y), width * canvas.between(0.15, 0.34))


def _lamps(canvas: Canvas, sides: tuple[float, float], y: float, width: float) -> None:
    high, wide = width * canvas.between(0.04, 0.12), width * canvas.between(0.08, 0.2)
    colour = (30, 30, canvas.whole(120, 255)) if canvas.likely(0.5) else canvas.colour(150, 255)
    round_ones = canvas.likely(0.3)
    for outer, inward in ((sides[0], 1), (sides[1], -1)):
        centre = (int(outer + inward * (wide / 2 + width * 0.02)), int(y))
        if round_ones:
            cv2.circle(canvas.pixels, centre, max(int(high), 1), colour, -1, cv2.LINE_AA)
        else:
            canvas.rectangle(centre[0] - wide / 2, y - high / 2, centre[0] + wide / 2, y + high / 2, colour)
            if canvas.likely(0.5):
                part = (centre[0] - wide / 2, y, centre[0] + wide / 2, y + high / 2)
                canvas.rectangle(*part, canvas.colour(120, 255))


def _grille(canvas: Canvas, centre: tuple[float, float], width: float) -> None:
    wide, high = width * canvas.between(0.1, 0.3), width * canvas.between(0.03, 0.09)
    x, y = centre
    canvas.rectangle(x - wide, y - high, x + wide, y + high, canvas.colour(5, 70))
    bar = canvas.colour(60, 230)
    if canvas.likely(0.6):
        for level in np.linspace(y - high, y + high, canvas.whole(3, 9)):
            cv2.line(canvas.pixels, (int(x - wide), int(level)), (int(x + wide), int(level)), bar, 1)
    else:
        for column in np.linspace(x - wide, x + wide, canvas.whole(6, 24)):
            cv2.line(canvas.pixels, (int(column), int(y - high)), (int(column), int(y + high)), bar, 1)
