"""What a street soak says."""

from domain.plate import Plate
from simulator.soak.street.memory import Memory, Run
from simulator.soak.street.report import progress, summary
from simulator.soak.street.tally import Tally
from simulator.world.seen import At

MB = 1_048_576


def tally() -> Tally:
    said = Tally(lambda _: None)
    for gate_id, to in (
        ("riverside.entry-1", At.LOOP),
        ("riverside.entry-1", At.THROUGH),
        ("hillside.entry-1", At.THROUGH),
        ("hillside.entry-1", At.GONE),
        ("riverside.exit-1", At.THROUGH),
    ):
        said.car(1, gate_id, "riverside-1", Plate("BAB123"), to)
    return said


def test_the_line_of_a_minute() -> None:
    line = progress(tally(), 1, {"bank": 20.0, "central": 133.4})
    assert line == "in 2, out 1, inside 1, refused 0, faults 0, findings 0; MB: central 133"


def test_the_table_at_the_end_has_every_count_and_process() -> None:
    said, memory = tally(), Memory()
    said.exit_waits_ms += [900, 700, 2_100]
    said.found("paid-gets-in", "riverside-1 waited")
    said.found("paid-gets-in", "riverside-1 waited")
    memory.runs = [Run("central", 1, 0.0, [(float(at_s), 100 * MB) for at_s in range(0, 1_800, 15)])]
    lines = [" ".join(line.split()) for line in summary(said, memory, ["central", "riverside"])]
    assert "riverside.entry-1 through 1" in lines
    assert "hillside.entry-1 backed out 1" in lines
    assert "at an exit to the arm up, ms: median, worst 900 2100" in lines
    assert "central 100.0 to 100.0 MB in 26 min, +0.0 MB/h" in lines
    assert "riverside not up for long enough" in lines
    assert lines[-1] == "findings: paid-gets-in 1", "the same is found once"
