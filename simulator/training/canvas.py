"""A scene while it is being painted."""

import cv2
import numpy as np

from simulator.training.faces import Colour, Pixels

WIDTH_PX, HEIGHT_PX = 448, 288


class Canvas:
    """The picture so far and the plates in it."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.pixels: Pixels = np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.uint8)
        self.boxes: list[tuple[float, float, float, float]] = []

    def colour(self, low: int = 0, high: int = 256) -> Colour:
        grey = self.rng.integers(low, high)
        spread = self.rng.choice([6, 25, 90])
        blue, green, red = (int(part) for part in np.clip(grey + self.rng.integers(-spread, spread + 1, 3), 0, 255))
        return blue, green, red

    def likely(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def between(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def whole(self, low: float, high: float) -> int:
        return int(self.rng.uniform(low, high))

    def rectangle(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        cv2.rectangle(self.pixels, (int(left), int(top)), (int(right), int(bottom)), colour, -1)

    def area(self, points: list[tuple[float, float]], colour: Colour) -> None:
        cv2.fillPoly(self.pixels, [np.array(points, np.int32)], colour, cv2.LINE_AA)

    def cover(self, left: float, top: float, right: float, bottom: float) -> None:
        """Forget the plates of which a quarter or more will be hidden by what is about to be painted there."""
        self.boxes = [
            box
            for box in self.boxes
            if max(min(box[2], right) - max(box[0], left), 0) * max(min(box[3], bottom) - max(box[1], top), 0)
            < 0.25 * (box[2] - box[0]) * (box[3] - box[1])
        ]
