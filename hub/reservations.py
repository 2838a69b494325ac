"""Who gets which spot: holds, confirmations, cancellations. Nobody else ever decides that a spot is free."""

from dataclasses import replace
from datetime import timedelta

from cloud_sync.link.store import Store
from cloud_sync.link.v1.messages import (
    CancelAnswer,
    CancelRequest,
    ConfirmAnswer,
    ConfirmRequest,
    HoldAnswer,
    HoldRequest,
    ReleaseRequest,
)
from cloud_sync.link.v1.wire import utc
from domain.errors import NotFound, Refused, TryLater
from domain.now import Now
from domain.reservation import Status, Step
from domain.spot import SpotKind, fits
from domain.window import Window
from hub.book import Book, Reservation
from hub.moves import Moves
from hub.spots import Spots
from hub.stays import Stays
from hub.tickets import Tickets
from hub.withdrawals import Withdrawals

EXPIRED_AT_ONCE_MAX = 500
"""Holds that one transaction lets expire at most; the rest follow in the next."""


class Reservations:
    """Answers central's requests about reservations."""

    def __init__(
        self,
        store: Store,
        book: Book,
        spots: Spots,
        stays: Stays,
        *,
        tickets: Tickets,
        moves: Moves,
        withdrawals: Withdrawals,
    ) -> None:
        self._store = store
        self._sql = store.connection
        self._book = book
        self._spots = spots
        self._stays = stays
        self._tickets = tickets
        self._moves = moves
        self._withdrawals = withdrawals

    def hold(self, request: HoldRequest, now: Now) -> HoldAnswer:
        """Keep the spot for the driver while they pay.

        The same request again gets the same answer. Raises Refused where the spot is not to be had, TryLater where the
        request came after `answer_by`, when central no longer waits for the answer. No hold outlives its window.
        """
        window = Window(utc(request.start_time), utc(request.end_time))
        self._expire_all(now)  # on its own: a refusal below must not undo it
        with self._store.transaction():
            known = self._book.find(request.reservation_id)
            if known is not None and known.status is Status.HELD and known.hold_expires_at:
                if (known.spot_id, known.window, known.user_id) != (request.spot_id, window, request.user_id):
                    raise Refused("hold_differs", "this reservation id was given to another hold; take a new one")
                return HoldAnswer(hold_expires_at=known.hold_expires_at, fact=self._book.told(known.reservation_id))
            if known is not None or self._is_released(request.reservation_id):
                raise Refused("hold_given_up", "this hold was given up already; ask for a new one")
            if now.utc > request.answer_by:
                raise TryLater(
                    "hold_late", "the request came after its answer_by; do the clocks of hub and central agree?"
                )
            kind = self._kind_to_be_had(request, window, now)
            expires_at = utc(min(now.utc + timedelta(seconds=self._book.policy.hold_s), window.end))
            held = Reservation(
                reservation_id=request.reservation_id,
                revision=1,
                status=Status.HELD,
                spot_id=request.spot_id,
                booked_kind=kind,
                user_id=request.user_id,
                vehicle_id=request.vehicle_id,
                driver_name=request.driver_name,
                vehicle_type=request.vehicle_type,
                plate=request.plate,
                window=window,
                price=request.price,
                hold_expires_at=expires_at,
                ticket=None,
                ticket_revision=None,
            )
            self._book.add(held, "held", now)
        return HoldAnswer(hold_expires_at=expires_at, fact=self._book.told(request.reservation_id))

    def release(self, request: ReleaseRequest, now: Now) -> None:
        """Give a hold up, also one that has not come yet. Does nothing to what is confirmed already."""
        with self._store.transaction():
            self._sql.execute("INSERT OR IGNORE INTO released VALUES (?)", (request.reservation_id,))
            known = self._book.find(request.reservation_id)
            if known is not None and known.status is Status.HELD:
                self._book.change(known, Step.CANCEL, "released", now)
                self._moves.check(now)

    def confirm(self, request: ConfirmRequest, now: Now) -> ConfirmAnswer:
        """Sign the ticket of a hold that is paid for. The same request again gets the ticket that counts by now, which
        is another only where the reservation was moved; also when the car has come and gone since: it was promised, and
        is to be paid for.

        Raises Refused where the hold has run out or was given up, or the reservation was cancelled: a definite no.
        """
        self._expire_all(now)  # on its own: a refusal below must not undo it
        with self._store.transaction():
            known = self._known(request.reservation_id)
            if known.ticket is None or known.status is Status.CANCELLED:
                paid = replace(known, hold_expires_at=None, confirmed_at=utc(now.utc))
                self._book.change(self._tickets.issued_for(paid), Step.CONFIRM, "paid", now)
                self._stays.had_come_before_paid(known.reservation_id, now)
                self._moves.check(now)  # it may start within minutes, where an overstayer still stands
                known = self._known(request.reservation_id)
        assert known.ticket is not None, "a ticket was issued with the confirmation"
        assert known.ticket_revision is not None, "and bears its revision"
        return ConfirmAnswer(
            ticket=known.ticket, revision=known.ticket_revision, fact=self._book.told(known.reservation_id)
        )

    def cancel(self, request: CancelRequest, now: Now) -> CancelAnswer:
        """End a reservation as from `requested_at`, although the request may come later: what a car did after that
        instant, or the lot decided, was done on a right that had been given back.

        Raises Refused where the car had come in by then, or where the reservation had ended otherwise.
        """
        self._expire_all(now)  # on its own: a refusal below must not undo it
        with self._store.transaction():
            known = self._known(request.reservation_id)
            if known.status is not Status.CANCELLED:
                promised = known.status is not Status.HELD
                by = self._step_to_cancel(known, request)
                known = replace(known, cancel_requested_at=request.requested_at)
                known = self._book.change(known, by, request.cause, now)
                if promised:
                    self._stays.were_after_cancel(known.reservation_id, now)
                    self._withdrawals.begin(known, now)
                self._moves.check(now)
        return CancelAnswer(revision=known.revision, fact=self._book.told(known.reservation_id))

    def expire(self, now: Now) -> int:
        """Let holds whose time is over expire; returns how many."""
        if not self._book.overdue(now, 1):
            return 0  # as nearly always, and without a transaction
        with self._store.transaction():
            overdue = self._book.overdue(now, EXPIRED_AT_ONCE_MAX)
            for reservation in overdue:
                self._book.change(reservation, Step.EXPIRE, "hold_expired", now)
            self._moves.check(now)
        return len(overdue)

    def _expire_all(self, now: Now) -> None:
        while self.expire(now) == EXPIRED_AT_ONCE_MAX:
            pass

    def _step_to_cancel(self, known: Reservation, request: CancelRequest) -> Step:
        """CANCEL_EARLIER for what had not happened yet when the driver cancelled. The table refuses the rest."""
        entered_at = self._stays.entered_at(known.reservation_id)
        came_later = entered_at is not None and entered_at > request.requested_at
        match known.status:
            case Status.CHECKED_IN | Status.COMPLETED:
                earlier = came_later
            case Status.NO_SHOW:
                decided_later = known.no_show_at is not None and known.no_show_at > request.requested_at
                earlier = decided_later and (came_later or entered_at is None)
            case _:
                earlier = False
        return Step.CANCEL_EARLIER if earlier else Step.CANCEL

    def _kind_to_be_had(self, request: HoldRequest, window: Window, now: Now) -> SpotKind:
        """What the requested spot was laid out for, if it may be granted."""
        kind = self._spots.kind_in_service(request.spot_id)
        if kind is None:
            raise NotFound("spot_unknown", f"there is no spot {request.spot_id} in service in this lot")
        if not fits(request.vehicle_type, kind):
            raise Refused("spot_unfit", f"a vehicle of type {request.vehicle_type.value} does not fit {kind.value}")
        if window.end <= now.utc:
            raise Refused("window_past", "the window has ended already")
        begun = window.start <= now.utc
        spot_id = request.spot_id
        stands = self._spots.is_kept(spot_id, window.start) or (begun and self._spots.is_occupied(spot_id))
        if stands or self._spots.is_granted(spot_id, window):
            raise Refused("spot_taken", f"{request.spot_id} is taken in that window")
        return kind

    def _is_released(self, reservation_id: str) -> bool:
        sql = "SELECT 1 FROM released WHERE reservation_id = ?"
        return self._sql.execute(sql, (reservation_id,)).fetchone() is not None

    def _known(self, reservation_id: str) -> Reservation:
        known = self._book.find(reservation_id)
        if known is None:
            raise NotFound("reservation_unknown", "this lot has no such reservation")
        return known
