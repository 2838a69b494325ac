import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.admission import Decision, Evidence, Reason, Right, Verdict, admission
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

FROM_THE_GATE = {
    Reason.PLATE_UNSURE,
    Reason.CAMERA_BLIND,
    Reason.PLATE_DIFFERS,
    Reason.TICKET_INVALID,
    Reason.TICKET_ELSEWHERE,
    Reason.TICKET_REPLACED,
    Reason.TICKET_USED,
    Reason.STAY_CLOSED,
    Reason.UNKNOWN_CAR,
    Reason.STAFF,
    Reason.DENIED,
    Reason.ATTENDANT,
    Reason.HELD_OPEN,
    Reason.LANE_CLOSED,
}
"""Not of rights: the gate says these itself, of what it saw, of tickets, and at the exit."""

ANOTHER_SPOT = "riverside.1-043"
RANKED = [Evidence.PLATE, Evidence.ID, Evidence.TICKET, Evidence.TICKET_AND_PLATE]


def at(instant: datetime, trust: Trust = Trust.NTP) -> Now:
    return Now(0, instant, trust)


def admitted(
    *rights: Right,
    by: Evidence = Evidence.PLATE,
    now: Now = at(START),
    inside: dict[str, Evidence] | None = None,
    spot_id: str | None = ANOTHER_SPOT,
) -> Decision:
    decision = admission(rights, by, inside or {}, POLICY, lambda _right: spot_id, now)
    assert decision.right in (rights or (None,))
    assert (decision.verdict is Verdict.ADMIT) or decision.spot_id is None
    return decision


def decide(*rights: Right, now: Now = at(START), inside: dict[str, Evidence] | None = None) -> tuple[Verdict, Reason]:
    """By plate, with no spot but its own."""
    decision = admitted(*rights, now=now, inside=inside, spot_id=None)
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
            (Status.COMPLETED, Verdict.REFUSE, Reason.ENDED),
            (Status.EXPIRED, Verdict.REFUSE, Reason.NO_BOOKING),
            (Status.CANCELLED, Verdict.REFUSE, Reason.CANCELLED),
            (Status.NO_SHOW, Verdict.ASK, Reason.NO_SHOW),
        ],
    )
    def test_each_status_has_its_answer(self, status: Status, verdict: Verdict, reason: Reason) -> None:
        assert decide(replace(RIGHT, status=status)) == (verdict, reason)

    def test_a_car_that_this_gate_knows_inside_is_asked_about(self) -> None:
        assert decide(RIGHT, inside={RIGHT.reservation_id: Evidence.PLATE}) == (Verdict.ASK, Reason.ALREADY_INSIDE)
        assert decide(RIGHT, inside={"ANOTHER": Evidence.PLATE}) == (Verdict.ADMIT, Reason.BOOKED)

    def test_a_no_show_may_come_late_until_the_window_ends(self) -> None:
        late = replace(RIGHT, status=Status.NO_SHOW)
        assert decide(late, now=at(END - MS)) == (Verdict.ASK, Reason.NO_SHOW)
        assert decide(late, now=at(END)) == (Verdict.REFUSE, Reason.ENDED)


class TestSpot:
    def test_of_a_booking_is_named_and_may_be_none(self) -> None:
        for spot_id in (RIGHT.spot_id, ANOTHER_SPOT, None):
            assert admitted(RIGHT, spot_id=spot_id) == Decision(Verdict.ADMIT, Reason.BOOKED, RIGHT, spot_id)

    @pytest.mark.parametrize("by", RANKED)
    def test_who_comes_late_gets_another_if_there_is_one(self, by: Evidence) -> None:
        late = replace(RIGHT, status=Status.NO_SHOW)
        assert admitted(late, by=by) == Decision(Verdict.ADMIT, Reason.LATE, late, ANOTHER_SPOT)
        assert admitted(late, by=by, spot_id=None) == Decision(Verdict.ASK, Reason.NO_SHOW, late)
        assert admitted(late, by=by, now=at(END)).reason is Reason.ENDED

    def test_is_named_to_nobody_who_may_not_come_in(self) -> None:
        for status in (Status.HELD, Status.COMPLETED, Status.CANCELLED, Status.EXPIRED):
            assert admitted(replace(RIGHT, status=status)).spot_id is None


class TestSecondCar:
    """Somebody came in on this booking before; whose it is shows who can show more."""

    def test_who_came_late_and_left_is_told_that_it_has_ended(self) -> None:
        late = replace(RIGHT, status=Status.NO_SHOW, has_left=True)
        assert admitted(late) == Decision(Verdict.REFUSE, Reason.ENDED, late)
        second = admitted(late, by=Evidence.ID, inside={late.reservation_id: Evidence.PLATE})
        assert second.reason is Reason.SECOND_CAR, "another car is inside still"
        assert decide(replace(RIGHT, has_left=True)) == (Verdict.ADMIT, Reason.BOOKED)

    @pytest.mark.parametrize("by", RANKED)
    @pytest.mark.parametrize("held_by", RANKED)
    @pytest.mark.parametrize("status", [Status.CONFIRMED, Status.CHECKED_IN, Status.NO_SHOW])
    def test_stronger_evidence_comes_in_and_an_attendant_sorts_it_out(
        self, by: Evidence, held_by: Evidence, status: Status
    ) -> None:
        right = replace(RIGHT, status=status)
        decision = admitted(right, by=by, inside={right.reservation_id: held_by})
        if RANKED.index(by) > RANKED.index(held_by):
            assert decision == Decision(Verdict.ADMIT, Reason.SECOND_CAR, right)
        else:
            assert decision == Decision(Verdict.ASK, Reason.ALREADY_INSIDE, right)

    def test_only_while_the_booking_lasts(self) -> None:
        inside = {RIGHT.reservation_id: Evidence.PLATE}
        assert admitted(RIGHT, by=Evidence.TICKET, inside=inside, now=at(END)).verdict is Verdict.ASK

    def test_a_booking_that_is_void_lets_no_second_car_in(self) -> None:
        inside = {RIGHT.reservation_id: Evidence.PLATE}
        cancelled = replace(RIGHT, status=Status.CANCELLED)
        assert admitted(cancelled, by=Evidence.TICKET, inside=inside).reason is Reason.CANCELLED

    def test_nobody_knows_by_what_it_came_in(self) -> None:
        """Then nothing is stronger than it."""
        checked_in = replace(RIGHT, status=Status.CHECKED_IN)
        assert admitted(checked_in, by=Evidence.TICKET_AND_PLATE).reason is Reason.ALREADY_INSIDE


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
        assert admitted() == Decision(Verdict.REFUSE, Reason.NO_BOOKING)

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
        admitted(replace(RIGHT, status=status), by=Evidence.TICKET, now=at(now), inside=inside, spot_id=spot_id).reason
        for status in Status
        for now in (EARLIEST - MS, START, END)
        for inside in ({}, {RIGHT.reservation_id: Evidence.PLATE})
        for spot_id in (ANOTHER_SPOT, None)
    }
    assert said | FROM_THE_GATE == set(Reason)
    assert not said & FROM_THE_GATE
