"""Log-ins: by whom, and until when."""

from hub.attendants import Attendant
from hub.sessions import LIFE_S, SESSIONS_MAX, Sessions
from tests.hub.riverside import NOW

ANNA = Attendant("Anna")


def test_a_session_lasts_for_a_shift() -> None:
    sessions = Sessions()
    token = sessions.begin(ANNA, NOW)
    last = NOW.later(LIFE_S * 1_000 - 1)
    session = sessions.of(token, last)
    assert session is not None
    assert session.attendant == ANNA
    assert sessions.of(token, last.later(1)) is None


def test_nobody_has_one_who_has_not_logged_in() -> None:
    sessions = Sessions()
    token = sessions.begin(ANNA, NOW)
    for other in (None, "", token[:-1], token + "x"):
        assert sessions.of(other, NOW) is None


def test_one_that_was_ended_is_over_and_no_other() -> None:
    sessions = Sessions()
    phone, desk = sessions.begin(ANNA, NOW), sessions.begin(ANNA, NOW)
    sessions.end(phone)
    sessions.end(phone)
    sessions.end(None)
    assert sessions.of(phone, NOW) is None
    assert sessions.of(desk, NOW) is not None


def test_tokens_cannot_be_guessed() -> None:
    sessions = Sessions()
    tokens = {sessions.begin(ANNA, NOW) for _ in range(SESSIONS_MAX)}
    assert len(tokens) == SESSIONS_MAX
    assert min(map(len, tokens)) >= 43, "256 bits"


def test_one_too_many_ends_the_oldest() -> None:
    sessions = Sessions()
    tokens = [sessions.begin(ANNA, NOW) for _ in range(SESSIONS_MAX + 1)]
    assert [sessions.of(token, NOW) is not None for token in tokens] == [False] + [True] * SESSIONS_MAX
