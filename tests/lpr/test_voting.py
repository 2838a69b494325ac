import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.plate import Plate
from lpr.matching import NOTHING, RULE, Decision, Match
from lpr.voting import COMBINED, FRAMES_MAX, SURE_LEAD, SURE_SCORE, Vote

A, B = Plate("HHAB123"), Plate("KAPA777")


def accepted(plate: Plate, score: float = -1.4) -> Match:
    return Match(Decision.ACCEPT, plate, score, 5.0)


def sure(plate: Plate) -> Match:
    return Match(Decision.ACCEPT, plate, SURE_SCORE, SURE_LEAD)


def asked(plate: Plate | None, score: float = -10.0) -> Match:
    return Match(Decision.ASK, plate, score, 1.0)


REFUSED = Match(Decision.REFUSE, None, -40.0, 3.0)


def added(vote: Vote, *frames: Match) -> Match | None:
    """What the last of these frames brings."""
    *earlier, last = frames
    for frame in earlier:
        assert vote.add(frame) is None
    return vote.add(last)


def test_two_frames_that_agree_decide_by_the_better_one() -> None:
    assert added(Vote(), accepted(A, -2.0), NOTHING, REFUSED, accepted(A, -1.0)) == accepted(A, -1.0)


def test_one_frame_beyond_doubt_decides() -> None:
    assert added(Vote(), sure(A)) == sure(A)


def test_two_frames_that_hardly_agree_wait_for_a_better_one() -> None:
    hardly = RULE.accept_score / COMBINED - 0.1
    vote = Vote()
    assert added(vote, accepted(A, hardly), accepted(A, hardly), accepted(A, hardly)) is None
    assert vote.add(accepted(A, hardly + 0.2)) == accepted(A, hardly + 0.2)


def test_a_car_that_stands_still_is_read_too() -> None:
    assert added(Vote(), accepted(A), accepted(A)) == accepted(A)


def test_frames_that_are_all_the_same_say_no_more_than_two() -> None:
    vote = Vote()
    assert added(vote, *[accepted(A, -2.0)] * (FRAMES_MAX - 1)) is None
    assert vote.add(accepted(A, -2.0)) == Match(Decision.ASK, A, -2.0, 5.0)


@pytest.mark.parametrize(
    ("frames", "decision"),
    [
        ([accepted(A, -2.1)], Decision.ACCEPT),
        ([REFUSED, accepted(A, -2.1), NOTHING], Decision.ACCEPT),
        ([accepted(A), accepted(B)], Decision.ASK),
        ([asked(A)], Decision.ASK),
        ([REFUSED], Decision.REFUSE),
    ],
)
def test_where_one_will_do_one_vote_decides_once_no_frame_follows(frames: list[Match], decision: Decision) -> None:
    vote = Vote(one_will_do=True)
    assert added(vote, *frames) is None
    assert vote.close().decision is decision


@pytest.mark.parametrize(("score", "lead"), [(SURE_SCORE - 0.01, SURE_LEAD), (SURE_SCORE, SURE_LEAD - 0.01)])
def test_nearly_beyond_doubt_is_one_vote(score: float, lead: float) -> None:
    assert Vote().add(Match(Decision.ACCEPT, A, score, lead)) is None


def test_an_early_far_away_read_cannot_win() -> None:
    assert added(Vote(), accepted(A), accepted(B), accepted(B), accepted(B)) == accepted(B)


def test_a_sure_frame_after_another_plate_needs_one_more() -> None:
    assert added(Vote(), accepted(A), sure(B), accepted(B)) == sure(B)


def test_two_plates_in_turn_are_never_accepted() -> None:
    vote = Vote(frames_max=9)
    last = added(vote, *[accepted(A), accepted(B)] * 4, accepted(A, -0.7))
    assert last == Match(Decision.ASK, A, -0.7, 5.0)


def test_one_accepted_frame_alone_asks_for_that_plate() -> None:
    vote = Vote()
    assert added(vote, REFUSED, REFUSED, accepted(A)) is None
    assert vote.close() == Match(Decision.ASK, A, -1.4, 5.0)


def test_clear_reads_of_no_expected_plate_refuse_at_the_end() -> None:
    vote = Vote()
    assert added(vote, NOTHING, asked(None), asked(A), REFUSED, REFUSED) is None
    assert vote.close() == REFUSED


def test_as_many_frames_that_may_be_it_ask() -> None:
    vote = Vote()
    assert added(vote, asked(A), REFUSED, asked(B, -8.0), REFUSED) is None
    assert vote.close() == asked(B, -8.0)


@pytest.mark.parametrize("frames", [0, 1, FRAMES_MAX - 1])
def test_a_passage_in_which_nothing_was_read_asks(frames: int) -> None:
    vote = Vote()
    for _ in range(frames):
        assert vote.add(NOTHING) is None
    assert vote.close() == NOTHING


def test_frames_are_bounded() -> None:
    assert added(Vote(), *[REFUSED] * FRAMES_MAX) == REFUSED
    assert Vote(frames_max=1).add(NOTHING) == NOTHING


_plates = st.sampled_from([A, B])
_frames = st.one_of(
    st.builds(Match, st.just(Decision.ACCEPT), _plates, st.floats(-3, 0), st.floats(2, 20)),
    st.builds(Match, st.just(Decision.ASK), st.none() | _plates, st.floats(-20, 0), st.floats(0, 20)),
    st.builds(Match, st.just(Decision.REFUSE), st.none(), st.just(-math.inf) | st.floats(-90, -20), st.floats(0, 9)),
)


@given(st.lists(_frames, max_size=FRAMES_MAX + 3))
def test_the_first_decision_stands_and_only_an_accepted_plate_is_accepted(frames: list[Match]) -> None:
    vote = Vote()
    decisions = [decision for frame in frames if (decision := vote.add(frame))]
    decisions.append(vote.close())
    assert set(decisions) == {decisions[0]}
    assert len(decisions) > len(frames) - FRAMES_MAX
    decided = decisions[0]
    if decided.decision is Decision.ACCEPT:
        in_favour = [frame for frame in frames if frame.decision is Decision.ACCEPT and frame.plate == decided.plate]
        assert decided in in_favour
        two = sorted((frame.score for frame in in_favour), reverse=True)[:COMBINED]
        combined = len(two) == COMBINED and sum(two) >= RULE.accept_score
        assert combined or any(frame.score >= SURE_SCORE and frame.lead >= SURE_LEAD for frame in in_favour)
    else:
        assert decided.plate is None or decided.decision is Decision.ASK
