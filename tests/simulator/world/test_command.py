import sys
from collections import Counter
from difflib import unified_diff
from pathlib import Path

import pytest

from domain.errors import OperatorError
from simulator.world import command
from simulator.world.campaign import never_seen
from simulator.world.command import Order, run
from simulator.world.faults import Kind
from simulator.world.mutant import ROOT, play_mutant


def order(seeds: str = "0..1", *, hours: float = 0.3, faults: str = "none", keep: Path | None = None) -> Order:
    return Order(seeds, hours, faults, jobs=1, keep=keep)


@pytest.mark.parametrize("seeds", ["", "3", "3..", "..3", "3..3", "4..3", "a..b", "-1..2"])
def test_what_are_no_seeds_is_said_so(seeds: str) -> None:
    with pytest.raises(OperatorError, match=r"A\.\.B"):
        run(order(seeds))


def test_a_fault_that_there_is_not_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(OperatorError, match="no fault is called earthquake: take of loss, "):
        run(order(faults="loss,earthquake"))


def test_it_says_what_was_drawn_what_happened_and_that_it_held(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(order(faults="loss,crash")) == 0
    out = capsys.readouterr().out
    assert "faults: loss, crash\nseed 0: 0.3 h at riverside" in out
    assert ": held, trace " in out
    assert "\ncounts: " in out
    assert "never happened (too short a campaign to fail for it): " in out


def test_a_long_campaign_fails_for_what_never_happened(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "LONG_H", 0.1)
    assert run(order()) == 1
    assert "\nnever happened: " in capsys.readouterr().out


@pytest.mark.parametrize("jobs", [1, 2])
def test_on_a_terminal_it_shows_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], jobs: int
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert run(Order("0..2", 0.1, "none", jobs=jobs, keep=None)) == 0
    shown = capsys.readouterr().err
    assert "] 50 %" in shown
    assert shown.endswith("\r\033[K")


def test_it_leaves_what_it_is_asked_to(tmp_path: Path) -> None:
    assert run(order(keep=tmp_path)) == 0
    left = tmp_path / "0"
    assert {path.name for path in left.iterdir()} >= {"disks", "log.jsonl", "trace"}


def test_what_was_left_before_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    with pytest.raises(OperatorError, match="is there already"):
        run(order(keep=tmp_path))


def test_a_folder_that_cannot_be_made_is_said_so() -> None:
    with pytest.raises(OperatorError, match="nothing can be made in /proc/gatehouse"):
        run(order(keep=Path("/proc/gatehouse")))


def test_every_kind_of_fault_has_something_that_must_have_happened() -> None:
    nothing = Counter[str]()
    always = set(never_seen(nothing, frozenset()))
    for kind in Kind:
        assert set(never_seen(nothing, frozenset({kind}))) > always


def test_a_patch_that_does_not_fit_is_said_so(tmp_path: Path) -> None:
    patch = tmp_path / "stale.patch"
    patch.write_text("--- a/hub/lot.py\n+++ b/hub/lot.py\n@@ -1 +1 @@\n-nothing like this\n+x\n", encoding="utf-8")
    with pytest.raises(OperatorError, match="does not apply"):
        play_mutant(patch, ["simulate", "--seeds=0..1"])


def test_a_mutant_is_played_on_source_that_was_changed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    name = "simulator/world/command.py"
    source = (ROOT / name).read_text(encoding="utf-8").splitlines(keepends=True)
    changed = [*source, 'print("a mutant speaks")\n']
    patch = tmp_path / "words.patch"
    patch.write_text("".join(unified_diff(source, changed, f"a/{name}", f"b/{name}")), encoding="utf-8")
    assert play_mutant(patch, ["simulate", "--seeds=0..1", "--hours=0.1", "--faults=none"]) == 0
    assert "a mutant speaks" in capfd.readouterr().out
