"""Who may do what by the page, and that it counts only once it is stored."""

from collections.abc import Callable

import pytest

from cloud_sync.link.v1.facts import WithdrawalVouched
from domain.errors import OperatorError, Refused, TryLater
from domain.now import Now
from hub.desk import CODE_LENGTH_MIN, LOCKED_S, Desk, manager_code
from tests.hub.riverside import HOUR_MS, NOW, Riverside, rid
from tests.hub.units import Clock
from tests.parts import ENTRY

CODE = "horse battery staple"


def desk(riverside: Riverside, *, stored: bool = True, clock: Callable[[], Now] = lambda: NOW.later(HOUR_MS)) -> Desk:
    async def carry_out(deed: Callable[[], None]) -> None:
        if not stored:
            raise TryLater("not_stored", "the disk is full")
        deed()

    return Desk(riverside.lot, {"Ruth": CODE, "Ada": CODE.upper()}, carry_out, clock)


@pytest.fixture(autouse=True)
def missed(riverside: Riverside) -> None:
    """Nobody has come, and the entry is silent."""
    riverside.booked()
    riverside.woken(0.9)


async def test_a_manager_is_known_by_name_and_code(riverside: Riverside) -> None:
    assert desk(riverside).managers == ["Ada", "Ruth"]
    for name, code in (("Ruth", CODE.upper()), ("Ada", ""), ("", ""), ("Tom", CODE), ("Ruth", CODE + "\N{SNOWMAN}")):
        with pytest.raises(Refused, match="do not go together"):
            await desk(riverside).vouch(rid(1), ENTRY, name=name, code=code)
    assert riverside.told(WithdrawalVouched) == []
    await desk(riverside).vouch(rid(1), ENTRY, name="Ruth", code=CODE)
    assert [told.by for told in riverside.told(WithdrawalVouched)] == ["Ruth"]


async def outcome(asked: Desk, name: str, code: str) -> str:
    try:
        await asked.vouch(rid(1), ENTRY, name=name, code=code)
    except (Refused, TryLater) as error:
        return error.code
    return "vouched"


async def test_wrong_codes_are_slowed_down_and_locked_out_also_for_the_right_one(
    riverside: Riverside, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock(NOW.later(HOUR_MS))
    asked = desk(riverside, clock=clock)
    for wait_s in (1, 2, 4, 8, LOCKED_S):
        assert await outcome(asked, "Ruth", "wrong") == "manager_unknown"
        clock.now = clock.now.later(wait_s * 1_000 - 1)
        for code in ("wrong", CODE):
            assert await outcome(asked, "Ruth", code) == "too_many_tries"
        clock.now = clock.now.later(1)
    assert [record.message for record in caplog.records] == ["vouch.manager_unknown", "vouch.locked"]
    assert riverside.told(WithdrawalVouched) == []
    assert await outcome(asked, "Ruth", CODE) == "vouched"


async def test_whoever_else_is_a_manager_is_not_kept_waiting(riverside: Riverside) -> None:
    asked = desk(riverside)
    assert await outcome(asked, "Ruth", "wrong") == "manager_unknown"
    for name, answer in (("Tom", "manager_unknown"), ("Eve", "too_many_tries"), ("Ada", "vouched")):
        assert await outcome(asked, name, CODE.upper()) == answer


async def test_what_could_not_be_stored_is_not_done(riverside: Riverside) -> None:
    with pytest.raises(TryLater, match="disk"):
        await desk(riverside, stored=False).vouch(rid(1), ENTRY, name="Ruth", code=CODE)


async def test_no_code_is_in_the_log(riverside: Riverside, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with pytest.raises(Refused):
        await desk(riverside).vouch(rid(1), ENTRY, name="Ruth", code="what was typed")
    await desk(riverside).vouch(rid(1), ENTRY, name="Ruth", code=CODE)  # at another start
    said = "".join(str(vars(record)) for record in caplog.records)
    assert "vouch.given" in said
    assert CODE not in said
    assert "what was typed" not in said


def test_a_code_that_could_be_guessed_is_refused() -> None:
    assert manager_code("x" * CODE_LENGTH_MIN) == "x" * CODE_LENGTH_MIN
    with pytest.raises(OperatorError, match="12 characters"):
        manager_code("x" * (CODE_LENGTH_MIN - 1))
