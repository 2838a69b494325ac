"""`python -m simulator.soak.street`: cars and faults at two lots of real processes, and what is wrong."""

import argparse
import asyncio
import secrets
import sys
import tempfile
from pathlib import Path

from domain.errors import OperatorError
from simulator.cli import SEED_BITS
from simulator.soak.street.report import judge_memory, summary
from simulator.soak.street.run import Order, soak

MINUTES, CARS_PER_HOUR = 30.0, 60.0
MINUTES_MIN = 2.0


def main() -> None:
    """Exit status 1 where anything was found; the seed and the command that repeats it are said."""
    parser = argparse.ArgumentParser(prog="python -m simulator.soak.street", description="Cars and faults on a street.")
    parser.add_argument("--minutes", type=float, default=MINUTES, help=f"of cars and faults ({MINUTES:.0f})")
    parser.add_argument("--cars-per-hour", type=float, default=CARS_PER_HOUR, help=f"and lane ({CARS_PER_HOUR:.0f})")
    parser.add_argument("--seed", type=int, help="draws who comes and what breaks")
    parser.add_argument("--keep", metavar="DIR", type=Path, help="an empty folder for databases, frames and logs")
    arguments = parser.parse_args()
    if arguments.minutes < MINUTES_MIN or arguments.cars_per_hour <= 0:
        parser.error(f"it lasts {MINUTES_MIN:.0f} minutes at least, and cars come")
    seed = secrets.randbits(SEED_BITS) if arguments.seed is None else arguments.seed
    folder = (arguments.keep or Path(tempfile.mkdtemp(prefix="gatehouse-street-"))).resolve() / "site"
    again = f"--seed {seed} --minutes {arguments.minutes:g} --cars-per-hour {arguments.cars_per_hour:g}"
    _say(f"python -m simulator.soak.street {again}, in {folder}")
    order = Order(folder, seed, arguments.minutes, arguments.cars_per_hour)
    try:
        tally, memory = asyncio.run(soak(order, _say))
    except OperatorError as error:
        sys.exit(f"soak: {error.message}")
    names = sorted({run.name for run in memory.runs} - {"bank"})
    for finding in judge_memory(memory, names, arguments.minutes):
        tally.found(finding.invariant, finding.detail)
    for line in summary(tally, memory, names):
        _say(line)
    if tally.findings:
        for finding in tally.findings:
            _say(f"{finding.invariant}: {finding.detail}")
        sys.exit(f"{len(tally.findings)} findings; see {folder}; repeat it with {again}")
    _say("all invariants hold")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
