import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.admission import Decision, Reason, Right, Verdict, admission
from domain.now import Now, Trust
from domain.plate import SealedPlate
from domain.policy import Policy
from domain.reservation import Status
from domain.spot import VehicleType
from domain.window import Window

START = datetime(2026, 5, 14, 10, tzinfo=UTC)
END = START + timedelta(hours=2)
MS = timedelta(milliseconds=1)
POLICY = Policy(early_s=900)
EARLIEST = START - timedelta(seconds=900)
RIGHT = Right(
    "7K3MQ2XD9P", 2, Status.CONFIRMED, "riverside.1-042", Window(START, END), VehicleType.SUV, SealedPlate("00", "01")
)

FROM_THE_GATE = {Reason.PLATE_UNSURE, Reason.CAMERA_BLIND, Reason.STAY_CLOSED, Reason.UNKNOWN_CAR}
"""Not of rights: the gate says these itself, of what it saw and at the exit."""


def at(instant: datetime, trust: Trust = Trust.NTP) -> Now:
    return Now(0, instant, trust)


def decide(*rights: Right, now: Now = at(START), inside: tuple[str, ...] = ()) -> tuple[Verdict, Reason]:
    decision = admission(rights, inside, POLICY, now)
    assert decision.right in (rights or (None,))
    return decision.verdict, decision.reason


class TestOneRight:
    @pytest.mark.parametrize(
        ("now", "verdict", "reason"),
        [
            (EARLIEST - MS, Verdict.REFUSE, Reason.TOO_EARLY),
            (EARLIEST, Verdict.ADMIT, Reason.BOOKED),
            (START, Verdict.ADMIT, Reason.BOOKED),
            (END - MS, Verdict.ADMIT, Reason.BOOKED),
            (END, Verdict.REFUSE, Reason.ENDED),
        ],
    )
    @pytest.mark.parametrize("trust", [Trust.NTP, Trust.RTC])
    def test_a_confirmed_one_admits_from_a_little_early_until_its_end(
        self, now: datetime, verdict: Verdict, reason: Reason, trust: Trust
    ) -> None:
        assert decide(RIGHT, now=at(now, trust)) == (verdict, reason)

    @pytest.mark.parametrize(
        ("status", "verdict", "reason"),
        [
            (Status.HELD, Verdict.REFUSE, Reason.PAYMENT_PENDING),
            (Status.CONFIRMED, Verdict.ADMIT, Reason.BOOKED),
            (Status.CHECKED_IN, Verdict.ASK, Reason.ALREADY_INSIDE),
            (Status.COMPLETED, Verdict.REFUSE, Reason.NO_BOOKING),
            (Status.EXPIRED, Verdict.REFUSE, Reason.NO_BOOKING),
            (Status.CANCELLED, Verdict.REFUSE, Reason.CANCELLED),
            (Status.NO_SHOW, Verdict.ASK, Reason.NO_SHOW),
        ],
    )
    def test_each_status_has_its_answer(self, status: Status, verdict: Verdict, reason: Reason) -> None:
        assert decide(replace(RIGHT, status=status)) == (verdict, reason)

    def test_a_car_that_this_gate_knows_inside_is_asked_about(self) -> None:
        assert decide(RIGHT, inside=(RIGHT.reservation_id,)) == (Verdict.ASK, Reason.ALREADY_INSIDE)
        assert decide(RIGHT, inside=("ANOTHER",)) == (Verdict.ADMIT, Reason.BOOKED)

    def test_a_no_show_may_come_late_until_the_window_ends(self) -> None:
        late = replace(RIGHT, status=Status.NO_SHOW)
        assert decide(late, now=at(END - MS)) == (Verdict.ASK, Reason.NO_SHOW)
        assert decide(late, now=at(END)) == (Verdict.REFUSE, Reason.ENDED)


class TestClock:
    """Without trust the true time is at or after what the clock says: only what has ended is known to be over."""

    @pytest.mark.parametrize(
        ("now", "verdict", "reason"),
        [
            (EARLIEST - timedelta(days=300), Verdict.ADMIT, Reason.BOOKED),
            (START, Verdict.ADMIT, Reason.BOOKED),
            (END - MS, Verdict.ADMIT, Reason.BOOKED),
            (END, Verdict.REFUSE, Reason.ENDED),
        ],
    )
    def test_without_trust_only_what_ended_is_refused(self, now: datetime, verdict: Verdict, reason: Reason) -> None:
        assert decide(RIGHT, now=at(now, Trust.NONE)) == (verdict, reason)


class TestSeveralRights:
    def test_none_is_no_booking(self) -> None:
        assert admission([], (), POLICY, at(START)) == Decision(Verdict.REFUSE, Reason.NO_BOOKING)

    @pytest.mark.parametrize("status", Status)
    def test_one_that_admits_is_enough_whatever_the_other_and_the_order(self, status: Status) -> None:
        other = replace(RIGHT, reservation_id="0THER", status=status)
        for rights in ([RIGHT, other], [other, RIGHT]):
            assert decide(*rights) == (Verdict.ADMIT, Reason.BOOKED)

    def test_else_the_driver_is_told_of_the_nearest(self) -> None:
        nearest_first = [
            replace(RIGHT, status=Status.CHECKED_IN),
            replace(RIGHT, status=Status.HELD),
            replace(RIGHT, window=Window(START + timedelta(days=1), END + timedelta(days=1))),
            replace(RIGHT, status=Status.NO_SHOW),
            replace(RIGHT, window=Window(START - timedelta(days=1), START)),
            replace(RIGHT, status=Status.CANCELLED),
            replace(RIGHT, status=Status.EXPIRED),
        ]
        reasons = [decide(right)[1] for right in nearest_first]
        assert len(set(reasons)) == len(nearest_first)
        for (nearer, told), (further, _) in itertools.combinations(zip(nearest_first, reasons, strict=True), 2):
            assert decide(further, nearer)[1] is told


def test_every_reason_is_said_by_rights_or_by_the_gate() -> None:
    said = {
        decide(replace(RIGHT, status=status), now=at(now))[1]
        for status in Status
        for now in (EARLIEST - MS, START, END)
    }
    assert said | FROM_THE_GATE == set(Reason)
    assert not said & FROM_THE_GATE
