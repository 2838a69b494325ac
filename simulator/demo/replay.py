"""Looks at kept frames again, as the gate did: its reader, its vote, and the plates that its replica expects."""

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from domain.plate import Plate
from lpr.matching import Expected, match, scored
from lpr.photograph import load
from lpr.pipeline import pipeline
from lpr.reader import PlateReader, engine
from lpr.voting import Vote


def replay(frames: Sequence[Path], plates: Iterable[Plate]) -> str:
    """What these frames come to for a gate that expects `plates`: accept, ask or refuse."""
    expected, vote = Expected(plates), Vote()
    for path in frames:
        settled = vote.add(match(scored(_reader().read(load(path)), expected)))
        if settled is not None:
            return settled.decision.value
    return vote.close().decision.value


@cache
def _reader() -> PlateReader:
    return pipeline(engine())
