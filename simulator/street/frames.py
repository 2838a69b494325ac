"""What a gate's camera sees: a car that comes nearer, or the empty lane. The same arguments give the same bytes."""

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np

from domain.plate import Plate
from hardware.camera import Pixels
from simulator.street.car import FOCAL_PX, Car, Points, View, paint_car, paint_plate, plate_corners
from simulator.street.conditions import Conditions
from simulator.street.lane_view import HEIGHT_PX, WIDTH_PX, lane_view
from simulator.street.plate_picture import plate_picture, size_mm
from simulator.street.plates import NumberPlate
from simulator.street.spoil import spoil, spoil_plate

PLATE_PX_MIN, PLATE_PX_MAX = 90, 215  # of an approach; gate cameras see no wider ones, and never over 220
LAMPS_ON_BELOW = 0.55  # of full daylight


@dataclass(frozen=True)
class Shot:
    """A picture and the truth about it: the plate's (or code's) corners, clockwise from the top left, in pixels."""

    pixels: Pixels
    corners: Points
    jpeg_quality: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The upright box around them, x, y, width and height in pixels."""
        x, y, w, h = cv2.boundingRect(self.corners)
        return x, y, w, h

    @cached_property
    def jpeg(self) -> bytes:
        """The picture as the camera sends it."""
        return _jpeg(self.pixels, self.jpeg_quality)


def approach(
    seed: int,
    plate: Plate | NumberPlate,
    n: int,
    *,
    conditions: Conditions | None = None,
    lane_seed: int | None = None,
    plate_px: tuple[float, float] = (PLATE_PX_MIN, PLATE_PX_MAX),
) -> list[Shot]:
    """`n` shots of one car on its way to the stop line, its plate growing from about 90 px to 215 px, or as `plate_px`.

    The lane is that of `empty_lane(lane_seed)`, by default of `seed`; conditions are drawn where none are given.
    """
    rng = np.random.default_rng(seed)
    number = plate if isinstance(plate, NumberPlate) else NumberPlate.of(plate)
    if conditions is None:
        conditions = Conditions.draw(rng)
    car, side_px = Car.draw(rng), rng.uniform(-70, 70)
    lane = lane_view(np.random.default_rng(seed if lane_seed is None else lane_seed))
    scene = _Scene(lane, car, number, spoil_plate(plate_picture(number), conditions, rng), conditions)
    shots = []
    for nearness in np.linspace(0.0, 1.0, n):
        wide_px = plate_px[0] * (plate_px[1] / plate_px[0]) ** float(nearness)
        centre = (WIDTH_PX / 2 + side_px * (1.5 - nearness), HEIGHT_PX * (0.58 + 0.16 * nearness))
        shots.append(scene.take(wide_px, centre, rng))
    return shots


def shot(seed: int, number: NumberPlate, plate_px: float, conditions: Conditions) -> Shot:
    """One picture of one car somewhere in the view, its plate `plate_px` wide: for tests of readers."""
    rng = np.random.default_rng(seed)
    margin = plate_px * 0.75
    centre = (rng.uniform(margin, WIDTH_PX - margin), rng.uniform(HEIGHT_PX * 0.4, HEIGHT_PX - margin))
    face = spoil_plate(plate_picture(number), conditions, rng)
    return _Scene(lane_view(rng), Car.draw(rng), number, face, conditions).take(plate_px, centre, rng)


def empty_lane(seed: int, conditions: Conditions | None = None) -> bytes:
    """The lane with no car in it, as JPEG."""
    conditions = conditions or Conditions(noise=3.0)
    lane = lane_view(np.random.default_rng(seed))
    return _jpeg(spoil(lane, conditions, np.random.default_rng(seed)), conditions.jpeg_quality)


@dataclass(frozen=True, slots=True)
class _Scene:
    """All that stays while a car comes nearer; `face` is the flat picture of its plate, dirt included."""

    lane: Pixels
    car: Car
    number: NumberPlate
    face: Pixels
    conditions: Conditions

    def take(self, plate_px: float, centre: tuple[float, float], rng: np.random.Generator) -> Shot:
        """The shot in which the box around the plate is `plate_px` wide, its middle at `centre`."""
        conditions, size = self.conditions, size_mm(self.number)
        view = View(
            FOCAL_PX * size[0] / plate_px, conditions.yaw_deg, conditions.pitch_deg, conditions.roll_deg, centre
        )
        seen_px = float(np.ptp(plate_corners(view, size)[:, 0]))
        view = replace(view, distance_mm=view.distance_mm * seen_px / plate_px)
        picture = self.lane.copy()
        paint_car(picture, self.car, view, lamps_on=conditions.light < LAMPS_ON_BELOW)
        corners = plate_corners(view, size)
        paint_plate(picture, self.face, corners)
        return Shot(spoil(picture, conditions, rng), corners, conditions.jpeg_quality)


def _jpeg(pixels: Pixels, quality: int) -> bytes:
    encoded, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert encoded, "OpenCV encodes every 8-bit picture"
    return data.tobytes()
