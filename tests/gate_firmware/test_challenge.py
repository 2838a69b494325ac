"""A challenge is taken once, while it lives, and a request that crosses a new one on its way is still heard."""

import itertools

import pytest

from domain.errors import TryLater
from domain.now import Now
from gate_firmware.challenge import LIFE_MS, OVERLAP_MS, Challenge
from tests.gate_firmware.gate import NOW


@pytest.fixture
def challenge() -> Challenge:
    numbers = itertools.count(1)
    return Challenge(lambda: f"c{next(numbers)}", NOW)


def taken(challenge: Challenge, text: str | None, now: Now = NOW) -> bool:
    try:
        challenge.take(text, now)
    except TryLater:
        return False
    return True


def test_each_is_taken_once(challenge: Challenge) -> None:
    first = challenge.current
    assert taken(challenge, first)
    assert challenge.current != first
    assert not taken(challenge, first)
    assert taken(challenge, challenge.current)


@pytest.mark.parametrize("wrong", [None, "", "c0"])
def test_a_wrong_one_changes_nothing(challenge: Challenge, wrong: str | None) -> None:
    current = challenge.current
    with pytest.raises(TryLater) as refused:
        challenge.take(wrong, NOW)
    assert refused.value.code == "challenge_wrong"
    assert challenge.current == current


def test_it_grows_old_by_the_gates_own_clock(challenge: Challenge) -> None:
    assert not taken(challenge, challenge.current, NOW.later(LIFE_MS))
    assert taken(challenge, challenge.current, NOW.later(LIFE_MS - 1))


def test_a_new_one_comes_before_that_and_the_old_one_stays_a_moment(challenge: Challenge) -> None:
    first = challenge.current
    due = NOW.later(LIFE_MS - OVERLAP_MS)
    assert challenge.next_wakeup_ms() == due.mono_ms
    assert not challenge.woken(due.later(-1))
    assert challenge.woken(due)
    assert challenge.current != first
    assert not taken(challenge, first, due.later(OVERLAP_MS))
    assert taken(challenge, first, due.later(OVERLAP_MS - 1))
    assert not taken(challenge, first, due.later(OVERLAP_MS - 1))


def test_taking_the_old_one_leaves_the_new_one_valid_a_moment(challenge: Challenge) -> None:
    first = challenge.current
    due = NOW.later(LIFE_MS - OVERLAP_MS)
    challenge.woken(due)
    second = challenge.current
    assert taken(challenge, first, due)
    assert challenge.current not in (first, second)
    assert not taken(challenge, second, due.later(OVERLAP_MS))
    assert taken(challenge, second, due.later(OVERLAP_MS - 1))


def test_no_more_than_two_are_ever_valid(challenge: Challenge) -> None:
    now, given = NOW, [challenge.current]
    for _ in range(5):
        now = now.later(challenge.next_wakeup_ms() - now.mono_ms)
        challenge.woken(now)
        given.append(challenge.current)
    valid = [text for text in given if now.mono_ms < challenge._valid_until_ms.get(text, 0)]
    assert valid == given[-2:]
