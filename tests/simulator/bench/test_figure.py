"""What a bench says, for programs and for people."""

import json

import pytest

from simulator.bench.figure import Figure, middle, spread, tell

RATIO = Figure("holds_ratio", 12.5, "times", 10, "higher", "median of 3 runs, 11 to 13")
WAIT = Figure("disk_sync", 4, "ms", None, "lower", "on this disk")


def test_one_json_object_a_figure(capsys: pytest.CaptureFixture[str]) -> None:
    tell([RATIO, WAIT], as_json=True)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == {
        "name": "holds_ratio",
        "value": 12.5,
        "unit": "times",
        "aim": 10,
        "better": "higher",
        "note": "median of 3 runs, 11 to 13",
    }
    assert lines[1]["aim"] is None


def test_a_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    tell([RATIO, WAIT], as_json=False)
    table = capsys.readouterr().out
    assert "12.5" in table
    assert "≥ 10" in table


@pytest.mark.parametrize(
    ("value", "aim", "better", "reached"),
    [(9, 10, "higher", False), (10, 10, "higher", True), (9, 10, "lower", True), (11, 10, "lower", False)],
)
def test_an_aim_is_reached(value: float, aim: float, better: str, *, reached: bool) -> None:
    assert Figure("f", value, "s", aim, better, "").reached is reached  # type: ignore[arg-type]  # one of the two
    assert WAIT.reached is None


def test_a_figure_has_no_more_digits_than_it_is_good_for() -> None:
    assert middle([1234.5, 1.0, 99_999.0]) == 1230
    assert spread([1234.5, 1.0, 99_999.0]) == "median of 3 runs, 1 to 1e+05"
