"""A ticket's QR code held up to the gate's camera, on a phone or on paper. The same arguments give the same bytes."""

import random
from dataclasses import replace
from math import ceil

import cv2
import numpy as np
import segno

from hardware.camera import Pixels
from simulator.street.car import FOCAL_PX, PLATE_HEIGHT_MM, Car, Points, View, paint_car, paint_plate, plate_corners
from simulator.street.conditions import Conditions
from simulator.street.frames import LAMPS_ON_BELOW, PLATE_PX_MAX, Shot
from simulator.street.held import Held
from simulator.street.lane_view import HEIGHT_PX, WIDTH_PX, lane_view
from simulator.street.phone_picture import Sheet, sheet_picture
from simulator.street.plate_picture import plate_picture, size_mm
from simulator.street.plates import draw_plate
from simulator.street.spoil import spoil

CODE_MM = 58.0  # the code's width on a phone of common size
_FINE_MAX = 12  # flat pixels a module


def held_up(seed: int, text: str, *, held: Held | None = None, behind: Pixels | None = None) -> Shot:
    """One picture of a phone or a sheet with `text` as its QR code, before a waiting car, or before `behind`.

    The shot's corners are the code's, without the quiet zone. The code is always whole in the picture; the phone need
    not be. How it is held is drawn where not given.
    """
    rng = np.random.default_rng(seed)
    held = held or Held.draw(rng)
    code = segno.make_qr(text, error="m")  # as central makes it for the driver
    modules = np.array([list(row) for row in code.matrix], np.uint8)
    fine = min(ceil(2 * held.module_px), _FINE_MAX)
    sheet = sheet_picture(modules, fine, held, rng)
    view = _view(held, len(modules), rng)
    picture = _waiting_car(seed, held.camera, rng) if behind is None else behind.copy()
    _lay(picture, sheet, view)
    return Shot(spoil(picture, held.camera, rng), _corners(view), held.camera.jpeg_quality)


def _view(held: Held, modules: int, rng: np.random.Generator) -> View:
    """The view in which the code's area is that of `modules` squared squares of `held.module_px`."""
    near = FOCAL_PX * CODE_MM / (modules * held.module_px)
    view = View(near, held.yaw_deg, held.pitch_deg, held.roll_deg, (0.0, 0.0))
    seen_px = float(np.sqrt(cv2.contourArea(_corners(view)))) / modules
    view = replace(view, distance_mm=near * seen_px / held.module_px)
    left, top, width, height = cv2.boundingRect(_corners(view))
    room_x, room_y = max(WIDTH_PX - width - 2, 0), max(HEIGHT_PX - height - 2, 0)
    x, y = rng.uniform(0.2, 0.8) * room_x, rng.uniform(0.05, 0.95) * room_y
    return replace(view, centre=(x - left + 1, y - top + 1))


def _corners(view: View) -> Points:
    half = CODE_MM / 2
    return _project(view, np.array([(-half, half), (half, half), (half, -half), (-half, -half)]))


def _project(view: View, points_mm: np.ndarray) -> Points:
    """Points of the sheet, n x 2, x to the right and y up from the code's middle, as pixels."""
    raised = np.column_stack([points_mm[:, 0], points_mm[:, 1] + PLATE_HEIGHT_MM, np.zeros(len(points_mm))])
    return view.project(raised)


def _lay(picture: Pixels, sheet: Sheet, view: View) -> None:
    x, y, size = sheet.code
    code = np.array([(x, y), (x + size, y), (x + size, y + size), (x, y + size)], np.float32) - 0.5
    to_picture = cv2.getPerspectiveTransform(code, _corners(view))
    shape = (picture.shape[1], picture.shape[0])
    laid = cv2.warpPerspective(sheet.pixels, to_picture, shape, flags=cv2.INTER_LINEAR)
    cover = cv2.warpPerspective(sheet.cover, to_picture, shape, flags=cv2.INTER_LINEAR)
    share = cover[:, :, None].astype(np.float32) / 255
    picture[:] = (picture * (1 - share) + laid * share).astype(np.uint8)


def _waiting_car(seed: int, conditions: Conditions, rng: np.random.Generator) -> Pixels:
    """A car at the stop line, not yet spoiled."""
    picture, number = lane_view(rng), draw_plate(random.Random(seed))  # noqa: S311 - a made-up plate
    lit = conditions.light < LAMPS_ON_BELOW
    size = size_mm(number)
    centre = (WIDTH_PX / 2 + rng.uniform(-70, 70), HEIGHT_PX * 0.74)
    view = View(FOCAL_PX * size[0] / PLATE_PX_MAX, rng.uniform(-15, 15), rng.uniform(4, 14), 0.0, centre)
    paint_car(picture, Car.draw(rng), view, lamps_on=lit)
    paint_plate(picture, plate_picture(number), plate_corners(view, size))
    return picture
