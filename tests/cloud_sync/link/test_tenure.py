"""Who may speak for a unit."""

import pytest

from cloud_sync.link.log import Position
from cloud_sync.link.tenure import RISES_MAX, Root, Standing, Tenure, granted
from cloud_sync.link.v1.messages import Grant
from tests.cloud_sync.link.ends import Ends


def grant(run: str, epoch: int) -> Grant:
    return Grant(run=run, epoch=epoch)


@pytest.mark.parametrize(
    ("known", "run", "epoch", "already", "above", "answer"),
    [
        pytest.param(None, "a", 1, False, 0, grant("a", 1), id="the first run of a new unit"),
        pytest.param(grant("a", 4), "a", 4, False, 3, grant("a", 4), id="its answer was lost: the same again"),
        pytest.param(grant("a", 4), "a", 6, False, 3, grant("a", 6), id="it has risen meanwhile"),
        pytest.param(grant("a", 4), "b", 5, False, 4, grant("b", 5), id="a restart"),
        pytest.param(grant("a", 4), "b", 2, False, 4, grant("b", 5), id="restored from an old backup"),
        pytest.param(grant("b", 5), "a", 4, True, 4, grant("b", 5), id="it has been succeeded"),
        pytest.param(grant("a", 4), "b", 6, True, 5, grant("b", 6), id="the parent was restored, and has forgotten"),
        pytest.param(None, "b", 6, True, 6, grant("b", 6), id="and has its facts already"),
        pytest.param(None, "b", 5, True, 6, grant("", 6), id="forgotten, and succeeded by one that is forgotten too"),
    ],
)
def test_a_parent_grants_each_epoch_to_one_run(
    known: Grant | None, run: str, epoch: int, *, already: bool, above: int, answer: Grant
) -> None:
    assert granted(known, run, epoch, already=already, above=above, last=known) == answer


@pytest.mark.parametrize("last", [None, grant("a", 3)])
@pytest.mark.parametrize(("run", "epoch"), [("c", 4), ("c", 9)])
def test_who_does_not_know_what_was_granted_last_may_have_died_since_and_is_told_it(
    run: str, epoch: int, last: Grant | None
) -> None:
    known = grant("b", 5)
    assert granted(known, run, epoch, already=False, above=4, last=last) == known
    assert granted(known, run, epoch, already=False, above=4, last=known) == grant("c", max(6, epoch))


class TestARun:
    def test_begins_an_epoch_of_its_own(self, ends: Ends) -> None:
        assert ends.gate.epoch == 1
        ends.begin()
        assert ends.gate.epoch == 1, "nothing was written in the last one"
        ends.append(1)
        ends.begin()
        assert ends.gate.epoch == 2

    def test_is_granted_what_it_proposes_or_rises(self, ends: Ends) -> None:
        ends.append(2)
        ends.tenure.granted("run 1", 5)
        assert (ends.tenure.standing, ends.gate.epoch) == (Standing.GRANTED, 5)
        assert [(fact.epoch, fact.seq) for fact in ends.gate.after(Position(), 9)] == [(5, 1), (5, 2)]
        ends.tenure.granted("run 1", 7)
        assert ends.gate.epoch == 5, "once"

    def test_heeds_no_grant_to_another_while_it_waits_for_its_own(self, ends: Ends) -> None:
        ends.tenure.granted("another", 9)
        assert ends.tenure.standing is Standing.PROVISIONAL

    def test_that_was_granted_gives_way_to_a_higher_epoch(self, ends: Ends) -> None:
        ends.tenure.granted("run 1", 1)
        ends.tenure.granted("another", 2)
        assert ends.tenure.standing is Standing.FENCED
        ends.tenure.granted("run 1", 3)
        assert ends.tenure.standing is Standing.FENCED, "until it is started anew"

    def test_that_is_provisional_takes_over_at_its_parent_always(self, ends: Ends) -> None:
        for epoch in (1, 5, 9, 20, 30):
            ends.tenure.met(epoch, parent=True)
        assert (ends.tenure.standing, ends.gate.epoch) == (Standing.PROVISIONAL, 31)
        ends.tenure.met(7, parent=True)
        assert ends.gate.epoch == 31

    def test_two_provisional_runs_do_not_outbid_each_other_for_ever(self, ends: Ends) -> None:
        other = Tenure(ends.hub, "other")
        for _ in range(20):
            ends.tenure.met(ends.hub.epoch, parent=False)
            other.met(ends.gate.epoch, parent=False)
        assert {ends.tenure.standing, other.standing} == {Standing.FENCED, Standing.PROVISIONAL}
        assert max(ends.gate.epoch, ends.hub.epoch) <= 3 * RISES_MAX


def test_central_goes_on_by_itself(ends: Ends) -> None:
    root = Root(ends.gate)
    ends.append(1)
    root.met(1, parent=False)
    assert (root.standing, ends.gate.epoch) == (Standing.GRANTED, 2)
    assert ends.facts() == ends.gate.after(Position(), 9), "nothing is numbered anew"
    root.met(1, parent=False)
    assert ends.gate.epoch == 2
