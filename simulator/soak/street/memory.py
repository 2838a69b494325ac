"""Whether processes stay as large as they are: their resident memory over time, and what counts as growing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from statistics import median

WARM_UP_S = 240.0
"""Not judged: a reader loads, caches fill, the allocator finds its size."""
JUDGED_S_MIN = 300.0
"""Of samples after it, at least."""
GROWS_MB_PER_H = 30.0
GROWS_MB = 4.0
"""A process grows that does so by more than the first, and by more than this between the first and the last third: a
leak of half a megabyte a car is found within half a run, what an allocator keeps or gives back is not."""
_MB = 1_048_576


@dataclass(frozen=True, slots=True)
class Judged:
    """One run of a process, from warm-up to its end."""

    name: str
    seconds: float
    first_mb: float
    last_mb: float
    mb_per_h: float

    @property
    def grows(self) -> bool:
        return self.mb_per_h > GROWS_MB_PER_H and self.last_mb - self.first_mb > GROWS_MB

    def __str__(self) -> str:
        return f"{self.first_mb:.1f} to {self.last_mb:.1f} MB in {self.seconds / 60:.0f} min, {self.mb_per_h:+.1f} MB/h"


@dataclass(slots=True)
class Run:
    """One process from its start on: `samples` are seconds since then and bytes."""

    name: str
    process_id: int
    began_s: float
    samples: list[tuple[float, int]] = field(default_factory=list)

    def judged(self) -> Judged | None:
        """None where it did not run for long enough."""
        warm = [(at_s, size / _MB) for at_s, size in self.samples if at_s >= WARM_UP_S]
        if not warm or warm[-1][0] - warm[0][0] < JUDGED_S_MIN:
            return None
        third = max(len(warm) // 3, 1)
        first, last = (median(size for _, size in part) for part in (warm[:third], warm[-third:]))
        return Judged(self.name, warm[-1][0] - warm[0][0], first, last, _slope(warm) * 3600)


class Memory:
    """The processes of a run, sampled."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self._now: dict[str, Run] = {}

    def sample(self, name: str, process_id: int, now_s: float) -> int | None:
        """Take down how large a process is, in bytes; None where it is gone. Another process id is another run."""
        run = self._now.get(name)
        if run is None or run.process_id != process_id:
            run = self._now[name] = Run(name, process_id, now_s)
            self.runs.append(run)
        size = resident(process_id)
        if size is not None:
            run.samples.append((now_s - run.began_s, size))
        return size

    def latest_mb(self) -> dict[str, float]:
        """By process, as last seen."""
        return {name: run.samples[-1][1] / _MB for name, run in self._now.items() if run.samples}

    def longest(self, names: Iterable[str]) -> dict[str, Judged | None]:
        """By process: the longest of its runs that can be judged."""
        found: dict[str, Judged | None] = {}
        for name in names:
            judged = [one for run in self.runs if run.name == name and (one := run.judged()) is not None]
            found[name] = max(judged, key=lambda one: one.seconds, default=None)
        return found

    def growing(self) -> list[Judged]:
        """Every run that grew, whether or not its process has been started again since."""
        return [one for run in self.runs if (one := run.judged()) is not None and one.grows]


def resident(process_id: int) -> int | None:
    """Bytes of a process that are in memory; None where it is gone. Linux only."""
    try:
        status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = next((line for line in status.splitlines() if line.startswith("VmRSS:")), None)
    return None if found is None else int(found.split()[1]) * 1024


def _slope(points: Sequence[tuple[float, float]]) -> float:
    """The median of the slopes between any two points (Theil and Sen): single jumps do not move it."""
    slopes = [(after[1] - before[1]) / (after[0] - before[0]) for before, after in combinations(points, 2)]
    return median(slopes)
