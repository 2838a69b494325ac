"""`gatehouse bench plates` with a handful of cars; how fast anything is is nobody's business here."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lpr.frame import Frame
from lpr.reader import Sighting
from simulator.bench import plates as bench
from simulator.bench.plates import KINDS, plates
from simulator.street.plates import Shape


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
