"""Whether a seed catches a mutant: a finding of an invariant that it must break, and none without it."""

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

from simulator.world.mutants import Mutant

ROOT = Path(__file__).parents[3]
FINDING = re.compile(r"^  ([a-z-]+): (?!gatehouse)", re.MULTILINE)


def is_caught(mutant: Mutant, seed: int) -> bool:
    found = broken(seed, mutant.hours, mutant.faults, f"--mutant={mutant.patch}")
    return bool(found & mutant.by) and is_clean(seed, mutant.hours, mutant.faults)


@cache
def is_clean(seed: int, hours: int, faults: str) -> bool:
    """Whether nothing is found on a seed as the product is."""
    return not broken(seed, hours, faults)


def broken(seed: int, hours: int, faults: str, *mutant: str) -> frozenset[str]:
    """The invariants that one seed finds broken."""
    command = [sys.executable, "-m", "gatehouse", "simulate", f"--seeds={seed}..{seed + 1}"]
    played = subprocess.run(  # noqa: S603  this very program, on seeds of ours
        [*command, f"--hours={hours}", f"--faults={faults}", *mutant],
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
