from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput
from domain.window import LONGEST, Window

START = datetime(2026, 5, 14, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


def window(start_h: float, end_h: float) -> Window:
    return Window(START + start_h * HOUR, START + end_h * HOUR)


@pytest.mark.parametrize("end_h", [0, -1])
def test_it_ends_after_it_starts(end_h: float) -> None:
    with pytest.raises(BadInput, match="end_time must be after start_time"):
        window(0, end_h)


def test_it_is_31_days_long_at_most() -> None:
    assert Window(START, START + LONGEST).length == LONGEST
    with pytest.raises(BadInput, match="31 days at most"):
        Window(START, START + LONGEST + timedelta.resolution)


@pytest.mark.parametrize("zone", [None, timezone(timedelta(hours=2))])
def test_instants_are_utc(zone: timezone | None) -> None:
    other = START.replace(tzinfo=zone)
    with pytest.raises(AssertionError, match="UTC"):
        Window(other, START + HOUR)
    with pytest.raises(AssertionError, match="UTC"):
        Window(START - HOUR, other)


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ((0, 2), (2, 4), False),  # they touch
        ((0, 2), (1, 3), True),
        ((0, 4), (1, 2), True),  # one within the other
        ((0, 2), (0, 2), True),
        ((0, 1), (3, 4), False),
    ],
)
def test_windows_that_touch_do_not_overlap(one: tuple[int, int], other: tuple[int, int], overlap: bool) -> None:
    assert window(*one).overlaps(window(*other)) is overlap
    assert window(*other).overlaps(window(*one)) is overlap


hours = st.tuples(st.integers(0, 12), st.integers(1, 6)).map(lambda drawn: (drawn[0], drawn[0] + drawn[1]))


@given(hours, hours)
def test_they_overlap_exactly_where_an_instant_is_in_both(one: tuple[int, int], other: tuple[int, int]) -> None:
    shared = set(range(*one)) & set(range(*other))
    assert window(*one).overlaps(window(*other)) is bool(shared)
