"""From what was seen to a decision: every reason there is, out of facts alone."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud_sync.link.clock import UnitClock
from domain.admission import Evidence, Reason, Verdict
from domain.now import Now, Trust
from domain.plate import Plate
from domain.reservation import Status
from gate_firmware.deciding import Judgement
from gate_firmware.events import Looked, Sight
from tests.cloud_sync.link.machine import Machine, had_the_time
from tests.gate_firmware.gate import (
    HOUR_MS,
    NOW,
    OTHER,
    PLATE,
    SEAL,
    SPOT,
    UNTRUSTED,
    Gate,
    at,
    policy,
    rid,
    right,
    spot,
    spot_id,
    stay,
)


def judged(gate: Gate, sight: Sight = Sight.KNOWN, plate: Plate | None = PLATE, now: Now = NOW) -> Judgement:
    looked = Looked("p1", sight, plate, -0.5, 4)
    return gate.judge.looked(looked, looked, now)


def reason(gate: Gate, sight: Sight = Sight.KNOWN, plate: Plate | None = PLATE, now: Now = NOW) -> Reason:
    return judged(gate, sight, plate, now).decision.reason


BY_TICKET = {
    Reason.SECOND_CAR,
    Reason.PLATE_DIFFERS,
    Reason.TICKET_INVALID,
    Reason.TICKET_ELSEWHERE,
    Reason.TICKET_REPLACED,
    Reason.TICKET_USED,
}
"""Never on a plate alone: in test_named.py."""

EARLY, PAST = NOW.later(-HOUR_MS), NOW.later(HOUR_MS)

REASONS = [
    (Reason.BOOKED, [right()], NOW),
    (Reason.BOOKED, [right()], NOW.later(-900_000)),
    (Reason.BOOKED, [right()], NOW.later(HOUR_MS - 1)),
    (Reason.TOO_EARLY, [right()], NOW.later(-900_001)),
    (Reason.BOOKED, [right(), policy(early_s=7_200)], EARLY),
    (Reason.ENDED, [right()], PAST),
    (Reason.PAYMENT_PENDING, [right(status=Status.HELD)], NOW),
    (Reason.CANCELLED, [right(status=Status.CANCELLED)], NOW),
    (Reason.NO_SHOW, [right(status=Status.NO_SHOW)], NOW),
    (Reason.ENDED, [right(status=Status.NO_SHOW)], PAST),
    (Reason.ALREADY_INSIDE, [right(status=Status.CHECKED_IN)], NOW),
    (Reason.ALREADY_INSIDE, [right(), stay()], NOW),
    (Reason.BOOKED, [right(), stay(), stay(left=True)], NOW),
    (Reason.ENDED, [right(status=Status.COMPLETED)], NOW),
    (Reason.NO_BOOKING, [right(status=Status.EXPIRED)], NOW),
    (Reason.NO_BOOKING, [right(plate=OTHER)], NOW),
    (Reason.NO_BOOKING, [], NOW),
    (Reason.LATE, [right(status=Status.NO_SHOW), spot(7)], NOW),
    (Reason.ENDED, [right(status=Status.NO_SHOW), spot(7)], PAST),
    (Reason.ALREADY_INSIDE, [right(status=Status.NO_SHOW), spot(7), stay(spot_id=spot_id(7))], NOW),
    (Reason.ENDED, [right(status=Status.NO_SHOW), spot(7), stay(), stay(left=True)], NOW),
    (Reason.BOOKED, [right(1, Status.CANCELLED), right(2)], NOW),
    (Reason.TOO_EARLY, [right(1, Status.CANCELLED), right(2, start=2, end=3)], NOW),
]


class TestEntry:
    @pytest.mark.parametrize(("expected", "facts", "now"), REASONS)
    def test_by_the_facts_of_the_hub(self, entry: Gate, expected: Reason, facts: list[object], now: Now) -> None:
        entry.hub_says(*facts)  # type: ignore[arg-type]
        assert reason(entry, now=now) is expected

    @pytest.mark.parametrize(
        ("sight", "expected", "verdict"),
        [
            (Sight.UNSURE, Reason.PLATE_UNSURE, Verdict.ASK),
            (Sight.STRANGER, Reason.NO_BOOKING, Verdict.REFUSE),
            (Sight.BLIND, Reason.CAMERA_BLIND, Verdict.ASK),
        ],
    )
    def test_a_plate_that_is_not_sure_admits_nobody(
        self, entry: Gate, sight: Sight, expected: Reason, verdict: Verdict
    ) -> None:
        """Although it is the plate of one who is booked."""
        entry.hub_says(right())
        judgement = judged(entry, sight)
        assert (judgement.decision.reason, judgement.decision.verdict) == (expected, verdict)
        assert (judgement.evidence, judgement.reservation_id) == (Evidence.NONE, None)
        assert not judgement.passes
        assert judgement.plate is not None  # what was read is kept for whoever is called

    def test_the_evidence(self, entry: Gate) -> None:
        entry.hub_says(right())
        judgement = judged(entry)
        assert judgement.passes
        assert (judgement.evidence, judgement.score, judgement.frames) == (Evidence.PLATE, -0.5, 4)
        assert (judgement.reservation_id, judgement.decision.spot_id) == (rid(1), SPOT)
        assert judgement.plate is not None
        assert SEAL.open(judgement.plate) == PLATE

    def test_zero_and_o_are_one(self, entry: Gate) -> None:
        entry.hub_says(right(plate=Plate("HHO0I11")))
        assert reason(entry, plate=Plate("HH00111")) is Reason.BOOKED

    def test_without_a_trusted_clock_only_what_surely_ended_is_refused(self, entry: Gate) -> None:
        entry.hub_says(right(1, start=5, end=6))
        assert reason(entry, now=UNTRUSTED) is Reason.BOOKED
        entry.hub_says(right(2, start=-3, end=-1, plate=OTHER))
        assert reason(entry, plate=OTHER, now=UNTRUSTED) is Reason.ENDED

    @pytest.mark.parametrize("trust", [Trust.NTP, Trust.RTC])
    def test_with_one_it_is_too_early(self, entry: Gate, trust: Trust) -> None:
        entry.hub_says(right(1, start=5, end=6))
        assert reason(entry, now=Now(0, NOW.utc, trust)) is Reason.TOO_EARLY

    @pytest.mark.parametrize("year", [1970, 2099])
    def test_after_a_power_cut_the_floor_says_what_has_ended_and_not_the_clock(
        self, entry: Gate, tmp_path: Path, year: int
    ) -> None:
        had_the_time(tmp_path / "floor", NOW.utc)
        clock = UnitClock(Machine(datetime(year, 1, 1, tzinfo=UTC)), tmp_path / "floor")
        entry.hub_says(right(1, start=5, end=6))
        entry.hub_says(right(2, start=-3, end=-1, plate=OTHER))
        assert reason(entry, now=clock()) is Reason.BOOKED
        assert reason(entry, plate=OTHER, now=clock()) is Reason.ENDED

    def test_it_changes_nothing(self, entry: Gate) -> None:
        entry.hub_says(right())
        before = entry.store.connection.total_changes
        judged(entry)
        assert entry.store.connection.total_changes == before


class TestExit:
    @pytest.mark.parametrize("sight", Sight)
    @pytest.mark.parametrize("plate", [PLATE, OTHER, None])
    def test_everyone_is_released(self, exit_: Gate, sight: Sight, plate: Plate | None) -> None:
        exit_.hub_says(right(), stay())
        judgement = judged(exit_, sight, plate)
        assert judgement.decision.verdict is Verdict.RELEASE
        known = sight is Sight.KNOWN and plate == PLATE
        assert judgement.decision.reason is (Reason.STAY_CLOSED if known else Reason.UNKNOWN_CAR)
        assert judgement.reservation_id == (rid(1) if known else None)

    def test_the_right_that_is_inside_counts_before_the_next(self, exit_: Gate) -> None:
        exit_.hub_says(right(2, start=0.5, end=2), right(1, Status.CHECKED_IN, start=-1, end=0.5), stay(1))
        assert judged(exit_).reservation_id == rid(1)

    def test_inside_without_the_right_to_it_is_still_the_one_that_leaves(self, exit_: Gate) -> None:
        exit_.hub_says(right(1, Status.CANCELLED), right(2, start=2, end=3), stay(1))
        assert judged(exit_).reservation_id == rid(1)

    @pytest.mark.parametrize("status", [Status.COMPLETED, Status.CANCELLED, Status.EXPIRED, Status.HELD])
    def test_what_is_not_inside_closes_no_stay(self, exit_: Gate, status: Status) -> None:
        exit_.hub_says(right(status=status))
        assert judged(exit_).decision.reason is Reason.UNKNOWN_CAR

    def test_who_was_thought_not_to_have_come_did(self, exit_: Gate) -> None:
        """They were let in unknown, and do not pay for not coming."""
        exit_.hub_says(right(status=Status.NO_SHOW, revision=3))
        assert judged(exit_).reservation_id == rid(1)

    @pytest.mark.parametrize("hours", [-27, 25.1])
    def test_but_not_on_a_booking_of_another_day(self, exit_: Gate, hours: float) -> None:
        exit_.hub_says(right(status=Status.NO_SHOW, revision=3))
        assert judged(exit_, now=Now(NOW.mono_ms, at(hours))).reservation_id is None

    def test_nor_on_one_that_they_came_late_on_and_left_before(self, exit_: Gate) -> None:
        exit_.hub_says(right(status=Status.NO_SHOW, revision=3), stay(), stay(left=True))
        assert judged(exit_).reservation_id is None

    def test_the_one_inside_counts_before_one_that_was_missed(self, exit_: Gate) -> None:
        exit_.hub_says(right(2, Status.NO_SHOW, revision=3), right(1, Status.CHECKED_IN), stay(1))
        assert judged(exit_).reservation_id == rid(1)

    def test_one_that_may_have_come_in_a_moment_ago(self, exit_: Gate) -> None:
        exit_.hub_says(right())
        assert judged(exit_).reservation_id == rid(1)


def test_every_reason_is_reached_here_or_by_a_ticket_or_by_people() -> None:
    by_sight = {Reason.PLATE_UNSURE, Reason.CAMERA_BLIND, Reason.STAY_CLOSED, Reason.UNKNOWN_CAR}
    by_people = {Reason.ATTENDANT, Reason.HELD_OPEN, Reason.LANE_CLOSED}
    listed = {Reason.STAFF, Reason.DENIED}
    assert {expected for expected, _, _ in REASONS} | by_sight | by_people | listed | BY_TICKET == set(Reason)
