"""What a bench says: one figure, what it should be, and what was measured."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Literal

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """`aim` is what we want it to be, where we want something; `note` says what was measured, and its spread."""

    name: str
    value: float
    unit: str
    aim: float | None
    better: Literal["lower", "higher"]
    note: str

    @property
    def reached(self) -> bool | None:
        """Whether it is as good as its aim; None without one."""
        if self.aim is None:
            return None
        return self.value >= self.aim if self.better == "higher" else self.value <= self.aim


def spread(values: Sequence[float]) -> str:
    """How far the runs lay apart."""
    return f"median of {len(values)} runs, {min(values):,.4g} to {max(values):,.4g}"


def middle(values: Sequence[float]) -> float:
    """Their median, with no more digits than it is good for."""
    return float(f"{median(values):.3g}")


def tell(figures: Iterable[Figure], *, as_json: bool) -> None:
    """One JSON object a figure, or a table for people."""
    if as_json:
        for figure in figures:
            print(json.dumps(asdict(figure)), flush=True)
        return
    table = Table("figure", "", "unit", "aim", "measured", box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.columns[1].justify = table.columns[3].justify = "right"
    for figure in figures:
        colour = {None: "", True: "green", False: "yellow"}[figure.reached]
        aim = "" if figure.aim is None else f"{'≥' if figure.better == 'higher' else '≤'} {figure.aim:,g}"
        table.add_row(figure.name, f"{figure.value:,g}", figure.unit, aim, figure.note, style=colour)
    Console().print(table)
