"""Who gets which spot: holds, confirmations, cancellations. Nobody else ever decides that a spot is free."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from cloud_sync.link.store import Store
from cloud_sync.link.ticket import Ticket, TicketKey
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
from domain.spot import fits
from domain.window import Window
from hub.book import Book, Reservation
from hub.spots import Spots

EXPIRED_AT_ONCE_MAX = 500
"""Holds that one transaction lets expire at most; the rest follow in the next."""


class Reservations:
    """Answers central's requests about reservations."""

    def __init__(
        self, lot_id: str, store: Store, book: Book, spots: Spots, *, key: TicketKey, ticket_id: Callable[[], str]
    ) -> None:
        """`key` signs tickets; `ticket_id` makes their single-use ids."""
        self._lot_id = lot_id
        self._store = store
        self._sql = store.connection
        self._book = book
        self._spots = spots
        self._key = key
        self._ticket_id = ticket_id

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
                return HoldAnswer(hold_expires_at=known.hold_expires_at)
            if known is not None or self._is_released(request.reservation_id):
                raise Refused("hold_given_up", "this hold was given up already; ask for a new one")
            if now.utc > request.answer_by:
                raise TryLater(
                    "hold_late", "the request came after its answer_by; do the clocks of hub and central agree?"
                )
            self._check_spot(request, window, now)
            expires_at = utc(min(now.utc + timedelta(seconds=self._book.policy.hold_s), window.end))
            held = Reservation(
                reservation_id=request.reservation_id,
                revision=1,
                status=Status.HELD,
                spot_id=request.spot_id,
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
        return HoldAnswer(hold_expires_at=expires_at)

    def release(self, request: ReleaseRequest, now: Now) -> None:
        """Give a hold up, also one that has not come yet. Does nothing to what is confirmed already."""
        with self._store.transaction():
            self._sql.execute("INSERT OR IGNORE INTO released VALUES (?)", (request.reservation_id,))
            known = self._book.find(request.reservation_id)
            if known is not None and known.status is Status.HELD:
                self._book.change(known, Step.CANCEL, "released", now)

    def confirm(self, request: ConfirmRequest, now: Now) -> ConfirmAnswer:
        """Sign the ticket of a hold that is paid for. The same request again gets the same answer, also when the car
        has come and gone since: it was promised, and is to be paid for.

        Raises Refused where the hold has run out or was given up, or the reservation was cancelled: a definite no.
        """
        self._expire_all(now)  # on its own: a refusal below must not undo it
        with self._store.transaction():
            known = self._known(request.reservation_id)
            if known.ticket is not None and known.ticket_revision is not None and known.status is not Status.CANCELLED:
                return ConfirmAnswer(ticket=known.ticket, revision=known.ticket_revision)
            revision = known.revision + 1
            ticket = self._key.sign(
                Ticket(
                    ticket_id=self._ticket_id(),
                    lot_id=self._lot_id,
                    reservation_id=known.reservation_id,
                    revision=revision,
                    spot_id=known.spot_id,
                    window=known.window,
                    vehicle_type=known.vehicle_type,
                    plate_mark=known.plate.mark,
                )
            )
            promised = replace(known, ticket=ticket, ticket_revision=revision, hold_expires_at=None)
            self._book.change(promised, Step.CONFIRM, "paid", now)
        return ConfirmAnswer(ticket=ticket, revision=revision)

    def cancel(self, request: CancelRequest, now: Now) -> CancelAnswer:
        """End a reservation whose car has not come in. Raises Refused where it has, or where it has ended otherwise."""
        self._expire_all(now)  # on its own: a refusal below must not undo it
        with self._store.transaction():
            known = self._known(request.reservation_id)
            if known.status is not Status.CANCELLED:
                known = self._book.change(known, Step.CANCEL, request.cause, now)
        return CancelAnswer(revision=known.revision)

    def expire(self, now: Now) -> int:
        """Let holds whose time is over expire; returns how many."""
        with self._store.transaction():
            overdue = self._book.overdue(now, EXPIRED_AT_ONCE_MAX)
            for reservation in overdue:
                self._book.change(reservation, Step.EXPIRE, "hold_expired", now)
        return len(overdue)

    def _expire_all(self, now: Now) -> None:
        while self.expire(now) == EXPIRED_AT_ONCE_MAX:
            pass

    def _check_spot(self, request: HoldRequest, window: Window, now: Now) -> None:
        kind = self._spots.kind_in_service(request.spot_id)
        if kind is None:
            raise NotFound("spot_unknown", f"there is no spot {request.spot_id} in service in this lot")
        if not fits(request.vehicle_type, kind):
            raise Refused("spot_unfit", f"a vehicle of type {request.vehicle_type.value} does not fit {kind.value}")
        if window.end <= now.utc:
            raise Refused("window_past", "the window has ended already")
        begun = window.start <= now.utc
        if self._spots.is_granted(request.spot_id, window) or (begun and self._spots.is_occupied(request.spot_id)):
            raise Refused("spot_taken", f"{request.spot_id} is taken in that window")

    def _is_released(self, reservation_id: str) -> bool:
        sql = "SELECT 1 FROM released WHERE reservation_id = ?"
        return self._sql.execute(sql, (reservation_id,)).fetchone() is not None

    def _known(self, reservation_id: str) -> Reservation:
        known = self._book.find(reservation_id)
        if known is None:
            raise NotFound("reservation_unknown", "this lot has no such reservation")
        return known
