"""The lot's book of reservations: each change, and the fact that tells of it, are one transaction."""

import json
import sqlite3
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from pydantic import TypeAdapter

from cloud_sync.link.journal import Journal
from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import PaymentChanged, PolicyChanged, ReservationChanged
from cloud_sync.link.v1.messages import WireFact
from domain.money import Money
from domain.now import Now, parse_instant, rfc3339
from domain.plate import SealedPlate
from domain.policy import Policy
from domain.reservation import Status, Step, step
from domain.spot import SpotKind, VehicleType
from domain.window import Window

_POLICY = TypeAdapter(Policy)
_DEFAULT_POLICY = Policy()
_DEFAULT_CURRENCY = "EUR"


@dataclass(frozen=True, slots=True)
class Reservation:
    """A reservation as the hub keeps it."""

    reservation_id: str
    revision: int
    status: Status
    spot_id: str
    booked_kind: SpotKind  # of the spot that was booked; it may have moved since
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
    confirmed_at: datetime | None = None
    no_show_at: datetime | None = None  # when that was decided
    ticket_id: str | None = None
    cancel_requested_at: datetime | None = None  # by who booked; the instant that counts

    def on_spot(self, spot_id: str) -> "Reservation":
        """The same on another spot."""
        return replace(self, spot_id=spot_id)


class Book:
    """Keeps reservations and what the lot promises; decides nothing but whether a step is legal."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self._store = store
        self._sql = store.connection
        self._journal = journal

    @property
    def policy(self) -> Policy:
        """What the lot promises; the defaults until central has said."""
        row = self._sql.execute("SELECT policy FROM promise").fetchone()
        return _DEFAULT_POLICY if row is None else _policy(row["policy"])

    @property
    def currency(self) -> str:
        """What the lot charges in."""
        row = self._sql.execute("SELECT json_extract(tariff, '$.currency') AS currency FROM promise").fetchone()
        return _DEFAULT_CURRENCY if row is None else str(row["currency"])

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

    def all_where(self, condition: str, **values: str | int | None) -> list[Reservation]:
        """Those for which our own SQL `condition` is true; it says how many at most, and in which order."""
        sql = f"SELECT * FROM reservation WHERE {condition}"  # noqa: S608  never made of what somebody sent
        return [_reservation(row) for row in self._sql.execute(sql, values).fetchall()]

    def overdue(self, now: Now, limit: int) -> list[Reservation]:
        """Holds whose time is over."""
        return self.all_where(
            "status = 'held' AND hold_expires_at <= :now LIMIT :limit", now=rfc3339(now.utc), limit=limit
        )

    def next_expiry(self) -> datetime | None:
        """When the next hold runs out."""
        row = self._sql.execute("SELECT min(hold_expires_at) AS at FROM reservation WHERE status = 'held'").fetchone()
        return instant_or_none(row["at"])

    def add(self, new: Reservation, cause: str, now: Now) -> None:
        """Enter a reservation and tell of it, in the caller's transaction.

        The database refuses one that overlaps another on its spot.
        """
        assert self._sql.in_transaction, "a reservation is stored together with its fact"
        self._insert(new)
        self._tell(new, cause, now)

    def change(self, known: Reservation, by: Step, cause: str, now: Now) -> Reservation:
        """Step a reservation on and tell of it; `known` carries what the step sets beside the status.

        Raises IllegalStep where the table has no such step.
        """
        changed = replace(known, status=step(known.status, by), revision=known.revision + 1)
        with self._store.transaction():
            self._update(changed, now)
            self._tell(changed, cause, now)
        return changed

    def told(self, reservation_id: str) -> WireFact | None:
        """The fact that tells how a reservation is now."""
        fact = self._journal.about(ReservationChanged.kind, reservation_id)
        return None if fact is None else WireFact.of(fact)

    def put(self, restored: Reservation) -> None:
        """Enter a reservation as it was told before, without telling of it; raises IntegrityError as `add`."""
        with self._store.transaction():
            if self.find(restored.reservation_id) is None:
                self._insert(restored)
            self._update(restored)

    def tell_anew(self, restored: Reservation, cause: str, now: Now) -> None:
        """Enter a reservation that cannot be as it was told before, and tell how it is."""
        with self._store.transaction():
            self.put(restored)
            self._tell(restored, cause, now)

    def set_paid(self, payment: PaymentChanged) -> None:
        """Keep what central says of a reservation's money, for the attendants, and who its driver is."""
        self._sql.execute(
            "UPDATE reservation SET paid_minor = ?, refunded_minor = ?, driver_name = coalesce(?, driver_name)"
            " WHERE reservation_id = ?",
            (
                payment.paid.amount_minor,
                payment.refunded.amount_minor,
                payment.driver_name,
                payment.reservation_id,
            ),
        )

    def _update(self, changed: Reservation, now: Now | None = None) -> None:
        self._sql.execute(
            "UPDATE reservation SET status = :status, revision = :revision, hold_expires_at = :hold_expires_at,"
            " ticket = :ticket, ticket_revision = :ticket_revision, ticket_id = :ticket_id,"
            " cancel_requested_at = :cancel_requested_at,"
            " confirmed_at = :confirmed_at, no_show_at = :no_show_at, spot_id = :spot_id,"
            # What stands on the right of the sign is the row as it was.
            " moved_from = CASE WHEN spot_id = :spot_id THEN moved_from ELSE spot_id END,"
            " moved_at = CASE WHEN spot_id = :spot_id THEN moved_at ELSE :now END,"
            " no_spot_told = no_spot_told AND spot_id = :spot_id"
            " WHERE reservation_id = :reservation_id",
            {
                "status": changed.status.value,
                "revision": changed.revision,
                "hold_expires_at": changed.hold_expires_at and rfc3339(changed.hold_expires_at),
                "ticket": changed.ticket,
                "ticket_revision": changed.ticket_revision,
                "ticket_id": changed.ticket_id,
                "cancel_requested_at": changed.cancel_requested_at and rfc3339(changed.cancel_requested_at),
                "confirmed_at": changed.confirmed_at and rfc3339(changed.confirmed_at),
                "no_show_at": changed.no_show_at and rfc3339(changed.no_show_at),
                "spot_id": changed.spot_id,
                "now": now and rfc3339(now.utc),
                "reservation_id": changed.reservation_id,
            },
        )

    def _insert(self, new: Reservation) -> None:
        self._sql.execute(
            "INSERT INTO reservation (reservation_id, revision, status, spot_id, user_id, vehicle_id, driver_name,"
            " vehicle_type, plate_box, plate_mark, start_time, end_time, price_minor, currency, hold_expires_at,"
            " booked_kind) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
                new.booked_kind.value,
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
                booked_kind=reservation.booked_kind,
                ticket_id=reservation.ticket_id,
                ticket_revision=reservation.ticket_revision,
                cancel_requested_at=reservation.cancel_requested_at,
            ),
            now,
        )


@lru_cache(maxsize=1)
def _policy(document: str) -> Policy:
    """The same for the same text; it is looked at with every hold, and changes once a year."""
    return _POLICY.validate_json(document)


def _reservation(row: sqlite3.Row) -> Reservation:
    return Reservation(
        reservation_id=row["reservation_id"],
        revision=row["revision"],
        status=Status(row["status"]),
        spot_id=row["spot_id"],
        booked_kind=SpotKind(row["booked_kind"]),
        user_id=row["user_id"],
        vehicle_id=row["vehicle_id"],
        driver_name=row["driver_name"],
        vehicle_type=VehicleType(row["vehicle_type"]),
        plate=SealedPlate(row["plate_box"], row["plate_mark"]),
        window=Window(parse_instant(row["start_time"]), parse_instant(row["end_time"])),
        price=Money(row["price_minor"], row["currency"]),
        hold_expires_at=instant_or_none(row["hold_expires_at"]),
        ticket=row["ticket"],
        ticket_revision=row["ticket_revision"],
        confirmed_at=instant_or_none(row["confirmed_at"]),
        no_show_at=instant_or_none(row["no_show_at"]),
        ticket_id=row["ticket_id"],
        cancel_requested_at=instant_or_none(row["cancel_requested_at"]),
    )


def instant_or_none(text: str | None) -> datetime | None:
    """An instant as a column of ours holds it, or the lack of one."""
    return None if text is None else parse_instant(text)
