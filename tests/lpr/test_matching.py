import math
from collections.abc import Callable
from itertools import groupby, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.plate import Plate
from lpr.matching import NOTHING, RULE, SIGHTINGS_MAX, Decision, Expected, Match, match, scored
from lpr.reader import BLANK, SIGNS, Sighting

See = Callable[..., Sighting]

FEW_SIGNS = "AB1I0O"  # repeats and pairs that fold, so that the hard cases are drawn often


def _by_definition(plate: Plate, log_probs: NDArray[np.float32]) -> float:
    """The score as CTC defines it: add up every path that collapses to the plate, divide by the best path of all."""
    columns = []
    for column in np.exp(log_probs.astype(np.float64)).tolist():
        of = dict(zip([*SIGNS, "_"], column, strict=True))
        of["0"] += of.pop("O")
        of["1"] += of.pop("I")
        columns.append(of)
    total = 0.0
    for path in product([*set(plate.folded), "_"], repeat=len(columns)):
        if "".join(sign for sign, _ in groupby(path) if sign != "_") == plate.folded:
            total += math.prod(of[sign] for of, sign in zip(columns, path, strict=True))
    return math.log(total / math.prod(max(of.values()) for of in columns)) if total else -math.inf


def _columns(seed: int, count: int, peaked: float) -> NDArray[np.float32]:
    logits = np.random.default_rng(seed).normal(scale=peaked, size=(count, BLANK + 1))
    log_probs: NDArray[np.float32] = (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)
    return log_probs


@given(
    plates=st.lists(st.text(FEW_SIGNS, min_size=2, max_size=4).map(Plate), min_size=1, max_size=6),
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 5),
    peaked=st.floats(0.1, 6),
)
def test_scores_are_ctc_forward_probabilities_less_the_best_path(
    plates: list[Plate], seed: int, count: int, peaked: float
) -> None:
    log_probs = _columns(seed, count, peaked)
    expected = Expected(plates)
    scores = expected.scores(log_probs)
    assert len(scores) == len(expected.plates) == len({plate.folded for plate in plates})
    for plate, score in zip(expected.plates, scores, strict=True):
        assert score == pytest.approx(_by_definition(plate, log_probs), abs=1e-6)


def test_plates_that_fold_to_one_are_one_and_the_first_stands_for_them() -> None:
    assert Expected([Plate("HH1000"), Plate("XY123"), Plate("HHI0O0")]).plates == (Plate("HH1000"), Plate("XY123"))


def test_equal_signs_in_a_row_need_a_blank_between() -> None:
    columns = _columns(1, 2, 1.0)
    assert Expected([Plate("AA")]).scores(columns)[0] == -math.inf


def test_scores_survive_columns_that_rule_everything_out() -> None:
    log_probs = np.full((400, BLANK + 1), -27.0, np.float32)
    log_probs[:, SIGNS.index("Z")] = 0
    assert Expected([Plate("HHAB123")]).scores(log_probs)[0] == -math.inf


def _decide(sightings: list[Sighting], *plates: str) -> Match:
    return match(scored(sightings, Expected(map(Plate, plates))))


def test_the_plate_that_was_read_is_accepted(see: See) -> None:
    decided = _decide([see("HHAB123")], "XY987", "HHAB123", "HHAB128")
    assert (decided.decision, decided.plate) == (Decision.ACCEPT, Plate("HHAB123"))
    assert decided.score == pytest.approx(0, abs=0.1)
    assert decided.lead > RULE.accept_lead


def test_o_is_0_and_i_is_1(see: See) -> None:
    decided = _decide([see("HHOI123")], "HH01123")
    assert (decided.decision, decided.plate) == (Decision.ACCEPT, Plate("HH01123"))


def test_the_only_expected_plate_leads_without_bound(see: See) -> None:
    assert _decide([see("HHAB123")], "HHAB123").lead == math.inf


def test_two_plates_that_the_picture_cannot_tell_apart_are_asked_for(see: See) -> None:
    decided = _decide([see("HHAB123", doubt={3: "8"})], "HHAB123", "HHA8123")
    assert decided.decision is Decision.ASK
    assert decided.plate in {Plate("HHAB123"), Plate("HHA8123")}
    assert decided.lead < RULE.accept_lead


def test_two_expected_cars_in_one_view_are_asked_for(see: See) -> None:
    assert _decide([see("HHAB123"), see("KAPA777")], "HHAB123", "KAPA777").decision is Decision.ASK


def test_a_plate_one_sign_off_is_asked_for_not_accepted(see: See) -> None:
    decided = _decide([see("HHAB123")], "HHAB128")
    assert (decided.decision, decided.plate) == (Decision.ASK, Plate("HHAB128"))
    assert RULE.refuse_score <= decided.score < RULE.accept_score


@pytest.mark.parametrize(("p", "refused"), [(0.998, False), (0.9985, True)])
def test_a_plate_two_signs_off_is_refused_below_a_score_of_minus_20(see: See, p: float, refused: bool) -> None:
    decided = _decide([see("HHAB123", p)], "HHAB178")
    assert decided.score == pytest.approx(-20, abs=0.5)
    assert (decided.score < -20) is refused
    assert decided.decision is (Decision.REFUSE if refused else Decision.ASK)


@pytest.mark.parametrize("plates", [(), ("XY98765", "QQWW55")])
def test_a_clear_read_of_none_of_them_is_refused(see: See, plates: tuple[str, ...]) -> None:
    decided = _decide([see("HHAB123", 0.999)], *plates)
    assert (decided.decision, decided.plate) == (Decision.REFUSE, None)


@pytest.mark.parametrize("plates", [(), ("XY98765", "QQWW55")])
@pytest.mark.parametrize(
    ("text", "confidence", "typical"), [("HHAB123", 0.8, True), ("HA12", 0.999, True), ("PARKING", 0.999, False)]
)
def test_what_is_not_a_clear_plate_is_asked_for(
    see: See, plates: tuple[str, ...], text: str, confidence: float, typical: bool
) -> None:
    decided = _decide([see(text, confidence, typical=typical)], *plates)
    assert (decided.decision, decided.plate) == (Decision.ASK, None)


def test_a_vanity_plate_is_accepted_where_it_is_expected(see: See) -> None:
    seen = [see("HHAB123", 0.999), see("GWAGEN", typical=False)]
    assert _decide(seen, "GWAGEN").decision is Decision.ACCEPT


def test_nothing_seen_asks() -> None:
    assert _decide([], "HHAB123") == _decide([]) == NOTHING
    assert NOTHING.decision is Decision.ASK


def test_only_so_many_lines_are_scored(see: See) -> None:
    lettering = [see("PARKING", typical=False)] * SIGHTINGS_MAX
    assert _decide([*lettering, see("HHAB123")], "HHAB123").decision is Decision.ASK


def test_a_match_prints_no_plate(see: See) -> None:
    assert "HHAB" not in repr(_decide([see("HHAB123")], "HHAB123"))
