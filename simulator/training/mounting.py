"""A plate in a scene: seen from any side, lit, and its box noted."""

import cv2
import numpy as np
from numpy.typing import NDArray

from simulator.training.canvas import HEIGHT_PX, WIDTH_PX, Canvas
from simulator.training.faces import Pixels, draw_face

PLATE_PX_MIN, PLATE_PX_MAX = 18, 420


def mount(canvas: Canvas, centre: tuple[float, float], width: float) -> None:
    """Hang a plate at `centre`, seen from any side; not where it would leave the picture or cover another one."""
    face = draw_face(canvas.rng)
    aspect = face.shape[1] / face.shape[0]
    if aspect < 2.7:  # they are as high as the long ones on the same car
        width *= canvas.between(0.55, 0.85)
    width = min(max(width, PLATE_PX_MIN), PLATE_PX_MAX)
    corners = _turned(canvas, width, width / aspect)
    span = np.ptp(corners, axis=0) / 2 + 3
    if (2 * span >= (WIDTH_PX, HEIGHT_PX)).any():
        return
    corners += np.clip(np.array(centre), span, (WIDTH_PX, HEIGHT_PX) - span) - (corners.min(0) + corners.max(0)) / 2
    box = (*corners.min(axis=0), *corners.max(axis=0))
    if any(box[0] < b[2] + 2 and b[0] < box[2] + 2 and box[1] < b[3] + 2 and b[1] < box[3] + 2 for b in canvas.boxes):
        return
    if canvas.likely(0.4):  # its holder, somewhat larger, often with a dealer's name
        middle = corners.mean(axis=0)
        around = middle + (corners - middle) * (canvas.between(1.02, 1.08), canvas.between(1.06, 1.35))
        canvas.area([(x, y) for x, y in around], canvas.colour(10, 120))
    _lay(canvas.pixels, _lit(canvas, face), corners)
    canvas.boxes.append(box)


def _turned(canvas: Canvas, width: float, height: float) -> NDArray[np.float32]:
    """A plate's corners around the origin, clockwise from the top left, turned a little or much in all directions."""
    much = canvas.between(0, 1) ** 2
    yaw, pitch = np.cos(np.radians(canvas.between(0, 55) * much)), np.cos(np.radians(canvas.between(0, 30) * much))
    half_width, half_height = width / 2 * yaw, height / 2 * pitch
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (half_width, half_height)
    corners[:, 1] *= 1 + corners[:, 0] / width * canvas.between(-0.3, 0.3) * much  # the far end is lower
    corners[:, 1] += corners[:, 0] * canvas.between(-0.25, 0.25) * much
    angle = np.radians(canvas.between(-14, 14) * much)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.asarray(corners @ turn, np.float32)


def _lit(canvas: Canvas, face: Pixels) -> Pixels:
    """The plate in light and shadow, with dirt."""
    light = np.full(face.shape[:2], canvas.between(0.45, 1.08) if canvas.likely(0.8) else 1.0, np.float32)
    height, width = face.shape[:2]
    if canvas.likely(0.25):  # half in the shade
        x = canvas.whole(-width, 2 * width)
        shade = np.array([(x, 0), (x + canvas.whole(-200, 200), height), (2 * width, height), (2 * width, 0)])
        cv2.fillPoly(light, [shade], canvas.between(0.3, 0.8), cv2.LINE_AA)
    elif canvas.likely(0.3):
        light *= np.linspace(canvas.between(0.5, 1), 1, height, dtype=np.float32)[:, None]
    lit = face * light[:, :, None]
    if canvas.likely(0.2):
        blots = cv2.resize(canvas.rng.random((4, 12), dtype=np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
        cover = np.clip(blots * 2 - canvas.between(1.0, 1.9), 0, 0.85)[:, :, None]
        lit = lit * (1 - cover) + np.array(canvas.colour(40, 130)) * cover
    return np.asarray(np.clip(lit, 0, 255), np.uint8)


def _lay(picture: Pixels, face: Pixels, corners: NDArray[np.float32]) -> None:
    """Warp `face` between its corners, shrunk first: warping would skip pixels and break thin strokes."""
    scale = min(1.5 * float(np.ptp(corners[:, 0])) / face.shape[1], 1.0)
    face = cv2.resize(face, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8)
    height, width = face.shape[:2]
    source = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    x, y, w, h = cv2.boundingRect(corners)
    part = picture[y : y + h + 1, x : x + w + 1]
    transform = cv2.getPerspectiveTransform(source, (corners - (x, y)).astype(np.float32))
    size = (part.shape[1], part.shape[0])
    laid = cv2.warpPerspective(face, transform, size, flags=cv2.INTER_AREA)
    share = cv2.warpPerspective(np.ones((height, width), np.float32), transform, size, flags=cv2.INTER_LINEAR)[
        :, :, None
    ]
    part[:] = (part * (1 - share) + laid * share).astype(np.uint8)
