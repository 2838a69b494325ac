"""`gatehouse bench plates`: drawn cars that come nearer, read as a gate reads them, frame by frame until it is decided.

Each kind of cars is drawn from the same seeds. A car is to be accepted among 2,000 expected plates, its own among them.
Where its own is missing it is not to be let in, neither by a random list nor by one with a look-alike of its plate.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from domain.plate import Plate
from lpr.made_up_plates import look_alikes, made_up
from lpr.matching import Decision, Expected, match, scored
from lpr.pipeline import pipeline
from lpr.reader import PlateReader, Sighting, engine, open_read
from lpr.voting import Vote
from simulator.bench.figure import Figure
from simulator.street.conditions import Conditions
from simulator.street.frames import approach
from simulator.street.plate_picture import size_mm
from simulator.street.plates import Shape, draw_plate

CARS, FRAMES = 40, 6
EXPECTED = 2_000
LOOK_ALIKES = 4
"""Of a car's plate, each on a list of its own."""

MANY, MANY_AIM_MS = 10_000, 30.0
NEAR_PX = (90.0, 215.0)
LONG_MM = 520
SEED = 20_261_123


@dataclass(frozen=True, slots=True)
class Kind:
    """Cars of one kind: `px` is how wide a long plate is in the first and in the last frame, others as they are."""

    words: str
    conditions: Conditions | float
    """As a number, how severe those are that are drawn for each car."""
    px: tuple[float, float] = NEAR_PX
    shape: Shape = Shape.LONG


KINDS = {
    "any": Kind("as they come", 0.3),
    "night": Kind("at night", Conditions(yaw_deg=12, pitch_deg=10, light=0.2, contrast=0.8, noise=8)),
    "rain": Kind("in rain", Conditions(yaw_deg=12, pitch_deg=10, light=0.8, rain=0.9, noise=4)),
    "motion": Kind("blurred by motion", Conditions(yaw_deg=12, pitch_deg=10, motion_px=5, noise=4)),
    "aside": Kind("from 35 degrees aside", Conditions(yaw_deg=35, pitch_deg=10, noise=4)),
    "far": Kind("far away", Conditions(yaw_deg=12, pitch_deg=10, noise=5), (36, 70)),
    "far_night": Kind(
        "far away at night",
        Conditions(yaw_deg=12, pitch_deg=10, light=0.2, contrast=0.8, noise=9, defocus_px=0.5),
        (45, 80),
    ),
    "dirty": Kind("dirty", Conditions(yaw_deg=12, pitch_deg=10, dirt=0.55, noise=5), (70, 140)),
    "foul": Kind("in foul weather", 0.8, (50, 110)),
    "two_rows": Kind("plates of two rows, as near as long ones", 0.3, shape=Shape.TWO_ROWS),
    "motorcycle": Kind("plates of motorcycles, as near as long ones", 0.3, shape=Shape.MOTORCYCLE),
}


@dataclass(slots=True)
class Seen:
    """What one kind came to: of frames, and of passages."""

    exact: list[bool] = field(default_factory=list)
    accepted: list[bool] = field(default_factory=list)
    wrong: int = 0
    frames: list[int] = field(default_factory=list)
    strangers: int = 0
    look_alikes: list[bool] = field(default_factory=list)


async def plates(_folder: Path, say: Callable[[str], None], cars: int = CARS) -> list[Figure]:
    """Draw the cars of each kind, read them, and match one of them among many plates."""
    reader, strangers = pipeline(engine()), _strangers(EXPECTED)
    figures, nearest = [], []
    for name, kind in KINDS.items():
        passages = []
        for number in range(cars):
            passages.append(_passage(kind, SEED + number, reader))
            await asyncio.sleep(0)  # where it is to be stopped, it stops here
        everybody = Expected([*(plate for plate, _ in passages), *strangers][:EXPECTED])
        seen = Seen()
        for plate, frames in passages:
            _decide(seen, plate, frames, everybody, strangers)
            nearest.append(frames[-1])
        figures += _figures(name, kind, seen)
        say(f"{kind.words}: {cars} cars")
    return [*figures, _many(nearest)]


def _passage(kind: Kind, seed: int, reader: PlateReader) -> tuple[Plate, list[Sequence[Sighting]]]:
    """A car and what is read in each of its frames."""
    number = draw_plate(random.Random(seed), shape=kind.shape)  # noqa: S311  a made-up plate
    conditions = kind.conditions
    if not isinstance(conditions, Conditions):
        conditions = Conditions.draw(np.random.default_rng(seed), conditions)
    scale = size_mm(number)[0] / LONG_MM
    near = kind.px[0] * scale, kind.px[1] * scale
    shots = approach(seed, number, FRAMES, conditions=conditions, plate_px=near)
    decoded = (cv2.imdecode(np.frombuffer(shot.jpeg, np.uint8), cv2.IMREAD_COLOR) for shot in shots)
    return number.plate, [reader.read(np.asarray(frame, np.uint8)) for frame in decoded]


def _decide(
    seen: Seen, plate: Plate, frames: Sequence[Sequence[Sighting]], everybody: Expected, strangers: Sequence[Plate]
) -> None:
    reads = [open_read(sightings) for sightings in frames]
    seen.exact += [read is not None and Plate(read.text).folded == plate.folded for read in reads]
    decided, after = _voted(frames, everybody)
    is_right = decided is not None and decided.folded == plate.folded
    seen.accepted.append(is_right)
    seen.wrong += decided is not None and not is_right
    seen.frames.append(after)
    seen.strangers += _voted(frames, Expected(strangers))[0] is not None
    twins = look_alikes(plate)
    for twin in random.Random(plate.folded).sample(twins, min(LOOK_ALIKES, len(twins))):  # noqa: S311  as above
        seen.look_alikes.append(_voted(frames, Expected([twin, *strangers][:EXPECTED]))[0] is not None)


def _voted(frames: Sequence[Sequence[Sighting]], expected: Expected) -> tuple[Plate | None, int]:
    """The plate that the passage is accepted as, and after how many frames."""
    vote = Vote(frames_max=len(frames))
    for after, sightings in enumerate(frames, start=1):
        settled = vote.add(match(scored(sightings, expected)))
        if settled is not None:
            return settled.plate if settled.decision is Decision.ACCEPT else None, after
    raise AssertionError("the last frame settles it")


def _figures(name: str, kind: Kind, seen: Seen) -> list[Figure]:
    accepted, let_in = np.mean(seen.accepted), np.mean(seen.look_alikes)
    told = (
        f"{kind.words}: {np.mean(seen.exact):.3f} of the frames read exactly; {np.mean(seen.frames):.1f} frames a car"
    )
    others = f"{seen.wrong} accepted as another one, {seen.strangers} of {len(seen.frames)} let in by a random list"
    return [
        Figure(f"plates_accepted_{name}", round(float(accepted), 3), "of 1", None, "higher", told),
        Figure(f"plates_look_alikes_{name}", round(float(let_in), 3), "of 1", None, "lower", others),
    ]


def _many(seen: Sequence[Sequence[Sighting]]) -> Figure:
    """What it takes to score one frame against so many plates as a large lot expects."""
    expected, took_ms = Expected(_strangers(MANY)), []
    for sightings in seen:
        began_ns = time.thread_time_ns()
        match(scored(sightings, expected))
        took_ms.append((time.thread_time_ns() - began_ns) / 1e6)
    median, slow = np.percentile(took_ms, (50, 95))
    told = f"of a processor, a frame against {len(expected.plates):,} plates; 95th percentile {slow:.1f}"
    return Figure("plates_match_ms", round(float(median), 1), "ms", MANY_AIM_MS, "lower", told)


def _strangers(count: int) -> list[Plate]:
    rng = random.Random(SEED)  # noqa: S311  as above
    drawn: dict[str, Plate] = {}
    while len(drawn) < count:
        plate = made_up(rng)
        drawn[plate.folded] = plate
    return list(drawn.values())
