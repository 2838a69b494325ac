"""Who gets which spot: holds, confirmations, cancellations. Nobody else ever decides that a spot is free."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter

from cloud_sync.link.journal import Journal
from cloud_sync.link.store import Store
from cloud_sync.link.ticket import Ticket, TicketKey
from cloud_sync.link.v1.facts import PolicyChanged, ReservationChanged
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
from domain.money import Money
from domain.now import Now, parse_instant, rfc3339
from domain.plate import SealedPlate
from domain.policy import Policy
from domain.reservation import Status, Step, step
from domain.spot import FITS, SpotKind, VehicleType, fits
from domain.window import Window

_POLICY = TypeAdapter(Policy)
EXPIRED_AT_ONCE_MAX = 500
"""Holds that one transaction lets expire at most; the rest follow in the next."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """A reservation as the hub keeps it."""

    reservation_id: str
    revision: int
    status: Status
    spot_id: str
    user_id: str
    vehicle_id: str
    driver_name: str
    vehicle_type: VehicleType
    plate: SealedPlate
    window: Window
    price: Money
    hold_expires_at: datetime | None
    ticket: str | None
    ticket_revision: int | None


class Reservations:
    """The lot's book. Every change and the fact that tells of it are one transaction."""

    def __init__(self, store: Store, journal: Journal, key: TicketKey, ticket_id: Callable[[], str]) -> None:
        self._store = store
        self._sql = store.connection
        self._journal = journal
        self._key = key
        self._ticket_id = ticket_id

    @property
    def policy(self) -> Policy:
        """What the lot promises; the defaults until central has said."""
        row = self._sql.execute("SELECT policy FROM promise").fetchone()
        return Policy() if row is None else _POLICY.validate_json(row["policy"])

    def set_policy(self, changed: PolicyChanged, now: Now) -> None:
        """Take over what central has set, and tell the gates."""
        document = changed.to_json()
        with self._store.transaction():
            self._sql.execute(
                "INSERT OR REPLACE INTO promise VALUES (1, ?, ?)",
                (json.dumps(document["policy"]), json.dumps(document["tariff"])),
            )
            self._journal.append(changed, now)

    def find(self, reservation_id: str | None) -> Reservation | None:
        row = self._sql.execute("SELECT * FROM reservation WHERE reservation_id = ?", (reservation_id,)).fetchone()
        return None if row is None else _reservation(row)

    def hold(self, request: HoldRequest, now: Now) -> HoldAnswer:
        """Keep the spot for the driver while they pay.

        The same request again gets the same answer. Raises Refused where the spot is not to be had, TryLater where the
        request came after `answer_by`, when central no longer waits for the answer. No hold outlives its window.
        """
        window = Window(utc(request.start_time), utc(request.end_time))
        self._expire_all(now)  # on its own: a refusal below must not undo it
        with self._store.transaction():
            known = self.find(request.reservation_id)
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
            expires_at = utc(min(now.utc + timedelta(seconds=self.policy.hold_s), window.end))
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
            self._insert(held)
            self._tell(held, "held", now)
        return HoldAnswer(hold_expires_at=expires_at)

    def release(self, request: ReleaseRequest, now: Now) -> None:
        """Give a hold up, also one that has not come yet. Does nothing to what is confirmed already."""
        with self._store.transaction():
            self._sql.execute("INSERT OR IGNORE INTO released VALUES (?)", (request.reservation_id,))
            known = self.find(request.reservation_id)
            if known is not None and known.status is Status.HELD:
                self.change(known, Step.CANCEL, "released", now)

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
                    lot_id=self._journal.unit,
                    reservation_id=known.reservation_id,
                    revision=revision,
                    spot_id=known.spot_id,
                    window=known.window,
                    vehicle_type=known.vehicle_type,
                    plate_mark=known.plate.mark,
                )
            )
            promised = replace(known, ticket=ticket, ticket_revision=revision, hold_expires_at=None)
            self.change(promised, Step.CONFIRM, "paid", now)
        return ConfirmAnswer(ticket=ticket, revision=revision)

    def cancel(self, request: CancelRequest, now: Now) -> CancelAnswer:
        """End a reservation whose car has not come in. Raises Refused where it has, or where it has ended otherwise."""
        self._expire_all(now)  # on its own: a refusal below must not undo it
        with self._store.transaction():
            known = self._known(request.reservation_id)
            if known.status is not Status.CANCELLED:
                known = self.change(known, Step.CANCEL, request.cause, now)
        return CancelAnswer(revision=known.revision)

    def expire(self, now: Now) -> int:
        """Let holds whose time is over expire; returns how many."""
        with self._store.transaction():
            rows = self._sql.execute(
                "SELECT * FROM reservation WHERE status = 'held' AND hold_expires_at <= ? LIMIT ?",
                (rfc3339(now.utc), EXPIRED_AT_ONCE_MAX),
            ).fetchall()
            for row in rows:
                self.change(_reservation(row), Step.EXPIRE, "hold_expired", now)
        return len(rows)

    def _expire_all(self, now: Now) -> None:
        while self.expire(now) == EXPIRED_AT_ONCE_MAX:
            pass

    def next_expiry(self) -> datetime | None:
        """When the next hold runs out."""
        row = self._sql.execute("SELECT min(hold_expires_at) AS at FROM reservation WHERE status = 'held'").fetchone()
        return None if row["at"] is None else parse_instant(row["at"])

    def change(self, known: Reservation, by: Step, cause: str, now: Now) -> Reservation:
        """Step a reservation on and tell of it. Raises IllegalStep where the table has no such step."""
        changed = replace(known, status=step(known.status, by), revision=known.revision + 1)
        with self._store.transaction():
            self._sql.execute(
                "UPDATE reservation SET status = ?, revision = ?, hold_expires_at = ?, ticket = ?, ticket_revision = ?"
                " WHERE reservation_id = ?",
                (
                    changed.status.value,
                    changed.revision,
                    changed.hold_expires_at and rfc3339(changed.hold_expires_at),
                    changed.ticket,
                    changed.ticket_revision,
                    changed.reservation_id,
                ),
            )
            self._tell(changed, cause, now)
        return changed

    def set_paid(self, reservation_id: str, paid: Money, refunded: Money) -> None:
        """Keep what central says of a reservation's money, for the attendants."""
        self._sql.execute(
            "UPDATE reservation SET paid_minor = ?, refunded_minor = ? WHERE reservation_id = ?",
            (paid.amount_minor, refunded.amount_minor, reservation_id),
        )

    def free_spot(self, vehicle: VehicleType, window: Window) -> str | None:
        """The tightest spot in service that fits, that nobody stands on and that nobody was granted in this window."""
        rows = self._sql.execute(
            "SELECT spot_id, kind FROM spot WHERE in_service AND spot_id NOT IN"
            " (SELECT spot_id FROM stay WHERE left_at IS NULL AND spot_id IS NOT NULL) ORDER BY spot_id"
        )
        spots = [(SpotKind(row["kind"]), str(row["spot_id"])) for row in rows]
        fitting = (spot for fit in FITS[vehicle] for kind, spot in spots if kind is fit)
        return next((spot for spot in fitting if not self._is_granted(spot, window)), None)

    def is_free(self, spot_id: str, window: Window) -> bool:
        """Whether nobody was granted the spot in this window, and nobody is known to stand there."""
        return not self._is_granted(spot_id, window) and not self.is_occupied(spot_id)

    def is_occupied(self, spot_id: str) -> bool:
        """Whether a car is known to stand there."""
        sql = "SELECT 1 FROM stay WHERE spot_id = ? AND left_at IS NULL"
        return self._sql.execute(sql, (spot_id,)).fetchone() is not None

    def _check_spot(self, request: HoldRequest, window: Window, now: Now) -> None:
        spot = self._sql.execute("SELECT * FROM spot WHERE spot_id = ?", (request.spot_id,)).fetchone()
        if spot is None or not spot["in_service"]:
            raise NotFound("spot_unknown", f"there is no spot {request.spot_id} in service in this lot")
        if not fits(request.vehicle_type, SpotKind(spot["kind"])):
            raise Refused("spot_unfit", f"a vehicle of type {request.vehicle_type.value} does not fit {spot['kind']}")
        if window.end <= now.utc:
            raise Refused("window_past", "the window has ended already")
        begun = window.start <= now.utc
        if self._is_granted(request.spot_id, window) or (begun and self.is_occupied(request.spot_id)):
            raise Refused("spot_taken", f"{request.spot_id} is taken in that window")

    def _is_granted(self, spot_id: str, window: Window) -> bool:
        sql = (
            "SELECT 1 FROM reservation WHERE spot_id = ? AND status IN ('held', 'confirmed', 'checked_in')"
            " AND start_time < ? AND end_time > ?"
        )
        row = self._sql.execute(sql, (spot_id, rfc3339(window.end), rfc3339(window.start))).fetchone()
        return row is not None

    def _is_released(self, reservation_id: str) -> bool:
        sql = "SELECT 1 FROM released WHERE reservation_id = ?"
        return self._sql.execute(sql, (reservation_id,)).fetchone() is not None

    def _known(self, reservation_id: str) -> Reservation:
        known = self.find(reservation_id)
        if known is None:
            raise NotFound("reservation_unknown", "this lot has no such reservation")
        return known

    def _insert(self, new: Reservation) -> None:
        self._sql.execute(
            "INSERT INTO reservation (reservation_id, revision, status, spot_id, user_id, vehicle_id, driver_name,"
            " vehicle_type, plate_box, plate_mark, start_time, end_time, price_minor, currency, hold_expires_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                new.reservation_id,
                new.revision,
                new.status.value,
                new.spot_id,
                new.user_id,
                new.vehicle_id,
                new.driver_name,
                new.vehicle_type.value,
                new.plate.box,
                new.plate.mark,
                rfc3339(new.window.start),
                rfc3339(new.window.end),
                new.price.amount_minor,
                new.price.currency,
                new.hold_expires_at and rfc3339(new.hold_expires_at),
            ),
        )

    def _tell(self, reservation: Reservation, cause: str, now: Now) -> None:
        self._journal.append(
            ReservationChanged(
                reservation_id=reservation.reservation_id,
                revision=reservation.revision,
                status=reservation.status,
                spot_id=reservation.spot_id,
                user_id=reservation.user_id,
                vehicle_id=reservation.vehicle_id,
                vehicle_type=reservation.vehicle_type,
                plate=reservation.plate,
                start_time=reservation.window.start,
                end_time=reservation.window.end,
                price=reservation.price,
                hold_expires_at=reservation.hold_expires_at,
                cause=cause,
            ),
            now,
        )


def _reservation(row: sqlite3.Row) -> Reservation:
    return Reservation(
        reservation_id=row["reservation_id"],
        revision=row["revision"],
        status=Status(row["status"]),
        spot_id=row["spot_id"],
        user_id=row["user_id"],
        vehicle_id=row["vehicle_id"],
        driver_name=row["driver_name"],
        vehicle_type=VehicleType(row["vehicle_type"]),
        plate=SealedPlate(row["plate_box"], row["plate_mark"]),
        window=Window(parse_instant(row["start_time"]), parse_instant(row["end_time"])),
        price=Money(row["price_minor"], row["currency"]),
        hold_expires_at=None if row["hold_expires_at"] is None else parse_instant(row["hold_expires_at"]),
        ticket=row["ticket"],
        ticket_revision=row["ticket_revision"],
    )
