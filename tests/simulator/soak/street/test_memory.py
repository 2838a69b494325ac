"""What counts as a process that grows."""

import os
import random

import pytest

from simulator.soak.street.memory import GROWS_MB, JUDGED_S_MIN, WARM_UP_S, Memory, Run, resident
from simulator.soak.street.report import JUDGED_FROM_MIN, judge_memory

MB = 1_048_576
HALF_S = 900.0
"""For so long each process is left alone in half an hour."""


def run(grows_mb_per_h: float, seconds: float = HALF_S, noise_mb: float = 1.5, warms_mb: float = 120) -> Run:
    """A gate: it loads its reader, then jumps about, and grows."""
    dice = random.Random(1)
    one = Run("riverside.entry-1", 1, 0.0)
    for at_s in range(0, int(seconds), 15):
        size_mb = 250 + min(at_s / 60, 1) * warms_mb + dice.uniform(-1, 1) * noise_mb + grows_mb_per_h * at_s / 3600
        one.samples.append((at_s, round(size_mb * MB)))
    return one


@pytest.mark.parametrize("grows_mb_per_h", [0, 10])
def test_a_process_that_only_warms_up_does_not_grow(grows_mb_per_h: float) -> None:
    judged = run(grows_mb_per_h).judged()
    assert judged is not None
    assert not judged.grows
    assert abs(judged.mb_per_h - grows_mb_per_h) < 10


def test_a_frame_kept_for_each_car_is_found() -> None:
    judged = run(60 * 1280 * 720 * 3 / MB).judged()  # one that is not let go, at 60 cars an hour
    assert judged is not None
    assert judged.grows


def test_a_megabyte_lost_with_each_car_is_found() -> None:
    judged = run(60).judged()
    assert judged is not None
    assert judged.grows


def test_one_jump_is_no_growth() -> None:
    one = run(0)
    middle = len(one.samples) * 3 // 4
    one.samples[middle:] = [(at_s, size + 3 * MB) for at_s, size in one.samples[middle:]]
    judged = one.judged()
    assert judged is not None
    assert not judged.grows, GROWS_MB


def test_a_process_that_was_just_started_is_not_judged() -> None:
    assert run(1_000, seconds=WARM_UP_S + JUDGED_S_MIN - 20).judged() is None
    assert run(1_000, seconds=WARM_UP_S + JUDGED_S_MIN + 40).judged() is not None


def test_another_process_id_is_another_run() -> None:
    memory, ours = Memory(), os.getpid()
    assert memory.sample("gate", ours, 10.0) == pytest.approx(resident(ours), rel=0.2)
    memory.sample("gate", ours, 20.0)
    memory.sample("gate", os.getppid(), 30.0)
    assert [[at_s for at_s, _ in one.samples] for one in memory.runs] == [[0.0, 10.0], [0.0]]
    assert memory.latest_mb().keys() == {"gate"}


def test_a_process_that_is_gone_has_no_size() -> None:
    assert resident(2**22 + 1) is None
    memory = Memory()
    assert memory.sample("gate", 2**22 + 1, 0.0) is None
    assert memory.latest_mb() == {}


def test_what_grows_is_found_also_where_it_was_started_again_since() -> None:
    memory = Memory()
    memory.runs = [run(90), run(0)]
    [finding] = judge_memory(memory, ["riverside.entry-1"], 30)
    assert finding.invariant == "memory-flat"
    assert "riverside.entry-1 grows" in finding.detail


def test_a_long_run_judges_every_process() -> None:
    memory = Memory()
    memory.runs = [run(0)]
    assert list(judge_memory(memory, ["riverside.entry-1"], JUDGED_FROM_MIN)) == []
    [finding] = judge_memory(memory, ["riverside.entry-1", "central"], JUDGED_FROM_MIN)
    assert finding.detail == "central never ran for long enough to be judged"
    assert list(judge_memory(memory, ["riverside.entry-1", "central"], JUDGED_FROM_MIN - 1)) == []
