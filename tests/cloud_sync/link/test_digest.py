"""Copies that are compared with their owner's log."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_sync.link import digest
from cloud_sync.link.digest import COPY_DIFFERS, DIGEST_EVERY_MS, DIGEST_EVERY_MS_MAX, DIGEST_QUIET_MS, SUBJECT, digests
from cloud_sync.link.log import Cursor, Position
from cloud_sync.link.sending import Sender
from cloud_sync.link.v1.facts import PAYLOADS, AlarmRaised, ReservationChanged, SpotChanged, StayChanged, values_of
from cloud_sync.link.v1.messages import AckState, Facts
from domain.reservation import Status
from tests.cloud_sync.link.copies import START, Ends, spot, stay
from tests.gate_firmware.gate import right
from tests.parts import ENTRY, LOT, NOON

ALARM = AlarmRaised(alarm="test", detail="")
FIRST = f"{LOT}.1-001"


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[Ends]:
    """A hub with three spots and a car inside, and a gate that knows of them."""
    ends = Ends(tmp_path)
    ends.tell(spot(1), spot(2), spot(3), stay(1))
    ends.connect()
    ends.sent.clear()
    yield ends
    ends.close()


def writes(ends: Ends) -> None:
    """The log goes on, and the copy with it."""
    ends.tell(ALARM)
    ends.deliver(ends.sender.appended(ends.now))


class TestDigests:
    def test_do_not_depend_on_the_order(self) -> None:
        rows = [("a", {"x": 1, "y": {"p": 1, "q": None}}), ("b", {"x": True, "y": "ü"})]
        turned = [("b", {"y": "ü", "x": True}), ("a", {"y": {"q": None, "p": 1}, "x": 1})]
        assert digests(rows) == digests(turned)
        assert digests(rows).keys() == {SUBJECT, "x", "y"}

    @pytest.mark.parametrize("other", [("a", {"x": True}), ("a", {"x": "1"}), ("b", {"x": 1}), ("a", {"x": None})])
    def test_differ_with_every_value(self, other: tuple[str, dict[str, object]]) -> None:
        assert digests([("a", {"x": 1})])["x"] != digests([other])["x"]

    def test_hold_a_plates_mark_and_not_its_box(self, ends: Ends) -> None:
        ends.tell(right(), right())
        once, again = ends.hub.after(Position(1, 4), 2)
        assert once.payload["plate"]["box"] != again.payload["plate"]["box"]
        assert values_of(once) == values_of(again)
        assert values_of(once)["plate.mark"] == once.payload["plate"]["mark"]

    @pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
    def test_are_of_fields_that_there_are(self, payload: type) -> None:
        fields = {name.partition(".")[0] for name in PAYLOADS[payload.kind].compared}  # type: ignore[attr-defined]
        assert fields <= PAYLOADS[payload.kind].model_fields.keys()  # type: ignore[attr-defined]


class TestACopyThatIsAsItShouldBe:
    def test_is_compared_now_and_then_and_nothing_follows(self, ends: Ends) -> None:
        for count in (1, 2, 3):
            writes(ends)
            ends.deliver(ends.due())
            assert ends.now.mono_ms == START.mono_ms + count * DIGEST_EVERY_MS
        assert len([message for message in ends.sent if message.compare]) == 3
        assert (ends.alarms, ends.snapshots()) == ([], 0)

    def test_is_compared_each_hour_while_nothing_is_written(self, ends: Ends) -> None:
        compared_at = []
        while ends.now.mono_ms < START.mono_ms + 2 * DIGEST_QUIET_MS:
            messages = ends.due()
            compared_at += [ends.now.mono_ms - START.mono_ms for message in messages if message.compare]
            ends.deliver(messages)
        assert compared_at == [DIGEST_EVERY_MS, DIGEST_EVERY_MS + DIGEST_QUIET_MS]

    def test_is_compared_after_each_meeting(self, ends: Ends) -> None:
        ends.deliver(ends.due())
        ends.sender.disconnected()
        ends.connect()
        ends.copy.known[StayChanged.kind].clear()
        ends.deliver(ends.due())
        assert ends.alarms == [COPY_DIFFERS], "it may be on another disk"

    def test_is_compared_page_by_page(self, ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(digest, "ROWS_MAX", 2)
        ends.deliver(ends.due())
        pages = [page for message in ends.sent if message.compare for page in message.compare.pages]
        spots = [(page.first, page.until) for page in pages if page.kind == SpotChanged.kind]
        assert spots == [("", f"{LOT}.1-002"), (f"{LOT}.1-002", None)]
        assert {page.kind for page in pages} == {kind for kind, payload in PAYLOADS.items() if payload.compared}
        assert len(ends.sent) == 3
        assert ends.alarms == []

    def test_need_not_have_what_is_over(self, ends: Ends) -> None:
        ends.tell(right(1, end=1 / 60), right(2, end=9), right(3, Status.CHECKED_IN, end=1 / 60), stay(2, NOON))
        ends.deliver(ends.sender.appended(ends.now))
        del ends.copy.known[ReservationChanged.kind][right(1).reservation_id]
        ends.deliver(ends.due())
        assert ends.alarms == []
        writes(ends)
        del ends.copy.known[ReservationChanged.kind][right(3).reservation_id]
        ends.deliver(ends.due())
        assert ends.alarms == [COPY_DIFFERS], "a car that is inside for too long is not over"

    def test_leaves_the_interval_as_it_is_where_the_link_comes_and_goes(self, ends: Ends) -> None:
        ends.pass_ms(DIGEST_EVERY_MS - 1)
        ends.sender.disconnected()
        assert ends.sender.next_wakeup_ms() is None
        ends.connect()
        assert ends.sender.next_wakeup_ms() == START.mono_ms + DIGEST_EVERY_MS


class TestACopyThatDiffers:
    def test_is_put_right_by_a_snapshot_with_one_alarm(self, ends: Ends, caplog: pytest.LogCaptureFixture) -> None:
        ends.copy.known[SpotChanged.kind][FIRST] = {"spot_kind": "ev", "in_service": True}
        ends.deliver(ends.due())
        assert (ends.alarms, ends.snapshots()) == ([COPY_DIFFERS], 1)
        assert ends.copy.known[SpotChanged.kind][FIRST]["spot_kind"] == "standard"
        assert ends.gate.cursor(LOT) == ends.hub.marks(1)[0]
        (said,) = [record for record in caplog.records if record.message == "copy.differs"]
        assert vars(said)["what"] == ["spot.changed/1 spot_kind"]
        ends.deliver(ends.due())
        assert (ends.alarms, ends.snapshots()) == ([COPY_DIFFERS], 0)
        writes(ends)
        del ends.copy.known[SpotChanged.kind][FIRST]
        ends.deliver(ends.due())
        assert ends.alarms == [COPY_DIFFERS] * 2, "it had been right again"

    @pytest.mark.parametrize("phantom", ["", f"{LOT}.1-0015", f"{LOT}.9-999"])
    def test_by_a_row_too_many_anywhere(self, ends: Ends, phantom: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(digest, "ROWS_MAX", 2)
        ends.copy.known[SpotChanged.kind][phantom] = {"spot_kind": "standard", "in_service": True}
        ends.deliver(ends.due())
        assert ends.alarms == [COPY_DIFFERS]
        assert phantom not in ends.copy.known[SpotChanged.kind]

    def test_by_all_that_it_had(self, ends: Ends) -> None:
        ends.copy.known[StayChanged.kind].clear()
        ends.deliver(ends.due())
        assert ends.alarms == [COPY_DIFFERS]
        assert len(ends.copy.known[StayChanged.kind]) == 1

    def test_and_cannot_be_put_right_is_sent_less_and_less_often_with_one_alarm(self, ends: Ends) -> None:
        del ends.copy.known[SpotChanged.kind][FIRST]
        ends.copy.deaf = True
        waits = []
        for _ in range(12):
            before = ends.now.mono_ms
            ends.deliver(ends.due())
            waits.append(ends.now.mono_ms - before)
            assert ends.snapshots() == 1
        assert waits[:4] == [DIGEST_EVERY_MS, DIGEST_EVERY_MS, 2 * DIGEST_EVERY_MS, 4 * DIGEST_EVERY_MS]
        assert waits[-1] == DIGEST_EVERY_MS_MAX
        assert ends.alarms == [COPY_DIFFERS]

    def test_is_sent_once_however_often_the_answer_comes(self, ends: Ends) -> None:
        del ends.copy.known[SpotChanged.kind][FIRST]
        (compare,) = ends.due()
        ack = ends.receiver.heard(compare)
        assert ack.state is AckState.SNAPSHOT
        first = ends.sender.acked(ack, ends.now)
        ends.deliver(first)
        assert ends.sender.acked(ack, ends.now) == []
        assert ends.snapshots() == 1


class TestWhatCannotBeComparedNow:
    def test_facts_that_are_missing_are_not_a_difference(self, ends: Ends) -> None:
        ends.tell(spot(1, in_service=False))
        (lost,) = ends.sender.appended(ends.now)
        (compare,) = [message for message in self._when_due(ends) if message.compare]
        ack = ends.receiver.heard(compare)
        assert (ack.state, ack.compared) == (AckState.OK, None)
        assert lost.facts

    def _when_due(self, ends: Ends) -> list[Facts]:
        said: list[Facts] = []
        while not any(message.compare for message in said):
            said += ends.due()
        return said

    def test_what_was_appended_and_not_sent_waits_for_the_next_time(self, ends: Ends) -> None:
        ends.tell(spot(1, in_service=False))
        assert ends.due() == []
        ends.deliver(ends.sender.appended(ends.now))
        ends.deliver(ends.due())
        assert ends.alarms == []

    def test_what_an_answer_told_ahead_of_the_log_is_not_a_difference(
        self, ends: Ends, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        del ends.copy.known[SpotChanged.kind][FIRST]
        monkeypatch.setattr(ends.gate, "ahead", lambda _unit: Cursor(Position(1, 9), "f" * 64))
        ends.deliver(ends.due())
        assert ends.alarms == []

    def test_a_lost_message_ends_the_round_and_the_next_one_begins_anew(self, ends: Ends) -> None:
        ends.due()
        ends.deliver(ends.due())
        assert len(ends.sent) == 1
        assert ends.alarms == []

    def test_without_comparisons_nothing_is_ever_due(self, ends: Ends) -> None:
        sender = Sender(ends.hub, f"{ENTRY} plain")
        ends.sender = sender
        ends.connect()
        assert sender.next_wakeup_ms() is None


def test_the_alarm_is_raised_behind_the_snapshot(ends: Ends) -> None:
    """It may be a fact of the same log: as part of what the snapshot stands for nobody would hear of it."""
    del ends.copy.known[SpotChanged.kind][FIRST]
    ends.sender._comparisons._alarm = lambda *_: ends.tell(ALARM)  # type: ignore[union-attr]
    ends.deliver(ends.due())
    kept = ends.gate.kept(LOT, Position(), 99)
    assert kept[-1].kind == AlarmRaised.kind
    assert ends.gate.cursor(LOT) == ends.hub.marks(1)[0]
