"""The sending end of a log, case by case."""

import shutil

import pytest

from cloud_sync.link.journal import Journal
from cloud_sync.link.log import Position
from cloud_sync.link.receiving import Receiver
from cloud_sync.link.sending import IN_FLIGHT_MAX, RESEND_MS, RESEND_MS_MAX, RETURNS_MS_MAX, Sender
from cloud_sync.link.store import Store
from cloud_sync.link.tenure import Standing, Tenure
from cloud_sync.link.v1.facts import AlarmRaised
from cloud_sync.link.v1.messages import BATCH_MAX, AckState, Ask
from domain.errors import PeerError
from tests.cloud_sync.link.ends import GATE, HUB, MESSAGES_MAX, NOW, Ends, seqs

BELOW = "riverside.below"
A_FEW = 50
"""Messages until two runs have nothing more to say at once."""


class TestSender:
    def test_it_sends_batches_ahead_up_to_the_bound_and_on_as_they_are_acknowledged(self, ends: Ends) -> None:
        ends.append(IN_FLIGHT_MAX + 2 * BATCH_MAX + 1)
        sent = ends.connect()
        assert seqs(sent) == [[1 + start, start + BATCH_MAX] for start in range(0, IN_FLIGHT_MAX, BATCH_MAX)]
        assert ends.sender.appended(NOW) == []
        assert seqs(ends.sender.acked(ends.ack(AckState.OK, BATCH_MAX), NOW)) == [
            [IN_FLIGHT_MAX + 1, IN_FLIGHT_MAX + 200]
        ]

    def test_it_is_silent_without_a_link(self, ends: Ends) -> None:
        ends.append(1)
        assert ends.sender.appended(NOW) == []
        ends.connect()
        ends.sender.disconnected()
        ends.append(1)
        assert ends.sender.appended(NOW) == []
        assert ends.sender.next_wakeup_ms() is None

    def test_without_an_answer_it_sends_again_and_waits_longer_each_time(self, ends: Ends) -> None:
        ends.append(1)
        ends.connect()
        waits, now = [], NOW
        for _ in range(6):
            due = ends.sender.next_wakeup_ms()
            assert due is not None
            waits.append(due - now.mono_ms)
            assert ends.sender.woken(now.later(waits[-1] - 1)) == []
            now = now.later(waits[-1])
            assert seqs(ends.sender.woken(now)) == [[1, 1]]
        assert waits == [RESEND_MS, 10_000, 20_000, 40_000, RESEND_MS_MAX, RESEND_MS_MAX]
        ends.sender.acked(ends.ack(AckState.OK, 1), now)
        assert ends.sender.next_wakeup_ms() is None
        ends.sender.disconnected()
        ends.append(1)
        ends.sender.connected(now)
        assert ends.sender.next_wakeup_ms() == now.mono_ms + RESEND_MS, "a new link starts with the short wait"

    def test_a_replay_begins_where_the_subscriber_says(self, ends: Ends) -> None:
        ends.append(5)
        ends.connect()
        ends.sender.acked(ends.ack(AckState.OK, 5), NOW)
        assert seqs(ends.sender.acked(ends.ack(AckState.REPLAY, 2), NOW)) == [[3, 5]]
        assert seqs(ends.sender.acked(ends.ack(AckState.REPLAY, 0, epoch=0), NOW)) == [[1, 5]]

    def test_what_is_acknowledged_is_kept_and_remembered(self, ends: Ends) -> None:
        ends.append(3)
        ends.deliver(ends.connect())
        assert len(ends.facts()) == 3
        ends.begin()
        assert ends.gate.acknowledged(HUB) == Position(1, 3)
        ends.append(1)
        (batch,) = ends.connect()
        assert [(wire.epoch, wire.seq) for wire in batch.facts] == [(2, 1)]

    def test_a_subscriber_that_was_set_back_is_sent_what_it_has_lost(self, ends: Ends) -> None:
        """A hub restored from an old copy while the gate is away: nothing new happens, and it must still learn."""
        ends.append(3)
        ends.deliver(ends.connect())
        ends.sender.disconnected()
        set_back(ends, 2)
        ends.deliver(ends.connect())
        assert ends.hub.cursor(GATE).position == Position(1, 3)
        assert ends.applied == [1, 2, 3, 3]

    def test_also_while_both_are_connected(self, ends: Ends) -> None:
        ends.append(3)
        ends.deliver(ends.connect())
        set_back(ends, 1)
        ends.deliver(ends.sender.acked(ends.receiver.opening(), NOW))
        assert ends.hub.cursor(GATE).position == Position(1, 3)

    def test_with_all_acknowledged_nothing_is_sent(self, ends: Ends) -> None:
        ends.append(3)
        ends.deliver(ends.connect())
        ends.sender.disconnected()
        assert ends.connect() == []
        assert ends.sender.next_wakeup_ms() is None

    def test_a_subscriber_that_is_ahead_of_what_this_sender_sent_is_believed(self, ends: Ends) -> None:
        """The unit was restarted, and what it had sent before arrived."""
        ends.append(4)
        ends.deliver(ends.connect())
        ends.gate_store.connection.execute("DELETE FROM acknowledged")
        ends.begin()
        assert ends.connect() == []
        assert ends.gate.acknowledged(HUB) == Position(1, 4)

    def test_a_fork_is_compared_again_and_not_at_once(self, ends: Ends) -> None:
        ends.append(2)
        ends.connect()
        for _ in range(3):
            assert ends.sender.acked(ends.ack(AckState.FORKED, 1), NOW) == []
        ends.append(1)
        assert ends.sender.appended(NOW) == []
        (asked,) = ends.sender.woken(NOW.later(RESEND_MS))
        assert asked.head is not None
        assert asked.head.ask is Ask.CURSOR

    def test_an_acknowledgement_that_comes_when_the_link_is_down_is_none(self, ends: Ends) -> None:
        ends.append(1)
        ends.connect()
        ends.sender.disconnected()
        assert ends.sender.acked(ends.ack(AckState.OK, 1), NOW) == []
        assert ends.gate.acknowledged(HUB) == Position()

    def test_another_logs_acknowledgement_is_refused(self, ends: Ends) -> None:
        ends.append(2)
        ends.connect()
        with pytest.raises(PeerError, match=r"entry-1 was sent an acknowledgement for riverside\.exit-1"):
            ends.sender.acked(ends.ack(AckState.OK, 2, unit="riverside.exit-1"), NOW)
        assert ends.gate.acknowledged(HUB) == Position()


class TestComparing:
    def test_what_is_asked_is_asked_again_until_it_is_answered(self, ends: Ends) -> None:
        (asked,) = ends.sender.connected(NOW)
        now = NOW.later(RESEND_MS)
        assert ends.sender.woken(now) == [asked]
        assert ends.sender.next_wakeup_ms() == now.mono_ms + 2 * RESEND_MS

    def test_a_place_without_a_hash_is_known_if_the_fact_is_there(self, ends: Ends) -> None:
        ends.append(2)
        ends.connect()
        ends.sender.acked(ends.ack(AckState.OK, 2).model_copy(update={"chain": None}), NOW)
        assert ends.gate.acknowledged(HUB) == Position(1, 2)
        ends.sender.acked(ends.ack(AckState.OK, 5), NOW)
        assert ends.tenure.standing is Standing.FENCED

    def test_what_was_lost_comes_back_where_it_was(self, ends: Ends) -> None:
        ends.append(450)
        ends.deliver(ends.connect())
        before = ends.facts()
        ends.new_disk()
        ends.append(2)
        ends.deliver(ends.connect())
        assert ends.facts() == before
        assert [fact.seq for fact in ends.gate.after(Position(2), 9)] == [1, 2]
        assert ends.applied == [*range(1, 451), 1, 2]

    def test_it_is_known_while_it_comes_back_and_not_believed_in_for_ever(self, ends: Ends) -> None:
        ends.append(450)
        ends.deliver(ends.connect())
        ends.new_disk()
        ends.append(2)
        messages = ends.sender.connected(NOW)
        taking_back = []
        while messages:
            answers = [ends.receiver.heard(message) for message in messages]
            messages = [message for ack in answers for message in ends.sender.acked(ack, NOW)]
            taking_back.append(ends.sender.is_taking_back(NOW))
            assert not ends.sender.is_taking_back(NOW.later(RETURNS_MS_MAX)), "its peer may be gone"
        assert True in taking_back
        assert not taking_back[-1]
        assert ends.hub.cursor(GATE) == ends.gate.marks(1)[0]

    def test_what_was_written_by_several_runs_meanwhile_is_numbered_behind_it(self, ends: Ends) -> None:
        ends.append(3)
        ends.deliver(ends.connect())
        ends.new_disk()
        for _ in range(2):
            ends.append(1)
            ends.begin()
        ends.deliver(ends.connect())
        assert ends.hub.cursor(GATE) == ends.gate.marks(1)[0]
        assert ends.applied == [1, 2, 3, 1, 2]

    def test_what_two_runs_wrote_that_began_with_nothing_becomes_one_log(self, ends: Ends) -> None:
        """Also where the one that goes on is the one that the hub had granted its epoch first."""
        ends.append(3)
        ends.deliver(ends.connect())
        ends.new_disk()
        ends.append(2, "by the other run")
        ends.gate.settle()
        ends.begin()
        ends.append(1)
        ends.deliver(ends.connect())
        assert ends.applied == [1, 2, 3, 1, 2, 3]
        assert ends.hub.cursor(GATE) == ends.gate.marks(1)[0]

    def test_two_logs_that_do_not_fit_are_settled_by_a_snapshot(self, ends: Ends) -> None:
        """Where they fork is not kept any more: what it wrote before stays out, what it writes now does not."""
        ends.append(3)
        ends.deliver(ends.connect())
        ends.new_disk()
        ends.append(2, "by the other run")
        ends.gate.settle()
        ends.gate.thin(GATE, [Position(1, 1)], Position(1, 2))
        ends.begin()
        ends.append(1)
        ends.deliver(ends.connect())
        assert ends.applied == [1, 2, 3, 1]
        assert ends.hub.cursor(GATE).position == ends.gate.marks(1)[0].position


class TestTwoRunsOfOneUnit:
    def test_the_newer_one_is_granted_a_higher_epoch_and_the_older_one_is_fenced(self, ends: Ends) -> None:
        ends.append(2)
        ends.deliver(ends.connect())
        older, tenure = ends.sender, ends.tenure
        ends.gate_store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(ends.folder / "gate.db", ends.folder / "clone.db")
        ends.gate_store = Store(ends.folder / "clone.db")
        ends.begin()
        ends.append(1)
        ends.deliver(ends.connect())
        assert ends.tenure.standing is Standing.GRANTED
        assert ends.hub.cursor(GATE).position == Position(2, 1)
        ends.sender = older
        ends.deliver(older.connected(NOW))
        assert tenure.standing is Standing.FENCED
        assert older.appended(NOW) == []
        assert ends.hub.cursor(GATE).position == Position(2, 1)

    @pytest.mark.parametrize("heard_of_its_copy", [0, 1])
    def test_what_the_fenced_one_wrote_goes_up_once_it_alone_is_started_anew(
        self, ends: Ends, heard_of_its_copy: int
    ) -> None:
        ends.append(2)
        ends.deliver(ends.connect())
        original = ends.gate_store
        original.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(ends.folder / "gate.db", ends.folder / "clone.db")
        older = ends.gate
        ends.gate_store = Store(ends.folder / "clone.db")
        ends.begin()
        ends.append(heard_of_its_copy)
        ends.deliver(ends.connect())
        with older.transaction():
            unheard = [older.append(AlarmRaised(alarm="test", detail=f"car {number}"), NOW) for number in range(3)]
        assert [fact.epoch for fact in unheard] == [1, 1, 1]
        ends.gate_store = original
        ends.begin()
        ends.deliver(ends.connect())
        assert ends.tenure.standing is Standing.GRANTED
        assert ends.hub.cursor(GATE).position == ends.gate.marks(1)[0].position
        known = ends.hub.kept(GATE, Position(), 10)
        assert known == ends.gate.after(Position(), 10)
        assert [fact.payload["detail"] for fact in known[-3:]] == ["car 0", "car 1", "car 2"]
        assert len(known) == 2 + heard_of_its_copy + 3

    def test_what_a_run_asked_before_it_died_fences_nobody(self, ends: Ends) -> None:
        """However late it comes: on another connection, behind what its successor has said."""
        ends.append(2)
        ends.deliver(ends.connect())
        ends.begin()
        late = asked = ends.sender.connected(NOW)
        while ends.tenure.standing is not Standing.GRANTED:
            asked = [said for message in asked for said in ends.sender.acked(ends.receiver.heard(message), NOW)]
            late = [*late, *asked]
        ends.begin()
        ends.append(1)
        ends.deliver(ends.connect())
        assert ends.tenure.standing is Standing.GRANTED
        for message in late:
            ends.deliver(ends.sender.acked(ends.receiver.heard(message), NOW))
        assert ends.tenure.standing is Standing.GRANTED
        ends.append(1)
        ends.deliver(ends.sender.appended(NOW))
        assert ends.hub.cursor(GATE) == ends.gate.marks(1)[0]

    def test_what_another_run_is_answered_is_not_for_this_one(self, ends: Ends) -> None:
        ends.append(2)
        (asked,) = ends.sender.connected(NOW)
        assert asked.head is not None
        answer = ends.receiver.heard(asked)
        assert answer.run == "run 1"
        assert ends.sender.acked(answer.model_copy(update={"run": "run 2"}), NOW) == []
        assert ends.sender.acked(answer, NOW) != []

    def test_an_older_peer_does_not_say_whom_it_answers(self, ends: Ends) -> None:
        (asked,) = ends.sender.connected(NOW)
        answer = ends.receiver.heard(asked).model_copy(update={"run": None})
        assert ends.sender.acked(answer, NOW) != []

    def test_two_that_nobody_has_decided_between_do_not_answer_each_other_without_end(self, ends: Ends) -> None:
        """Each hears what the unit below them answers the other, and puts right what the other has said."""
        ends.append(2)
        ends.deliver(ends.connect())
        ends.gate_store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(ends.folder / "gate.db", ends.folder / "clone.db")
        runs = [ends.gate, Journal(Store(ends.folder / "clone.db"), GATE, "boot")]
        for run in runs:
            with run.transaction():
                run.append(AlarmRaised(alarm="test", detail=f"by {id(run)}"), NOW)
        runs[1].begin_run()
        with runs[1].transaction():
            runs[1].append(AlarmRaised(alarm="test", detail="as another run"), NOW)
        runs[0].rise_to(3)  # its parent's word, of which nothing in its log tells
        senders = [Sender(run, BELOW, Tenure(run, f"of {number}")) for number, run in enumerate(runs)]
        below = Receiver(GATE, Journal(Store(ends.folder / "below.db"), BELOW, "boot"), lambda _: None)
        waiting = [message for sender in senders for message in sender.connected(NOW)]
        said = 0
        while waiting and said < MESSAGES_MAX:
            said += 1
            ack = below.heard(waiting.pop(0))
            waiting += [message for sender in senders for message in sender.acked(ack, NOW)]
        assert said < A_FEW
        assert not waiting


def set_back(ends: Ends, seq: int) -> None:
    """Restore the hub to when it had so much of the gate's log."""
    sql = ends.hub_store.connection
    sql.execute("DELETE FROM fact WHERE seq > ?", (seq,))
    sql.execute("UPDATE applied SET seq = ?, chain = ?", (seq, ends.facts()[seq - 1].chain))
