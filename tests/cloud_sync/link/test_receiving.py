"""The receiving end of a log, case by case."""

import logging
from dataclasses import replace

import pytest

from cloud_sync.link.log import Cursor, Position
from cloud_sync.link.receiving import Receiver
from cloud_sync.link.v1.facts import AlarmRaised
from cloud_sync.link.v1.messages import Ack, AckState, Ask, Facts, Head, Part, Sent, WireFact, WireMark
from domain.errors import NotFound, PeerError
from domain.fact import Fact
from tests.cloud_sync.link.ends import GATE, NOW, Ends


class TestReceiver:
    def test_it_opens_with_how_far_it_is(self, ends: Ends) -> None:
        opening = ends.ack(AckState.REPLAY, 0, epoch=0).model_copy(update={"opens": True})
        assert ends.receiver.opening() == opening
        ends.append(2)
        ends.receiver.receive(ends.facts())
        assert ends.receiver.opening() == ends.ack(AckState.REPLAY, 2).model_copy(update={"opens": True})

    @pytest.mark.parametrize("missed", [0, 2])
    def test_one_that_was_started_anew_comes_to_know_that_nothing_is_missing(self, ends: Ends, missed: int) -> None:
        """Though the sender's own link was up all the time."""
        ends.append(2)
        ends.deliver(ends.connect())
        assert ends.receiver.caught_up
        ends.receiver = Receiver(GATE, ends.hub, lambda _: None, grants=ends.hub)
        assert not ends.receiver.caught_up
        ends.append(missed)
        ends.deliver(ends.sender.acked(ends.receiver.opening(), NOW))
        assert ends.receiver.caught_up
        assert ends.hub.cursor(GATE).position.seq == 2 + missed

    def test_it_tells_when_a_message_was_sent_before_it_applies_it(self, ends: Ends) -> None:
        heard: list[Sent | int] = []
        receiver = Receiver(GATE, ends.hub, lambda fact: heard.append(fact.seq), sent=heard.append)
        ends.append(1)
        receiver.heard(Facts(facts=[]))
        sent = Sent(boot="boot-1", mono_ms=5)
        receiver.heard(Facts(facts=[WireFact.of(fact) for fact in ends.facts()], sent=sent))
        assert heard == [sent, 1]

    def test_what_it_has_seen_is_acknowledged_and_not_applied_again(self, ends: Ends) -> None:
        ends.append(3)
        facts = ends.facts()
        assert ends.receiver.receive(facts[:2]) == ends.ack(AckState.OK, 2)
        assert ends.receiver.receive(facts) == ends.ack(AckState.OK, 3)
        assert ends.receiver.receive(facts[:1]) == ends.ack(AckState.OK, 3)
        assert ends.receiver.receive([]) == ends.ack(AckState.OK, 3)
        assert ends.applied == [1, 2, 3]

    def test_it_applies_up_to_a_gap_and_asks_for_the_rest(self, ends: Ends) -> None:
        ends.append(4)
        one, two, _, four = ends.facts()
        assert ends.receiver.receive([one, two, four]) == ends.ack(AckState.REPLAY, 2)
        assert ends.applied == [1, 2]

    def test_one_gap_is_asked_for_once_by_all_that_came_behind_it(self, ends: Ends) -> None:
        ends.append(6)
        facts = ends.facts()
        states = [ends.receiver.receive([fact]).state for fact in facts[1:]]
        assert states == [AckState.REPLAY] + [AckState.OK] * 4
        assert ends.receiver.receive(facts[1:3]).state is AckState.REPLAY, "the replay was lost too"
        assert ends.receiver.receive(facts) == ends.ack(AckState.OK, 6)

    def test_a_lost_message_costs_about_its_replay(self, ends: Ends) -> None:
        """A thousand single facts behind one that was lost had each asked for all of them: a million sent again."""
        ends.connect()
        to_hub: list[Facts] = []
        for _ in range(100):
            ends.append(1)
            to_hub += ends.sender.appended(NOW)
        sent, to_gate = 0, list[Ack]()
        del to_hub[0]
        while to_hub or to_gate:
            if to_hub:
                sent += len(to_hub[0].facts)
                to_gate.append(ends.receiver.heard(to_hub.pop(0)))
            else:
                to_hub += ends.sender.acked(to_gate.pop(0), NOW)
        assert ends.applied == list(range(1, 101))
        assert sent == 99 + 100

    @pytest.mark.parametrize(
        "error", [PeerError("fact_unknown", "unheard of"), NotFound("no_such_spot", "there is none")]
    )
    def test_what_cannot_be_applied_is_set_aside_and_the_cursor_moves_on(
        self, ends: Ends, error: Exception, caplog: pytest.LogCaptureFixture
    ) -> None:
        def apply(fact: Fact) -> None:
            ends.hub_store.connection.execute(
                "INSERT INTO own_epoch (unit, epoch) VALUES (?, 1)", (f"effect {fact.seq}",)
            )
            if fact.seq == 2:
                raise error

        ends.append(3)
        assert Receiver(GATE, ends.hub, apply).receive(ends.facts()) == ends.ack(AckState.OK, 3)
        rows = ends.hub_store.connection.execute("SELECT set_aside FROM fact ORDER BY seq").fetchall()
        assert [row["set_aside"] for row in rows] == [None, f"{error.code}: {error}", None]  # type: ignore[attr-defined]
        effects = ends.hub_store.connection.execute("SELECT unit FROM own_epoch WHERE unit LIKE 'effect%'").fetchall()
        assert [row["unit"] for row in effects] == ["effect 1", "effect 3"], "its half effect is gone"
        assert [record.message for record in caplog.records] == ["facts.set_aside"]

    def test_a_bug_on_one_fact_sets_that_one_aside_with_an_alarm(self, ends: Ends) -> None:
        alarms: list[tuple[str, str]] = []

        def apply(fact: Fact) -> None:
            if fact.seq == 2:
                raise KeyError("a bug")

        ends.append(3)
        receiver = Receiver(GATE, ends.hub, apply, lambda name, detail: alarms.append((name, detail)))
        assert receiver.receive(ends.facts()) == ends.ack(AckState.OK, 3)
        assert alarms == [("fact-set-aside", f"{GATE} 1/2 alarm.raised/1: internal_error: KeyError")]

    def test_a_fork_raises_one_alarm_however_often_it_is_sent(self, ends: Ends) -> None:
        alarms: list[str] = []
        ends.append(2)
        receiver = Receiver(GATE, ends.hub, lambda _: None, lambda name, _: alarms.append(name))
        receiver.receive(ends.facts())
        forged = replace(ends.facts()[1], chain="0" * 64)
        for _ in range(3):
            assert receiver.receive([forged]).state is AckState.FORKED
        assert alarms == ["facts-forked"]

    def test_a_full_disk_takes_nothing_in_and_acknowledges_nothing(self, ends: Ends) -> None:
        def apply(fact: Fact) -> None:
            if fact.seq == 2:
                raise OSError("no space left on device")

        ends.append(3)
        with pytest.raises(OSError, match="no space"):
            Receiver(GATE, ends.hub, apply).receive(ends.facts())
        assert ends.hub.cursor(GATE).position == Position()

    def test_another_fact_under_a_known_number_is_a_fork(self, ends: Ends, caplog: pytest.LogCaptureFixture) -> None:
        self._check_fork(ends, seen=3, caplog=caplog)

    def test_a_fact_that_does_not_follow_on_what_was_seen_is_a_fork(
        self, ends: Ends, caplog: pytest.LogCaptureFixture
    ) -> None:
        self._check_fork(ends, seen=2, caplog=caplog)

    def _check_fork(self, ends: Ends, seen: int, caplog: pytest.LogCaptureFixture) -> None:
        ends.append(3)
        before = ends.facts()
        ends.receiver.receive(before[:seen])
        ends.gate_store.connection.execute("DELETE FROM fact")
        with ends.gate.transaction():
            for _ in range(3):
                ends.gate.append(AlarmRaised(alarm="test", detail="another history"), NOW)
        answer = ends.receiver.receive(ends.facts()[2:])
        assert (answer.state, answer.seq, answer.chain) == (AckState.FORKED, seen, before[seen - 1].chain)
        assert ends.applied == list(range(1, seen + 1))
        (said,) = caplog.records
        assert (said.message, vars(said)["seq"], said.levelno) == ("facts.forked", 3, logging.ERROR)

    def test_another_units_fact_is_not_taken_in(self, ends: Ends) -> None:
        ends.append(1)
        stranger = Receiver("riverside.exit-1", ends.hub, lambda _: None)
        assert stranger.receive(ends.facts()).state is AckState.FORKED
        assert ends.hub.cursor(GATE).position == Position()


class TestEpochs:
    @pytest.fixture
    def renewed(self, ends: Ends) -> Ends:
        """Two facts in epoch 1, two in epoch 2."""
        ends.append(2)
        ends.gate.begin_run()
        ends.append(2)
        return ends

    def test_a_new_epoch_begins_with_one_and_follows_on(self, renewed: Ends) -> None:
        assert [(fact.epoch, fact.seq) for fact in renewed.gate.after(Position(), 9)] == [
            (1, 1),
            (1, 2),
            (2, 1),
            (2, 2),
        ]
        assert renewed.receiver.receive(renewed.gate.after(Position(), 9)) == renewed.ack(AckState.OK, 2, epoch=2)

    def test_with_the_last_epochs_end_missing_it_asks_for_that(self, renewed: Ends) -> None:
        renewed.receiver.receive(renewed.facts()[:1])
        assert renewed.receiver.receive(renewed.facts(epoch=2)) == renewed.ack(AckState.REPLAY, 1)
        assert renewed.receiver.receive(renewed.gate.after(Position(1, 1), 9)) == renewed.ack(AckState.OK, 2, epoch=2)

    def test_a_replay_that_begins_with_it_again_is_a_fork(self, renewed: Ends) -> None:
        renewed.receiver.receive(renewed.facts()[:1])
        renewed.receiver.receive(renewed.facts(epoch=2))
        assert renewed.receiver.receive(renewed.facts(epoch=2)) == renewed.ack(AckState.FORKED, 1)

    def test_a_new_epoch_cannot_begin_in_its_middle(self, renewed: Ends) -> None:
        renewed.receiver.receive(renewed.facts())
        assert renewed.receiver.receive(renewed.facts(epoch=2)[1:]) == renewed.ack(AckState.REPLAY, 2)


class TestWhatAUnitHasLost:
    def test_is_returned_behind_the_newest_mark_that_both_know(self, ends: Ends) -> None:
        ends.append(4)
        ends.receiver.receive(ends.facts())
        lost = Head(run="r", epoch=2, granted=False, marks=[], ask=Ask.RETURN)
        assert [wire.seq for wire in ends.receiver.asked(lost).returned] == [1, 2, 3, 4]
        second = ends.facts()[1]
        answer = ends.receiver.asked(lost.model_copy(update={"marks": [_mark(second)]}))
        assert [wire.seq for wire in answer.returned] == [3, 4]
        assert (answer.seq, answer.answers) == (4, Ask.RETURN)

    def test_a_mark_with_another_hash_is_not_known(self, ends: Ends) -> None:
        ends.append(2)
        ends.receiver.receive(ends.facts())
        forged = _mark(ends.facts()[1]).model_copy(update={"chain": "f" * 64})
        lost = Head(run="r", epoch=2, granted=False, marks=[forged, _mark(ends.facts()[0])], ask=Ask.RETURN)
        assert [wire.seq for wire in ends.receiver.asked(lost).returned] == [2]


class TestSnapshot:
    def test_is_taken_over_part_by_part_and_is_there_with_the_last(self, ends: Ends) -> None:
        ends.append(6)
        facts = ends.facts()
        receiver = Receiver(GATE, ends.hub, lambda fact: ends.applied.append(fact.seq))
        receiver.receive(facts[:2])
        at = _mark(facts[5])
        first, second = (Part(at=at, number=number, of=2) for number in (1, 2))
        assert receiver.part(second, facts[5:]).part == 0, "it begins with the first"
        assert receiver.part(first, facts[3:5]).part == 1
        assert (ends.hub.cursor(GATE).position.seq, ends.applied) == (2, [1, 2, 4, 5])
        assert receiver.part(first, facts[3:5]).part == 1, "a link that is back begins again"
        answer = receiver.part(second, facts[5:])
        assert (answer.part, answer.seq, answer.chain) == (2, 6, facts[5].chain)
        assert ends.applied == [1, 2, 4, 5, 4, 5, 6]
        assert [fact.seq for fact in ends.hub.kept(GATE, Position(), 9)] == [6], "the end of the log, and what lasts"

    def test_of_a_run_that_has_been_succeeded_is_not_taken(self, ends: Ends) -> None:
        ends.append(1)
        old = ends.facts()[0]
        ends.gate.begin_run()
        ends.append(1)
        ends.receiver.receive(ends.gate.after(Position(), 9))
        assert ends.receiver.part(Part(at=_mark(old), number=1, of=1), []).part is None
        assert ends.hub.cursor(GATE).position == Position(2, 1)


def _mark(fact: Fact) -> WireMark:
    return Cursor.at(fact).wire()
