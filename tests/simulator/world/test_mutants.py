"""Every deliberate fault is found, on seeds on which the product as it is has no finding."""

import shutil
import subprocess
from pathlib import Path

import pytest

from simulator.world.checks.all import CHECKS
from simulator.world.mutants import MUTANTS, SEEDS_MAX, Mutant
from simulator.world.mutants.hunt import is_caught

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[3]

EACH = pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)


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
    assert 0 <= mutant.seed < SEEDS_MAX
    again = f"find another seed: python -m simulator.world.mutants {mutant.name}"
    assert is_caught(mutant, mutant.seed), f"seed {mutant.seed} does not catch it any more; {again}"


def test_the_mutants_are_those_that_are_listed() -> None:
    assert {mutant.patch for mutant in MUTANTS} == set((ROOT / "simulator/world/mutants").glob("*.patch"))
    assert len(MUTANTS) >= 15
    assert {name for mutant in MUTANTS for name in mutant.by} <= CHECKS.keys()
