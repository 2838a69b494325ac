"""A car's front as a camera sees it: simple painted shapes in true perspective, with the plate among them.

The car stands in its own millimetres: x to the right, y up from the road, z back from the plate. `View` is a pinhole
camera that turns them into pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.camera import Pixels

Points = NDArray[np.float32]
Colour = tuple[int, int, int]  # blue, green, red

FOCAL_PX = 1_500.0  # a gate camera with a lens of about 46 degrees at 1280 px
PLATE_HEIGHT_MM = 420.0  # of its centre above the road
PAINTS: tuple[Colour, ...] = (
    (42, 40, 40),
    (60, 58, 60),
    (120, 118, 115),
    (175, 172, 168),
    (215, 214, 212),
    (120, 60, 30),
    (90, 45, 25),
    (35, 30, 140),
    (30, 25, 90),
    (60, 90, 50),
    (70, 120, 160),
)
SHADOW: Colour = (22, 22, 24)
RUBBER: Colour = (18, 18, 18)
GLASS: Colour = (70, 62, 54)
GLINT: Colour = (98, 90, 80)
GRILLE: Colour = (30, 30, 32)
CHROME: Colour = (120, 120, 122)
LAMP_CASE: Colour = (60, 60, 62)
LAMP_DARK: Colour = (190, 185, 178)
LAMP_LIT: Colour = (255, 255, 255)
_SHIFT = 4  # bits of sub-pixel position in OpenCV's drawing calls


@dataclass(frozen=True, slots=True)
class View:
    """A camera that looks at the plate's centre from `distance_mm` and shows it at `centre` px."""

    distance_mm: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    centre: tuple[float, float]

    def project(self, points_mm: NDArray[np.floating]) -> Points:
        """Points of the car, n x 3, as pixels, n x 2."""
        turned = (points_mm - (0.0, PLATE_HEIGHT_MM, 0.0)) @ self._rotation().T
        depth = turned[:, 2] + self.distance_mm
        x = self.centre[0] + FOCAL_PX * turned[:, 0] / depth
        y = self.centre[1] - FOCAL_PX * turned[:, 1] / depth
        return np.stack([x, y], axis=1).astype(np.float32)

    def _rotation(self) -> NDArray[np.float64]:
        yaw, pitch, roll = np.radians((self.yaw_deg, -self.pitch_deg, self.roll_deg))
        about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
        about_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
        about_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
        rotation: NDArray[np.float64] = about_z @ about_x @ about_y
        return rotation


@dataclass(frozen=True, slots=True)
class Car:
    """What tells one car from another."""

    paint: Colour
    width_mm: float
    height_mm: float
    bonnet_mm: float  # height of the bonnet's edge
    lamp: tuple[float, float]  # width and height of a headlamp

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Car":
        """Any car."""
        return cls(
            paint=PAINTS[int(rng.integers(len(PAINTS)))],
            width_mm=rng.uniform(1_680, 1_900),
            height_mm=rng.uniform(1_420, 1_680),
            bonnet_mm=rng.uniform(800, 980),
            lamp=(rng.uniform(240, 380), rng.uniform(110, 190)),
        )


def plate_corners(view: View, size_mm: tuple[int, int]) -> Points:
    """The plate's corners in pixels: top left, top right, bottom right, bottom left."""
    half_width, half_height = size_mm[0] / 2, size_mm[1] / 2
    top, bottom = PLATE_HEIGHT_MM + half_height, PLATE_HEIGHT_MM - half_height
    return view.project(
        np.array(
            [(-half_width, top, 0), (half_width, top, 0), (half_width, bottom, 0), (-half_width, bottom, 0)], float
        )
    )


def paint_car(picture: Pixels, car: Car, view: View, *, lamps_on: bool) -> None:
    """Paint `car` into `picture` from back to front, without its plate."""
    brush = _Brush(picture, view)
    half, bonnet, top = car.width_mm / 2, car.bonnet_mm, car.height_mm
    roof, edge = half * 0.72, bonnet - 90  # the roof's half width, and the height of the bonnet's front edge
    dark = _shade(car.paint, 0.55)
    brush.strip(SHADOW, (half, 0, 0), (half, 0, 4_200))
    for side in (-1, 1):
        outer, inner = side * half, side * (half - 210)
        brush.area(RUBBER, [(outer, 0, 150), (inner, 0, 150), (inner, 330, 150), (outer, 330, 150)])
    brush.strip(dark, (half, 260, 400), (half, bonnet, 900))
    brush.strip(dark, (half, bonnet, 900), (roof, top, 2_000))
    brush.strip(GLASS, (half * 0.9, bonnet + 40, 1_000), (roof * 0.92, top - 60, 1_900))
    glint = [(-half * 0.9, bonnet + 40, 1_000), (-half * 0.2, bonnet + 40, 1_000), (-roof * 0.5, top - 60, 1_900)]
    brush.area(GLINT, glint)
    brush.strip(_shade(car.paint, 1.12), (half, edge, 60), (half, bonnet, 900))
    brush.strip(car.paint, (half, 230, 20), (half, edge, 60))
    brush.strip(GRILLE, (half * 0.5, 560, 15), (half * 0.46, edge - 50, 40))
    for y in np.linspace(590, edge - 80, 4):
        brush.strip(CHROME, (half * 0.46, float(y), 12), (half * 0.46, float(y) + 12, 12))
    brush.strip(SHADOW, (half * 0.92, 180, 5), (half * 0.86, 300, 5))
    for side in (-1, 1):
        _paint_lamp(brush, car.lamp, (side * (half - 50), edge), side, lit=lamps_on)


def _paint_lamp(
    brush: "_Brush", size: tuple[float, float], corner: tuple[float, float], side: int, *, lit: bool
) -> None:
    """A headlamp whose upper outer corner is near `corner`, on the car's left (-1) or right (1) in the picture."""
    (width, height), (outer, edge) = size, corner
    inner, low, high = outer - side * width, edge - 60 - height, edge - 60
    brush.area(LAMP_CASE, [(outer, low, 40), (inner, low + 30, 12), (inner, high, 20), (outer, high + 30, 60)])
    brush.disc(LAMP_LIT if lit else LAMP_DARK, ((outer + inner) / 2, low + height / 2 + 10, 10), height * 0.36)


def paint_plate(picture: Pixels, plate: Pixels, corners: Points) -> None:
    """Lay the flat picture of a plate between its four corners."""
    # Shrunk in steps first: warping straight from a large picture would skip pixels and break thin strokes.
    width_px = float(np.linalg.norm(corners[1] - corners[0]))
    scale = min(2 * width_px / plate.shape[1], 1.0)
    plate = np.asarray(cv2.resize(plate, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    height, width = plate.shape[:2]
    source = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    to_picture = cv2.getPerspectiveTransform(source, corners)
    x, y, w, h = cv2.boundingRect(corners)
    x, y, w, h = x - 1, y - 1, w + 2, h + 2
    to_area = np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1]], np.float64) @ to_picture
    area = picture[y : y + h, x : x + w]
    laid = cv2.warpPerspective(plate, to_area, (w, h), flags=cv2.INTER_AREA)
    cover = cv2.warpPerspective(np.full((height, width), 255, np.uint8), to_area, (w, h), flags=cv2.INTER_AREA)
    share = cover[:, :, None].astype(np.float32) / 255
    area[:] = (area * (1 - share) + laid * share).astype(np.uint8)


class _Brush:
    def __init__(self, picture: Pixels, view: View) -> None:
        self._picture = picture
        self._view = view

    def area(self, colour: Colour, points_mm: Sequence[tuple[float, float, float]]) -> None:
        pixels = self._view.project(np.array(points_mm, float))
        shifted = np.round(pixels * (1 << _SHIFT)).astype(np.int32)
        cv2.fillPoly(self._picture, [shifted], colour, cv2.LINE_AA, _SHIFT)

    def strip(self, colour: Colour, low: tuple[float, float, float], high: tuple[float, float, float]) -> None:
        """What lies between two level edges, each given by its half width, height and depth."""
        self.area(colour, [(-low[0], *low[1:]), low, high, (-high[0], *high[1:])])

    def disc(self, colour: Colour, centre_mm: tuple[float, float, float], radius_mm: float) -> None:
        centre, rim = self._view.project(np.array([centre_mm, (centre_mm[0] + radius_mm, *centre_mm[1:])], float))
        radius = round(float(np.linalg.norm(rim - centre)))
        cv2.circle(self._picture, (round(float(centre[0])), round(float(centre[1]))), radius, colour, -1, cv2.LINE_AA)


def _shade(colour: Colour, by: float) -> Colour:
    blue, green, red = (min(round(part * by), 255) for part in colour)
    return blue, green, red
