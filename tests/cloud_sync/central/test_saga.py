"""What a payment does next, decided from its row."""

from datetime import timedelta

import pytest

from cloud_sync.central.saga import AUTHORISATION_LASTS, ENDED, Outcome, Progress, Step, after, next_step
from tests.parts import NOON

HOLD_ENDS, WINDOW_ENDS = NOON + timedelta(minutes=10), NOON + timedelta(hours=4)


def progress(step: Step, window_ends_in: timedelta = WINDOW_ENDS - NOON) -> Progress:
    return Progress(step, NOON, HOLD_ENDS, NOON + window_ends_in)


def test_all_goes_well() -> None:
    path = [Step.AUTHORISE]
    while path[-1] not in ENDED:
        path.append(after(path[-1], Outcome.YES))
    assert path == [Step.AUTHORISE, Step.CONFIRM, Step.CAPTURE, Step.PAID]


@pytest.mark.parametrize(
    ("refused", "path"),
    [
        (Step.AUTHORISE, [Step.FAILED]),
        (Step.AUTHENTICATE, [Step.VOID, Step.FAILED]),
        (Step.CONFIRM, [Step.VOID, Step.FAILED]),
        (Step.CAPTURE, [Step.UNPAID, Step.VOID, Step.FAILED]),
    ],
)
def test_a_definite_no_undoes_what_was_done(refused: Step, path: list[Step]) -> None:
    step = after(refused, Outcome.NO)
    taken = [step]
    while step not in ENDED:
        step = after(step, Outcome.YES)
        taken.append(step)
    assert taken == path


@pytest.mark.parametrize("step", [step for step in Step if step not in ENDED])
def test_without_an_answer_the_same_is_asked_again(step: Step) -> None:
    assert after(step, Outcome.DOUBT) is step
    assert next_step(progress(step), NOON + timedelta(minutes=1)) is step


@pytest.mark.parametrize("step", [step for step in Step if step not in ENDED])
@pytest.mark.parametrize("outcome", [Outcome.YES, Outcome.NO])
def test_every_way_ends(step: Step, outcome: Outcome) -> None:
    for _ in range(len(Step)):
        if step in ENDED:
            return
        step = after(step, outcome)
    raise AssertionError("it goes round in a circle")


def test_a_silent_hub_is_waited_for_until_the_window_ends() -> None:
    assert next_step(progress(Step.CONFIRM), WINDOW_ENDS - timedelta(seconds=1)) is Step.CONFIRM
    assert next_step(progress(Step.CONFIRM), WINDOW_ENDS) is Step.VOID
    assert next_step(progress(Step.UNPAID), WINDOW_ENDS) is Step.VOID


def test_an_authorisation_is_given_up_before_it_lapses_and_the_hub_is_told_first() -> None:
    far_ahead = progress(Step.CONFIRM, window_ends_in=timedelta(days=20))
    assert next_step(far_ahead, NOON + AUTHORISATION_LASTS - timedelta(seconds=1)) is Step.CONFIRM
    assert next_step(far_ahead, NOON + AUTHORISATION_LASTS) is Step.UNPAID
    assert after(Step.UNPAID, Outcome.YES) is Step.VOID


def test_a_driver_may_authenticate_while_the_hold_lasts() -> None:
    assert next_step(progress(Step.AUTHENTICATE), HOLD_ENDS - timedelta(seconds=1)) is Step.AUTHENTICATE
    assert next_step(progress(Step.AUTHENTICATE), HOLD_ENDS) is Step.VOID


def test_nothing_to_pay_never_lapses() -> None:
    free = Progress(Step.CONFIRM, None, HOLD_ENDS, NOON + timedelta(days=20))
    assert next_step(free, NOON + timedelta(days=10)) is Step.CONFIRM
