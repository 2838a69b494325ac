"""Plates that come and go without a booking, and plates that are not let in."""

import pytest

from cloud_sync.link.v1.facts import Listing, PlateListed
from domain.admission import Reason, Verdict
from domain.now import Now
from domain.plate import Plate
from domain.reservation import Status
from gate_firmware.compared import ComparedReplica
from gate_firmware.deciding import Judgement
from gate_firmware.events import ById, ByPlate, ByTicket, Credential, Looked, OpenedBy, RaiseArm, Sight
from hardware.barrier import Position as Arm
from tests.gate_firmware.gate import (
    KEY_KNOWN,
    NOW,
    OTHER,
    PLATE,
    SEAL,
    UNTRUSTED,
    Gate,
    at,
    rid,
    right,
    stay,
    ticket,
)


def listed(listing: Listing, plate: Plate = PLATE, *, until: float | None = None) -> PlateListed:
    """What the hub says of a plate, on a list until so many hours after noon."""
    return PlateListed(
        mark=SEAL.mark(plate),
        plate=SEAL.seal(plate),
        listing=listing,
        until=None if until is None else at(until),
        by="Anna",
    )


def seen(gate: Gate, plate: Plate = PLATE, code: str | None = None) -> Judgement:
    look = Looked("p1", Sight.KNOWN, plate, -0.1, 3, code)
    return gate.judge.looked(look, look, gate.now)


class TestStaff:
    def test_come_in_without_a_booking_and_go_out_again(self, entry: Gate, exit_: Gate) -> None:
        for gate, verdict in ((entry, Verdict.ADMIT), (exit_, Verdict.RELEASE)):
            gate.hub_says(listed(Listing.STAFF))
            gate.admitted()
            gate.through()
            assert (gate.decisions[-1].verdict, gate.decisions[-1].reason) == (verdict, Reason.STAFF)
            passed = gate.passages[-1]
            assert (passed.staff, passed.reservation_id) == (True, None)
            assert passed.plate is not None
            assert passed.plate.mark == SEAL.mark(PLATE)

    def test_a_plate_on_the_list_is_one_that_is_expected(self, entry: Gate) -> None:
        before = entry.replica.version
        entry.hub_says(listed(Listing.STAFF), listed(Listing.DENIED, OTHER))
        assert {plate.mark for plate in entry.replica.expected(NOW)} == {SEAL.mark(PLATE), SEAL.mark(OTHER)}
        assert entry.replica.version > before

    def test_who_has_a_booking_comes_on_it(self, entry: Gate) -> None:
        entry.hub_says(listed(Listing.STAFF), right())
        judged = seen(entry)
        assert (judged.decision.reason, judged.reservation_id) == (Reason.BOOKED, rid(1))

    def test_who_cannot_come_on_their_booking_comes_as_staff(self, entry: Gate) -> None:
        entry.hub_says(listed(Listing.STAFF), right(status=Status.CANCELLED))
        judged = seen(entry)
        assert (judged.decision.reason, judged.reservation_id) == (Reason.STAFF, None)

    def test_at_the_exit_a_booking_that_they_came_on_is_closed(self, exit_: Gate) -> None:
        exit_.hub_says(listed(Listing.STAFF), right(status=Status.CHECKED_IN), stay())
        assert seen(exit_).reservation_id == rid(1)

    @pytest.mark.parametrize("now", [NOW, UNTRUSTED])
    def test_until_an_instant(self, entry: Gate, now: Now) -> None:
        """A gate whose clock nobody trusts knows that it is this late at least."""
        entry.hub_says(listed(Listing.STAFF, until=0.5))
        entry.now = now
        assert seen(entry).passes
        entry.now = entry.now.later(1_800_000)
        assert not seen(entry).passes

    def test_who_was_taken_off_the_list_is_on_it_no_more(self, entry: Gate) -> None:
        entry.hub_says(listed(Listing.STAFF), listed(Listing.STAFF, until=0))
        assert seen(entry).decision.reason is Reason.NO_BOOKING

    def test_a_stranger_is_none_of_them(self, entry: Gate) -> None:
        entry.hub_says(listed(Listing.STAFF))
        assert RaiseArm() not in entry.seen(entry.car_comes(), Sight.STRANGER, OTHER)
        assert RaiseArm() not in entry.seen("p1", Sight.UNSURE, PLATE)

    def test_after_a_restart_the_passage_is_staffs_still(self, entry: Gate) -> None:
        entry.hub_says(listed(Listing.STAFF))
        entry.admitted()
        entry.crash()
        entry.start(arrival=True, arm=Arm.UP)
        entry.through()
        assert entry.passages[-1].staff


class TestDenied:
    def test_no_booking_helps(self, entry: Gate) -> None:
        entry.hub_says(right(), listed(Listing.DENIED))
        judged = seen(entry)
        assert (judged.decision.verdict, judged.decision.reason) == (Verdict.REFUSE, Reason.DENIED)
        assert judged.reservation_id == rid(1), "the attendant sees which booking it was"

    @pytest.mark.parametrize(
        "by", [ById(rid(1)), ByTicket(ticket()), ByPlate(SEAL.seal(PLATE))], ids=["id", "ticket", "plate"]
    )
    def test_nor_does_naming_it(self, entry: Gate, by: Credential) -> None:
        """By the booking's plate: the camera has seen nothing."""
        entry.hub_says(KEY_KNOWN, right(), listed(Listing.DENIED))
        assert entry.judge.named(by, None, NOW).decision.reason is Reason.DENIED

    def test_nor_somebody_elses_ticket(self, entry: Gate) -> None:
        entry.hub_says(KEY_KNOWN, right(2, plate=OTHER), listed(Listing.DENIED))
        code = ticket(2, plate=OTHER)
        assert not seen(entry, code=code).passes
        look = Looked("p1", Sight.KNOWN, PLATE, -0.1, 3)
        assert not entry.judge.named(ByTicket(code), look, NOW).passes

    def test_nor_their_own_ticket_where_the_booking_was_never_heard_of_and_no_plate_is_read(self, entry: Gate) -> None:
        entry.hub_says(KEY_KNOWN, listed(Listing.DENIED))
        assert entry.judge.named(ByTicket(ticket()), None, NOW).decision.reason is Reason.DENIED

    def test_a_plate_that_only_looks_like_it_is_not_denied(self, entry: Gate) -> None:
        entry.hub_says(KEY_KNOWN, right(2, plate=OTHER), listed(Listing.DENIED))
        unsure = Looked("p1", Sight.UNSURE, PLATE, None, 2)
        assert entry.judge.named(ByTicket(ticket(2, plate=OTHER)), unsure, NOW).passes

    def test_whoever_is_inside_gets_out(self, exit_: Gate) -> None:
        exit_.hub_says(right(status=Status.CHECKED_IN), stay(), listed(Listing.DENIED))
        judged = seen(exit_)
        assert (judged.passes, judged.decision.reason) == (True, Reason.STAY_CLOSED)

    def test_an_attendant_may_let_them_in_all_the_same(self, entry: Gate) -> None:
        entry.hub_says(right(), listed(Listing.DENIED))
        assert RaiseArm() not in entry.seen(entry.car_comes())
        assert RaiseArm() in entry.happens(OpenedBy("Anna"))
        assert entry.reasons == [Reason.DENIED, Reason.ATTENDANT]


class TestCopy:
    def test_what_a_snapshot_does_not_name_is_forgotten(self, entry: Gate) -> None:
        entry.hub_says(listed(Listing.STAFF))
        entry.replica.forget(PlateListed.kind, SEAL.mark(PLATE))
        assert entry.replica.expected(NOW) == []

    def test_it_is_compared_with_the_hubs(self, entry: Gate) -> None:
        entry.hub_says(listed(Listing.STAFF, until=1), listed(Listing.DENIED, OTHER))
        rows = ComparedReplica(entry.store).rows(PlateListed.kind, "", "~", NOW.utc)
        assert rows is not None
        assert {subject: values["listing"] for subject, values in rows} == {
            SEAL.mark(PLATE): "staff",
            SEAL.mark(OTHER): "denied",
        }
        later = ComparedReplica(entry.store).rows(PlateListed.kind, "", "~", at(1))
        assert later is not None
        assert [subject for subject, _ in later] == [SEAL.mark(OTHER)]
