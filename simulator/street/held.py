"""How a driver holds a code up to the camera: on what, how near, how straight, in which light."""

from dataclasses import dataclass
from enum import Enum
from math import ceil

import numpy as np

from simulator.street.conditions import Conditions

MODULE_PX_MIN, MODULE_PX_MAX = 2.0, 8.0


class Medium(Enum):
    """What carries the code."""

    PHONE = "phone"
    PAPER = "paper"


@dataclass(frozen=True, slots=True)
class Held:
    """How a code is held up, and what spoils its picture; the defaults spoil nothing. Angles are against the camera."""

    medium: Medium = Medium.PHONE
    module_px: float = 5.0  # the smallest squares of the code, as the camera sees them on average
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    dark_page: bool = False
    quiet_modules: int = 4  # of white around the code; where it ends shows on a dark page only
    thumb_modules: float = 0.0  # how far it has come over the code
    brightness: float = 1.0  # of the screen, or of the light on the paper
    wash: float = 0.0  # daylight on the screen, or faded ink: how far black has come up to white
    glare: float = 0.0  # 0 none to 1 a good part of the code is gone
    bloom: float = 0.0  # of an overexposed screen: how much of its light runs into the dark modules
    moire: float = 0.0  # depth of the beat between the screen's grid and the sensor's
    bands: float = 0.0  # depth of the dark bands across a screen that is dimmed by flickering
    camera: Conditions = Conditions()

    @classmethod
    def draw(cls, rng: np.random.Generator, severity: float = 0.3) -> "Held":
        """A code as drivers hold it, at a `severity` from 0 (with care, on a good day) to 1 (seldom to be read)."""
        phone = rng.random() < 0.75
        dark_page, thumb, glare, bloom, moire, bands = rng.random(6) < 0.4  # none of these comes every time
        farthest = 4.5 - (4.5 - MODULE_PX_MIN) * severity
        spread_deg = 8 + 34 * severity
        return cls(
            medium=Medium.PHONE if phone else Medium.PAPER,
            module_px=float(np.exp(rng.uniform(np.log(farthest), np.log(MODULE_PX_MAX)))),
            yaw_deg=rng.uniform(-spread_deg, spread_deg),
            pitch_deg=rng.uniform(-spread_deg, spread_deg),
            roll_deg=rng.uniform(-1, 1) * (5 + 40 * severity),
            dark_page=bool(dark_page and phone),
            quiet_modules=4 - int(rng.integers(0, 1 + ceil(3 * severity))),
            thumb_modules=float(thumb) * rng.uniform(0, 6) * severity,
            brightness=rng.uniform(1.0 - 0.7 * severity, 1.0),
            wash=rng.uniform(0, 0.65) * severity,
            glare=float(glare) * rng.uniform(0.2, 1.0) * severity,
            bloom=float(bloom) * phone * rng.uniform(0, 1.0) * severity,
            moire=float(moire) * phone * rng.uniform(0, 0.4) * severity,
            bands=float(bands) * phone * rng.uniform(0, 0.8) * severity,
            camera=Conditions(
                light=rng.uniform(1.0 - 0.85 * severity, 1.0),
                contrast=rng.uniform(1.0 - 0.4 * severity, 1.0),
                motion_px=rng.uniform(0, 5) * severity,
                defocus_px=rng.uniform(0, 1.8) * severity,
                noise=rng.uniform(1, 4 + 12 * severity),
                jpeg_quality=int(rng.integers(95 - int(55 * severity), 96)),
            ),
        )
