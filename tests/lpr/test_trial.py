import math
from collections.abc import Callable
from random import Random

import pytest

from domain.plate import Plate
from lpr.made_up_plates import made_up
from lpr.matching import RULE, Decision
from lpr.reader import Sighting
from lpr.trial import SEED, LetIn, trials

See = Callable[..., Sighting]


def test_who_is_read_right_is_let_in_and_no_stranger(see: See) -> None:
    [trial] = trials([([see("HHAB123")], [Plate("HHAB123")])], 50)
    assert trial.is_right
    assert trial.listed.decision is Decision.ACCEPT
    assert trial.right == trial.listed.score
    assert trial.stranger < RULE.accept_score
    assert max(trial.look_alikes) < RULE.accept_score


def test_a_plate_that_looks_like_its_look_alikes_is_let_in_as_each(see: See) -> None:
    twin = see("SSSSSS", doubt=dict.fromkeys(range(6), "5"))  # every look-alike of 555555 is as good as itself
    [trial] = trials([([twin], [Plate("555555")])], 10)
    assert len(trial.look_alikes) == 6
    assert min(trial.look_alikes) >= RULE.accept_score
    assert trial.stranger < RULE.accept_score


def test_another_expected_car_is_the_wrong_one(see: See) -> None:
    trial, _ = trials([([see("KAPA777")], [Plate("HHAB123")]), ([], [Plate("KAPA777")])], 10)
    assert (trial.listed.decision, trial.is_right, trial.right) == (Decision.ACCEPT, False, -math.inf)


def test_who_leads_by_too_little_is_let_in_at_no_threshold(see: See) -> None:
    seen = [see("HHAB123", doubt={3: "8"})], [Plate("HHAB123")]
    trial, _ = trials([seen, ([], [Plate("HHA8123")])], 10)
    assert trial.listed.lead < RULE.accept_lead
    assert trial.right == -math.inf


def test_where_nothing_is_sighted_nobody_is_let_in() -> None:
    [trial] = trials([([], [Plate("HHAB123")])], 10)
    assert (trial.right, trial.stranger, max(trial.look_alikes)) == (-math.inf,) * 3
    assert LetIn.at(-1_000, [trial]) == LetIn(-1_000, 0, 0, 0)


def test_no_stranger_is_on_the_list_by_chance(see: See) -> None:
    drawn_first = made_up(Random(SEED)).open
    [trial] = trials([([see(drawn_first)], [Plate(drawn_first)])], 10)
    assert trial.is_right
    assert trial.stranger < RULE.accept_score


def test_one_seed_gives_the_same_trials(see: See) -> None:
    seen = [([see("HHAB123")], [Plate("HHAB123")])]
    [one], [other] = trials(seen, 20), trials(seen, 20)
    assert (one.right, one.stranger, one.look_alikes) == (other.right, other.stranger, other.look_alikes)


def test_each_photograph_counts_once_however_many_look_alikes_it_has(see: See) -> None:
    twin = see("SSSSSS", doubt=dict.fromkeys(range(6), "5"))
    tried = trials([([twin], [Plate("555555")]), ([see("J9J9")], [Plate("J9J9")])], 10)
    assert not tried[1].look_alikes
    assert LetIn.at(RULE.accept_score, tried).look_alike == pytest.approx(0.5)


def test_a_laxer_threshold_lets_more_in(see: See) -> None:
    tried = trials([([see("HHAB128", 0.8)], [Plate("HHAB123")]), ([see("XY98765")], [Plate("XY98765")])], 10)
    strict, lax = LetIn.at(-0.1, tried), LetIn.at(-30, tried)
    assert strict.right == 0.5
    assert lax.right == 1
    assert strict.look_alike < lax.look_alike
