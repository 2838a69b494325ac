"""What this gate knows of its lot: a copy of the hub's facts, enough to decide alone, that can be fetched again."""

import json
import sqlite3
from datetime import timedelta

from pydantic import TypeAdapter
from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import (
    AlarmRaised,
    GateChanged,
    PolicyChanged,
    ReservationChanged,
    SpotChanged,
    StayChanged,
    TicketKeyPublished,
    payload_of,
)
from domain.admission import Right
from domain.errors import PeerError
from domain.fact import Fact
from domain.now import Now, Trust, parse_instant, rfc3339
from domain.plate import SealedPlate
from domain.policy import Policy
from domain.reservation import Status
from domain.spot import VehicleType
from domain.window import Window

AHEAD = timedelta(hours=24)
"""Bookings that start later than this are not expected at the gate yet."""

END_OF_TIME = "9999"
"""Later than every instant, as text."""

BEHIND = timedelta(days=7)
"""Bookings that ended longer ago than this are no longer of interest to an exit."""

_OF_INTEREST = "(end_time > ? AND start_time < ? OR reservation_id IN (SELECT reservation_id FROM inside))"
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
        CREATE TABLE inside (  -- cars in the lot, as the hub says, and those this gate itself let in since
            reservation_id TEXT PRIMARY KEY, spot_id TEXT
        ) STRICT;
        CREATE TABLE ticket_key (key_id TEXT PRIMARY KEY, public_key TEXT NOT NULL) STRICT;
        CREATE TABLE policy (only_one INTEGER PRIMARY KEY CHECK (only_one = 1), policy TEXT NOT NULL) STRICT;
    """)


class Replica:
    """The gate's copy of rights, cars inside, policy and keys."""

    def __init__(self, store: Store) -> None:
        migrations.apply(store.db)
        self._sql = store.connection
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
                self._set_stay(stay)
            case PolicyChanged() as changed:
                document = json.dumps(changed.to_json()["policy"])
                self._sql.execute("INSERT OR REPLACE INTO policy VALUES (1, ?)", (document,))
            case TicketKeyPublished() as key:
                self._sql.execute("INSERT OR REPLACE INTO ticket_key VALUES (?, ?)", (key.key_id, key.public_key))
            case SpotChanged() | GateChanged() | AlarmRaised():
                pass  # a lane needs to know nothing of these
            case other:
                raise PeerError("fact_misplaced", f"{other.kind} does not come down to a gate")

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
        """The plates that may well drive up: of every right of interest, each once."""
        rows = self._sql.execute(
            f"SELECT plate_box, plate_mark FROM rights WHERE {_OF_INTEREST} AND status <> 'expired'"  # noqa: S608
            " GROUP BY plate_mark",
            self._horizon(now),
        )
        return [SealedPlate(row["plate_box"], row["plate_mark"]) for row in rows]

    def inside(self) -> set[str]:
        """The reservations whose cars are known to be in the lot."""
        return {row["reservation_id"] for row in self._sql.execute("SELECT reservation_id FROM inside")}

    def came_in(self, reservation_id: str, spot_id: str | None) -> None:
        """This gate has let the car in: it is inside, also while the hub cannot say so."""
        self._sql.execute("INSERT OR REPLACE INTO inside VALUES (?, ?)", (reservation_id, spot_id))

    def went_out(self, reservation_id: str) -> None:
        self._sql.execute("DELETE FROM inside WHERE reservation_id = ?", (reservation_id,))

    def _horizon(self, now: Now) -> tuple[str, str]:
        # Without a trusted clock the time may be later than `now`, by nobody knows how much: expect what is booked.
        until = END_OF_TIME if now.trust is Trust.NONE else rfc3339(now.utc + AHEAD)
        return rfc3339(now.utc - BEHIND), until

    def _set_right(self, changed: ReservationChanged) -> None:
        self._sql.execute(
            "INSERT INTO rights VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (reservation_id) DO UPDATE SET"
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
            ),
        )
        self.version += 1

    def _set_stay(self, stay: StayChanged) -> None:
        if stay.reservation_id is None:
            return
        if stay.left_at is None:
            self.came_in(stay.reservation_id, stay.spot_id)
        else:
            self.went_out(stay.reservation_id)


def _right(row: sqlite3.Row) -> Right:
    return Right(
        reservation_id=row["reservation_id"],
        revision=row["revision"],
        status=Status(row["status"]),
        spot_id=row["spot_id"],
        window=Window(parse_instant(row["start_time"]), parse_instant(row["end_time"])),
        vehicle_type=VehicleType(row["vehicle_type"]),
        plate=SealedPlate(row["plate_box"], row["plate_mark"]),
    )
