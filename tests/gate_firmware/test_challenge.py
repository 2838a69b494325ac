"""A challenge is taken once, while it lives; who comes too late for it hears another."""

import itertools

import pytest

from domain.errors import TryLater
from domain.now import Now
from gate_firmware.challenge import LIFE_MS, Challenge
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
    assert taken(challenge, challenge.current, NOW.later(LIFE_MS - 1))
    assert not taken(challenge, challenge.current, NOW.later(2 * LIFE_MS - 1))


@pytest.mark.parametrize("said", ["c1", "c0"])
def test_whoever_comes_too_late_hears_a_new_one(challenge: Challenge, said: str) -> None:
    later = NOW.later(LIFE_MS)
    assert not taken(challenge, said, later)
    assert challenge.current == "c2"
    assert not taken(challenge, "c1", later)
    assert taken(challenge, "c2", later.later(LIFE_MS - 1))
