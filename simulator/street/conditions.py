"""Under which conditions a picture is taken: how the camera hangs, the light, and what is in the way."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Conditions:
    """Everything that may spoil a picture; the defaults spoil nothing. Angles are the camera's against the car."""

    yaw_deg: float = 0.0
    pitch_deg: float = 0.0  # positive: looking down
    roll_deg: float = 0.0
    light: float = 1.0  # of full daylight; below about 0.5 it is dusk and lamps are on
    contrast: float = 1.0
    motion_px: float = 0.0  # length of the blur
    defocus_px: float = 0.0  # sigma
    noise: float = 0.0  # sigma, in grey levels
    dirt: float = 0.0  # 0 clean to 1 hardly a sign to be seen
    rain: float = 0.0  # 0 dry to 1 pouring
    jpeg_quality: int = 90

    @classmethod
    def draw(cls, rng: np.random.Generator, severity: float = 0.3) -> "Conditions":
        """Conditions as they come, at a `severity` from 0 (a good day) to 1 (what only a detector must bear).

        Up to about 0.4 a good reader reads nearly every plate of 130 px and more.
        """
        spread = 10 + 25 * severity
        return cls(
            yaw_deg=rng.uniform(-spread, spread),
            pitch_deg=rng.uniform(4, 8 + 20 * severity),
            roll_deg=rng.uniform(-8, 8) * severity,
            light=rng.uniform(1.0 - 0.85 * severity, 1.0),
            contrast=rng.uniform(1.0 - 0.5 * severity, 1.0),
            motion_px=rng.uniform(0, 7) * severity,
            defocus_px=rng.uniform(0, 1.8) * severity,
            noise=rng.uniform(1, 4 + 14 * severity),
            dirt=rng.uniform(0, 0.7) * severity,
            rain=max(rng.uniform(-1.5, 1.2) * severity, 0.0),
            jpeg_quality=int(rng.integers(95 - int(55 * severity), 96)),
        )
