"""How many plates of scenes that it was not trained on a plate finder finds, and what it finds that is none."""

from dataclasses import dataclass
from pathlib import Path

from lpr.plate_finder import PlateFinder, overlap
from simulator.training.album import Album
from simulator.training.canvas import HEIGHT_PX, WIDTH_PX

OVERLAP_MIN = 0.5
WIDTH_MIN_PX = 20.0
TOP = 3
SURE = 0.4


@dataclass(frozen=True, slots=True)
class Recall:
    """Of plates at least WIDTH_MIN_PX wide: how many are among the TOP first boxes, and false boxes a scene at SURE."""

    plates: int
    found: float
    false_a_scene: float

    def __str__(self) -> str:
        return f"{self.found:.3f} of {self.plates} plates found, {self.false_a_scene:.3f} false ones a scene"


def recall(model: Path, album: Album) -> Recall:
    """Measure `model` on all scenes of `album`."""
    finder = PlateFinder(1, model)
    plates = hits = false = 0
    for i in range(album.scenes):
        pixels, boxes = album.scene(i)
        found = finder.find(pixels, (WIDTH_PX, HEIGHT_PX))
        corners = [(x, y, x + w, y + h) for x, y, w, h in (one.box for one in found)]
        for box in boxes:
            if box[2] - box[0] >= WIDTH_MIN_PX:
                plates += 1
                hits += any(overlap(tuple(box), other) >= OVERLAP_MIN for other in corners[: max(TOP, len(boxes))])
        for one, other in zip(found, corners, strict=True):
            false += one.score >= SURE and all(overlap(tuple(box), other) < OVERLAP_MIN for box in boxes)
    return Recall(plates, hits / max(plates, 1), false / album.scenes)
