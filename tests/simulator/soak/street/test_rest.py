"""Which close commands nobody could have known better than, and which are found."""

import json
from pathlib import Path

import pytest

from simulator.demo.configuration import GateSite
from simulator.ports import free_port
from simulator.soak.street.lane import StreetLane
from simulator.soak.street.plan import Breaks
from simulator.soak.street.rest import HIT_MS, Rest, closed_blindly, failures_logged
from simulator.soak.street.tally import Tally
from simulator.soak.street.trouble import Trouble

GATE = "riverside.entry-1"


class Clock:
    now_ms = 10_000

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def trouble() -> Trouble:
    """From 10 s on, for as long as a test does not end it."""
    return Trouble(Clock())


@pytest.mark.parametrize("name", ["closed_on_car", "closed_on_obstacle"])
@pytest.mark.parametrize(
    ("breaks", "at_ms", "blindly"),
    [
        (Breaks.SAFETY_OFF, 11_000, True),
        (Breaks.PHOTOCELL_OFF, 11_000, True),
        (Breaks.SAFETY_OFF, 9_000, False),
        (Breaks.SAFETY_ON, 11_000, False),
        (Breaks.ARRIVAL_OFF, 11_000, False),
        (Breaks.JAMMED, 11_000, False),
        (Breaks.KILLED, 11_000, False),
    ],
)
def test_a_gate_may_close_on_what_it_is_not_told_of(
    trouble: Trouble, name: str, breaks: Breaks, at_ms: int, blindly: bool
) -> None:
    trouble.begin(GATE, breaks)
    assert closed_blindly(trouble, GATE, name, at_ms) is blindly
    assert not closed_blindly(trouble, "riverside.exit-1", name, at_ms)


@pytest.mark.parametrize("breaks", [Breaks.SAFETY_OFF, Breaks.PHOTOCELL_OFF, Breaks.JAMMED])
def test_no_single_input_excuses_an_arm_that_hits_a_car(trouble: Trouble, breaks: Breaks) -> None:
    trouble.begin(GATE, breaks)
    assert not closed_blindly(trouble, GATE, "arm_hit_car", 11_000)


def test_an_arm_may_come_down_on_who_pushes_in_while_the_gate_is_dead(trouble: Trouble) -> None:
    killed = trouble.begin(GATE, Breaks.KILLED)
    assert closed_blindly(trouble, GATE, "arm_hit_car", 11_000)
    trouble.end(killed)
    assert not closed_blindly(trouble, GATE, "arm_hit_car", 10_001 + HIT_MS)


def test_what_a_lane_remembers_is_found(tmp_path: Path, trouble: Trouble) -> None:
    lane = StreetLane(GateSite(GATE, "entry", 0, free_port()))
    rest = Rest(tmp_path, [], {GATE: lane}, trouble, Tally(lambda _: None))
    assert rest.while_running() == []
    memory = tmp_path / "lanes" / GATE / "lane.json"
    memory.parent.mkdir(parents=True)
    broken = [{"happening": "arm_hit_car", "mono_ms": 5_000, "car": "car-01"}]
    memory.write_text(json.dumps({"broken": broken}), encoding="utf-8")
    [finding] = rest.while_running()
    assert finding.invariant == "barrier-clear"
    assert "arm_hit_car, car-01" in finding.detail


def test_stack_traces_are_found_in_logs(tmp_path: Path) -> None:
    trace = "Traceback (most recent call last):\n  File ...\nKeyError: 'spot'"
    lines = [{"event": "link.up"}, {"event": "hub.failed", "trace": trace}]
    (tmp_path / "riverside.log").write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    (tmp_path / "central.log").write_text(trace + "\n", encoding="utf-8")
    (tmp_path / "hillside.log").write_text(json.dumps(lines[0]) + "\n", encoding="utf-8")
    found = list(failures_logged(tmp_path))
    assert {finding.invariant for finding in found} == {"no-unit-fails"}
    assert [finding.detail for finding in found] == [
        "central: died: see central.log",
        "riverside: hub.failed: KeyError: 'spot'",
    ]
