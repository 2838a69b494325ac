"""Who may log in, and that codes cannot be found by trying."""

import pytest

from domain.errors import OperatorError, Refused, TryLater
from hub.attendants import CODE_LENGTH_MIN, LOCKED_S, Attendant, Attendants, attendant_code
from tests.hub.riverside import NOW
from tests.hub.units import Clock

ANNA, RUTH = Attendant("Anna"), Attendant("Ruth", is_manager=True)
CODE = "horse battery staple"


@pytest.fixture
def attendants() -> Attendants:
    return Attendants({RUTH: CODE, ANNA: CODE.upper()})


def outcome(attendants: Attendants, name: str, code: str, clock: Clock) -> str:
    try:
        return attendants.known_by(name, code, clock()).name
    except (Refused, TryLater) as error:
        return error.code


def test_an_attendant_is_known_by_name_and_code(attendants: Attendants) -> None:
    assert (attendants.names, attendants.managers) == (["Anna", "Ruth"], ["Ruth"])
    assert attendants.known_by("Ruth", CODE, NOW) == RUTH
    assert attendants.known_by("Anna", CODE.upper(), NOW) == ANNA


@pytest.mark.parametrize(
    ("name", "code"), [("Ruth", CODE.upper()), ("Anna", ""), ("", ""), ("Tom", CODE), ("Ruth", CODE + "\N{SNOWMAN}")]
)
def test_and_by_nothing_else(attendants: Attendants, name: str, code: str) -> None:
    with pytest.raises(Refused, match="do not go together"):
        attendants.known_by(name, code, NOW)


def test_wrong_codes_are_slowed_down_and_locked_out_also_for_the_right_one(
    attendants: Attendants, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for wait_s in (1, 2, 4, 8, LOCKED_S):
        assert outcome(attendants, "Ruth", "wrong", clock) == "attendant_unknown"
        clock.now = clock.now.later(wait_s * 1_000 - 1)
        for code in ("wrong", CODE):
            assert outcome(attendants, "Ruth", code, clock) == "too_many_tries"
        clock.now = clock.now.later(1)
    assert [record.message for record in caplog.records] == ["log_in.unknown", "log_in.locked"]
    assert outcome(attendants, "Ruth", CODE, clock) == "Ruth"


def test_whoever_else_works_there_is_not_kept_waiting(attendants: Attendants, clock: Clock) -> None:
    assert outcome(attendants, "Ruth", "wrong", clock) == "attendant_unknown"
    for name, answer in (("Tom", "attendant_unknown"), ("Eve", "too_many_tries"), ("Anna", "Anna")):
        assert outcome(attendants, name, CODE.upper(), clock) == answer


def test_no_code_is_in_the_log(attendants: Attendants, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert outcome(attendants, "Anna", "what was typed", clock) == "attendant_unknown"
    said = "".join(str(vars(record)) for record in caplog.records)
    assert "log_in.unknown" in said
    assert CODE.upper() not in said
    assert "what was typed" not in said


def test_a_code_that_could_be_guessed_is_refused() -> None:
    assert attendant_code("x" * CODE_LENGTH_MIN) == "x" * CODE_LENGTH_MIN
    with pytest.raises(OperatorError, match="12 characters"):
        attendant_code("x" * (CODE_LENGTH_MIN - 1))
