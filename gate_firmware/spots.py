"""Where a driver can be sent: the lot's spots and who stands on them, as far as this gate has heard.

Only the hub gives spots away. What a gate says here is where a car can most likely stand now; the hub learns of it with
the passage, and has the last word.
"""

import json
import sqlite3
from collections.abc import Sequence

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import SpotChanged, StayChanged
from domain.admission import Evidence, Right
from domain.fact import FactRef
from domain.now import Now, rfc3339
from domain.reservation import HOLDS_SPOT, Status
from domain.spot import FITS, SpotKind, as_good

_HOLDS_SPOT = json.dumps(sorted(status.value for status in HOLDS_SPOT))
migrations = Migrations("gate spots")


@migrations()
def spots_and_open_stays(db: Database) -> None:
    """After the replica's own first tables: what `inside` held came in by plate, there was nothing else."""
    db.conn.executescript("""
        CREATE TABLE spot (spot_id TEXT PRIMARY KEY, kind TEXT NOT NULL, in_service INTEGER NOT NULL) STRICT;
        CREATE TABLE open_stay (  -- cars in the lot, as the hub says, and those this gate itself let in since
            stay_id TEXT PRIMARY KEY, reservation_id TEXT, spot_id TEXT, evidence TEXT NOT NULL,
            is_the_hubs INTEGER NOT NULL
        ) STRICT;
        INSERT INTO open_stay SELECT reservation_id, reservation_id, spot_id, 'plate', 0 FROM inside;
        DROP TABLE inside;
        CREATE INDEX open_stay_by_reservation ON open_stay (reservation_id);
        CREATE INDEX rights_by_spot ON rights (spot_id);
    """)


@migrations()
def who_was_let_out(db: Database) -> None:
    """What the hub has told stays as it is until it says otherwise: it is compared with the hub's log."""
    db.conn.executescript("""
        CREATE TABLE let_out (stay_id TEXT PRIMARY KEY) STRICT;  -- by this gate, since the hub told of the stay
        CREATE VIEW inside_now AS SELECT * FROM open_stay WHERE stay_id NOT IN (SELECT stay_id FROM let_out);
    """)


class Spots:
    """The gate's copy of spots and open stays."""

    def __init__(self, store: Store) -> None:
        migrations.apply(store.db)
        self._sql = store.connection

    def inside(self, of: Sequence[str] | None = None) -> dict[str, Evidence]:
        """The reservations whose cars are known to be in the lot, and the best evidence by which one came in.

        Those `of` these alone, where a decision asks: it must not take longer the fuller the lot is.
        """
        asked = ("IS NOT NULL", ()) if of is None else ("IN (SELECT value FROM json_each(?))", (json.dumps(of),))
        sql = f"SELECT reservation_id, evidence FROM inside_now WHERE reservation_id {asked[0]}"  # noqa: S608  our own
        found: dict[str, Evidence] = {}
        for row in self._sql.execute(sql, asked[1]):
            evidence, known = Evidence(row["evidence"]), found.get(row["reservation_id"])
            if known is None or evidence.outranks(known):
                found[row["reservation_id"]] = evidence
        return found

    def came_in(self, origin: FactRef, reservation_id: str, spot_id: str | None, evidence: Evidence) -> None:
        """This gate has let the car in by the passage `origin`: it is inside, also while the hub cannot say so."""
        self._sql.execute(
            "INSERT OR REPLACE INTO open_stay VALUES (?, ?, ?, ?, 0)",
            (origin.stay_id, reservation_id, spot_id, evidence.value),
        )

    def went_out(self, reservation_id: str) -> None:
        """The reservation's car has left. Where two are inside on it, it is the hub that says which stay has ended."""
        known = self._sql.execute(
            "SELECT stay_id FROM inside_now WHERE reservation_id = ?", (reservation_id,)
        ).fetchall()
        if len(known) != 1:
            return
        stay_id = known[0]["stay_id"]
        own = self._sql.execute("DELETE FROM open_stay WHERE stay_id = ? AND NOT is_the_hubs", (stay_id,))
        if not own.rowcount:
            self._sql.execute("INSERT INTO let_out VALUES (?)", (stay_id,))

    def forget_spot(self, spot_id: str) -> None:
        self._sql.execute("DELETE FROM spot WHERE spot_id = ?", (spot_id,))

    def forget_stay(self, stay_id: str) -> None:
        """As the hub has told it; who this gate itself has let in since is inside all the same."""
        self._sql.execute("DELETE FROM open_stay WHERE stay_id = ? AND is_the_hubs", (stay_id,))
        self._sql.execute("DELETE FROM let_out WHERE stay_id = ?", (stay_id,))

    def renamed(self, before: str, after: str) -> None:
        """A stay that this gate noted is called otherwise now."""
        self._sql.execute("UPDATE OR REPLACE open_stay SET stay_id = ? WHERE stay_id = ?", (after, before))

    def spot_changed(self, changed: SpotChanged) -> None:
        self._sql.execute(
            "INSERT OR REPLACE INTO spot VALUES (?, ?, ?)",
            (changed.spot_id, changed.spot_kind.value, changed.in_service),
        )

    def stay_changed(self, stay: StayChanged) -> None:
        """The hub's word takes the place of what this gate noted of the same passage."""
        self._sql.execute("DELETE FROM open_stay WHERE stay_id IN (?, ?)", (stay.stay_id, stay.origin.stay_id))
        self._sql.execute("DELETE FROM let_out WHERE stay_id = ?", (stay.stay_id,))
        if stay.left_at is not None:
            own = "DELETE FROM open_stay WHERE reservation_id = ? AND NOT is_the_hubs"
            self._sql.execute(own, (stay.reservation_id,))
            return
        # Before gates said by what a car came in, it was by its plate.
        evidence = Evidence.PLATE if stay.evidence is Evidence.NONE else stay.evidence
        self._sql.execute(
            "INSERT INTO open_stay VALUES (?, ?, ?, ?, 1)",
            (stay.stay_id, stay.reservation_id, stay.spot_id, evidence.value),
        )

    def spot_for(self, right: Right, now: Now) -> str | None:
        """Where the car of a right can stand now: a confirmed one on its own spot, if nobody else stands there."""
        if right.status is Status.CONFIRMED and self._is_usable(right):
            return right.spot_id
        return self.free_spot(right, now)

    def free_spot(self, right: Right, now: Now) -> str | None:
        """A spot that is nobody else's from now to the end of the right's window, the one to offer first.

        As good as the booked one, or better, while that is still theirs; any that the vehicle fits once it is not.
        """
        kinds: Sequence[SpotKind] = FITS[right.vehicle_type]
        booked = self._sql.execute("SELECT kind FROM spot WHERE spot_id = ?", (right.spot_id,)).fetchone()
        if right.status is Status.CONFIRMED and booked is not None:
            kinds = as_good(right.vehicle_type, SpotKind(booked["kind"]))
        for kind in kinds:
            free = self._first_free(kind, right, now)
            if free is not None:
                return free
        return None

    def _first_free(self, kind: SpotKind, right: Right, now: Now) -> str | None:
        row: sqlite3.Row | None = self._sql.execute(
            "SELECT spot_id FROM spot WHERE kind = ? AND in_service"
            " AND spot_id NOT IN (SELECT spot_id FROM inside_now WHERE spot_id IS NOT NULL)"
            " AND NOT EXISTS (SELECT 1 FROM rights WHERE rights.spot_id = spot.spot_id AND reservation_id <> ?"
            " AND status IN (SELECT value FROM json_each(?)) AND end_time > ? AND start_time < ?)"
            " ORDER BY spot_id LIMIT 1",
            (kind.value, right.reservation_id, _HOLDS_SPOT, rfc3339(now.utc), rfc3339(right.window.end)),
        ).fetchone()
        return None if row is None else str(row["spot_id"])

    def _is_usable(self, right: Right) -> bool:
        """Whether the right's own spot is in service, as far as is known, and no other car stands there."""
        taken = self._sql.execute(
            "SELECT 1 FROM inside_now WHERE spot_id = ? AND reservation_id IS NOT ?"
            " UNION ALL SELECT 1 FROM spot WHERE spot_id = ? AND NOT in_service",
            (right.spot_id, right.reservation_id, right.spot_id),
        ).fetchone()
        return taken is None
