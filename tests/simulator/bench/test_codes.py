"""`gatehouse bench codes` with a handful of pictures; how fast readers are is nobody's business here."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from lpr.frame import Frame
from simulator.bench import codes as bench
from simulator.bench.codes import codes, readers

FEW = 7


async def test_every_reader_is_measured_on_the_same_pictures(tmp_path: Path) -> None:
    figures = {figure.name: figure for figure in await codes(tmp_path, lambda _: None, FEW)}
    assert figures.keys() == {f"codes_{what}_{name}" for what in ("read", "ms") for name in readers()}
    assert figures["codes_read_chain"].value >= max(figures[f"codes_read_{name}"].value for name in ("zxing", "pyzbar"))
    assert all(figure.value > 0 for figure in figures.values())


async def test_a_text_that_is_not_there_is_counted_as_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def guess(_: Frame) -> Sequence[str]:
        return ["GUESSED"]

    monkeypatch.setattr(bench, "readers", lambda: {"guess": (guess, "a guess")})
    read, _ = await codes(tmp_path, lambda _: None, FEW)
    empty = len(range(0, FEW, bench.EMPTY_EVERY))
    assert read.value == 0
    assert f"{FEW + empty} wrong texts" in read.note
