"""Finds the first seed that catches a mutant, where a change of the product has made another one of the known one.

python -m simulator.world.mutants [NAME...]
"""

import sys

from simulator.world.mutants import MUTANTS, SEEDS_MAX
from simulator.world.mutants.hunt import is_caught


def main() -> int:
    names = set(sys.argv[1:])
    if unknown := names - {mutant.name for mutant in MUTANTS}:
        print(f"no such mutants: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    missed = 0
    for mutant in MUTANTS:
        if names and mutant.name not in names:
            continue
        seeds = [mutant.seed, *(seed for seed in range(SEEDS_MAX) if seed != mutant.seed)]
        seed = next((seed for seed in seeds if is_caught(mutant, seed)), None)
        print(f"{mutant.name}: {'by no seed' if seed is None else f'seed {seed}'}", flush=True)
        missed += seed is None
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
