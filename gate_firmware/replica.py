"""What this gate knows of its lot: a copy of the hub's facts, enough to decide alone, that can be fetched again."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from pydantic import TypeAdapter
from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from cloud_sync.link.journal import Journal
from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import (
    AlarmRaised,
    GateChanged,
    GatePassed,
    PlateListed,
    PolicyChanged,
    ReservationChanged,
    SpotChanged,
    StayChanged,
    StayEnded,
    TicketKeyPublished,
    WithdrawalSettled,
    WithdrawalVouched,
    payload_of,
)
from domain.admission import Right
from domain.errors import PeerError
from domain.fact import Fact, FactRef
from domain.now import Now, Trust, parse_instant, rfc3339
from domain.plate import SealedPlate
from domain.policy import Policy
from domain.reservation import Status
from domain.spot import VehicleType
from domain.window import Window
from gate_firmware.lists import Lists
from gate_firmware.spots import Spots

AHEAD = timedelta(hours=24)
"""Bookings that start later than this are not expected at the gate yet."""

END_OF_TIME = "9999"
"""Later than every instant, as text."""

BEHIND = timedelta(days=7)
"""Bookings that ended longer ago than this are no longer of interest to an exit, unless their cars are inside."""

FORGOTTEN_AT_ONCE_MAX = 8
"""Rights that are forgotten with one fact of the hub at most."""

_OF_INTEREST = "(end_time > ? AND start_time < ? OR reservation_id IN (SELECT reservation_id FROM inside_now))"
_POLICY = TypeAdapter(Policy)
migrations = Migrations("gate replica")


@migrations()
def rights_stays_and_keys(db: Database) -> None:
    db.conn.executescript("""
        CREATE TABLE rights (
            reservation_id TEXT PRIMARY KEY, revision INTEGER NOT NULL, status TEXT NOT NULL, spot_id TEXT NOT NULL,
            start_time TEXT NOT NULL, end_time TEXT NOT NULL, vehicle_type TEXT NOT NULL,
            plate_box TEXT NOT NULL, plate_mark TEXT NOT NULL
        ) STRICT;
        CREATE INDEX rights_by_plate ON rights (plate_mark);
        CREATE INDEX rights_by_window ON rights (end_time, start_time);
        CREATE TABLE inside (reservation_id TEXT PRIMARY KEY, spot_id TEXT) STRICT;  -- in spots.py since
        CREATE TABLE ticket_key (key_id TEXT PRIMARY KEY, public_key TEXT NOT NULL) STRICT;
        CREATE TABLE policy (only_one INTEGER PRIMARY KEY CHECK (only_one = 1), policy TEXT NOT NULL) STRICT;
    """)


@migrations()
def tickets_and_withdrawals(db: Database) -> None:
    db.conn.executescript("""
        CREATE TABLE used_ticket (ticket_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
        CREATE TABLE shown_ticket (  -- the last that the arm was raised for: its passage may end after a restart
            only_one INTEGER PRIMARY KEY CHECK (only_one = 1), passage_id TEXT NOT NULL, ticket_id TEXT NOT NULL
        ) STRICT;
        CREATE TABLE withdrawal_due (  -- of a right that a car was on its way in on
            reservation_id TEXT PRIMARY KEY, revision INTEGER NOT NULL
        ) STRICT;
    """)


@migrations()
def ended_stays_replaced_tickets_and_their_ends(db: Database) -> None:
    """Of what is there already: no stay has ended, and a ticket counts as used until the last right here is over."""
    db.conn.executescript("""
        ALTER TABLE rights ADD COLUMN confirmed_revision INTEGER NOT NULL DEFAULT 0;  -- the last that had a ticket
        ALTER TABLE rights ADD COLUMN has_left INTEGER NOT NULL DEFAULT 0;  -- a car came in on it, and went out again
        UPDATE rights SET confirmed_revision = revision WHERE status = 'confirmed';
        ALTER TABLE used_ticket ADD COLUMN end_time TEXT NOT NULL DEFAULT '9999';  -- of the ticket's window
        UPDATE used_ticket SET end_time = coalesce((SELECT max(end_time) FROM rights), '9999');
        ALTER TABLE shown_ticket ADD COLUMN end_time TEXT NOT NULL DEFAULT '9999';
    """)


Withdrawn = Callable[[str, int], None]
"""Told of a reservation that nobody may come in on any more, and by which revision; in the fact's own transaction."""

_WITHDRAWN = frozenset({Status.CANCELLED, Status.NO_SHOW})


class Replica:
    """The gate's copy of rights, policy and keys; `spots` has who is inside and where there is room, `lists` the
    plates that no booking is asked of, and those that none helps."""

    def __init__(self, store: Store, withdrawn: Withdrawn | None = None) -> None:
        """`withdrawn` is for entry gates, whose word the hub waits for before it settles what is owed."""
        migrations.apply(store.db)
        self.spots = Spots(store)
        self.lists = Lists(store)
        self._sql = store.connection
        self._withdrawn = withdrawn
        self.version = 0
        """Grows whenever the plates to expect may have changed."""

    @property
    def policy(self) -> Policy:
        row = self._sql.execute("SELECT policy FROM policy").fetchone()
        return Policy() if row is None else _POLICY.validate_json(row["policy"])

    def apply(self, fact: Fact) -> None:
        """Take in a fact of the hub; called in the transaction that moves its cursor."""
        match payload_of(fact):
            case ReservationChanged() as reservation:
                self._set_right(reservation)
            case StayChanged() as stay:
                self._stay_changed(stay)
            case PolicyChanged() as changed:
                document = json.dumps(changed.to_json()["policy"])
                self._sql.execute("INSERT OR REPLACE INTO policy VALUES (1, ?)", (document,))
            case TicketKeyPublished() as key:
                self._sql.execute("INSERT OR REPLACE INTO ticket_key VALUES (?, ?)", (key.key_id, key.public_key))
            case SpotChanged() as spot:
                self.spots.spot_changed(spot)
            case PlateListed() as listed:
                self.lists.changed(listed)
                self.version += 1
            case GateChanged() | AlarmRaised() | WithdrawalSettled() | WithdrawalVouched() | StayEnded():
                pass  # a lane needs to know nothing of these
            case other:
                raise PeerError("fact_misplaced", f"{other.kind} does not come down to a gate")
        self._forget_rights(fact)

    def forget(self, kind: str, subject: str) -> None:
        """Forget what the hub has told of this. Used tickets, and who this gate itself has let in, are no copies of
        it."""
        match kind:
            case ReservationChanged.kind:
                self._sql.execute("DELETE FROM rights WHERE reservation_id = ?", (subject,))
                self.version += 1
            case StayChanged.kind:
                self.spots.forget_stay(subject)
            case SpotChanged.kind:
                self.spots.forget_spot(subject)
            case PlateListed.kind:
                self.lists.forget(subject)
                self.version += 1
            case PolicyChanged.kind:
                self._sql.execute("DELETE FROM policy")
            case TicketKeyPublished.kind:
                self._sql.execute("DELETE FROM ticket_key WHERE key_id = ?", (subject,))
            case _:
                pass  # a lane keeps nothing of it

    def _forget_rights(self, told: Fact) -> None:
        """Forget rights that were over for long when the hub told this, by its clock and not by this gate's: with each
        fact a few, which is more than come with one."""
        if told.trust is Trust.NONE:
            return
        self._sql.execute(
            "DELETE FROM rights WHERE reservation_id IN (SELECT reservation_id FROM rights"
            " WHERE end_time <= ? AND status <> 'checked_in' AND NOT EXISTS"
            " (SELECT 1 FROM open_stay WHERE open_stay.reservation_id = rights.reservation_id)"
            " ORDER BY end_time LIMIT ?)",
            (rfc3339(told.at - BEHIND), FORGOTTEN_AT_ONCE_MAX),
        )

    def take_back(self, journal: Journal, facts: Sequence[Fact], *, insert: bool) -> bool:
        """Take back what this gate has told the hub and has lost: its log, and which tickets are used up. Who is inside
        it hears from the hub. Whether anything was lost."""
        with journal.transaction():
            inserted, strays = journal.take_back(facts, insert=insert, from_parent=True)
            for fact in (*inserted, *strays):
                ticket_id = fact.payload.get("ticket_id") if fact.kind == GatePassed.kind else None
                if isinstance(ticket_id, str):
                    self.use_ticket(ticket_id, None)
        return bool(inserted or strays)

    def renumbered(self, facts: Sequence[tuple[FactRef, FactRef]]) -> None:
        """Facts of this gate have other numbers now: so have the stays that began with them."""
        for before, after in facts:
            self.spots.renamed(before.stay_id, after.stay_id)

    def right(self, reservation_id: str) -> Right | None:
        row = self._sql.execute("SELECT * FROM rights WHERE reservation_id = ?", (reservation_id,)).fetchone()
        return None if row is None else _right(row)

    def rights_of(self, plate_mark: str, now: Now) -> list[Right]:
        """The rights of one plate that are of interest now."""
        rows = self._sql.execute(
            f"SELECT * FROM rights WHERE plate_mark = ? AND {_OF_INTEREST}",  # noqa: S608
            (plate_mark, *self._horizon(now)),
        )
        return [_right(row) for row in rows]

    def expected(self, now: Now) -> list[SealedPlate]:
        """The plates that may well drive up: of every right of interest, and of every list, each once.

        Of a right that the lot knows from its ticket only, the plate may not be known.
        """
        rows = self._sql.execute(
            f"SELECT plate_box, plate_mark FROM rights WHERE {_OF_INTEREST} AND status <> 'expired'"  # noqa: S608
            " AND plate_box <> '' GROUP BY plate_mark",
            self._horizon(now),
        )
        booked = {row["plate_mark"]: SealedPlate(row["plate_box"], row["plate_mark"]) for row in rows}
        listed = {plate.mark: plate for plate in self.lists.plates(now)}
        return list((booked | listed).values())

    def expects(self, reservation_id: str, now: Now) -> bool:
        """Whether the plate of a right is among those that may well drive up."""
        found = self._sql.execute(
            f"SELECT 1 FROM rights WHERE reservation_id = ? AND {_OF_INTEREST} AND status <> 'expired'",  # noqa: S608
            (reservation_id, *self._horizon(now)),
        )
        return found.fetchone() is not None

    def went_out(self, reservation_id: str) -> None:
        """This gate has let the car of a reservation out: it is not inside, also while the hub cannot say so."""
        self.spots.went_out(reservation_id)
        self._set_left(reservation_id)

    def confirmed_revision(self, reservation_id: str) -> int:
        """The revision at which a reservation was last confirmed, and got its ticket; 0 where that is not known."""
        sql = "SELECT confirmed_revision FROM rights WHERE reservation_id = ?"
        row = self._sql.execute(sql, (reservation_id,)).fetchone()
        return 0 if row is None else int(row["confirmed_revision"])

    def ticket_keys(self) -> dict[str, str]:
        """The public keys that this lot signs tickets with, by their ids."""
        return {row["key_id"]: row["public_key"] for row in self._sql.execute("SELECT * FROM ticket_key")}

    def is_used(self, ticket_id: str) -> bool:
        """Whether a car has come in on this ticket."""
        return self._sql.execute("SELECT 1 FROM used_ticket WHERE ticket_id = ?", (ticket_id,)).fetchone() is not None

    def use_ticket(self, ticket_id: str, end: datetime | None) -> None:
        """A car has come in on this ticket, whose window ends at `end`, where that is known."""
        end_time = END_OF_TIME if end is None else rfc3339(end)
        self._sql.execute("INSERT OR IGNORE INTO used_ticket VALUES (?, ?)", (ticket_id, end_time))

    def use_noted_ticket(self, passage_id: str) -> None:
        """A car has come in on the ticket that was noted for this passage."""
        self._sql.execute(
            "INSERT OR IGNORE INTO used_ticket SELECT ticket_id, end_time FROM shown_ticket WHERE passage_id = ?",
            (passage_id,),
        )

    def forget_used_tickets(self, now: Now) -> None:
        """Those that nobody comes in on any more in any case: their windows ended long ago."""
        self._sql.execute("DELETE FROM used_ticket WHERE end_time <= ?", (rfc3339(now.utc - BEHIND),))

    def note_ticket(self, passage_id: str, ticket_id: str, end: datetime) -> None:
        """Keep in mind which ticket, with a window until `end`, the arm is raised for in this passage."""
        self._sql.execute(
            "INSERT OR REPLACE INTO shown_ticket VALUES (1, ?, ?, ?)", (passage_id, ticket_id, rfc3339(end))
        )

    def noted_ticket(self, passage_id: str) -> str | None:
        """The ticket that the arm was raised for in this passage."""
        row = self._sql.execute("SELECT ticket_id FROM shown_ticket WHERE passage_id = ?", (passage_id,)).fetchone()
        return None if row is None else str(row["ticket_id"])

    def note_withdrawal_later(self, reservation_id: str, revision: int) -> None:
        self._sql.execute("INSERT OR REPLACE INTO withdrawal_due VALUES (?, ?)", (reservation_id, revision))

    def withdrawals_due(self) -> list[tuple[str, int]]:
        """The withdrawals that are to be noted later, by reservation and revision."""
        rows = self._sql.execute("SELECT reservation_id, revision FROM withdrawal_due")
        return [(row["reservation_id"], row["revision"]) for row in rows]

    def withdrawals_noted(self) -> None:
        """None is due any more."""
        self._sql.execute("DELETE FROM withdrawal_due")

    def _stay_changed(self, stay: StayChanged) -> None:
        self.spots.stay_changed(stay)
        right = None if stay.reservation_id is None else self.right(stay.reservation_id)
        if stay.ticket_id is not None:
            self.use_ticket(stay.ticket_id, None if right is None else right.window.end)
        if stay.left_at is not None and right is not None:
            self._set_left(right.reservation_id)

    def _set_left(self, reservation_id: str) -> None:
        self._sql.execute("UPDATE rights SET has_left = 1 WHERE reservation_id = ?", (reservation_id,))

    def _horizon(self, now: Now) -> tuple[str, str]:
        # Without a trusted clock the time may be later than `now`, by nobody knows how much: expect what is booked.
        until = END_OF_TIME if now.trust is Trust.NONE else rfc3339(now.utc + AHEAD)
        return rfc3339(now.utc - BEHIND), until

    def _set_right(self, changed: ReservationChanged) -> None:
        done = self._sql.execute(
            "INSERT INTO rights (reservation_id, revision, status, spot_id, start_time, end_time, vehicle_type,"
            " plate_box, plate_mark, confirmed_revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (reservation_id) DO UPDATE SET"
            " confirmed_revision = max(excluded.confirmed_revision, rights.confirmed_revision),"
            " revision = excluded.revision, status = excluded.status, spot_id = excluded.spot_id,"
            " start_time = excluded.start_time, end_time = excluded.end_time, vehicle_type = excluded.vehicle_type,"
            " plate_box = excluded.plate_box, plate_mark = excluded.plate_mark"
            " WHERE excluded.revision > rights.revision",
            (
                changed.reservation_id,
                changed.revision,
                changed.status.value,
                changed.spot_id,
                rfc3339(changed.start_time),
                rfc3339(changed.end_time),
                changed.vehicle_type.value,
                changed.plate.box,
                changed.plate.mark,
                changed.revision if changed.status is Status.CONFIRMED else 0,
            ),
        )
        self.version += 1
        if done.rowcount and changed.status in _WITHDRAWN and self._withdrawn is not None:
            self._withdrawn(changed.reservation_id, changed.revision)


def _right(row: sqlite3.Row) -> Right:
    return Right(
        reservation_id=row["reservation_id"],
        revision=row["revision"],
        status=Status(row["status"]),
        spot_id=row["spot_id"],
        window=Window(parse_instant(row["start_time"]), parse_instant(row["end_time"])),
        vehicle_type=VehicleType(row["vehicle_type"]),
        plate=SealedPlate(row["plate_box"], row["plate_mark"]),
        has_left=bool(row["has_left"]),
    )
