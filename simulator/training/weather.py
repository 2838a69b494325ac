"""What light, weather, lens, sensor and JPEG do to a drawn scene, from nothing to more than a reader can bear."""

from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from simulator.training.faces import Pixels

Light: TypeAlias = NDArray[np.floating[Any]]  # of each pixel, 0..255 and beyond


def spoiled(picture: Pixels, rng: np.random.Generator) -> Pixels:
    """The picture as a cheap camera would have taken it. The same generator state gives the same bytes."""
    scene: Light = picture.astype(np.float32)
    scene = _in_the_dark(scene, rng) if rng.random() < 0.1 else scene * rng.uniform(0.7, 1.2)
    if rng.random() < 0.25:  # sun on one side
        side = np.linspace(rng.uniform(0.4, 1.0), rng.uniform(0.8, 1.4), scene.shape[1], dtype=np.float32)
        scene *= side[None, :, None]
    if rng.random() < 0.4:
        scene *= rng.uniform(0.85, 1.15, 3).astype(np.float32)
    if rng.random() < 0.4:
        contrast = rng.uniform(0.5, 1.3)
        scene = (scene - 115) * contrast + 115 + rng.uniform(-20, 20)
    if rng.random() < 0.08:
        scene = _rain(scene, rng)
    if rng.random() < 0.12:
        scene[:] = scene.mean(axis=2, keepdims=True)
    scene = _blurred(scene, rng)
    if rng.random() < 0.5:
        scene = scene + rng.normal(0, rng.uniform(0.5, 9), scene.shape[:2])[:, :, None]
    taken = np.clip(scene, 0, 255).astype(np.uint8)
    quality = int(rng.uniform(35, 96))
    _, data = cv2.imencode(".jpg", taken, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def _in_the_dark(scene: Light, rng: np.random.Generator) -> Light:
    """Night: little light, and lamps with their haloes."""
    dark = scene * rng.uniform(0.15, 0.6)
    for _ in range(int(rng.integers(0, 4))):
        halo = np.zeros(scene.shape[:2], np.float32)
        centre = (int(rng.integers(0, scene.shape[1])), int(rng.integers(0, scene.shape[0])))
        cv2.circle(halo, centre, int(rng.integers(2, 14)), 255.0, -1)
        halo = cv2.GaussianBlur(halo, (0, 0), rng.uniform(2, 14)) * rng.uniform(1, 3)
        dark += halo[:, :, None] * rng.uniform(0.7, 1, 3)
    return dark


def _rain(scene: Light, rng: np.random.Generator) -> Light:
    streaks = np.zeros(scene.shape[:2], np.float32)
    slant = rng.uniform(-4, 4)
    for _ in range(int(rng.integers(40, 400))):
        x, y = rng.integers(0, scene.shape[1]), rng.integers(0, scene.shape[0])
        length = rng.uniform(4, 18)
        cv2.line(streaks, (int(x), int(y)), (int(x + slant), int(y + length)), 90.0, 1, cv2.LINE_AA)
    return scene * 0.9 + 14 + streaks[:, :, None]


def _blurred(scene: Light, rng: np.random.Generator) -> Light:
    kind = rng.random()
    if kind < 0.35:
        return np.asarray(cv2.GaussianBlur(scene, (0, 0), rng.uniform(0.3, 1.5)))
    if kind < 0.5:  # taken small and enlarged
        scale = rng.uniform(0.5, 0.9)
        small = cv2.resize(scene, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(small, (scene.shape[1], scene.shape[0]), interpolation=cv2.INTER_LINEAR))
    if kind < 0.62:  # motion
        size = int(rng.integers(1, 4)) * 2 + 1
        kernel = np.zeros((size, size), np.float32)
        angle = rng.uniform(0, np.pi)
        by = np.array([np.cos(angle), np.sin(angle)]) * size / 2
        start, end = np.round(size // 2 - by).astype(int), np.round(size // 2 + by).astype(int)
        cv2.line(kernel, (int(start[0]), int(start[1])), (int(end[0]), int(end[1])), 1.0, 1)
        return np.asarray(cv2.filter2D(scene, -1, kernel / kernel.sum()))
    return scene
