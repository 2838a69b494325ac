"""What a lane keeps in mind of one car."""

import sqlite3

import pytest

from domain.admission import Verdict
from gate_firmware.events import ById, Looked, RaiseArm, Sight
from gate_firmware.passage import CODES_MAX, Passage
from tests.gate_firmware.gate import OTHER, PLATE, Gate, rid, right


def look(sight: Sight, plate: object = PLATE) -> Looked:
    return Looked("p1", sight, plate, None, 3)  # type: ignore[arg-type]


@pytest.mark.parametrize("nothing", [Sight.UNSURE, Sight.BLIND])
@pytest.mark.parametrize("sure", [Sight.KNOWN, Sight.STRANGER])
def test_a_look_that_shows_nothing_takes_nothing_back(sure: Sight, nothing: Sight) -> None:
    passage = Passage("p1")
    assert passage.saw(look(nothing, None)).sight is nothing
    assert passage.saw(look(sure)).sight is sure
    assert passage.saw(look(nothing, None)).sight is sure
    assert passage.saw(look(sure, OTHER)).plate == OTHER


def test_the_last_codes_are_kept_each_once() -> None:
    passage = Passage("p1")
    for number in [*range(CODES_MAX), 0, CODES_MAX]:
        passage.judged(f"code {number}")
    assert passage.codes == (*(f"code {number}" for number in range(2, CODES_MAX)), "code 0", f"code {CODES_MAX}")


def test_nobodys() -> None:
    passage = Passage()
    assert (passage.passage_id, passage.may_pass, passage.reservation_id, passage.is_awaited) == (
        "",
        False,
        None,
        False,
    )


def test_a_decision_that_could_not_be_stored_was_not_taken(entry: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes next is stored before the arm moves, also where it is the very same decision."""

    def locked(*_args: object) -> None:
        raise sqlite3.OperationalError("database is locked")

    entry.hub_says(right())
    passage_id = entry.car_comes()
    entry.seen(passage_id, Sight.UNSURE, None)
    with monkeypatch.context() as broken, pytest.raises(sqlite3.OperationalError):
        broken.setattr(entry.journal, "append", locked)
        entry.named(ById(rid(1)))
    assert RaiseArm() in entry.seen(passage_id)
    assert [said.verdict for said in entry.decisions] == [Verdict.ASK, Verdict.ADMIT]
