"""Who may do what by the page, and that it counts only once it is stored."""

from collections.abc import Callable

import pytest

from cloud_sync.link.v1.facts import WithdrawalVouched
from domain.errors import OperatorError, Refused, TryLater
from hub.desk import CODE_LENGTH_MIN, Desk, manager_code
from tests.hub.riverside import HOUR_MS, NOW, Riverside, rid
from tests.parts import ENTRY

CODE = "horse battery staple"


def desk(riverside: Riverside, *, stored: bool = True) -> Desk:
    async def carry_out(deed: Callable[[], None]) -> None:
        if not stored:
            raise TryLater("not_stored", "the disk is full")
        deed()

    return Desk(riverside.lot, {"Ruth": CODE, "Ada": CODE.upper()}, carry_out, lambda: NOW.later(HOUR_MS))


@pytest.fixture(autouse=True)
def missed(riverside: Riverside) -> None:
    """Nobody has come, and the entry is silent."""
    riverside.booked()
    riverside.woken(0.9)


async def test_a_manager_is_known_by_name_and_code(riverside: Riverside) -> None:
    assert desk(riverside).managers == ["Ada", "Ruth"]
    for name, code in (("Ruth", CODE.upper()), ("Ruth", ""), ("", ""), ("Tom", CODE), ("Ruth", CODE + "\N{SNOWMAN}")):
        with pytest.raises(Refused, match="do not go together"):
            await desk(riverside).vouch(rid(1), ENTRY, name=name, code=code)
    assert riverside.told(WithdrawalVouched) == []
    await desk(riverside).vouch(rid(1), ENTRY, name="Ruth", code=CODE)
    assert [told.by for told in riverside.told(WithdrawalVouched)] == ["Ruth"]


async def test_what_could_not_be_stored_is_not_done(riverside: Riverside) -> None:
    with pytest.raises(TryLater, match="disk"):
        await desk(riverside, stored=False).vouch(rid(1), ENTRY, name="Ruth", code=CODE)


async def test_no_code_is_in_the_log(riverside: Riverside, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with pytest.raises(Refused):
        await desk(riverside).vouch(rid(1), ENTRY, name="Ruth", code="what was typed")
    await desk(riverside).vouch(rid(1), ENTRY, name="Ruth", code=CODE)
    said = "".join(str(vars(record)) for record in caplog.records)
    assert "vouch.given" in said
    assert CODE not in said
    assert "what was typed" not in said


def test_a_code_that_could_be_guessed_is_refused() -> None:
    assert manager_code("x" * CODE_LENGTH_MIN) == "x" * CODE_LENGTH_MIN
    with pytest.raises(OperatorError, match="12 characters"):
        manager_code("x" * (CODE_LENGTH_MIN - 1))
