import pytest

from domain.reservation import Status
from domain.stay import OUTCOMES, Conflict, MoneyOutcome, Outcome, SpotOutcome, entry_conflict


@pytest.mark.parametrize(
    ("conflict", "outcome"),
    [
        (Conflict.AFTER_CANCEL, Outcome(SpotOutcome.OWN, MoneyOutcome.DRIVE_UP, alarm=True)),
        (Conflict.AFTER_NO_SHOW, Outcome(SpotOutcome.ANOTHER, MoneyOutcome.FEE_BACK, alarm=False)),
        (Conflict.DOUBLE_ENTRY, Outcome(SpotOutcome.NONE, MoneyOutcome.NOTHING, alarm=True)),
        (Conflict.EXIT_WITHOUT_ENTRY, Outcome(SpotOutcome.NONE, MoneyOutcome.NOTHING, alarm=True)),
        (Conflict.NO_RIGHT, Outcome(SpotOutcome.NONE, MoneyOutcome.NOTHING, alarm=True)),
    ],
)
def test_each_conflict_has_its_one_outcome(conflict: Conflict, outcome: Outcome) -> None:
    assert OUTCOMES[conflict] == outcome


def test_no_conflict_is_without_an_outcome() -> None:
    assert set(OUTCOMES) == set(Conflict)


@pytest.mark.parametrize(
    ("status", "conflict"),
    [
        (None, Conflict.NO_RIGHT),
        (Status.HELD, Conflict.NO_RIGHT),
        (Status.CONFIRMED, None),
        (Status.CHECKED_IN, Conflict.DOUBLE_ENTRY),
        (Status.COMPLETED, Conflict.NO_RIGHT),
        (Status.EXPIRED, Conflict.AFTER_CANCEL),
        (Status.CANCELLED, Conflict.AFTER_CANCEL),
        (Status.NO_SHOW, Conflict.AFTER_NO_SHOW),
    ],
)
def test_an_entry_is_a_conflict_unless_it_was_confirmed(status: Status | None, conflict: Conflict | None) -> None:
    assert entry_conflict(status) is conflict


@pytest.mark.parametrize(
    ("status", "conflict"),
    [
        (None, Conflict.NO_RIGHT),
        (Status.HELD, Conflict.NO_RIGHT),
        (Status.CHECKED_IN, Conflict.DOUBLE_ENTRY),
        (Status.COMPLETED, Conflict.NO_RIGHT),
        (Status.EXPIRED, Conflict.DOUBLE_ENTRY),
        (Status.CANCELLED, Conflict.DOUBLE_ENTRY),
        (Status.NO_SHOW, Conflict.DOUBLE_ENTRY),
    ],
)
def test_a_second_car_on_a_right_is_double_however_late(status: Status | None, conflict: Conflict) -> None:
    assert entry_conflict(status, inside=True) is conflict


def test_every_status_says_what_an_entry_on_it_is() -> None:
    assert {entry_conflict(status) for status in Status} == set(Conflict) - {Conflict.EXIT_WITHOUT_ENTRY} | {None}
