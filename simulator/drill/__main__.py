"""`python -m simulator.drill`: a hub's disk is lost under load and restored, two hubs are started from one backup, and
central's disk is lost and restored."""

import argparse
import asyncio
import secrets
import sys
import tempfile
from pathlib import Path

from simulator.cli import SEED_BITS
from simulator.demo.timeline import StepFailed, Timeline
from simulator.drill.story import drill


def main() -> None:
    """Exit status 1 where something did not hold; the seed and the folder to look at are said."""
    parser = argparse.ArgumentParser(prog="python -m simulator.drill", description="Lose a disk, restore its backup.")
    parser.add_argument(
        "--seed", type=int, help="draws plates, bookings and the moment of the loss; one more each round"
    )
    parser.add_argument("--rounds", type=int, default=1, help="drills, one after the other (1)")
    parser.add_argument("--keep", metavar="DIR", type=Path, help="an empty folder for databases, backups and logs")
    arguments = parser.parse_args()
    first = secrets.randbits(SEED_BITS) if arguments.seed is None else arguments.seed
    folder = (arguments.keep or Path(tempfile.mkdtemp(prefix="gatehouse-drill-"))).resolve()
    for seed in range(first, first + arguments.rounds):
        timeline = Timeline(as_json=False)
        timeline.say(f"seed {seed}, in {folder / str(seed)}")
        try:
            asyncio.run(drill(folder / str(seed), seed, timeline))
        except StepFailed as failed:
            sys.exit(f"drill: ended at: {failed}; seed {seed}, logs in {folder / str(seed)}")
        timeline.end()


if __name__ == "__main__":
    main()
