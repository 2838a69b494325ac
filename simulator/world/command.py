"""`gatehouse simulate`: what it is asked for, what it prints, and with which status it ends."""

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from domain.errors import OperatorError
from simulator.world.campaign import LONG_H, Orders, Result, campaign, end_when_told, never_seen
from simulator.world.faults import Kind
from simulator.world.world import PROGRESS_STEPS

SHOWN_MAX = 10
"""Findings of one seed that are printed."""

BAR = 40


@dataclass(frozen=True, slots=True)
class Order:
    """The command line, as typed."""

    seeds: str
    hours: float
    faults: str
    jobs: int
    keep: Path | None


def run(order: Order) -> int:
    """Play the campaign; 0 where every invariant held on every seed, and everything happened that ought to."""
    end_when_told()
    seeds, kinds = _seeds(order.seeds), kinds_of(order.faults)
    _must_be_new(order.keep, seeds)
    print(f"faults: {', '.join(kind.value for kind in Kind if kind in kinds) or 'none'}")
    bar, counts, bad, hours, took_s = _Bar(len(seeds)), Counter[str](), 0, 0.0, 0.0
    jobs = min(order.jobs, len(seeds))
    for result in campaign(seeds, Orders(order.hours, kinds, keep=order.keep), jobs, bar.step):
        bar.clear()
        _tell(result, order)
        bar.played(counted_by_steps=jobs == 1)
        counts += result.counts
        bad += bool(result.findings)
        hours, took_s = hours + result.virtual_h, took_s + result.took_s
    bar.clear()
    print("counts: " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    missing = never_seen(counts, kinds)
    if missing:
        is_long = hours >= LONG_H
        print(f"never happened{'' if is_long else ' (too short a campaign to fail for it)'}: {', '.join(missing)}")
        bad += is_long
    print(f"{len(seeds)} seeds, {hours:.1f} virtual hours, {hours * 3600 / took_s:.0f} times real time on one core")
    return 1 if bad else 0


def _tell(result: Result, order: Order) -> None:
    verdict = "held" if not result.findings else f"{len(result.findings)} findings"
    print(f"{result.plan}: {verdict}, trace {result.digest[:16]}, {result.took_s:.1f} s", flush=True)
    for finding in result.findings[:SHOWN_MAX]:
        when = "" if finding.at_ms is None else f" at {finding.at_ms / 1000:.3f} s"
        print(f"  {finding.invariant}: {finding.which}{when}: {finding.what}")
    if result.findings:
        again = f"--seeds {result.seed}..{result.seed + 1} --hours {order.hours:g} --faults {order.faults}"
        print(f"  to repeat: gatehouse simulate {again}", flush=True)


def _seeds(text: str) -> range:
    first, dots, end = text.partition("..")
    if not (dots and first.isdecimal() and end.isdecimal() and int(first) < int(end)):
        raise OperatorError("seeds_invalid", f"{text!r} are no seeds: take A..B with A below B, such as 0..50")
    return range(int(first), int(end))


def _must_be_new(keep: Path | None, seeds: range) -> None:
    if keep is None:
        return
    for seed in seeds:
        if (folder := keep / str(seed)).exists():
            raise OperatorError("keep_taken", f"{folder} is there already: name another folder, or remove it")
    try:
        keep.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OperatorError("keep_unusable", f"nothing can be made in {keep}: {error.strerror}") from error


def kinds_of(text: str) -> frozenset[Kind]:
    """The faults that `--faults` names. Raises OperatorError for one that there is not."""
    if text in ("all", "none"):
        return frozenset(Kind) if text == "all" else frozenset()
    known = {kind.value: kind for kind in Kind}
    names = text.split(",")
    if unknown := [name for name in names if name not in known]:
        raise OperatorError("fault_unknown", f"no fault is called {', '.join(unknown)}: take of {', '.join(known)}")
    return frozenset(known[name] for name in names)


class _Bar:
    """Shows on a terminal how far a campaign is."""

    def __init__(self, seeds: int) -> None:
        self._of = seeds * PROGRESS_STEPS
        self._done = 0

    def step(self) -> None:
        self._done += 1
        self._show()

    def played(self, *, counted_by_steps: bool) -> None:
        """One more seed, which may have counted itself, step by step."""
        self._done += 0 if counted_by_steps else PROGRESS_STEPS
        self._show()

    def clear(self) -> None:
        """Make room for a line of text."""
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def _show(self) -> None:
        if sys.stderr.isatty():
            filled = BAR * self._done // self._of
            share = 100 * self._done // self._of
            print(f"\r[{'#' * filled}{'.' * (BAR - filled)}] {share} %", end="", file=sys.stderr, flush=True)
