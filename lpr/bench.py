"""How well and how fast a reader reads photographs whose plates are known."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter_ns, process_time_ns

import numpy as np

from domain.errors import BadInput
from domain.plate import Plate
from lpr import photograph
from lpr.frame import Box
from lpr.matching import RULE, Decision
from lpr.reader import PlateReader, Sighting, open_read
from lpr.stopwatch import Stopwatch
from lpr.trial import LetIn, Trial, trials


@dataclass(frozen=True, slots=True)
class Labelled:
    """A photograph, the plates that can be read in it, and where they are."""

    image: Path
    plates: tuple[Plate, ...]
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What the reader made of one photograph, and how long it took: in all, and for each of its stages.

    `cpu_ms` is of all the process's threads: with other work beside, a clock says more.
    """

    labelled: Labelled
    sightings: tuple[Sighting, ...]
    ms: float
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    cpu_ms: float = 0.0

    @property
    def exact(self) -> bool:
        """Whether a plate of the photograph was read as it is, O taken for 0 and I for 1."""
        plate = open_read(self.sightings)
        return plate is not None and Plate(plate.text).folded in {true.folded for true in self.labelled.plates}


@dataclass(frozen=True, slots=True)
class Matched:
    """Rates, of all photographs in a folder, with `expected` plates on the list.

    With the true plate on the list: `accepted` as that plate, `accepted_wrong` as another one, `asked`, `refused`.
    Let in with the true plate not on the list: `stranger_accepted` where all plates on it are made up,
    `look_alike_accepted` where one of them differs from the true plate in a single sign of similar shape: on average
    over all plates that do.
    """

    expected: int
    accepted: float
    accepted_wrong: float
    asked: float
    refused: float
    stranger_accepted: float
    look_alike_accepted: float


@dataclass(frozen=True, slots=True)
class WithoutPlates:
    """Rates, of all photographs in a folder with their plates painted over: best nothing.

    `read` is in how many one is believed to be there all the same; `let_in` which are accepted as one of the expected
    plates, their own among them, None where none are expected.
    """

    read: float
    let_in: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """One folder: rate of exact reads (O as 0, I as 1), and milliseconds a photograph without start-up, by the
    clock and of processor time.

    `stages_ms` has the median of each stage, with those of a match to the expected plates if there was one.
    `without_plates` is None where they were not painted over.
    """

    folder: str
    images: int
    exact: float
    median_ms: float
    p95_ms: float
    median_cpu_ms: float
    p95_cpu_ms: float
    stages_ms: Mapping[str, float]
    matched: Matched | None
    without_plates: WithoutPlates | None = None


def labelled_folders(root: Path) -> dict[str, list[Labelled]]:
    """The photographs in `root` and in its immediate sub-folders, by folder name, where there are any.

    Each `X.txt` has lines of file, x, y, w, h and plate, separated by tabs. Raises BadInput for a line that has
    not, and where there is no photograph at all.
    """
    folders = {folder.name: _labelled(folder) for folder in (root, *sorted(p for p in root.iterdir() if p.is_dir()))}
    if not any(folders.values()):
        raise BadInput("folder_empty", f"{root} has no X.txt beside photographs, nor has any of its sub-folders")
    return {name: photographs for name, photographs in folders.items() if photographs}


def _labelled(folder: Path) -> list[Labelled]:
    photographs: dict[Path, Labelled] = {}
    for label in sorted(folder.glob("*.txt")):
        for number, line in enumerate(_lines(label), start=1):
            try:
                file, x, y, width, height, text = line.split("\t")
                plate, box = Plate.parse(text), (int(x), int(y), int(width), int(height))
            except (ValueError, BadInput) as error:
                raise BadInput(
                    "label_invalid", f"{label}, line {number}: not file, x, y, w, h, plate by tabs"
                ) from error
            image = folder / file
            so_far = photographs.get(image, Labelled(image, ()))
            photographs[image] = Labelled(image, (*so_far.plates, plate), (*so_far.boxes, box))
    return list(photographs.values())


def _lines(label: Path) -> list[str]:
    try:
        return label.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput("label_unreadable", f"{label} cannot be read as UTF-8 text") from error


def readings(photographs: list[Labelled], reader: PlateReader, stopwatch: Stopwatch | None = None) -> Iterator[Reading]:
    """Read one photograph after another; `stopwatch` is the reader's own.

    Raises BadInput for a file that is no whole picture.
    """
    stopwatch = stopwatch or Stopwatch()
    for labelled in photographs:
        frame = photograph.load(labelled.image)
        stopwatch.reset()
        start_ns, start_cpu_ns = perf_counter_ns(), process_time_ns()
        sightings = tuple(reader.read(frame))
        ms, cpu_ms = (perf_counter_ns() - start_ns) / 1e6, (process_time_ns() - start_cpu_ns) / 1e6
        yield Reading(labelled, sightings, ms, stopwatch.ms, cpu_ms)


def read_without_plates(photographs: list[Labelled], reader: PlateReader) -> Iterator[Sequence[Sighting]]:
    """What is sighted in each photograph once its plates are painted over.

    Plates of other cars in view, which have no label, are not painted over. Raises BadInput for a box that is not in
    its photograph.
    """
    for labelled in photographs:
        frame = photograph.load(labelled.image)
        for x, y, width, height in labelled.boxes:
            if not (width > 0 and height > 0 and -width < x < frame.shape[1] and -height < y < frame.shape[0]):
                raise BadInput("label_invalid", f"{labelled.image}: the box of its plate lies outside of it")
            part = frame[max(y - height // 4, 0) : y + height + height // 4, max(x, 0) : x + width]
            part[:] = np.median(part.reshape(-1, 3), axis=0)
        yield reader.read(frame)


def without_plates(photographs: list[Labelled], reader: PlateReader, expected: int = 0) -> WithoutPlates:
    """Read each photograph once more with its plates painted over, and match it to as many `expected` plates, if any.

    Raises as `read_without_plates`.
    """
    seen = list(read_without_plates(photographs, reader))
    read = sum(open_read(sightings) is not None for sightings in seen) / len(seen)
    if not expected:
        return WithoutPlates(read, None)
    tried = trials([(sightings, one.plates) for sightings, one in zip(seen, photographs, strict=True)], expected)
    return WithoutPlates(read, sum(trial.listed.decision is Decision.ACCEPT for trial in tried) / len(tried))


def report(
    folder: str,
    seen: Sequence[Reading],
    tried: Sequence[Trial] = (),
    expected: int = 0,
    without: WithoutPlates | None = None,
) -> Report:
    """Sum one folder up, with what its photographs were matched to among `expected` plates, if they were, and how they
    were read `without` their plates."""
    ms, cpu_ms = [reading.ms for reading in seen], [reading.cpu_ms for reading in seen]
    return Report(
        folder=folder,
        images=len(seen),
        exact=sum(reading.exact for reading in seen) / len(seen),
        median_ms=float(np.median(ms)),
        p95_ms=float(np.percentile(ms, 95)),
        median_cpu_ms=float(np.median(cpu_ms)),
        p95_cpu_ms=float(np.percentile(cpu_ms, 95)),
        stages_ms=_medians([one.stages_ms for one in seen]) | _medians([one.stages_ms for one in tried]),
        matched=_matched(tried, expected) if tried else None,
        without_plates=without,
    )


def _medians(stages_ms: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of each stage; a photograph that did not come to one took no time for it."""
    stages = dict.fromkeys(stage for one in stages_ms for stage in one)
    return {stage: float(np.median([one.get(stage, 0.0) for one in stages_ms])) for stage in stages}


def _matched(tried: Sequence[Trial], expected: int) -> Matched:
    outcomes = Counter(_outcome(trial) for trial in tried)
    let_in = LetIn.at(RULE.accept_score, tried)
    return Matched(
        expected=expected,
        accepted=let_in.right,
        accepted_wrong=outcomes["wrong"] / len(tried),
        asked=outcomes["ask"] / len(tried),
        refused=outcomes["refuse"] / len(tried),
        stranger_accepted=let_in.stranger,
        look_alike_accepted=let_in.look_alike,
    )


def _outcome(trial: Trial) -> str:
    if trial.listed.decision is not Decision.ACCEPT:
        asked_or_refused: str = trial.listed.decision.value
        return asked_or_refused
    return "right" if trial.is_right else "wrong"
