"""`gatehouse bench plates` with a handful of cars; how fast anything is is nobody's business here."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from domain.plate import Plate
from lpr.frame import Frame
from lpr.made_up_plates import made_up
from lpr.reader import BLANK, SIGNS, Sighting
from simulator.bench import plates as bench
from simulator.bench.plates import KINDS, SEED, plates
from simulator.street.plates import Shape, draw_plate


async def test_cars_that_come_near_by_day_are_accepted_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "KINDS", {name: KINDS[name] for name in ("any", "two_rows")})
    figures = {figure.name: figure for figure in await plates(tmp_path, lambda _: None, 2)}
    names = [f"plates_{what}_{name}" for name in ("any", "two_rows") for what in ("accepted", "look_alikes")]
    assert list(figures) == [*names, "plates_match_ms"]
    assert figures["plates_accepted_any"].value == 1
    assert figures["plates_look_alikes_any"].value == 0
    assert figures["plates_accepted_any"].note.startswith("as they come: 1.000")
    assert figures["plates_match_ms"].value > 0


async def test_where_nothing_is_read_nobody_is_let_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Blind:
        def read(self, frame: Frame) -> Sequence[Sighting]:
            return []

    monkeypatch.setattr(bench, "engine", Blind)
    monkeypatch.setattr(bench, "KINDS", {"any": replace(KINDS["any"], shape=Shape.MOTORCYCLE)})
    accepted, let_in, _ = await plates(tmp_path, lambda _: None, 2)
    assert (accepted.value, let_in.value) == (0, 0)
    assert "0.000 of the frames read exactly; 6.0 frames a car" in accepted.note
    assert "0 accepted as another one, 0 of 2 let in by a random list" in let_in.note


@pytest.mark.parametrize(
    ("read", "told"),
    [
        (draw_plate(Random(SEED)).plate, "1 accepted as another one, 0 of 2 let in by a random list"),
        (made_up(Random(SEED)), "2 accepted as another one, 2 of 2 let in by a random list"),
    ],
    ids=["the first car's", "a stranger's"],
)
async def test_cars_that_all_read_as_one_are_counted_by_whose_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Plate, told: str
) -> None:
    class Stuck:
        def read(self, frame: Frame) -> Sequence[Sighting]:
            signs = np.full((2 * len(read.folded) + 1, BLANK + 1), -30, np.float32)
            signs[::2, BLANK] = 0
            signs[range(1, len(signs), 2), [SIGNS.index(sign) for sign in read.folded]] = 0
            return [Sighting(read.folded, 1.0, (0, 0, 100, 20), signs)]

    monkeypatch.setattr(bench, "engine", Stuck)
    monkeypatch.setattr(bench, "FRAMES", 1)
    monkeypatch.setattr(bench, "KINDS", {"any": KINDS["any"]})
    accepted, let_in, _ = await plates(tmp_path, lambda _: None, 2)
    assert accepted.value == (2 - int(told[0])) / 2
    assert let_in.note == told
