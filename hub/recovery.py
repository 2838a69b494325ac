"""Taking back what this hub has told others and has lost: its disk was restored from a backup, or is new.

What others have of the hub's log goes back to where it was, with its effect on the lot: the facts say all that a
booking or a stay needs. What cannot go back, because the log has gone on since, is told again as a new fact, where it
says more than is known. Nothing is granted before central has been heard (`cloud_sync/link/tenure.py`), so that what
comes back finds its spot free; should it not, the booking is moved, and cancelled where there is no other: the driver
gets all of it back.
"""

from collections.abc import Sequence
from dataclasses import replace
from sqlite3 import IntegrityError

from cloud_sync.link.journal import Journal
from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import (
    AlarmRaised,
    PlateListed,
    ReservationChanged,
    StayChanged,
    WithdrawalSettled,
    WithdrawalVouched,
    payload_of,
)
from domain.errors import BadInput, GatehouseError, PeerError
from domain.fact import Fact
from domain.ids import shown
from domain.money import Money
from domain.now import Now
from domain.plate import SealedPlate
from domain.reservation import HOLDS_SPOT, Status
from domain.window import Window
from hub.book import Book, Reservation
from hub.lists import Lists
from hub.spots import Spots
from hub.stays import Stays
from hub.tickets import Tickets
from hub.withdrawals import LOG_LOST, Withdrawals

_NEVER_BEFORE = {
    Status.EXPIRED: frozenset(Status) - {Status.HELD, Status.EXPIRED},
    Status.NO_SHOW: frozenset({Status.CHECKED_IN, Status.COMPLETED, Status.CANCELLED}),
}
"""What time alone makes of a booking, each with what it cannot have been before that: where such comes back, this run
had lost it."""

BY_TICKET = "ticket"
"""The cause of a reservation that its ticket alone has told of."""

RESTORED = "restored"
"""The cause of a change that comes back after time had ended the booking here."""

NO_SPOT = "no_spot"
"""The cause of a cancellation by the lot: what was promised cannot be had any more."""


class Recovery:
    """Takes back facts of the hub's own."""

    def __init__(
        self,
        store: Store,
        journal: Journal,
        *,
        book: Book,
        spots: Spots,
        stays: Stays,
        withdrawals: Withdrawals,
        lists: Lists,
        tickets: Tickets,
    ) -> None:
        self._store = store
        self._journal = journal
        self._book = book
        self._spots = spots
        self._stays = stays
        self._withdrawals = withdrawals
        self._lists = lists
        self._tickets = tickets

    def take_back(self, facts: Sequence[Fact], now: Now, *, insert: bool) -> int:
        """Take `facts` back; those that are known do nothing. Returns how many were news.

        `insert`: what this run has written may be numbered anew behind them.
        """
        with self._store.transaction():
            inserted, strays = self._journal.take_back(facts, insert=insert)
            for fact in inserted:
                self._restore(fact, now)
            retold = [fact for fact in strays if self._restore(fact, now)]
            for fact in retold:
                self._journal.repeat(fact)
            self._withdrawals.settle_answered(now)  # whoever vouched may have been heard of, and what it led to not
        return len(inserted) + len(retold)

    def by_ticket(self, text: str, plate: SealedPlate | None, now: Now) -> None:
        """A gate has let somebody in on a ticket of this lot, whose reservation it had never heard of.

        Does nothing where it is known here. Else hub and central have lost it both: it is as the ticket says. Who
        booked it and for how much, only central can know, from the payment provider. `plate` is what the gate read.
        Raises PeerError where the ticket is none of this hub's.
        """
        try:
            ticket = self._tickets.read(text)
        except BadInput as error:
            raise PeerError(error.code, error.message) from error
        if self._book.find(ticket.reservation_id) is not None:
            return
        is_its_own = plate is not None and plate.mark.startswith(ticket.plate_mark)
        known = Reservation(
            reservation_id=ticket.reservation_id,
            revision=ticket.revision,
            status=Status.CONFIRMED,
            spot_id=ticket.spot_id,
            booked_kind=self._spots.kind(ticket.spot_id),
            user_id="",
            vehicle_id="",
            driver_name="",
            vehicle_type=ticket.vehicle_type,
            plate=plate if plate is not None and is_its_own else SealedPlate("", ticket.plate_mark),
            window=ticket.window,
            price=Money(0, self._book.currency),
            hold_expires_at=None,
            ticket=text,
            ticket_revision=ticket.revision,
            confirmed_at=now.utc,
            ticket_id=ticket.ticket_id,
        )
        detail = f"reservation {shown(ticket.reservation_id)} is known from its ticket only"
        self._journal.append(AlarmRaised(alarm="known-by-ticket", detail=detail), now)
        try:
            with self._store.transaction():
                self._book.tell_anew(known, BY_TICKET, now)
        except IntegrityError:
            self._find_room(known, now)

    def _restore(self, fact: Fact, now: Now) -> bool:
        """Have the effect of a fact of this hub's own; whether it said anything new, and things are as it said."""
        try:
            payload = payload_of(fact)
        except GatehouseError:
            return False  # of a newer version of this hub: it stays in the log
        match payload:
            case ReservationChanged():
                is_news = self._reservation(payload, fact, now)
            case StayChanged():
                is_news = self._stays.restore(payload, now)
            case WithdrawalSettled():
                is_news = self._withdrawals.restore(payload, now)
            case WithdrawalVouched():
                is_news = self._withdrawals.restore_vouched(payload)
            case PlateListed():
                is_news = self._lists.restore(payload, fact.at)
            case AlarmRaised():
                if payload.alarm == LOG_LOST:  # told of a gate, whose id comes first
                    self._withdrawals.log_lost(payload.detail.partition(":")[0], fact.at)
                is_news = not self._journal.tells(fact)
            case _:
                is_news = False  # spots, gates and keys are this hub's configuration, the policy comes from central
        return is_news

    def _reservation(self, said: ReservationChanged, fact: Fact, now: Now) -> bool:
        known = self._book.find(said.reservation_id)
        displaced_at = self._displaced_at(said.reservation_id)
        if known is not None and (displaced_at or known.revision) >= said.revision:
            if displaced_at is None and said.status in _NEVER_BEFORE.get(known.status, ()):
                self._given_up_unknowing(self._as_said(said, fact, known), known, now)
            return False
        restored = self._as_said(said, fact, known)
        if known is not None and displaced_at is not None:
            self._displaced(restored, known, now)
            return False
        try:
            with self._store.transaction():
                self._book.put(restored)
        except IntegrityError:
            self._find_room(restored, now)
            return False
        self._await_gates(restored, now)
        return True

    def _as_said(self, said: ReservationChanged, fact: Fact, known: Reservation | None) -> Reservation:
        kind = said.booked_kind or (known and known.booked_kind) or self._spots.kind(said.spot_id)
        restored = Reservation(
            reservation_id=said.reservation_id,
            revision=said.revision,
            status=said.status,
            spot_id=said.spot_id,
            booked_kind=kind,
            user_id=said.user_id,
            vehicle_id=said.vehicle_id,
            driver_name=known.driver_name if known else "",
            vehicle_type=said.vehicle_type,
            plate=said.plate,
            window=Window(said.start_time, said.end_time),
            price=said.price,
            hold_expires_at=said.hold_expires_at,
            ticket=known.ticket if known else None,
            ticket_revision=known.ticket_revision if known else None,
            ticket_id=known.ticket_id if known else None,
            confirmed_at=known.confirmed_at if known else None,
            no_show_at=known.no_show_at if known else None,
            cancel_requested_at=said.cancel_requested_at,
        )
        if said.ticket_id is not None and said.ticket_revision != restored.ticket_revision:
            restored = self._tickets.signed_again(restored, said.ticket_id, said.ticket_revision or said.revision)
        if said.status is Status.CONFIRMED and restored.confirmed_at is None:
            restored = replace(restored, confirmed_at=fact.at)
        if said.status is Status.NO_SHOW and restored.no_show_at is None:
            restored = replace(restored, no_show_at=fact.at)
        return restored

    def _displaced_at(self, reservation_id: str) -> int | None:
        """By which revision a booking was told last that is on another spot since, or none."""
        sql = "SELECT revision FROM displaced WHERE reservation_id = ?"
        row = self._store.connection.execute(sql, (reservation_id,)).fetchone()
        return None if row is None else int(row["revision"])

    def _displace(self, reservation_id: str, revision: int) -> None:
        sql = "INSERT OR REPLACE INTO displaced VALUES (?, ?)"
        self._store.connection.execute(sql, (reservation_id, revision))

    def _displaced(self, restored: Reservation, known: Reservation, now: Now) -> None:
        """More comes back of a booking that is not where it was: what became of it, where it is now."""
        self._displace(restored.reservation_id, restored.revision)
        if known.status not in HOLDS_SPOT:
            return  # the lot has given it up
        after = replace(restored.on_spot(known.spot_id), revision=max(known.revision, restored.revision))
        if restored.ticket is not None and restored.status in HOLDS_SPOT and known.spot_id != restored.spot_id:
            after = self._tickets.issued_for(after)
        after = replace(after, revision=after.revision + 1)
        self._book.tell_anew(after, "moved", now)
        self._await_gates(after, now)

    def _given_up_unknowing(self, restored: Reservation, known: Reservation, now: Now) -> None:
        """This run let a hold run out, or gave a car up, and had lost what had become of the booking: that counts."""
        after = replace(restored, revision=known.revision + 1)
        self._withdrawals.called_off(known.reservation_id)
        try:
            with self._store.transaction():
                self._book.tell_anew(after, RESTORED, now)
            self._await_gates(after, now)
        except IntegrityError:
            self._find_room(replace(restored, revision=known.revision), now)
        self._displace(restored.reservation_id, restored.revision)

    def _await_gates(self, restored: Reservation, now: Now) -> None:
        """Of a right that was withdrawn the gates' answers may not have come back."""
        if restored.status in (Status.CANCELLED, Status.NO_SHOW) and restored.ticket is not None:
            self._withdrawals.begin(restored, now)

    def _find_room(self, restored: Reservation, now: Now) -> None:
        """Its spot was given to somebody else meanwhile: another, or none."""
        assert restored.status in HOLDS_SPOT, "what holds no spot is in nobody's way"
        spot_id = self._spots.as_good_spot(restored.vehicle_type, restored.booked_kind, restored.window)
        if spot_id is not None:
            moved = restored.on_spot(spot_id)
            if restored.ticket is not None:
                moved = self._tickets.issued_for(moved)
            self._book.tell_anew(replace(moved, revision=restored.revision + 1), "moved", now)
            self._displace(restored.reservation_id, restored.revision)
            return
        detail = f"reservation {shown(restored.reservation_id)} came back, {restored.spot_id} is another's by now"
        self._journal.append(AlarmRaised(alarm="no-spot-to-move", detail=detail), now)
        cancelled = replace(restored, status=Status.CANCELLED, revision=restored.revision + 1, hold_expires_at=None)
        self._book.tell_anew(cancelled, NO_SPOT, now)
        self._displace(restored.reservation_id, restored.revision)
