"""A car that somebody has named: by a ticket, an id, or a plate that no camera has read."""

import pytest

from domain.admission import Evidence, Reason, Verdict
from domain.now import Now, Trust
from domain.plate import Plate
from domain.reservation import Status
from gate_firmware.deciding import Judgement
from gate_firmware.events import ById, ByPlate, ByTicket, Credential, Looked, Sight
from tests.gate_firmware.gate import (
    HOUR_MS,
    KEY_KNOWN,
    NOW,
    OTHER,
    OTHER_KEY,
    PLATE,
    SEAL,
    SPOT,
    UNTRUSTED,
    Gate,
    rid,
    right,
    spot,
    spot_id,
    stay,
    ticket,
)


def seen(sight: Sight = Sight.UNSURE, plate: Plate | None = None, code: str | None = None) -> Looked:
    return Looked("p1", sight, plate, -0.5, 4, code)


def named(gate: Gate, by: Credential, look: Looked | None = None, now: Now = NOW) -> Judgement:
    return gate.judge.named(by, look, now)


def by_ticket(gate: Gate, look: Looked | None = None, now: Now = NOW, **claims: object) -> Judgement:
    return named(gate, ByTicket(ticket(**claims)), look, now)  # type: ignore[arg-type]


def answer(judgement: Judgement) -> tuple[Verdict, Reason]:
    return judgement.decision.verdict, judgement.decision.reason


@pytest.fixture
def lot(entry: Gate) -> Gate:
    """An entry that knows this lot's key and nothing else."""
    entry.hub_says(KEY_KNOWN)
    return entry


class TestTicket:
    def test_admits_where_the_booking_was_never_heard_of(self, lot: Gate) -> None:
        judgement = by_ticket(lot)
        assert answer(judgement) == (Verdict.ADMIT, Reason.BOOKED)
        assert (judgement.reservation_id, judgement.ticket_id) == (rid(1), "t1")
        assert (judgement.evidence, judgement.decision.spot_id) == (Evidence.TICKET, SPOT)
        assert judgement.ticket == ticket(), "whoever has lost the booking can have it from there"

    @pytest.mark.parametrize(
        ("hours", "reason"),
        [(-0.26, Reason.TOO_EARLY), (-0.24, Reason.BOOKED), (0.99, Reason.BOOKED), (1, Reason.ENDED)],
    )
    def test_of_such_a_one_its_own_window_counts(self, lot: Gate, hours: float, reason: Reason) -> None:
        assert by_ticket(lot, now=NOW.later(int(hours * HOUR_MS))).decision.reason is reason

    def test_without_a_trusted_clock_only_what_ended_is_refused(self, lot: Gate) -> None:
        assert answer(by_ticket(lot, now=UNTRUSTED, start=5, end=6)) == (Verdict.ADMIT, Reason.BOOKED)
        assert answer(by_ticket(lot, now=UNTRUSTED, start=-2, end=-1)) == (Verdict.REFUSE, Reason.ENDED)
        assert by_ticket(lot, now=Now(0, NOW.utc, Trust.RTC), start=5, end=6).decision.reason is Reason.TOO_EARLY

    @pytest.mark.parametrize(
        ("status", "revision", "expected"),
        [
            (Status.CONFIRMED, 2, (Verdict.ADMIT, Reason.BOOKED)),
            (Status.CONFIRMED, 3, (Verdict.REFUSE, Reason.TICKET_REPLACED)),
            (Status.HELD, 1, (Verdict.ADMIT, Reason.BOOKED)),
            (Status.CANCELLED, 3, (Verdict.REFUSE, Reason.CANCELLED)),
            (Status.COMPLETED, 4, (Verdict.REFUSE, Reason.ENDED)),
            (Status.CHECKED_IN, 3, (Verdict.ASK, Reason.ALREADY_INSIDE)),
            (Status.NO_SHOW, 3, (Verdict.ASK, Reason.NO_SHOW)),
        ],
    )
    def test_what_the_replica_knows_of_the_booking(
        self, lot: Gate, status: Status, revision: int, expected: tuple[Verdict, Reason]
    ) -> None:
        lot.hub_says(right(status=status, revision=revision))
        assert answer(by_ticket(lot)) == expected

    def test_a_late_one_is_sent_to_a_free_spot(self, lot: Gate) -> None:
        lot.hub_says(right(status=Status.NO_SHOW, revision=3), spot(7))
        judgement = by_ticket(lot)
        assert answer(judgement) == (Verdict.ADMIT, Reason.LATE)
        assert judgement.decision.spot_id == spot_id(7)

    @pytest.mark.parametrize("known", [True, False])
    def test_one_that_was_used_is_refused_whatever_else_is_known(self, lot: Gate, known: bool) -> None:
        lot.hub_says(*([right()] if known else []), stay(1, ticket_id="t1"))
        judgement = by_ticket(lot, seen(Sight.KNOWN, PLATE))
        assert answer(judgement) == (Verdict.REFUSE, Reason.TICKET_USED)
        lot.hub_says(stay(1, left=True))
        assert answer(by_ticket(lot)) == (Verdict.REFUSE, Reason.TICKET_USED)

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            (ticket(key=OTHER_KEY), Reason.TICKET_INVALID),
            (ticket(key=OTHER_KEY, lot_id="hillside"), Reason.TICKET_ELSEWHERE),
        ],
    )
    def test_one_that_is_not_this_lots_names_nobody(self, lot: Gate, text: str, reason: Reason) -> None:
        lot.hub_says(right())
        judgement = named(lot, ByTicket(text))
        assert answer(judgement) == (Verdict.REFUSE, reason)
        assert (judgement.reservation_id, judgement.ticket_id, judgement.evidence) == (None, None, Evidence.NONE)


class TestTicketAndPlate:
    @pytest.mark.parametrize("sight", [Sight.KNOWN, Sight.STRANGER, Sight.UNSURE])
    def test_its_own_plate_makes_it_stronger(self, lot: Gate, sight: Sight) -> None:
        judgement = by_ticket(lot, seen(sight, PLATE))
        assert judgement.passes
        assert judgement.evidence is Evidence.TICKET_AND_PLATE
        assert judgement.plate is not None
        assert SEAL.open(judgement.plate) == PLATE

    @pytest.mark.parametrize("known", [True, False])
    @pytest.mark.parametrize("sight", [Sight.KNOWN, Sight.STRANGER])
    def test_another_car_is_asked(self, lot: Gate, known: bool, sight: Sight) -> None:
        lot.hub_says(*([right()] if known else []))
        judgement = by_ticket(lot, seen(sight, OTHER))
        assert answer(judgement) == (Verdict.ASK, Reason.PLATE_DIFFERS)
        assert (judgement.reservation_id, judgement.evidence) == (rid(1), Evidence.TICKET)
        assert judgement.decision.spot_id is None

    @pytest.mark.parametrize("look", [seen(), seen(Sight.BLIND), seen(Sight.UNSURE, OTHER), None])
    def test_a_plate_that_was_not_surely_read_does_not_matter(self, lot: Gate, look: Looked | None) -> None:
        judgement = by_ticket(lot, look)
        assert (judgement.passes, judgement.evidence) == (True, Evidence.TICKET)

    def test_nor_one_read_with_one_sign_wrong_that_nobody_expected(self, lot: Gate) -> None:
        assert by_ticket(lot, seen(Sight.STRANGER, Plate("HHAB128"))).passes

    def test_what_the_booking_says_comes_first(self, lot: Gate) -> None:
        lot.hub_says(right(status=Status.CANCELLED, revision=3))
        assert by_ticket(lot, seen(Sight.KNOWN, OTHER)).decision.reason is Reason.CANCELLED


class TestCodeInView:
    """A look that has found a code beside the plate."""

    def judged(self, gate: Gate, sight: Sight, plate: Plate | None, code: str) -> Judgement:
        look = seen(sight, plate, code)
        return gate.judge.looked(look, look, NOW)

    def test_both_together(self, lot: Gate) -> None:
        lot.hub_says(right())
        judgement = self.judged(lot, Sight.KNOWN, PLATE, ticket())
        assert (judgement.passes, judgement.evidence, judgement.ticket_id) == (True, Evidence.TICKET_AND_PLATE, "t1")

    @pytest.mark.parametrize("code", [ticket(key=OTHER_KEY), ticket(number=2, plate=OTHER), ticket(revision=1)])
    def test_a_code_takes_no_right_away_that_the_plate_has(self, lot: Gate, code: str) -> None:
        lot.hub_says(right(1), right(2, plate=OTHER))
        judgement = self.judged(lot, Sight.KNOWN, PLATE, code)
        assert (judgement.passes, judgement.evidence, judgement.reservation_id) == (True, Evidence.PLATE, rid(1))
        assert judgement.ticket_id is None

    @pytest.mark.parametrize("start", [0, 5])
    def test_a_ticket_names_its_own_booking_where_its_plate_looks_like_anothers(self, lot: Gate, start: int) -> None:
        """The ticket's booking is not known here: the reader was asked about the other plate alone."""
        lot.hub_says(right(1, plate=Plate("HHAB128"), start=start, end=start + 1))
        judgement = self.judged(lot, Sight.KNOWN, Plate("HHAB128"), ticket(2, plate=Plate("HHAB12B")))
        assert (judgement.passes, judgement.evidence, judgement.reservation_id) == (True, Evidence.TICKET, rid(2))

    def test_also_where_it_lets_nobody_in(self, lot: Gate) -> None:
        lot.hub_says(right(1, plate=Plate("HHAB128")))
        code = ticket(2, plate=Plate("HHAB12B"), start=5, end=6)
        assert self.judged(lot, Sight.KNOWN, Plate("HHAB128"), code).decision.reason is Reason.TOO_EARLY

    def test_a_ticket_for_tomorrow_takes_nothing_from_todays_booking_of_the_same_car(self, lot: Gate) -> None:
        lot.hub_says(right(1))
        judgement = self.judged(lot, Sight.KNOWN, PLATE, ticket(2, start=24, end=25))
        assert (judgement.passes, judgement.reservation_id) == (True, rid(1))

    def test_where_neither_does_the_driver_is_told_of_the_code(self, lot: Gate) -> None:
        judgement = self.judged(lot, Sight.STRANGER, OTHER, ticket(key=OTHER_KEY))
        assert judgement.decision.reason is Reason.TICKET_INVALID

    def test_the_best_look_counts_for_the_code(self, lot: Gate) -> None:
        """The phone hides the plate that was read before."""
        now_hidden = seen(Sight.UNSURE, None, ticket())
        judgement = lot.judge.looked(now_hidden, seen(Sight.KNOWN, OTHER), NOW)
        assert judgement.decision.reason is Reason.PLATE_DIFFERS


class TestId:
    def test_admits(self, lot: Gate) -> None:
        lot.hub_says(right())
        judgement = named(lot, ById(rid(1)))
        assert answer(judgement) == (Verdict.ADMIT, Reason.BOOKED)
        assert (judgement.evidence, judgement.reservation_id, judgement.ticket_id) == (Evidence.ID, rid(1), None)

    def test_that_is_no_right_here(self, lot: Gate) -> None:
        assert answer(named(lot, ById(rid(1)))) == (Verdict.REFUSE, Reason.NO_BOOKING)

    @pytest.mark.parametrize("look", [seen(Sight.KNOWN, OTHER), seen(Sight.STRANGER, OTHER), seen(Sight.STRANGER)])
    def test_for_another_car_is_asked(self, lot: Gate, look: Looked) -> None:
        lot.hub_says(right())
        assert answer(named(lot, ById(rid(1)), look)) == (Verdict.ASK, Reason.PLATE_DIFFERS)

    def test_for_a_car_that_was_not_read_is_not(self, lot: Gate) -> None:
        lot.hub_says(right())
        assert named(lot, ById(rid(1)), seen(Sight.UNSURE, OTHER)).passes

    def test_a_late_one_gets_another_spot_and_a_taken_one_is_not_sent_there(self, lot: Gate) -> None:
        lot.hub_says(right(1, Status.NO_SHOW), right(2, plate=OTHER), stay(9, stay_id="s9"), spot(42), spot(7))
        for number, reason in ((1, Reason.LATE), (2, Reason.BOOKED)):
            decision = named(lot, ById(rid(number))).decision
            assert (decision.reason, decision.spot_id) == (reason, spot_id(7))


class TestPlate:
    def test_that_somebody_knows(self, lot: Gate) -> None:
        lot.hub_says(right())
        plate = SEAL.seal(PLATE)
        judgement = named(lot, ByPlate(plate), seen(Sight.UNSURE, OTHER))
        assert (judgement.passes, judgement.evidence, judgement.plate) == (True, Evidence.PLATE, plate)

    def test_of_nobody(self, lot: Gate) -> None:
        assert answer(named(lot, ByPlate(SEAL.seal(OTHER)))) == (Verdict.REFUSE, Reason.NO_BOOKING)


class TestSecondCar:
    @pytest.mark.parametrize(
        ("held_by", "passes"),
        [
            (Evidence.PLATE, {Evidence.ID, Evidence.TICKET, Evidence.TICKET_AND_PLATE}),
            (Evidence.ID, {Evidence.TICKET, Evidence.TICKET_AND_PLATE}),
            (Evidence.TICKET, {Evidence.TICKET_AND_PLATE}),
            (Evidence.TICKET_AND_PLATE, set()),
        ],
    )
    def test_stronger_evidence_comes_in_without_a_spot(
        self, lot: Gate, held_by: Evidence, passes: set[Evidence]
    ) -> None:
        lot.hub_says(right(), right(status=Status.CHECKED_IN, revision=3), stay(1, evidence=held_by), spot(7))
        plate = ByPlate(SEAL.seal(PLATE))
        for judgement in (
            named(lot, plate),
            named(lot, ById(rid(1))),
            by_ticket(lot),
            by_ticket(lot, seen(Sight.KNOWN, PLATE)),
        ):
            if judgement.evidence in passes:
                assert answer(judgement) == (Verdict.ADMIT, Reason.SECOND_CAR)
                assert (judgement.decision.spot_id, judgement.reservation_id) == (None, rid(1))
            else:
                assert answer(judgement) == (Verdict.ASK, Reason.ALREADY_INSIDE)


class TestExit:
    @pytest.mark.parametrize("by", [ByTicket(ticket()), ById(rid(1)), ByPlate(SEAL.seal(PLATE))])
    def test_names_whose_stay_ends(self, exit_: Gate, by: Credential) -> None:
        exit_.hub_says(KEY_KNOWN, right(), right(status=Status.CHECKED_IN, revision=3), stay(1, ticket_id="t1"))
        judgement = named(exit_, by, seen(Sight.UNSURE, OTHER))
        assert answer(judgement) == (Verdict.RELEASE, Reason.STAY_CLOSED)
        assert judgement.reservation_id == rid(1)

    @pytest.mark.parametrize(
        ("by", "named_by"), [(ByTicket(ticket()), rid(1)), (ById(rid(1)), None), (ByPlate(SEAL.seal(PLATE)), rid(1))]
    )
    def test_an_id_that_surely_another_car_has_names_nobody(
        self, exit_: Gate, by: Credential, named_by: str | None
    ) -> None:
        exit_.hub_says(KEY_KNOWN, right(), right(status=Status.CHECKED_IN, revision=3), stay(1, ticket_id="t1"))
        judgement = named(exit_, by, seen(Sight.STRANGER, OTHER))
        assert judgement.reservation_id == named_by
        assert (judgement.evidence is Evidence.NONE) is (named_by is None)

    @pytest.mark.parametrize(
        "by", [ByTicket(ticket()), ByTicket("A" * 200), ById(rid(1)), ById("nonsense"), ByPlate(SEAL.seal(PLATE))]
    )
    def test_what_names_nobody_still_opens(self, exit_: Gate, by: Credential) -> None:
        exit_.hub_says(right(status=Status.COMPLETED))
        judgement = named(exit_, by)
        assert answer(judgement) == (Verdict.RELEASE, Reason.UNKNOWN_CAR)

    def test_a_ticket_of_a_booking_that_was_never_heard_of(self, exit_: Gate) -> None:
        exit_.hub_says(KEY_KNOWN)
        assert by_ticket(exit_).reservation_id == rid(1)

    def looked(self, gate: Gate, sight: Sight, plate: Plate | None, code: str) -> Judgement:
        look = seen(sight, plate, code)
        return gate.judge.looked(look, look, NOW)

    def test_a_plate_that_is_surely_known_comes_before_another_cars_code(self, exit_: Gate) -> None:
        exit_.hub_says(KEY_KNOWN, right(1), right(2, plate=OTHER), stay(1), stay(2, stay_id="s2"))
        assert self.looked(exit_, Sight.KNOWN, PLATE, ticket(2, plate=OTHER)).reservation_id == rid(1)
        assert self.looked(exit_, Sight.UNSURE, None, ticket(2, plate=OTHER)).reservation_id == rid(2)
        both = self.looked(exit_, Sight.KNOWN, PLATE, ticket(1))
        assert (both.reservation_id, both.evidence) == (rid(1), Evidence.TICKET_AND_PLATE)
        assert self.looked(exit_, Sight.KNOWN, PLATE, "A" * 200).reservation_id == rid(1)


def test_it_changes_nothing(lot: Gate) -> None:
    lot.hub_says(right())
    before = lot.store.connection.total_changes
    for by in (ByTicket(ticket()), ById(rid(1)), ByPlate(SEAL.seal(PLATE))):
        named(lot, by)
    assert lot.store.connection.total_changes == before
