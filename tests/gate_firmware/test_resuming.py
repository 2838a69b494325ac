"""Whom the arm was opened for before a restart, by the log."""

from datetime import timedelta

import pytest

from cloud_sync.link.v1.facts import Noted
from domain.now import Now, Trust
from gate_firmware.events import ArmMoved, ArrivalLoop, SafetyLoop, Sight
from gate_firmware.record import Record
from gate_firmware.resuming import AHEAD_WITHIN_MS, RESUME_WITHIN, SINCE_MAX, Resumed, resumed
from hardware.barrier import Position as Arm
from tests.gate_firmware.gate import HOUR_MS, NOW, OTHER, SPOT, Gate, rid, right

RESUME_MS = int(RESUME_WITHIN.total_seconds() * 1_000)


def found(gate: Gate, now: Now = NOW, boot: str = "boot-1") -> list[Resumed]:
    return resumed(gate.journal, gate.replica, boot, now)


def goes_on(gate: Gate, now: Now = NOW, boot: str = "boot-1") -> str | None:
    """The passage that was begun last, and goes on."""
    return next((car.passage_id for car in found(gate, now, boot) if not car.is_too_long_ago), None)


class TestWhoGoesOn:
    @pytest.mark.parametrize("boot", ["boot-1", "boot-2"])
    def test_as_long_as_the_passage_is_open_and_fresh(self, entry: Gate, boot: str) -> None:
        assert goes_on(entry, NOW) is None
        entry.hub_says(right())
        passage_id = entry.admitted()
        just = NOW.later(RESUME_MS)
        [car] = found(entry, just, boot)
        assert (car.passage_id, car.is_long_ago, car.is_before) == (passage_id, True, False)
        judgement = car.judgement
        assert (judgement.reservation_id, judgement.decision.spot_id, judgement.passes) == (rid(1), SPOT, True)
        assert goes_on(entry, just.later(1), boot) is None

    @pytest.mark.parametrize("hours", [-3, 3])
    def test_the_time_of_day_that_was_set_meanwhile_does_not_matter(self, entry: Gate, hours: int) -> None:
        """Within one boot: the process ended, and the time server was heard."""
        entry.hub_says(right())
        entry.admitted()
        for ms, passage_id in ((RESUME_MS, "p1"), (RESUME_MS + 1, None)):
            now = Now(NOW.mono_ms + ms, NOW.utc + timedelta(hours=hours))
            assert goes_on(entry, now) == passage_id

    def test_after_another_boot_there_is_nothing_else(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        assert goes_on(entry, Now(0, NOW.utc + RESUME_WITHIN), "boot-2") == "p1"
        assert goes_on(entry, Now(0, NOW.later(RESUME_MS + 1).utc), "boot-2") is None

    def test_a_clock_that_stepped_back_is_no_reason_to_forget(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        assert goes_on(entry, NOW.later(-HOUR_MS), "boot-2") == "p1"

    def test_where_nobody_knows_how_old_it_is_it_may_have_been_a_moment(self, entry: Gate) -> None:
        """Without the time, and after another boot; or days, and another car may be in its place."""
        entry.hub_says(right())
        entry.admitted()
        [car] = found(entry, Now(0, NOW.utc, Trust.NONE), "boot-2")
        assert (car.passage_id, car.is_long_ago, car.is_too_long_ago) == ("p1", True, False)
        [car] = found(entry, Now(NOW.mono_ms, NOW.utc, Trust.NONE))
        assert not car.is_long_ago, "this boot's own clock says"

    def test_after_another_boot_it_has_had_the_time_to_cross(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        assert [car.is_long_ago for boot in ("boot-1", "boot-2") for car in found(entry, NOW, boot)] == [False, True]

    @pytest.mark.parametrize("what", [Noted.BACKED_OUT, Noted.NOT_DRIVEN, Noted.NOT_COME])
    def test_not_one_that_is_over(self, entry: Gate, what: Noted) -> None:
        entry.hub_says(right())
        passage_id = entry.admitted()
        record = Record(entry.direction, entry.journal, entry.replica)
        record.noted(what, "another", NOW)
        assert goes_on(entry, NOW) == passage_id
        record.noted(what, passage_id, NOW)
        assert goes_on(entry, NOW) is None

    def test_nor_one_that_another_has_followed_through(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.through()
        entry.happens(ArrivalLoop(True), SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False))
        assert len(entry.passages) == 2
        assert goes_on(entry, NOW) is None

    def test_nor_one_that_much_was_written_since(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        record = Record(entry.direction, entry.journal, entry.replica)
        with entry.journal.transaction():
            for _ in range(SINCE_MAX):
                record.noted(Noted.TAILGATED, "another", NOW)
        assert goes_on(entry, NOW) is None

    def test_a_car_that_was_let_out_unknown(self, exit_: Gate) -> None:
        exit_.seen(exit_.car_comes(), Sight.UNSURE, None)
        [car] = found(exit_)
        assert (car.passage_id, car.judgement.reservation_id) == ("p1", None)

    def test_one_that_the_next_in_the_queue_was_decided_on_behind(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.happens(ArmMoved(Arm.UP))
        entry.car_leaves()
        entry.seen(entry.car_comes(), Sight.STRANGER, OTHER)
        [car] = found(entry)
        assert (car.passage_id, car.is_before) == ("p1", True)


class TestWhoWasAhead:
    def let_pass(self, entry: Gate, *, apart_ms: int = 2_000) -> None:
        """Two cars, the first of which has left the arrival loop."""
        entry.hub_says(right(), right(2, plate=OTHER))
        entry.admitted()
        entry.happens(ArmMoved(Arm.UP), ArrivalLoop(False))
        entry.now = entry.now.later(apart_ms)
        entry.seen(entry.car_comes(), plate=OTHER)

    def test_of_two_that_were_let_pass_both_go_on(self, entry: Gate) -> None:
        self.let_pass(entry)
        assert [(car.passage_id, car.is_before) for car in found(entry)] == [("p2", False), ("p1", True)]

    def test_also_one_that_was_let_pass_a_while_before(self, entry: Gate) -> None:
        self.let_pass(entry, apart_ms=AHEAD_WITHIN_MS)
        assert len(found(entry)) == 2

    def test_nor_longer(self, entry: Gate) -> None:
        self.let_pass(entry, apart_ms=AHEAD_WITHIN_MS + 1)
        assert [car.passage_id for car in found(entry)] == ["p2"]

    def test_nor_one_whose_passage_is_over(self, entry: Gate) -> None:
        self.let_pass(entry)
        Record(entry.direction, entry.journal, entry.replica).noted(Noted.BACKED_OUT, "p1", NOW)
        assert [car.passage_id for car in found(entry)] == ["p2"]

    def test_also_one_whose_own_passage_is_over_was_behind_it(self, entry: Gate) -> None:
        self.let_pass(entry)
        Record(entry.direction, entry.journal, entry.replica).noted(Noted.BACKED_OUT, "p2", NOW)
        assert [(car.passage_id, car.is_before) for car in found(entry)] == [("p1", True)]

    @pytest.mark.parametrize(
        ("trust", "later_ms", "ahead"),
        [
            (Trust.NTP, AHEAD_WITHIN_MS, ["p2", "p1"]),
            (Trust.NTP, AHEAD_WITHIN_MS + 1, ["p2"]),
            (Trust.NONE, AHEAD_WITHIN_MS + 1, ["p2", "p1"]),
        ],
    )
    def test_in_another_boot_the_time_of_day_tells_where_there_is_one(
        self, entry: Gate, trust: Trust, later_ms: int, ahead: list[str]
    ) -> None:
        entry.hub_says(right(), right(2, plate=OTHER))
        entry.admitted()
        entry.boot = "boot-2"
        entry.crash()
        entry.now = Now(5_000, NOW.utc + timedelta(milliseconds=later_ms), trust)
        entry.start(arm=Arm.UP)
        entry.seen(entry.car_comes(), plate=OTHER)
        assert [car.passage_id for car in found(entry, entry.now, "boot-2")] == ahead
