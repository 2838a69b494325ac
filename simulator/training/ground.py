"""What is behind and before the cars: none of it looks real, and measured on photographs that does not matter."""

import cv2
import numpy as np

from simulator.training.canvas import HEIGHT_PX, WIDTH_PX, Canvas


def paint_background(canvas: Canvas) -> None:
    """Sky, walls, road, leaves: gradients, then textures in bands, then shapes."""
    low, high = np.array(canvas.colour()), np.array(canvas.colour(40, 220))
    across = np.linspace(0, 1, HEIGHT_PX)[:, None, None]
    canvas.pixels[:] = (low * (1 - across) + high * across).astype(np.uint8)
    for _ in range(canvas.whole(1, 4)):
        top = canvas.whole(0, HEIGHT_PX - 20)
        bottom = canvas.whole(top + 15, HEIGHT_PX)
        left = canvas.whole(-100, WIDTH_PX - 60)
        right = min(WIDTH_PX, left + canvas.whole(60, 2 * WIDTH_PX))
        _textured(canvas, max(left, 0), top, right, bottom)
    for _ in range(canvas.whole(0, 9)):
        x, y = canvas.whole(0, WIDTH_PX), canvas.whole(0, HEIGHT_PX)
        if canvas.likely(0.5):
            canvas.rectangle(x, y, x + canvas.between(3, 160), y + canvas.between(3, 120), canvas.colour())
        else:
            end = (canvas.whole(-50, WIDTH_PX + 50), canvas.whole(-50, HEIGHT_PX + 50))
            cv2.line(canvas.pixels, (x, y), end, canvas.colour(), canvas.whole(1, 9), cv2.LINE_AA)


def _textured(canvas: Canvas, left: int, top: int, right: int, bottom: int) -> None:
    part = canvas.pixels[top:bottom, left:right]
    if not part.size:
        return
    height, width = part.shape[:2]
    part[:] = canvas.colour(20, 235)
    kind = canvas.whole(0, 4)
    if kind == 0:  # asphalt, plaster, lawn
        for cell in (1, 3, 9):
            coarse = canvas.rng.normal(0, canvas.between(2, 16), (height // cell + 2, width // cell + 2, 1))
            grain = cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
            part[:] = np.clip(part + grain[:, :, None], 0, 255)
    elif kind == 1:  # bricks, paving, a building's windows, a fence
        step_x, step_y = canvas.whole(5, 60), canvas.whole(5, 40)
        inner, gap = canvas.colour(), canvas.between(0.1, 0.6)
        for y in range(0, height, step_y):
            for x in range(0, width, step_x):
                right_px, bottom_px = x + int(step_x * (1 - gap)), y + int(step_y * (1 - gap))
                cv2.rectangle(part, (x, y), (right_px, bottom_px), inner, -1)
    elif kind == 2:  # leaves
        for _ in range(canvas.whole(60, 400)):
            centre = (canvas.whole(0, width), canvas.whole(0, height))
            axes = (canvas.whole(1, 9), canvas.whole(1, 4))
            leaf = (canvas.whole(10, 90), canvas.whole(40, 190), canvas.whole(20, 150))
            cv2.ellipse(part, centre, axes, canvas.between(0, 180), 0, 360, leaf, -1, cv2.LINE_AA)
    else:  # bars
        step, thick = canvas.whole(4, 24), canvas.whole(1, 5)
        bar = canvas.colour()
        for x in range(0, width, step):
            cv2.line(part, (x, 0), (x, height), bar, thick)


def paint_obstacles(canvas: Canvas) -> None:
    """What stands between camera and car: a fence, a pole, a twig."""
    if canvas.likely(0.08):
        step, dark = canvas.whole(14, 60), canvas.colour(5, 90)
        for x in range(canvas.whole(0, step), WIDTH_PX, step):
            cv2.line(canvas.pixels, (x, 0), (x + canvas.whole(-4, 5), HEIGHT_PX), dark, canvas.whole(1, 3), cv2.LINE_AA)
    if canvas.likely(0.1):
        for _ in range(canvas.whole(3, 25)):
            start = (canvas.whole(0, WIDTH_PX), canvas.whole(0, HEIGHT_PX))
            end = (start[0] + canvas.whole(-60, 60), start[1] + canvas.whole(-60, 60))
            cv2.line(canvas.pixels, start, end, canvas.colour(10, 160), canvas.whole(1, 3), cv2.LINE_AA)
