"""Whole worlds: every invariant holds, also on seeds that once failed, and a seed is the same run everywhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.world.campaign import OWN_FAILURE, Orders, campaign, play
from simulator.world.faults import Kind
from simulator.world.plan import Size

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[3]
FAILED_ONCE = [
    tuple(line.split())
    for line in (Path(__file__).parent / "failed_once.txt").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]
SMALL = Size(lots=1, entries=1, exits=1, cars_a_day=150)


def test_without_faults_all_is_as_it_should_be() -> None:
    result = play(3, Orders(3, frozenset(), SMALL))
    assert result.findings == ()
    assert result.counts["entries"] > 3
    assert result.counts["exits"] > 0


@pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.value)
def test_nor_does_any_one_kind_of_fault_break_anything(kind: Kind) -> None:
    assert play(5, Orders(1, frozenset({kind}), SMALL)).findings == ()


@pytest.mark.parametrize(("seed", "hours", "faults"), FAILED_ONCE)
def test_what_failed_once_holds(seed: str, hours: str, faults: str) -> None:
    kinds = frozenset(Kind(name) for name in faults.split(","))
    assert play(int(seed), Orders(float(hours), kinds)).findings == ()


def trace_of(seed: int, hash_seed: str) -> str:
    script = (
        "from simulator.world.campaign import Orders, play\n"
        "from simulator.world.faults import Kind\n"
        f"print(play({seed}, Orders(0.5, frozenset(Kind))).digest)\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_seed_is_the_same_run_whatever_strings_hash_to() -> None:
    orders = Orders(0.5, frozenset(Kind))
    assert trace_of(4, "1") == trace_of(4, "2") == play(4, orders).digest != play(5, orders).digest


def test_a_run_leaves_nothing_behind_that_changes_the_next() -> None:
    orders = Orders(0.5, frozenset(Kind), SMALL)
    first, *_ = campaign([8], orders, 1, lambda: None)
    play(9, orders)
    again = play(8, orders)
    assert (first.digest, first.counts) == (again.digest, again.counts)


def test_seeds_can_be_played_beside_each_other() -> None:
    orders = Orders(0.1, frozenset({Kind.CRASH}), SMALL)
    beside = {result.seed: result.digest for result in campaign(range(2), orders, 2, lambda: None)}
    assert beside == {seed: play(seed, orders).digest for seed in range(2)}


def test_a_unit_that_dies_of_itself_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("hub.lot.Lot.request", broken)
    result = play(3, Orders(1, frozenset(), SMALL))
    assert OWN_FAILURE in {finding.invariant for finding in result.findings}
