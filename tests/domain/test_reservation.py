import itertools

import pytest

from domain.errors import IllegalStep
from domain.reservation import HOLDS_SPOT, STEPS, Status, Step, step

LEGAL = {
    (Status.HELD, Step.CONFIRM): Status.CONFIRMED,
    (Status.HELD, Step.EXPIRE): Status.EXPIRED,
    (Status.HELD, Step.CANCEL): Status.CANCELLED,
    (Status.CONFIRMED, Step.CHECK_IN): Status.CHECKED_IN,
    (Status.CONFIRMED, Step.CANCEL): Status.CANCELLED,
    (Status.CONFIRMED, Step.NO_SHOW): Status.NO_SHOW,
    (Status.CONFIRMED, Step.MOVE): Status.CONFIRMED,
    (Status.CHECKED_IN, Step.COMPLETE): Status.COMPLETED,
    (Status.CHECKED_IN, Step.CANCEL_EARLIER): Status.CANCELLED,
    (Status.COMPLETED, Step.CANCEL_EARLIER): Status.CANCELLED,
    (Status.NO_SHOW, Step.CANCEL_EARLIER): Status.CANCELLED,
}


@pytest.mark.parametrize(("status", "by"), list(itertools.product(Status, Step)))
def test_each_step_does_what_the_table_says_or_is_refused_and_changes_nothing(status: Status, by: Step) -> None:
    before = {name: dict(steps) for name, steps in STEPS.items()}
    if (status, by) in LEGAL:
        assert step(status, by) is LEGAL[status, by]
    else:
        with pytest.raises(IllegalStep) as refused:
            step(status, by)
        assert refused.value.code == f"reservation_{status.value}"
        assert status.value in refused.value.message
        assert by.value.replace("_", " ") in refused.value.message
    assert before == STEPS


def test_every_status_has_a_row_and_every_status_but_held_is_reached() -> None:
    assert set(STEPS) == set(Status)
    assert {after for steps in STEPS.values() for after in steps.values()} == set(Status) - {Status.HELD}


def test_a_spot_is_held_exactly_until_the_reservation_has_come_to_its_end() -> None:
    """EXPIRED, CANCELLED and NO_SHOW free the spot; so does the car that has left."""
    assert {status for status in Status if STEPS[status].keys() - {Step.CANCEL_EARLIER}} == HOLDS_SPOT
