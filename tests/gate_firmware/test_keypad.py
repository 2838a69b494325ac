"""Which ids count as wrong tries, and which as right ones."""

import pytest

from domain.errors import BadInput, Refused, TryLater
from domain.fact import Fact
from domain.ids import shown
from domain.now import Now
from domain.tries import Tries
from gate_firmware.events import ArmMoved, ById, Identified
from gate_firmware.keypad import TypedIds
from hardware.barrier import Position as Arm
from tests.gate_firmware.gate import Gate, rid, right

LOCKED_S = 300


class Typing:
    """Ids typed at an entry, one after the other, and time that passes between."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        keypad = Tries("ids", tries_max=5, locked_s=LOCKED_S)
        self.typed_ids = TypedIds(keypad, self.identify, lambda typed: gate.replica.right(typed) is not None, self.now)
        self.said: list[Identified] = []
        self.takes_ms = 0

    def now(self) -> Now:
        return self.gate.now

    async def identify(self, said: Identified) -> Fact:
        self.said.append(said)
        self.gate.happens(said)
        self.gate.now = self.gate.now.later(self.takes_ms)
        decided = self.gate.journal.last_own("gate.decided/1")
        assert decided is not None
        return decided

    async def types(self, text: str) -> str:
        """What comes of it: the reason, or the error's code."""
        try:
            reason: str = (await self.typed_ids.typed(text)).payload["reason"]
        except (Refused, TryLater) as error:
            return error.code
        return reason


@pytest.fixture
def typing(entry: Gate) -> Typing:
    return Typing(entry)


@pytest.mark.parametrize("as_typed", [rid(1), shown(rid(1)), rid(1).lower()])
async def test_an_id_opens_however_it_is_typed(typing: Typing, as_typed: str) -> None:
    typing.gate.hub_says(right())
    typing.gate.car_comes()
    assert await typing.types(as_typed) == "booked"
    assert typing.said == [Identified(ById(rid(1)), car_required=True)]


@pytest.mark.parametrize("wrong", ["", "7K3MQ", "?" * 10, rid(1)[:-1] + "*", rid(7), "X" * 1_000])
async def test_a_wrong_check_character_and_an_unknown_id_are_wrong_tries(typing: Typing, wrong: str) -> None:
    typing.gate.car_comes()
    first = await typing.types(wrong)
    assert first in ("reservation_id_invalid", "no_booking")
    assert await typing.types(wrong) == "too_many_tries"
    typing.gate.now = typing.gate.now.later(1_000)
    assert await typing.types(wrong) == first


async def test_the_wait_begins_with_the_answer(typing: Typing) -> None:
    typing.gate.car_comes()
    typing.takes_ms = 2_000
    assert await typing.types(rid(7)) == "no_booking"
    typing.gate.now = typing.gate.now.later(999)
    assert await typing.types(rid(7)) == "too_many_tries"
    typing.gate.now = typing.gate.now.later(1)
    assert await typing.types(rid(7)) == "no_booking"


async def test_five_in_a_row_lock_it_also_for_the_right_one(typing: Typing) -> None:
    typing.gate.hub_says(right())
    typing.gate.car_comes()
    for wait_s in (1, 2, 4, 8):
        assert await typing.types(rid(7)) == "no_booking"
        typing.gate.now = typing.gate.now.later(wait_s * 1_000)
    assert await typing.types(rid(7)) == "no_booking"
    typing.gate.now = typing.gate.now.later(LOCKED_S * 1_000 - 1)
    assert await typing.types(rid(1)) == "too_many_tries"
    typing.gate.now = typing.gate.now.later(1)
    assert await typing.types(rid(1)) == "booked"


async def test_a_booking_that_may_not_come_in_is_no_wrong_try(typing: Typing) -> None:
    typing.gate.hub_says(right(start=5, end=6))
    typing.gate.car_comes()
    assert [await typing.types(rid(1)) for _ in range(7)] == ["too_early"] * 7


async def test_one_that_is_known_and_lets_nobody_pass_is_no_way_around_it(typing: Typing) -> None:
    typing.gate.hub_says(right(start=5, end=6))
    typing.gate.car_comes()
    for wait_s in (1, 2, 4, 8, LOCKED_S):
        assert await typing.types(rid(7)) == "no_booking"
        typing.gate.now = typing.gate.now.later(wait_s * 1_000 - 1)
        assert await typing.types(rid(1)) == "too_many_tries"
        typing.gate.now = typing.gate.now.later(1)
        assert await typing.types(rid(1)) == "too_early"


async def test_one_that_lets_a_car_in_is(typing: Typing) -> None:
    typing.gate.hub_says(right())
    typing.gate.car_comes()
    for wait_s in (1, 2):
        await typing.types(rid(7))
        typing.gate.now = typing.gate.now.later(wait_s * 1_000)
    assert await typing.types(rid(1)) == "booked"
    typing.gate.through()
    typing.gate.happens(ArmMoved(Arm.DOWN))
    typing.gate.car_comes()
    await typing.types(rid(7))
    typing.gate.now = typing.gate.now.later(1_000)
    assert await typing.types(rid(7)) == "no_booking"


async def test_nor_is_an_exit_that_lets_everybody_out(exit_: Gate) -> None:
    typing = Typing(exit_)
    typing.gate.car_comes()
    assert await typing.types(rid(7)) == "unknown_car"
    assert await typing.types(rid(7)) == "too_many_tries"


async def test_without_a_car_nothing_is_tried(typing: Typing) -> None:
    typing.gate.hub_says(right())
    assert [await typing.types(rid(1)) for _ in range(7)] == ["no_car"] * 7
    assert typing.gate.decisions == []


async def test_what_is_no_id_is_never_asked_about(typing: Typing) -> None:
    typing.gate.car_comes()
    with pytest.raises(BadInput):
        await typing.typed_ids.typed("7K3MQ-2XD9Q")
    assert typing.said == []
