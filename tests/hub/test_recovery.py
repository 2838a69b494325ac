"""The hub's disk is lost: what others know of its log comes back, with all that follows from it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.link.journal import Journal
from cloud_sync.link.log import Position
from cloud_sync.link.v1.facts import AlarmRaised, PaymentChanged, ReservationChanged, StayChanged, WithdrawalSettled
from domain.fact import Fact
from domain.money import Money
from domain.plate import Plate
from domain.reservation import Status
from domain.stay import Conflict
from hub.lot import Lot
from hub.withdrawals import LOG_LOST
from tests.hub.riverside import (
    GATES,
    KEY,
    LARGE_SPOT,
    NOW,
    OTHER_SPOT,
    PLATE,
    SEAL,
    SPOT,
    SPOTS,
    Riverside,
    decided,
    hold_request,
    rid,
)
from tests.parts import ENTRY, LOT

GRACE_H = 0.25
HALF_PAST = NOW.later(1_800_000)

New = Callable[[str], Riverside]


@pytest.fixture
def new(tmp_path: Path) -> Iterator[New]:
    """A lot of this name, at its start."""
    opened: list[Riverside] = []

    def open_one(name: str) -> Riverside:
        opened.append(Riverside(tmp_path / name))
        return opened[-1]

    yield open_one
    for riverside in opened:
        riverside.close()


def lives(riverside: Riverside) -> None:
    """Bookings in every status, cars inside and gone, one moved, one withdrawn and settled."""
    riverside.hold(hold_request(1, start=0, end=2))
    riverside.confirm(1)
    riverside.hold(hold_request(2, start=3, end=4))
    riverside.hold(hold_request(3, start=5, end=6))
    riverside.release(3)
    riverside.booked(4, hold_request(4, spot_id=OTHER_SPOT, start=0, end=1))
    riverside.booked(5, hold_request(5, spot_id=LARGE_SPOT, start=0, end=1))
    riverside.cancel(5)
    riverside.noted(5)
    riverside.came_in(1, hours=0.1, plate=PLATE)
    riverside.came_in(4, hours=0.1, plate=Plate("HHXY9"))
    riverside.went_out(4, hours=0.2, plate=Plate("HHXY9"))
    riverside.came_in(None, hours=0.2, plate=Plate("HHNO1"))
    riverside.booked(6, hold_request(6, spot_id=OTHER_SPOT, start=0.25, end=2), NOW.later(900_000))
    riverside.heard(ENTRY, now=NOW.later(900_000))
    riverside.woken(0.25 + GRACE_H)
    riverside.booked(7, hold_request(7, start=8, end=9), HALF_PAST)
    riverside.hold(hold_request(8, start=10, end=11), HALF_PAST)


def rows(riverside: Riverside, *, without: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """What the lot is: its bookings, stays and what it waits for."""
    found = []
    for table in ("reservation", "stay", "withdrawal", "withdrawal_awaits"):
        for row in riverside.store.connection.execute(f"SELECT * FROM {table} ORDER BY 1"):  # noqa: S608
            found.append({name: row[name] for name in row.keys() if name not in without})  # noqa: SIM118  no dict
    return found


def set_back(hub: Riverside, old: Riverside) -> None:
    """Give the hub the other one's disk as it is now, as its run goes on there."""
    old.journal.settle()
    old.store.connection.backup(hub.store.connection)
    hub.journal = Journal(hub.store, LOT, "boot-2")
    hub.lot = Lot(hub.store, hub.journal, KEY)


LOCAL = ("driver_name", "told_at", "settled_at", "settle_by", "overstay_told", "moved_at")
"""What is central's to say, or the hub's own clock's."""


def returned(old: Riverside) -> list[Fact]:
    return old.journal.after(Position(), 10_000)


class TestANewDisk:
    def test_brings_the_same_lot_back(self, new: New) -> None:
        old, hub = new("old"), new("new")
        lives(old)
        hub.store.connection.execute("DELETE FROM fact")
        hub.journal.begin(2)
        hub.lot.take_back(returned(old), NOW.later(2_000_000), insert=True)
        assert {row["status"] for row in rows(hub) if "status" in row} == {status.value for status in Status}
        assert rows(hub, without=LOCAL) == rows(old, without=LOCAL)
        assert hub.facts() == old.facts()

    @pytest.mark.parametrize("others_answered", [True, False])
    def test_knows_what_a_manager_had_vouched_for(self, new: New, others_answered: bool) -> None:
        old, hub = new("old"), new("new")
        for lot in (old, hub):
            lot.lot.lay_out(SPOTS, {**GATES, "riverside.entry-2": GATES[ENTRY]}, NOW)
        old.booked()
        old.woken(2 * GRACE_H)
        if others_answered:
            old.noted(unit=ENTRY)
        old.lot.vouch(rid(1), "riverside.entry-2", "Ruth", HALF_PAST)
        hub.store.connection.execute("DELETE FROM fact")
        hub.journal.begin(2)
        hub.lot.take_back(returned(old), HALF_PAST, insert=True)
        hub.noted(unit=ENTRY)
        assert [(told.revision, told.complete) for told in hub.told(WithdrawalSettled)] == [(3, True)]

    @pytest.mark.parametrize("insert", [True, False])
    def test_settles_what_awaits_nobody_any_more_by_what_a_manager_had_vouched_for(
        self, new: New, insert: bool
    ) -> None:
        """The disk was set back to before, and whoever had heard of it had not heard what it led to."""
        old, hub = new("old"), new("new")
        old.booked()
        old.woken(2 * GRACE_H)
        set_back(hub, old)
        old.lot.vouch(rid(1), ENTRY, "Ruth", HALF_PAST)
        *heard, settled = returned(old)
        assert settled.kind == WithdrawalSettled.kind
        hub.lot.take_back(heard, HALF_PAST, insert=insert)
        assert [(told.revision, told.complete) for told in hub.told(WithdrawalSettled)] == [(3, True)]
        assert not hub.woken(48), "and not again as one that nobody is sure of"

    def test_tells_an_alarm_again_that_its_other_run_had_raised_and_once(self, new: New) -> None:
        old, hub = new("old"), new("new")
        old.lot.alarm("no-spot-to-move", "somebody must look", NOW)
        before = len(hub.facts())
        for _ in range(2):
            hub.lot.take_back(returned(old), NOW.later(1_000), insert=False)
        (told,) = hub.facts()[before:]
        assert (told.payload["alarm"], told.at) == ("no-spot-to-move", NOW.utc)

    def test_knows_which_gate_had_lost_its_log(self, new: New) -> None:
        """Who did not come since then may have come all the same."""
        old, hub = new("old"), new("new")
        old.booked()
        old.tells(ENTRY, AlarmRaised(alarm=LOG_LOST, detail="a new disk"))
        hub.lot.take_back(returned(old), NOW.later(1_000), insert=False)
        hub.woken(2 * GRACE_H)
        hub.noted(unit=ENTRY)
        assert [told.complete for told in hub.told(WithdrawalSettled)] == [False]

    def test_signs_the_same_tickets(self, new: New) -> None:
        old, hub = new("old"), new("new")
        old.hold()
        ticket = old.confirm()
        hub.lot.take_back(returned(old), NOW, insert=False)
        assert (hub.reservation().ticket, hub.confirm().ticket) == (ticket.ticket, ticket.ticket)

    def test_names_drivers_once_central_has_told_of_their_payments(self, new: New) -> None:
        old, hub = new("old"), new("new")
        old.booked()
        hub.lot.take_back(returned(old), NOW, insert=False)
        paid = Money(1250, "EUR")
        hub.tells("central:riverside", PaymentChanged(
            reservation_id=rid(1), paid=paid, refunded=Money(0, "EUR"), end_time=NOW.utc, driver_name="Ada"
        ))  # fmt: skip
        assert hub.reservation().driver_name == "Ada"

    def test_does_not_follow_a_passage_twice(self, new: New) -> None:
        old, hub = new("old"), new("new")
        old.booked(1, hold_request(1, end=2))
        entry, left = old.came_in(hours=0.1, plate=PLATE), old.went_out(hours=0.5, plate=PLATE)
        hub.lot.take_back(returned(old), NOW, insert=False)
        before = hub.facts()
        hub.take(entry, left)
        assert hub.facts() == before
        assert [(stay.conflict, stay.left_at) for stay in hub.told(StayChanged)][-1] == (None, left.at)
        assert hub.status() is Status.COMPLETED


class TestABackup:
    def test_gets_the_end_of_its_log_back_before_what_it_wrote_since(self, new: New) -> None:
        old, hub = new("old"), new("new")
        old.booked(1, hold_request(1, end=2))
        set_back(hub, old)
        common = len(hub.facts())
        old.hold(hold_request(2, start=3, end=4))
        hub.journal.begin_run()
        hub.came_in(hours=0.1, plate=PLATE)
        written = len(hub.facts()) - common
        hub.lot.take_back(old.facts(), NOW, insert=True)
        assert hub.status(2) is Status.HELD
        assert hub.facts()[: common + 1] == old.facts()
        anew = [(fact.epoch, fact.seq) for fact in hub.facts()[common + 1 :]]
        assert anew == [(3, seq) for seq in range(1, written + 1)], "in an epoch that nobody has seen"

    def test_that_has_gone_on_tells_what_it_had_lost_as_new_facts(self, new: New) -> None:
        old, hub = new("old"), new("new")
        old.booked(1, hold_request(1, end=2))
        set_back(hub, old)
        old.hold(hold_request(2, start=3, end=4))
        hub.release(9)
        hub.hold(hold_request(7, spot_id=LARGE_SPOT))
        hub.lot.take_back(old.facts(), NOW, insert=False)
        assert hub.told(ReservationChanged)[-1] == old.told(ReservationChanged)[-1]
        assert hub.status(2) is Status.HELD
        before = hub.facts()
        hub.lot.take_back(old.facts(), NOW, insert=False)
        assert hub.facts() == before, "once"


class TestWhatTimeHasEndedMeanwhile:
    """Central was not heard, and time went on: what had become of the booking counts, and is told to all anew."""

    def test_a_hold_that_ran_out_was_paid_for(self, new: New) -> None:
        old, hub = new("old"), new("new")
        old.hold(hold_request(1, end=2))
        set_back(hub, old)
        old.confirm()
        hub.woken(1)
        assert hub.status() is Status.EXPIRED
        hub.lot.take_back(old.facts(), NOW.later(3_700_000), insert=True)
        assert (hub.status(), hub.reservation().ticket) == (Status.CONFIRMED, old.reservation().ticket)
        assert hub.reservation().revision == 3, "more than anybody has heard"
        assert hub.told(ReservationChanged)[-1].cause == "restored"

    @pytest.mark.parametrize("became", [Status.CHECKED_IN, Status.COMPLETED, Status.CANCELLED])
    @pytest.mark.parametrize("batch", [1, 100])
    def test_a_car_that_was_given_up_had_come_or_never_was_to_come(self, new: New, became: Status, batch: int) -> None:
        old, hub = new("old"), new("new")
        old.booked(1, hold_request(1, end=2))
        set_back(hub, old)
        if became is Status.CANCELLED:
            old.cancel()
        else:
            old.came_in(hours=0.1, plate=PLATE)
        if became is Status.COMPLETED:
            old.went_out(hours=0.2, plate=PLATE)
        hub.heard(ENTRY)
        hub.woken(0.1 + GRACE_H)
        assert hub.status() is Status.NO_SHOW
        facts = old.facts()
        for begin in range(0, len(facts), batch):
            hub.lot.take_back(facts[begin : begin + batch], HALF_PAST, insert=True)
        assert hub.status() is became
        assert hub.reservation().revision > max(3, old.reservation().revision - 1)
        assert hub.told(ReservationChanged)[-1].status is became
        waiting = hub.store.connection.execute("SELECT revision FROM withdrawal WHERE settled_at IS NULL").fetchall()
        assert [row["revision"] for row in waiting] == [hub.reservation().revision] * (became is Status.CANCELLED)
        hub.lot.take_back(facts, HALF_PAST, insert=False)
        assert hub.status() is became, "once"

    def test_a_spot_that_was_sold_since_is_not_taken_from_anybody(self, new: New) -> None:
        old, hub = new("old"), new("new")
        old.hold(hold_request(1, end=2))
        set_back(hub, old)
        old.confirm()
        hub.woken(1)
        hub.booked(2, hold_request(2, end=2), NOW.later(3_600_000))
        hub.lot.take_back(old.facts(), NOW.later(3_700_000), insert=False)
        assert (hub.status(1), hub.reservation(1).spot_id) == (Status.CONFIRMED, OTHER_SPOT)
        assert hub.reservation(2).spot_id == SPOT


class TestASpotThatIsAnothersByNow:
    def test_the_booking_that_comes_back_is_moved(self, new: New) -> None:
        old, hub = new("old"), new("new")
        old.booked(1, hold_request(1, end=2))
        hub.booked(2, hold_request(2, end=2))
        hub.lot.take_back(old.facts(), NOW, insert=False)
        assert (hub.status(1), hub.reservation(1).spot_id) == (Status.CONFIRMED, OTHER_SPOT)
        assert hub.reservation(2).spot_id == SPOT
        said = [said for said in hub.told(ReservationChanged) if said.reservation_id == rid(1)]
        assert [(one.cause, one.spot_id) for one in said] == [("moved", OTHER_SPOT)] * 2, (
            "the hold, and that it is paid"
        )
        assert hub.reservation(1).ticket != old.reservation(1).ticket

    def test_or_cancelled_by_the_lot_where_there_is_no_other(self, new: New) -> None:
        old, hub = new("old"), new("new")
        old.booked(1, hold_request(1, end=2))
        for number, spot_id in enumerate(sorted(SPOTS), 2):
            hub.booked(number, hold_request(number, spot_id=spot_id, end=2))
        hub.lot.take_back(old.facts(), NOW, insert=False)
        assert hub.status(1) is Status.CANCELLED
        assert "no-spot-to-move" in hub.alarms()


def test_who_came_while_the_hub_did_not_know_the_booking(new: New) -> None:
    """Provisionally it was a stay without a right; that the booking is known now does not make it another."""
    old, hub = new("old"), new("new")
    old.booked(1, hold_request(1, end=2))
    hub.came_in(1, hours=0.1, plate=PLATE)
    hub.lot.take_back(old.facts(), NOW, insert=False)
    assert hub.status(1) is Status.CONFIRMED
    assert [stay.conflict for stay in hub.stays()] == [Conflict.NO_RIGHT]


class TestATicketOfNoReservation:
    """Hub and central have lost a booking both; its driver comes with the ticket, and the gate has let them in."""

    WISH = hold_request(1, start=0, end=2)

    def ticket(self, new: New) -> str:
        old = new("old")
        old.hold(self.WISH)
        return old.confirm().ticket

    def shown(self, hub: Riverside, ticket: str, **said: Any) -> None:
        admitted = {"verdict": "admit", "reason": "booked", "reservation_id": rid(1), "ticket": ticket}
        hub.tells(ENTRY, decided(**admitted | said))

    def test_makes_the_reservation_anew(self, new: New) -> None:
        ticket, hub = self.ticket(new), new("new")
        self.shown(hub, ticket)
        hub.came_in(1, hours=0.1, plate=PLATE)
        reservation = hub.reservation()
        assert (reservation.status, reservation.spot_id, reservation.ticket) == (Status.CHECKED_IN, SPOT, ticket)
        assert (reservation.window.start, reservation.window.end) == (self.WISH.start_time, self.WISH.end_time)
        (stay,) = hub.stays()
        assert (stay.conflict, stay.reservation_id, stay.spot_id) == (None, rid(1), SPOT)
        assert hub.alarms() == ["known-by-ticket"]
        hub.went_out(1, hours=0.5, plate=PLATE)
        assert hub.status() is Status.COMPLETED

    def test_knows_the_plate_that_was_read_with_it_if_it_is_its_own(self, new: New) -> None:
        ticket = self.ticket(new)
        for name, plate in (("own", PLATE), ("another", Plate("HHXY9")), ("none", None)):
            hub = new(name)
            self.shown(hub, ticket, plate=None if plate is None else SEAL.seal(plate))
            known = hub.reservation().plate
            assert SEAL.mark(PLATE).startswith(known.mark)
            assert (known.box != "") is (name == "own")

    def test_does_nothing_where_the_reservation_is_known(self, new: New) -> None:
        hub = new("new")
        hub.booked(1, self.WISH)
        ticket = hub.reservation().ticket
        assert ticket is not None
        hub.cancel()
        before = hub.reservation()
        self.shown(hub, ticket)
        assert hub.reservation() == before
        assert hub.alarms() == []

    def test_is_given_another_spot_where_its_own_was_sold_since(self, new: New) -> None:
        ticket, hub = self.ticket(new), new("new")
        hub.booked(2, hold_request(2, start=1, end=3))
        self.shown(hub, ticket)
        assert (hub.status(), hub.reservation().spot_id) == (Status.CONFIRMED, OTHER_SPOT)
        assert hub.reservation(2).spot_id == SPOT

    def test_that_is_none_is_set_aside(self, new: New) -> None:
        hub = new("new")
        self.shown(hub, "6BF" * 60)
        assert hub.set_aside() == ["ticket_invalid: this is no valid ticket of this lot"]
        assert hub.lot.book.find(rid(1)) is None
