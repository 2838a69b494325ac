"""Every deliberate fault is found, on seeds on which the product as it is has no finding."""

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from simulator.world.checks.all import CHECKS
from simulator.world.mutants import MUTANTS, SEEDS_MAX, Mutant

ROOT = Path(__file__).parents[3]
FINDING = re.compile(r"^  ([a-z-]+): (?!gatehouse)", re.MULTILINE)

EACH = pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)


def broken(seed: int, hours: int, faults: str, *mutant: str) -> frozenset[str]:
    """The invariants that one seed finds broken."""
    command = [sys.executable, "-m", "gatehouse", "simulate", f"--seeds={seed}..{seed + 1}"]
    played = subprocess.run(
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


@cache
def is_clean(seed: int, hours: int, faults: str) -> bool:
    """Whether nothing is found on a seed as the product is."""
    return not broken(seed, hours, faults)


def is_caught(mutant: Mutant, seed: int) -> bool:
    found = broken(seed, mutant.hours, mutant.faults, f"--mutant={mutant.patch}")
    return bool(found & mutant.by) and is_clean(seed, mutant.hours, mutant.faults)


@EACH
def test_the_mutant_applies(mutant: Mutant) -> None:
    git = shutil.which("git")
    assert git is not None, "git applies patches"
    applied = subprocess.run(
        [git, "apply", "--check", str(mutant.patch)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert applied.returncode == 0, f"{mutant.name} does not apply any more: {applied.stderr}"


@EACH
def test_the_mutant_is_caught(mutant: Mutant) -> None:
    others = (seed for seed in range(SEEDS_MAX) if seed != mutant.seed)
    assert is_caught(mutant, mutant.seed) or any(is_caught(mutant, seed) for seed in others)


def test_the_mutants_are_those_that_are_listed() -> None:
    assert {mutant.patch for mutant in MUTANTS} == set((ROOT / "simulator/world/mutants").glob("*.patch"))
    assert len(MUTANTS) >= 15
    assert {name for mutant in MUTANTS for name in mutant.by} <= CHECKS.keys()
