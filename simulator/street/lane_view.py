"""The lane as its camera sees it without a car: sky, hedge or wall, kerb, road."""

import cv2
import numpy as np

from hardware.camera import Pixels

WIDTH_PX, HEIGHT_PX = 1280, 720
_SKIES = ((235, 215, 190), (225, 225, 222), (240, 225, 200))
_BEHIND = ((60, 85, 62), (120, 130, 140), (95, 105, 130), (80, 78, 76))
_BLUR_PX = 5


def lane_view(rng: np.random.Generator) -> Pixels:
    """One lane in full daylight, sharp; the same draws give the same lane."""
    picture: Pixels = np.empty((HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    horizon = int(rng.integers(150, 240))
    sky = np.array(_SKIES[int(rng.integers(len(_SKIES)))], np.float32)
    picture[:horizon] = (sky * np.linspace(1.0, 0.85, horizon, dtype=np.float32)[:, None, None]).astype(np.uint8)
    _behind(picture, rng, horizon)
    road = float(rng.uniform(88, 125))
    picture[horizon:] = np.linspace(road * 1.1, road * 0.85, HEIGHT_PX - horizon)[:, None, None].astype(np.uint8)
    left, right = int(rng.integers(380, 470)), int(rng.integers(810, 900))
    for near, far, side in ((-120, left, -1), (WIDTH_PX + 120, right, 1)):
        edge = [(far, horizon), (near, HEIGHT_PX), (near + side * 3_000, HEIGHT_PX), (far + side * 3_000, horizon)]
        cv2.fillPoly(picture, [np.array(edge, np.int32)], (105, 118, 120), cv2.LINE_AA)
        kerb = [(far, horizon), (near, HEIGHT_PX), (near + side * 60, HEIGHT_PX), (far + side * 12, horizon)]
        cv2.fillPoly(picture, [np.array(kerb, np.int32)], (165, 168, 170), cv2.LINE_AA)
    grain = rng.normal(0, 7, ((HEIGHT_PX - horizon) // 2, WIDTH_PX // 2)).astype(np.float32)
    coarse = np.asarray(cv2.resize(grain, (WIDTH_PX, HEIGHT_PX - horizon)))
    ground = picture[horizon:]
    ground[:] = np.clip(ground + coarse[:, :, None], 0, 255).astype(np.uint8)
    return picture


def _behind(picture: Pixels, rng: np.random.Generator, horizon: int) -> None:
    """What stands along the horizon: blocks of hedge and wall, some with windows."""
    x = 0
    while x < WIDTH_PX:
        width, height = int(rng.integers(80, 320)), int(rng.integers(25, 140))
        colour = tuple(int(part * rng.uniform(0.8, 1.2)) for part in _BEHIND[int(rng.integers(len(_BEHIND)))])
        cv2.rectangle(picture, (x, horizon - height), (x + width, horizon), colour, -1)
        if rng.random() < 0.5:
            for window in range(x + 12, x + width - 24, 36):
                cv2.rectangle(
                    picture, (window, horizon - height + 10), (window + 16, horizon - height + 34), (70, 60, 50), -1
                )
        x += width
    strip = picture[:horizon]
    strip[:] = cv2.GaussianBlur(strip, (_BLUR_PX, _BLUR_PX), 0)
