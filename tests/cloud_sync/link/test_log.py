"""The two ends of a log: on a bad carrier (`carrier.py`), which must find deliberate faults, and case by case."""

import contextlib
import itertools
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from cloud_sync.link.journal import Journal
from cloud_sync.link.log import IN_FLIGHT_MAX, RESEND_MS, RESEND_MS_MAX, Position, Receiver, Sender
from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import AlarmRaised
from cloud_sync.link.v1.messages import BATCH_MAX, Ack, AckState
from domain.errors import BadInput, NotFound, PeerError
from domain.fact import Fact
from domain.now import Now
from tests.cloud_sync.link.carrier import GATE, HUB, LogMachine, PowerCut
from tests.parts import NOON

NOW = Now(1_000, NOON)


def test_on_a_bad_carrier_every_fact_is_applied_exactly_once_and_in_order() -> None:
    run_state_machine_as_test(LogMachine, settings=settings(max_examples=100, stateful_step_count=40))


class AppliesTwice(Receiver):
    """Does not know again what it has seen."""

    def receive(self, facts: Sequence[Fact]) -> Ack:
        for fact in facts:
            if Position(fact.epoch, fact.seq) <= self._inbox.cursor(self._unit).position:
                with contextlib.suppress(PeerError, BadInput), self._inbox.transaction():
                    self._apply(fact)
        return super().receive(facts)


class AcknowledgesBeforeCommit(Receiver):
    """Its acknowledgement is out when the power is cut."""

    def receive(self, facts: Sequence[Fact]) -> Ack:
        try:
            return super().receive(facts)
        except PowerCut:
            return self._ack(Position(facts[-1].epoch, facts[-1].seq), AckState.OK)


class TakesEffectBeforeTheCursorMoves(Receiver):
    """Commits the two one after the other."""

    def receive(self, facts: Sequence[Fact]) -> Ack:
        apply, self._apply = self._apply, lambda _: None
        try:
            for fact in facts:
                cursor = self._inbox.cursor(self._unit)
                if Position(fact.epoch, fact.seq) == Position(1, cursor.position.seq + 1):
                    with contextlib.suppress(PeerError, BadInput):
                        apply(fact)
                    super().receive([fact])
            return super().receive(facts)
        finally:
            self._apply = apply


class AsksForOneTooFew(Receiver):
    """Its replay begins one fact too late."""

    def _ack(self, position: Position, state: AckState) -> Ack:
        after = Position(max(position.epoch, 1), position.seq + (state is AckState.REPLAY))
        return super()._ack(after, state)


class JamsOnJunk(Receiver):
    """Does not move on behind what it cannot understand."""

    def receive(self, facts: Sequence[Fact]) -> Ack:
        understood = itertools.takewhile(lambda fact: fact.payload["detail"] == "news", facts)
        return super().receive(list(understood))


class SendsWithoutBound(Sender):
    """Forgets what is in flight."""

    def appended(self, now: Now) -> list[Sequence[Fact]]:
        self._in_flight.clear()
        return super().appended(now)


class NeverSendsAgain(Sender):
    """Trusts the carrier."""

    def woken(self, now: Now) -> list[Sequence[Fact]]:
        return []

    def next_wakeup_ms(self) -> int | None:
        return None

    def _again(self, now: Now, after: Position) -> list[Sequence[Fact]]:
        return self.appended(now)


class SkipsOne(Sender):
    """Begins one fact behind what was acknowledged."""

    def _again(self, now: Now, after: Position) -> list[Sequence[Fact]]:
        return super()._again(now, Position(max(after.epoch, 1), after.seq + 1))


@pytest.mark.parametrize(
    "fault",
    [
        AppliesTwice,
        AcknowledgesBeforeCommit,
        TakesEffectBeforeTheCursorMoves,
        AsksForOneTooFew,
        JamsOnJunk,
        SendsWithoutBound,
        NeverSendsAgain,
        SkipsOne,
    ],
)
def test_the_bad_carrier_finds_a_fault(fault: Any) -> None:
    faulty: dict[str, Any] = {"sender_of" if issubclass(fault, Sender) else "receiver_of": fault}
    machine = type(f"LogMachineThat{fault.__name__}", (LogMachine,), faulty)
    searching = settings(max_examples=100, stateful_step_count=40, phases=[Phase.generate], report_multiple_bugs=False)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=searching)


# Case by case


class Ends:
    """Both ends of a log, and the messages between them in the test's hands."""

    def __init__(self, folder: Path) -> None:
        self.gate_store, self.hub_store = Store(folder / "gate.db"), Store(folder / "hub.db")
        self.gate, self.hub = Journal(self.gate_store, GATE, "boot"), Journal(self.hub_store, HUB, "boot")
        self.sender, self.applied = Sender(self.gate, HUB), list[int]()
        self.receiver = Receiver(GATE, self.hub, lambda fact: self.applied.append(fact.seq))

    def append(self, count: int) -> None:
        with self.gate.transaction():
            for _ in range(count):
                self.gate.append(AlarmRaised(alarm="test", detail="news"), NOW)

    def facts(self, epoch: int = 1) -> list[Fact]:
        return [fact for fact in self.gate.after(Position(), 10_000) if fact.epoch == epoch]


@pytest.fixture
def ends(tmp_path: Path) -> Ends:
    return Ends(tmp_path)


def ack(state: AckState, seq: int, epoch: int = 1, unit: str = GATE) -> Ack:
    return Ack(unit=unit, epoch=epoch, seq=seq, state=state)


def seqs(batches: Sequence[Sequence[Fact]]) -> list[list[int]]:
    return [[batch[0].seq, batch[-1].seq] for batch in batches]


class TestSender:
    def test_it_sends_batches_ahead_up_to_the_bound_and_on_as_they_are_acknowledged(self, ends: Ends) -> None:
        ends.append(IN_FLIGHT_MAX + 2 * BATCH_MAX + 1)
        sent = ends.sender.connected(NOW)
        assert seqs(sent) == [[1 + start, start + BATCH_MAX] for start in range(0, IN_FLIGHT_MAX, BATCH_MAX)]
        assert ends.sender.appended(NOW) == []
        assert seqs(ends.sender.acked(ack(AckState.OK, BATCH_MAX), NOW)) == [[IN_FLIGHT_MAX + 1, IN_FLIGHT_MAX + 200]]

    def test_it_is_silent_without_a_link(self, ends: Ends) -> None:
        ends.append(1)
        assert ends.sender.appended(NOW) == []
        ends.sender.connected(NOW)
        ends.sender.disconnected()
        ends.append(1)
        assert ends.sender.appended(NOW) == []
        assert ends.sender.next_wakeup_ms() is None

    def test_without_an_answer_it_sends_again_and_waits_longer_each_time(self, ends: Ends) -> None:
        ends.append(1)
        ends.sender.connected(NOW)
        waits, now = [], NOW
        for _ in range(6):
            due = ends.sender.next_wakeup_ms()
            assert due is not None
            waits.append(due - now.mono_ms)
            assert ends.sender.woken(now.later(waits[-1] - 1)) == []
            now = now.later(waits[-1])
            assert seqs(ends.sender.woken(now)) == [[1, 1]]
        assert waits == [RESEND_MS, 10_000, 20_000, 40_000, RESEND_MS_MAX, RESEND_MS_MAX]
        ends.sender.acked(ack(AckState.OK, 1), now)
        assert ends.sender.next_wakeup_ms() is None
        ends.sender.disconnected()
        ends.append(1)
        ends.sender.connected(now)
        assert ends.sender.next_wakeup_ms() == now.mono_ms + RESEND_MS, "a new link starts with the short wait"

    def test_a_replay_begins_where_the_subscriber_says(self, ends: Ends) -> None:
        ends.append(5)
        ends.sender.connected(NOW)
        ends.sender.acked(ack(AckState.OK, 5), NOW)
        assert seqs(ends.sender.acked(ack(AckState.REPLAY, 2), NOW)) == [[3, 5]]
        assert seqs(ends.sender.acked(ack(AckState.REPLAY, 0, epoch=0), NOW)) == [[1, 5]]

    def test_what_is_acknowledged_is_kept_and_remembered(self, ends: Ends) -> None:
        ends.append(3)
        ends.sender.connected(NOW)
        ends.sender.acked(ack(AckState.OK, 3), NOW)
        assert len(ends.facts()) == 3
        again = Sender(ends.gate, HUB)
        ends.append(1)
        assert seqs(again.connected(NOW)) == [[3, 4]]

    def test_on_connecting_it_shows_its_last_fact_to_a_subscriber_that_may_have_lost_it(self, ends: Ends) -> None:
        """A hub restored from an old copy while the gate is away: nothing new happens, and it must still learn."""
        ends.append(3)
        (batch,) = ends.sender.connected(NOW)
        ends.sender.acked(ends.receiver.receive(batch), NOW)
        ends.sender.disconnected()
        ends.hub_store.connection.executescript("DELETE FROM fact WHERE seq = 3; UPDATE applied SET seq = 2;")
        chain = ends.facts()[1].chain
        ends.hub_store.connection.execute("UPDATE applied SET chain = ?", (chain,))
        (shown,) = ends.sender.connected(NOW)
        (replayed,) = ends.sender.acked(ends.receiver.receive(shown), NOW) or [[]]
        assert ends.hub.cursor(GATE).position == Position(1, 3)
        assert list(replayed) == []

    def test_with_all_acknowledged_what_it_shows_is_not_sent_for_ever(self, ends: Ends) -> None:
        ends.append(3)
        ends.sender.acked(ends.receiver.receive(ends.sender.connected(NOW)[0]), NOW)
        ends.sender.disconnected()
        (shown,) = ends.sender.connected(NOW)
        assert ends.sender.acked(ends.receiver.receive(shown), NOW) == []
        assert ends.sender.next_wakeup_ms() is None
        assert ends.applied == [1, 2, 3]

    def test_a_subscriber_that_knows_more_than_the_log_stops_it(
        self, ends: Ends, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The unit was restored from an old copy: new facts under old numbers would be taken for the old ones."""
        ends.append(2)
        ends.sender.connected(NOW)
        assert ends.sender.acked(ack(AckState.OK, 5), NOW) == []
        ends.append(1)
        assert ends.sender.appended(NOW) == []
        assert ends.gate.acknowledged(HUB) == Position()
        assert [record.message for record in caplog.records] == ["facts.forked"]

    def test_a_subscriber_that_is_ahead_of_what_this_sender_sent_is_believed(self, ends: Ends) -> None:
        """The unit was restarted, and what it had sent before arrived."""
        ends.append(4)
        again = Sender(ends.gate, HUB)
        assert seqs(again.acked(ack(AckState.REPLAY, 3), NOW)) == []
        assert seqs(again.connected(NOW)) == [[3, 4]]

    def test_a_fork_stops_it_until_the_subscriber_says_otherwise(
        self, ends: Ends, caplog: pytest.LogCaptureFixture
    ) -> None:
        ends.append(2)
        ends.sender.connected(NOW)
        for _ in range(3):
            assert ends.sender.acked(ack(AckState.FORKED, 1), NOW) == []
        ends.append(1)
        assert ends.sender.appended(NOW) == []
        assert ends.sender.woken(NOW.later(RESEND_MS)) == []
        assert [record.message for record in caplog.records] == ["facts.forked"]
        assert seqs(ends.sender.acked(ack(AckState.REPLAY, 1), NOW)) == [[2, 3]]

    def test_another_logs_acknowledgement_is_refused(self, ends: Ends) -> None:
        ends.append(2)
        ends.sender.connected(NOW)
        with pytest.raises(PeerError, match=r"entry-1 was sent an acknowledgement for riverside\.exit-1"):
            ends.sender.acked(ack(AckState.OK, 2, unit="riverside.exit-1"), NOW)
        assert ends.gate.acknowledged(HUB) == Position()


class TestReceiver:
    def test_it_opens_with_how_far_it_is(self, ends: Ends) -> None:
        assert ends.receiver.opening() == ack(AckState.REPLAY, 0, epoch=0)
        ends.append(2)
        ends.receiver.receive(ends.facts())
        assert ends.receiver.opening() == ack(AckState.REPLAY, 2)

    def test_what_it_has_seen_is_acknowledged_and_not_applied_again(self, ends: Ends) -> None:
        ends.append(3)
        facts = ends.facts()
        assert ends.receiver.receive(facts[:2]) == ack(AckState.OK, 2)
        assert ends.receiver.receive(facts) == ack(AckState.OK, 3)
        assert ends.receiver.receive(facts[:1]) == ack(AckState.OK, 3)
        assert ends.receiver.receive([]) == ack(AckState.OK, 3)
        assert ends.applied == [1, 2, 3]

    def test_it_applies_up_to_a_gap_and_asks_for_the_rest(self, ends: Ends) -> None:
        ends.append(4)
        one, two, _, four = ends.facts()
        assert ends.receiver.receive([one, two, four]) == ack(AckState.REPLAY, 2)
        assert ends.applied == [1, 2]

    def test_one_gap_is_asked_for_once_by_all_that_came_behind_it(self, ends: Ends) -> None:
        ends.append(6)
        facts = ends.facts()
        states = [ends.receiver.receive([fact]).state for fact in facts[1:]]
        assert states == [AckState.REPLAY] + [AckState.OK] * 4
        assert ends.receiver.receive(facts[1:3]).state is AckState.REPLAY, "the replay was lost too"
        assert ends.receiver.receive(facts) == ack(AckState.OK, 6)

    def test_a_lost_message_costs_about_its_replay(self, ends: Ends) -> None:
        """A thousand single facts behind one that was lost had each asked for all of them: a million sent again."""
        ends.sender.connected(NOW)
        to_hub: list[Sequence[Fact]] = []
        for _ in range(100):
            ends.append(1)
            to_hub += ends.sender.appended(NOW)
        sent, to_gate = 0, list[Ack]()
        del to_hub[0]
        while to_hub or to_gate:
            if to_hub:
                sent += len(to_hub[0])
                to_gate.append(ends.receiver.receive(to_hub.pop(0)))
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
            ends.hub_store.connection.execute("INSERT INTO own_epoch VALUES (?, 1)", (f"effect {fact.seq}",))
            if fact.seq == 2:
                raise error

        ends.append(3)
        assert Receiver(GATE, ends.hub, apply).receive(ends.facts()) == ack(AckState.OK, 3)
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
        assert receiver.receive(ends.facts()) == ack(AckState.OK, 3)
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
        ends.receiver.receive(ends.facts()[:seen])
        ends.gate_store.connection.execute("DELETE FROM fact")
        with ends.gate.transaction():
            for _ in range(3):
                ends.gate.append(AlarmRaised(alarm="test", detail="another history"), NOW)
        assert ends.receiver.receive(ends.facts()[2:]) == ack(AckState.FORKED, seen)
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
        ends.gate_store.connection.execute("UPDATE own_epoch SET epoch = 2")
        ends.gate = Journal(ends.gate_store, GATE, "boot")
        ends.append(2)
        return ends

    def test_a_new_epoch_begins_with_one_and_follows_on(self, renewed: Ends) -> None:
        assert [(fact.epoch, fact.seq) for fact in renewed.gate.after(Position(), 9)] == [
            (1, 1),
            (1, 2),
            (2, 1),
            (2, 2),
        ]
        assert renewed.receiver.receive(renewed.gate.after(Position(), 9)) == ack(AckState.OK, 2, epoch=2)

    def test_with_the_last_epochs_end_missing_it_asks_for_that(self, renewed: Ends) -> None:
        renewed.receiver.receive(renewed.facts()[:1])
        answer = renewed.receiver.receive(renewed.facts(epoch=2))
        assert answer == ack(AckState.REPLAY, 1)
        sender = Sender(renewed.gate, HUB)
        sender.connected(NOW)
        (replayed,) = sender.acked(answer, NOW)
        assert renewed.receiver.receive(replayed) == ack(AckState.OK, 2, epoch=2)

    def test_a_replay_that_begins_with_it_again_is_a_fork(self, renewed: Ends) -> None:
        renewed.receiver.receive(renewed.facts()[:1])
        renewed.receiver.receive(renewed.facts(epoch=2))
        assert renewed.receiver.receive(renewed.facts(epoch=2)) == ack(AckState.FORKED, 1)

    def test_a_new_epoch_cannot_begin_in_its_middle(self, renewed: Ends) -> None:
        renewed.receiver.receive(renewed.facts())
        assert renewed.receiver.receive(renewed.facts(epoch=2)[1:]) == ack(AckState.REPLAY, 2)
