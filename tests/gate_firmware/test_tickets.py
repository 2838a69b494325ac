"""What a ticket says at a gate: by the lot's keys alone, and what the replica knows better."""

import base45
import pytest

from cloud_sync.link.ticket import Ticket
from domain.admission import Decision, Reason, Verdict
from domain.reservation import Status
from gate_firmware.tickets import Tickets
from tests.gate_firmware.gate import KEY_KNOWN, OTHER_KEY, SPOT, Gate, at, rid, right, stay, ticket
from tests.parts import LOT


@pytest.fixture
def tickets(entry: Gate) -> Tickets:
    entry.hub_says(KEY_KNOWN)
    return Tickets(LOT, entry.replica)


def verified(tickets: Tickets, text: str) -> Ticket:
    found = tickets.verified(text)
    assert isinstance(found, Ticket)
    return found


def test_a_ticket_of_this_lot(tickets: Tickets) -> None:
    found = verified(tickets, ticket())
    assert (found.reservation_id, found.ticket_id, found.spot_id) == (rid(1), "t1", SPOT)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ticket(key=OTHER_KEY), Reason.TICKET_INVALID),
        (ticket(lot_id="hillside", key=OTHER_KEY), Reason.TICKET_ELSEWHERE),
        (ticket(lot_id="hillside"), Reason.TICKET_ELSEWHERE),
        (ticket()[:-6] + "AAAAAA", Reason.TICKET_INVALID),
        ("A" * 200, Reason.TICKET_INVALID),
        ("", Reason.TICKET_INVALID),
        (base45.b45encode(b"\xd2\x84" + bytes(90)).decode(), Reason.TICKET_INVALID),
    ],
)
def test_what_is_none_is_refused(tickets: Tickets, text: str, reason: Reason) -> None:
    assert tickets.verified(text) == Decision(Verdict.REFUSE, reason)


def test_every_sign_that_is_changed_is_found(tickets: Tickets) -> None:
    text = ticket()
    for place in range(0, len(text), 7):
        changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        assert isinstance(tickets.verified(changed), Decision)


def test_without_a_key_nothing_is_believed(entry: Gate) -> None:
    assert Tickets(LOT, entry.replica).verified(ticket()) == Decision(Verdict.REFUSE, Reason.TICKET_INVALID)


class TestRight:
    def test_of_a_booking_that_is_not_known_here_is_made_from_the_ticket(self, tickets: Tickets) -> None:
        made = tickets.right(verified(tickets, ticket(start=0, end=2)))
        assert (made.reservation_id, made.status, made.spot_id, made.plate) == (rid(1), Status.CONFIRMED, SPOT, None)
        assert (made.window.start, made.window.end) == (at(0), at(2))

    def test_the_replica_knows_better_than_a_ticket_that_is_no_newer(self, entry: Gate, tickets: Tickets) -> None:
        entry.hub_says(right(status=Status.CANCELLED, revision=2))
        assert tickets.right(verified(tickets, ticket(revision=2))).status is Status.CANCELLED

    def test_a_newer_ticket_knows_better_than_the_replica(self, entry: Gate, tickets: Tickets) -> None:
        """The gate was cut off between the hold and the payment."""
        entry.hub_says(right(status=Status.HELD, revision=1))
        made = tickets.right(verified(tickets, ticket(revision=2)))
        assert (made.status, made.revision) == (Status.CONFIRMED, 2)
        assert made.plate is not None


class TestSpent:
    def reason(self, tickets: Tickets, text: str) -> Reason | None:
        found = verified(tickets, text)
        decision = tickets.spent(found, tickets.right(found))
        assert decision is None or decision.verdict is Verdict.REFUSE
        return None if decision is None else decision.reason

    def test_a_newer_one_takes_its_place(self, entry: Gate, tickets: Tickets) -> None:
        entry.hub_says(right(revision=3))
        assert self.reason(tickets, ticket(revision=2)) is Reason.TICKET_REPLACED
        assert self.reason(tickets, ticket(revision=3)) is None

    @pytest.mark.parametrize("status", [Status.CHECKED_IN, Status.CANCELLED, Status.NO_SHOW, Status.COMPLETED])
    def test_also_once_that_is_over(self, entry: Gate, tickets: Tickets, status: Status) -> None:
        entry.hub_says(right(revision=2), right(revision=3), right(status=status, revision=4))
        assert self.reason(tickets, ticket(revision=2)) is Reason.TICKET_REPLACED
        assert self.reason(tickets, ticket(revision=3)) is None

    @pytest.mark.parametrize("status", [Status.CHECKED_IN, Status.CANCELLED, Status.NO_SHOW])
    def test_but_what_became_of_the_booking_does_not(self, entry: Gate, tickets: Tickets, status: Status) -> None:
        entry.hub_says(right(status=status, revision=3))
        assert self.reason(tickets, ticket(revision=2)) is None

    def test_it_was_used_here(self, entry: Gate, tickets: Tickets) -> None:
        entry.replica.use_ticket("t1", at(1))
        assert self.reason(tickets, ticket()) is Reason.TICKET_USED
        assert self.reason(tickets, ticket(ticket_id="t2")) is None

    def test_it_was_used_elsewhere(self, entry: Gate, tickets: Tickets) -> None:
        entry.hub_says(stay(ticket_id="t1"), stay(ticket_id="t1", left=True))
        assert self.reason(tickets, ticket()) is Reason.TICKET_USED
        entry.crash()
        assert entry.replica.is_used("t1")
