"""Whether a seed catches a mutant: a finding of an invariant that it must break, and none without it."""

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

from simulator.world.campaign import Orders, play
from simulator.world.command import kinds_of
from simulator.world.mutants import Mutant

ROOT = Path(__file__).parents[3]
FINDING = re.compile(r"^  ([a-z-]+): (?!gatehouse)", re.MULTILINE)


def is_caught(mutant: Mutant, seed: int) -> bool:
    return bool(broken(mutant, seed) & mutant.by) and is_clean(seed, mutant.hours, mutant.faults)


@cache
def is_clean(seed: int, hours: int, faults: str) -> bool:
    """Whether nothing is found on a seed as the product is; played in this process, which has it loaded."""
    return not play(seed, Orders(float(hours), kinds_of(faults))).findings


def broken(mutant: Mutant, seed: int) -> frozenset[str]:
    """The invariants that a seed finds broken where the product is changed so."""
    command = [sys.executable, "-m", "gatehouse", "simulate", f"--seeds={seed}..{seed + 1}"]
    played = subprocess.run(  # noqa: S603  this very program, on seeds of ours
        [*command, f"--hours={mutant.hours}", f"--faults={mutant.faults}", f"--mutant={mutant.patch}"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    found = frozenset(FINDING.findall(played.stdout))
    assert f"seed {seed}:" in played.stdout, played.stderr
    assert bool(found) == (played.returncode != 0), played.stdout + played.stderr
    return found
