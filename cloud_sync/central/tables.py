"""Central's tables. What central owns comes first, then the copies of what the hubs own, then the logs of facts.

Instants are RFC 3339 text in UTC with milliseconds, which sorts as time does; money is integer minor units.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Dialect, Index, String, Text, TypeDecorator, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from domain.now import parse_instant, rfc3339

SCHEMA_VERSION = 5


class Instant(TypeDecorator[datetime]):
    """An aware datetime in UTC, kept as text."""

    impl = String(24)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        return None if value is None else rfc3339(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else parse_instant(value)


class SchemaVersion(SQLModel, table=True):
    """One row: which version of these tables this database has."""

    __tablename__ = "schema_version"
    only_one: int = Field(primary_key=True)
    version: int


class Task(SQLModel):
    """What is still to be done about a row, by whichever process takes its lease (`lease.py`).

    Nothing where `due_at` is empty. A lease moves `due_at` on: who dies with one is succeeded at that instant.
    """

    due_at: datetime | None = Field(default=None, sa_type=Instant, index=True)
    lease_owner: str | None = None
    tries: int = 0


class User(SQLModel, table=True):
    __tablename__ = "users"
    user_id: str = Field(primary_key=True)
    email: str = Field(unique=True)
    name: str
    password_hash: str
    role: str  # Role
    customer_id: str | None = None  # the payment provider's name for who keeps this driver's cards there
    created_at: datetime = Field(sa_type=Instant)


class Vehicle(SQLModel, table=True):
    """A driver's vehicle; its plate is sealed with central's own key."""

    __tablename__ = "vehicles"
    __table_args__ = (UniqueConstraint("user_id", "plate_mark"),)
    vehicle_id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="users.user_id", index=True)
    vehicle_type: str
    plate_box: str
    plate_mark: str
    created_at: datetime = Field(sa_type=Instant)


class Booking(Task, table=True):
    """What central asked a hub for, written before it was asked. `state` is one of booking.State.

    A ticket of a revision below `ticket_revision_min` is for a spot that the booking has left.
    """

    __tablename__ = "bookings"
    reservation_id: str = Field(primary_key=True)
    lot_id: str
    user_id: str = Field(index=True)
    vehicle_id: str
    spot_id: str
    start_time: datetime = Field(sa_type=Instant)
    end_time: datetime = Field(sa_type=Instant)
    state: str
    asked_at: datetime = Field(sa_type=Instant)
    cancel_requested_at: datetime | None = Field(default=None, sa_type=Instant)  # the driver's first wish counts
    cancel_refusal: str | None = None  # the hub's code for why the last wish came to nothing
    ticket: str | None = None  # signed by the hub in its confirm answer
    ticket_revision: int = 0
    ticket_revision_min: int = 0


class Payment(Task, table=True):
    """One attempt at paying for a reservation: a saga. `step` is one of saga.Step, the next thing to do."""

    __tablename__ = "payments"
    __table_args__ = (
        UniqueConstraint("reservation_id", "attempt"),
        # Whatever the code above does: never two attempts at once, and none after one that was paid.
        Index(
            "one_live_payment",
            "reservation_id",
            unique=True,
            sqlite_where=text("step <> 'failed'"),
            postgresql_where=text("step <> 'failed'"),
        ),
        CheckConstraint("refunded_minor + pending_minor <= captured_minor", name="refundable"),
    )
    payment_id: str = Field(primary_key=True)
    reservation_id: str = Field(foreign_key="bookings.reservation_id", index=True)
    attempt: int
    user_id: str
    lot_id: str
    amount_minor: int = Field(sa_type=BigInteger)
    currency: str
    captured_minor: int = Field(default=0, sa_type=BigInteger)
    refunded_minor: int = Field(default=0, sa_type=BigInteger)
    pending_minor: int = Field(default=0, sa_type=BigInteger)  # refunds queued and not yet done
    step: str
    method_token: str | None  # the provider's name for the card; forgotten once it is authorised
    intent_id: str | None = None  # the provider's name for the authorisation
    customer_id: str | None = None  # the provider's names for the driver and the card: for what is owed afterwards
    card_id: str | None = None
    client_secret: str | None = None  # lets the driver's app authenticate; forgotten afterwards
    failure: str | None = None  # the code of why it failed
    authorised_at: datetime | None = Field(default=None, sa_type=Instant)
    hold_expires_at: datetime = Field(sa_type=Instant)
    window_end: datetime = Field(sa_type=Instant)
    created_at: datetime = Field(sa_type=Instant)


class Movement(Task, table=True):
    """Money that the provider moves, once for each cause. `state` is one of ledger.MovementState."""

    __tablename__ = "movements"
    __table_args__ = (UniqueConstraint("reservation_id", "kind", "revision", name="cause"),)
    movement_id: str = Field(primary_key=True)
    reservation_id: str = Field(index=True)
    kind: str  # ledger.Kind
    revision: int
    payment_id: str = Field(foreign_key="payments.payment_id", index=True)
    amount_minor: int = Field(sa_type=BigInteger)
    currency: str
    state: str
    provider_ref: str | None = None
    reason: str | None = None  # of a refund by hand, in the operator's words
    kept_by: str | None = None  # the operator who made it
    request_key: str | None = Field(default=None, unique=True)  # of the operator and their Idempotency-Key, a hash
    created_at: datetime = Field(sa_type=Instant)


class LedgerEntry(SQLModel, table=True):
    """One side of a posting; those with the same `posting` add up to zero. Debits are positive."""

    __tablename__ = "ledger"
    entry_id: int | None = Field(default=None, primary_key=True)
    posting: str = Field(index=True)
    movement_id: str = Field(foreign_key="movements.movement_id", index=True)
    account: str
    amount_minor: int = Field(sa_type=BigInteger)
    currency: str
    at: datetime = Field(sa_type=Instant)


class WholeUntil(SQLModel, table=True):
    """One row: until when the payment provider's record is known to be in these books, all of it."""

    __tablename__ = "whole_until"
    only_one: int = Field(primary_key=True)
    at: datetime = Field(sa_type=Instant)


class IdempotencyRecord(SQLModel, table=True):
    """A POST that carried an Idempotency-Key; `status` is empty until it was answered."""

    __tablename__ = "idempotency_keys"
    scope: str = Field(primary_key=True)  # the user, or `anonymous`
    key: str = Field(primary_key=True)
    fingerprint: str  # HMAC of method, path and body
    claim: str  # who answers it
    status: int | None = None
    headers: str | None = Field(default=None, sa_type=Text)
    body: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = Field(sa_type=Instant, index=True)


class SpotCopy(SQLModel, table=True):
    __tablename__ = "spots"
    spot_id: str = Field(primary_key=True)
    lot_id: str = Field(index=True)
    kind: str
    in_service: bool


class GateCopy(SQLModel, table=True):
    __tablename__ = "gates"
    gate_id: str = Field(primary_key=True)
    lot_id: str = Field(index=True)
    direction: str


class ReservationCopy(SQLModel, table=True):
    """A reservation as its hub told of it; revision 0 is the hub's answer to the hold, before its fact came."""

    __tablename__ = "reservations"
    reservation_id: str = Field(primary_key=True)
    revision: int
    lot_id: str
    status: str
    spot_id: str = Field(index=True)
    user_id: str = Field(index=True)
    vehicle_id: str
    start_time: datetime = Field(sa_type=Instant)
    end_time: datetime = Field(sa_type=Instant, index=True)
    price_minor: int = Field(sa_type=BigInteger)
    currency: str
    hold_expires_at: datetime | None = Field(default=None, sa_type=Instant)
    cause: str
    changed_at: datetime = Field(sa_type=Instant)
    created_at: datetime = Field(sa_type=Instant)


class StayCopy(SQLModel, table=True):
    __tablename__ = "stays"
    stay_id: str = Field(primary_key=True)
    lot_id: str = Field(index=True)
    reservation_id: str | None = Field(default=None, index=True)
    spot_id: str | None = Field(default=None, index=True)
    entered_at: datetime | None = Field(default=None, sa_type=Instant)
    left_at: datetime | None = Field(default=None, sa_type=Instant)
    conflict: str | None = None


class WithdrawalCopy(SQLModel, table=True):
    """Who came in on a reservation that by this revision was cancelled or a no-show is known; not `complete`: not for
    sure."""

    __tablename__ = "withdrawals"
    reservation_id: str = Field(primary_key=True)
    lot_id: str
    revision: int
    complete: bool


class TicketKeyCopy(SQLModel, table=True):
    __tablename__ = "ticket_keys"
    key_id: str = Field(primary_key=True)
    lot_id: str = Field(index=True)
    public_key: str


class FactRow(SQLModel, table=True):
    """A fact: central's own (`central:` and the lot), or a hub's as it came in."""

    __tablename__ = "facts"
    unit: str = Field(primary_key=True)
    epoch: int = Field(primary_key=True)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    kind: str
    at: datetime = Field(sa_type=Instant)
    boot: str
    mono_ms: int = Field(sa_type=BigInteger)
    trust: str
    payload: str = Field(sa_type=Text)  # text, not the database's JSON: the chain is over it as it is
    chain: str
    set_aside: str | None = None  # why a hub's fact could not be applied


class OwnLog(SQLModel, table=True):
    """Where a log of central's own ends; its row is locked by who appends."""

    __tablename__ = "own_logs"
    unit: str = Field(primary_key=True)
    epoch: int
    seq: int = Field(sa_type=BigInteger)
    chain: str


class CursorRow(SQLModel, table=True):
    """How far a hub's log has been applied; its row is locked by who applies."""

    __tablename__ = "cursors"
    unit: str = Field(primary_key=True)
    epoch: int
    seq: int = Field(sa_type=BigInteger)
    chain: str
    fact_at: datetime = Field(sa_type=Instant)  # when the last one happened, by the clock of its hub


class LatestFact(SQLModel, table=True):
    """The newest fact about each subject, which is kept until that is over."""

    __tablename__ = "latest_facts"
    __table_args__ = (Index("latest_by_place", "unit", "epoch", "seq", unique=True),)
    unit: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    epoch: int
    seq: int = Field(sa_type=BigInteger)
    over_at: datetime | None = Field(default=None, sa_type=Instant)


class Thinned(SQLModel, table=True):
    """Up to where of a log only the latest facts are kept."""

    __tablename__ = "thinned"
    unit: str = Field(primary_key=True)
    epoch: int
    seq: int = Field(sa_type=BigInteger)


class GrantRow(SQLModel, table=True):
    """Which run of a lot's hub may speak for it, in which epoch."""

    __tablename__ = "grants"
    unit: str = Field(primary_key=True)
    run: str
    epoch: int


class AnsweredFact(SQLModel, table=True):
    """A hub's fact that came with an answer; until its log has come to it, the hub can have it back from here."""

    __tablename__ = "answered_facts"
    unit: str = Field(primary_key=True)
    epoch: int = Field(primary_key=True)
    seq: int = Field(sa_type=BigInteger, primary_key=True)
    fact: str


class Acknowledged(SQLModel, table=True):
    """How far a subscriber has taken in one of central's logs."""

    __tablename__ = "acknowledged"
    unit: str = Field(primary_key=True)
    subscriber: str = Field(primary_key=True)
    epoch: int
    seq: int = Field(sa_type=BigInteger)
