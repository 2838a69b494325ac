"""What can be read in a street and is no plate."""

import cv2

from simulator.training.canvas import HEIGHT_PX, WIDTH_PX, Canvas
from simulator.training.faces import FONTS, WORDS, letter, signs, word


def paint_lettering(canvas: Canvas, count: int) -> None:
    """What can be read and is no plate."""
    for _ in range(count):
        kind = canvas.whole(0, 6)
        x, y = canvas.between(0, WIDTH_PX), canvas.between(0, HEIGHT_PX)
        if kind == 0:
            _date(canvas)
        elif kind == 1:
            paint_chrome(canvas, (x, y), canvas.between(20, 160))
        elif kind == 2:  # a number on a wall or a taxi
            high = canvas.between(6, 50)
            area = (int(x), int(y), int(x + high * 3), int(y + high))
            letter(
                canvas.pixels,
                signs(canvas.rng, "9999"[: canvas.whole(1, 5)]),
                area,
                canvas.colour(),
                canvas.whole(0, FONTS),
            )
        else:
            _sign(canvas, (x, y))


def _sign(canvas: Canvas, corner: tuple[float, float]) -> None:
    """A board with lines of words, or an empty one."""
    wide = 16 * 14 ** canvas.between(0, 1)
    high = wide * canvas.between(0.12, 1.4)
    x, y = corner
    canvas.rectangle(x, y, x + wide, y + high, canvas.colour())
    ink, font = canvas.colour(), canvas.whole(0, FONTS)
    if canvas.likely(0.3):
        cv2.rectangle(canvas.pixels, (int(x), int(y)), (int(x + wide), int(y + high)), ink, 1)
    if canvas.likely(0.2):
        return
    lines = max(1, canvas.whole(0.5, 1 + 2.5 * high / wide * 3))
    step = high / lines
    for i in range(lines):
        text = " ".join(word(canvas.rng) for _ in range(canvas.whole(1, 2.5)))
        if canvas.likely(0.4):
            text = text.lower()
        area = (int(x + 2), int(y + step * (i + 0.2)), int(x + wide - 2), int(y + step * (i + 0.85)))
        letter(canvas.pixels, text, area, ink, font)


def paint_chrome(canvas: Canvas, centre: tuple[float, float], width: float) -> None:
    """A maker's or model's name in relief."""
    high = width * canvas.between(0.1, 0.3)
    text = (
        WORDS[canvas.whole(0, len(WORDS))][:8]
        if canvas.likely(0.6)
        else signs(canvas.rng, "A9 9AAA"[: canvas.whole(2, 7)])
    )
    x, y, font = int(centre[0] - width / 2), int(centre[1] - high / 2), canvas.whole(0, FONTS)
    ink = canvas.whole(110, 255)
    for by, level in ((1, ink // 3), (0, ink)):
        letter(
            canvas.pixels, text, (x + by, y + by, x + int(width) + by, y + int(high) + by), (level, level, level), font
        )


def _date(canvas: Canvas) -> None:
    """The camera's own clock in a corner."""
    high = canvas.whole(6, 14)
    y = 4 if canvas.likely(0.6) else HEIGHT_PX - high - 5
    x = 5 if canvas.likely(0.6) else WIDTH_PX - high * 12
    text = signs(canvas.rng, "2099-99-99 99 99 99")
    if canvas.likely(0.5):
        canvas.rectangle(x - 3, y - 3, x + high * 11, y + high + 3, (10, 10, 10))
    letter(canvas.pixels, text, (x, y, x + high * 11, y + high), (240, 240, 240), canvas.whole(0, FONTS))
