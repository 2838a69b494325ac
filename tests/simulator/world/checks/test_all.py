"""A right run has no findings, and every invariant of the architecture's table has a checker."""

import re
import time
from pathlib import Path

from simulator.world.checks.all import CHECKS, findings
from tests.simulator.world.checks.conftest import Run

ROOT = Path(__file__).parents[4]


def test_a_right_run_has_no_findings_and_is_judged_quickly(run: Run) -> None:
    begun = time.monotonic()
    assert findings(run.seen, run.bank) == []
    assert time.monotonic() - begun < 2


def test_the_afternoon_had_of_everything_that_the_checkers_look_at(run: Run) -> None:
    statuses = {row["status"] for row in run.sql("riverside", "SELECT DISTINCT status FROM reservation")}
    assert {"completed", "cancelled", "no_show"} <= statuses
    kinds = {row["kind"] for row in run.sql("central", "SELECT DISTINCT kind FROM movements WHERE state = 'done'")}
    assert {"charge", "early-exit"} <= kinds


def test_every_invariant_has_a_checker() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.partition("## What must always be true")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| ([a-z]+(?:-[a-z]+)*) \|", table, re.MULTILINE)) - {"name"} == set(CHECKS)
