"""What excuses a wait, and what does not."""

import pytest

from simulator.soak.street.plan import Breaks
from simulator.soak.street.trouble import AFTER_MS, CAMERA, DOWN, LANE, Span, Trouble, clear_ms

GATE = "riverside.entry-1"


class Clock:
    now_ms = 0

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def trouble(clock: Clock) -> Trouble:
    return Trouble(clock)


def span(from_ms: int, until_ms: int | None) -> Span:
    return Span(GATE, Breaks.JAMMED, from_ms, until_ms)


@pytest.mark.parametrize(
    ("spans", "clear"),
    [
        ([], 100),
        ([span(20, 30)], 85),
        ([span(20, None)], 20),
        ([span(0, 200)], 0),
        ([span(-50, -10)], 100),
        ([span(-50, 0)], 95),
        ([span(20, 40), span(30, 35)], 75),
        ([span(60, 70), span(20, 30)], 70),
        ([span(120, 130)], 100),
    ],
)
def test_time_counts_while_nothing_is_felt(spans: list[Span], clear: int) -> None:
    assert clear_ms(0, 100, spans, after_ms=5) == clear


def test_a_fault_is_felt_from_its_beginning_to_a_while_after_its_end(clock: Clock, trouble: Trouble) -> None:
    clock.now_ms = 1_000
    one = trouble.begin(GATE, Breaks.JAMMED)
    assert not trouble.felt(GATE, LANE, 999)
    assert trouble.felt(GATE, LANE, 9_999_999)
    clock.now_ms = 5_000
    trouble.end(one)
    assert trouble.felt(GATE, LANE, 5_000 + AFTER_MS)
    assert not trouble.felt(GATE, LANE, 5_001 + AFTER_MS)
    assert not trouble.felt(GATE, CAMERA | DOWN, 3_000)
    assert not trouble.felt("riverside.exit-1", LANE, 3_000)


@pytest.mark.parametrize("breaks", [*(one for one in Breaks if one in LANE), Breaks.KILLED, Breaks.CAMERA_FROZEN])
def test_a_lane_that_cannot_know_or_move_need_not_let_in(trouble: Trouble, breaks: Breaks) -> None:
    trouble.begin(GATE, breaks)
    assert clear_ms(0, 100, trouble.for_credentials(GATE)) == 0


@pytest.mark.parametrize("breaks", [Breaks.CAMERA_BLACK, Breaks.CAMERA_NONE])
def test_a_dark_camera_alone_keeps_nobody_out(trouble: Trouble, breaks: Breaks) -> None:
    trouble.begin(GATE, breaks)
    assert clear_ms(0, 100, trouble.for_credentials(GATE)) == 100
    trouble.begin("riverside.broker", Breaks.STOPPED)
    assert clear_ms(0, 100, trouble.for_credentials(GATE)) == 0, "the gate was not told of the booking"


@pytest.mark.parametrize(
    ("unit", "breaks"),
    [
        ("central", Breaks.KILLED),
        ("central.broker", Breaks.STOPPED),
        ("riverside", Breaks.CUT),
        ("riverside", Breaks.KILLED),
        ("riverside.broker", Breaks.STOPPED),
        ("riverside.exit-1", Breaks.JAMMED),
        ("hillside.entry-1", Breaks.KILLED),
    ],
)
def test_what_is_wrong_elsewhere_keeps_nobody_out(trouble: Trouble, unit: str, breaks: Breaks) -> None:
    trouble.begin(unit, breaks)
    assert clear_ms(0, 100, trouble.for_credentials(GATE)) == 100
