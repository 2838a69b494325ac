from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.now import Now, Trust, parse_instant, rfc3339

NOON = datetime(2026, 5, 14, 12, tzinfo=UTC)


def test_instants_are_written_in_utc_with_milliseconds() -> None:
    assert rfc3339(NOON) == "2026-05-14T12:00:00.000Z"
    assert rfc3339(NOON.replace(microsecond=999_999)) == "2026-05-14T12:00:00.999Z"
    assert rfc3339(datetime(2026, 5, 14, 14, tzinfo=timezone(timedelta(hours=2)))) == "2026-05-14T12:00:00.000Z"


@pytest.mark.parametrize("text", ["2026-05-14T12:00:00Z", "2026-05-14T14:00:00+02:00", "2026-05-14T12:00:00.000Z"])
def test_instants_are_read_with_any_offset(text: str) -> None:
    assert parse_instant(text) == NOON
    assert parse_instant(text).tzinfo is UTC


@pytest.mark.parametrize("text", ["2026-05-14T12:00:00", "2026-05-14", "noon", ""])
def test_an_instant_without_an_offset_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"offset|isoformat"):
        parse_instant(text)


@given(st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 as it wants
def test_what_is_written_is_read_back_to_the_millisecond(instant: datetime) -> None:
    cut = instant.replace(microsecond=instant.microsecond // 1_000 * 1_000)
    assert parse_instant(rfc3339(instant)) == cut
    assert rfc3339(cut) == rfc3339(instant)


def test_both_clocks_move_on_alike() -> None:
    later = Now(5, NOON, Trust.RTC).later(1_500)
    assert later == Now(1_505, NOON + timedelta(milliseconds=1_500), Trust.RTC)


@pytest.mark.parametrize("zone", [None, timezone(timedelta(hours=2))])
def test_the_present_is_in_utc(zone: timezone | None) -> None:
    with pytest.raises(AssertionError, match="UTC"):
        Now(0, NOON.replace(tzinfo=zone))
