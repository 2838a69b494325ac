"""`gatehouse bench replica` with a handful of bookings; how fast it is is nobody's business here."""

from pathlib import Path

import pytest

from domain.errors import OperatorError
from gate_firmware.compared import ComparedReplica
from simulator.bench.fortnight import Scale, days, layout
from simulator.bench.replica import replica

FEW = Scale(spots=4, a_day=20, days=3, away=1)


async def test_all_copies_are_compared_and_measured(tmp_path: Path) -> None:
    said: list[str] = []
    figures = {figure.name: figure for figure in await replica(tmp_path, said.append, FEW)}
    assert figures.keys() == {
        "replica_disk",
        "replica_new_disk",
        "replica_compare",
        "replica_snapshot",
        "replica_week",
    }
    assert all(figure.value > 0 and figure.better == "lower" for figure in figures.values())
    assert len(said) == FEW.days + 1


async def test_a_copy_that_is_wrong_is_an_error_and_no_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ComparedReplica, "rows", lambda *_: iter([]))
    with pytest.raises(OperatorError, match="not as it is here"):
        await replica(tmp_path, lambda _: None, FEW)


def test_a_fortnight_is_told_in_order_and_is_the_same_each_time() -> None:
    told = [one for day in days(FEW) for one in day]
    assert [at for at, _ in told] == sorted(at for at, _ in told)
    assert [(at, payload.kind) for at, payload in told] == [
        (at, payload.kind) for day in days(FEW) for at, payload in day
    ]
    assert len(list(layout(FEW))) == 1 + FEW.spots
