"""Wrong tries are slowed down and locked out; a right one begins anew."""

from datetime import UTC, datetime

import pytest

from domain.errors import TryLater
from domain.now import Now
from domain.tries import WAIT_MS, Tries

NOW = Now(1_000, datetime(2026, 5, 14, 12, tzinfo=UTC))
LOCKED_S = 300


@pytest.fixture
def tries() -> Tries:
    return Tries("codes", tries_max=5, locked_s=LOCKED_S)


def is_closed(tries: Tries, now: Now) -> bool:
    try:
        tries.check(now)
    except TryLater:
        return True
    return False


def waits_ms(tries: Tries, now: Now) -> int:
    """After how long it takes the next one: one of those that there are, to the millisecond."""
    waits = (0, *(WAIT_MS << power for power in range(4)), LOCKED_S * 1_000)
    found = next(ms for ms in waits if not is_closed(tries, now.later(ms)))
    assert not found or is_closed(tries, now.later(found - 1))
    return found


def test_each_wrong_try_doubles_the_wait_and_the_last_locks(tries: Tries) -> None:
    now, waits, counts = NOW, [], []
    for _ in range(7):
        counts.append(tries.wrong(now))
        waits.append(waits_ms(tries, now))
        now = now.later(waits[-1])
    assert waits == [1_000, 2_000, 4_000, 8_000, LOCKED_S * 1_000, 1_000, 2_000]
    assert counts == [1, 2, 3, 4, 5, 1, 2]


def test_a_right_one_begins_anew(tries: Tries) -> None:
    for _ in range(2):
        tries.wrong(NOW)
    tries.right()
    tries.wrong(NOW)
    assert waits_ms(tries, NOW) == 1_000


def test_it_says_how_long(tries: Tries) -> None:
    for _ in range(5):
        tries.wrong(NOW)
    with pytest.raises(TryLater, match="wrong codes; try again in 300 s") as refused:
        tries.check(NOW)
    assert refused.value.code == "too_many_tries"
    assert refused.value.retry_after_s == LOCKED_S
    with pytest.raises(TryLater) as refused:
        tries.check(NOW.later(LOCKED_S * 1_000 - 1))
    assert refused.value.retry_after_s == 1


def test_whatever_a_clock_begins_at_the_first_try_is_taken(tries: Tries) -> None:
    tries.check(Now(-5_000, NOW.utc))
