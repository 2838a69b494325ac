"""What a street soak says: a line a minute, and at its end a table."""

from collections.abc import Iterable, Iterator, Mapping

from simulator.demo.audit import Finding
from simulator.soak.street.memory import GROWS_MB, GROWS_MB_PER_H, WARM_UP_S, Memory
from simulator.soak.street.tally import Tally

JUDGED_FROM_MIN = 20.0
"""In a run of so many minutes each of our processes has one run that is long enough to be judged."""


def progress(tally: Tally, inside: int, memory: Mapping[str, float]) -> str:
    """One line: cars, faults, findings, megabytes."""
    counts = tally.counts
    sizes = " ".join(f"{name} {size:.0f}" for name, size in memory.items() if name != "bank")
    return (
        f"in {tally.through('entry')}, out {tally.through('exit')}, inside {inside}, "
        f"refused {counts['stranger: not in']}, faults {counts['faults']}, findings {len(tally.findings)}; MB: {sizes}"
    )


def judge_memory(memory: Memory, names: Iterable[str], minutes: float) -> Iterator[Finding]:
    """memory-flat: no run of any process grew; in a long run each of `names` could be judged."""
    for one in memory.growing():
        yield Finding("memory-flat", f"{one.name} grows: {one}")
    for name, judged in memory.longest(names).items():
        if judged is None and minutes >= JUDGED_FROM_MIN:
            yield Finding("memory-flat", f"{name} never ran for long enough to be judged")


def summary(tally: Tally, memory: Memory, names: Iterable[str]) -> Iterator[str]:
    """The table at the end."""
    yield f"{'cars':<44}"
    for name in sorted(tally.counts):
        yield f"  {name:<42}{tally.counts[name]:>7}"
    if waits := sorted(tally.exit_waits_ms):
        yield f"  {'at an exit to the arm up, ms: median, worst':<42}{waits[len(waits) // 2]:>7}{waits[-1]:>7}"
    yield (
        f"memory, after the first {WARM_UP_S / 60:.0f} min of a process; it grows from {GROWS_MB_PER_H:.0f} MB/h and "
        f"{GROWS_MB:.0f} MB on"
    )
    for name, judged in memory.longest(names).items():
        yield f"  {name:<20}{'not up for long enough' if judged is None else judged}"
    by_name: dict[str, int] = {}
    for finding in tally.findings:
        by_name[finding.invariant] = by_name.get(finding.invariant, 0) + 1
    yield "findings: " + (", ".join(f"{name} {count}" for name, count in by_name.items()) or "none")
