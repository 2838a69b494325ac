"""`python -m simulator.soak`: kills each kind of process 20 times and at each boundary, and audits what is left."""

import argparse
import asyncio
import secrets
import sys
import tempfile
from pathlib import Path

from simulator.cli import SEED_BITS
from simulator.demo.timeline import StepFailed
from simulator.soak.campaign import KINDS, campaign, rounds

KILLS = 20


def main() -> None:
    """Exit status 1 where a visit failed or the audit found something; the seed and the folder to look at are said."""
    parser = argparse.ArgumentParser(prog="python -m simulator.soak", description="Kill every process at any moment.")
    parser.add_argument("--kills", type=int, default=KILLS, help=f"of each kind at random instants ({KILLS})")
    parser.add_argument("--only", choices=KINDS, nargs="+", default=KINDS, help="kinds of processes")
    parser.add_argument("--seed", type=int, help="draws order, instants, plates and frames")
    parser.add_argument("--keep", metavar="DIR", type=Path, help="an empty folder for databases, frames and logs")
    arguments = parser.parse_args()
    seed = secrets.randbits(SEED_BITS) if arguments.seed is None else arguments.seed
    folder = (arguments.keep or Path(tempfile.mkdtemp(prefix="gatehouse-soak-")) / "site").resolve()
    plan = rounds(arguments.kills, arguments.only)
    print(f"seed {seed}, {len(plan)} kills, in {folder}", flush=True)
    try:
        findings = asyncio.run(campaign(folder, seed, plan, lambda line: print(line, flush=True)))
    except StepFailed as failed:
        sys.exit(f"soak: a visit did not come to its end: {failed}; seed {seed}, logs in {folder}")
    for finding in findings:
        print(f"{finding.invariant}: {finding.detail}")
    print(f"{len(findings)} findings; see {folder}" if findings else "all invariants hold")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
