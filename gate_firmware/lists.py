"""The gate's copy of the lot's lists: plates that come and go without a booking, and plates that are not let in."""

from collections.abc import Iterable

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import Listing, PlateListed
from domain.now import Now, rfc3339
from domain.plate import SealedPlate

migrations = Migrations("gate lists")


@migrations()
def listed_plates(db: Database) -> None:
    db.conn.executescript("""
        CREATE TABLE listed (
            mark TEXT PRIMARY KEY, box TEXT NOT NULL, listing TEXT NOT NULL, until TEXT
        ) STRICT, WITHOUT ROWID;
    """)


class Lists:
    """What the hub has told of listed plates. Who is listed until an instant is on the list before it."""

    def __init__(self, store: Store) -> None:
        migrations.apply(store.db)
        self._sql = store.connection

    def changed(self, said: PlateListed) -> None:
        """Take over what the hub says of one plate."""
        until = None if said.until is None else rfc3339(said.until)
        self._sql.execute(
            "INSERT OR REPLACE INTO listed VALUES (?, ?, ?, ?)", (said.mark, said.plate.box, said.listing.value, until)
        )

    def forget(self, mark: str) -> None:
        self._sql.execute("DELETE FROM listed WHERE mark = ?", (mark,))

    def of(self, mark: str, now: Now) -> Listing | None:
        """Which list this plate is on now; its mark may be as short as a ticket has it."""
        row = self._sql.execute(
            "SELECT listing FROM listed WHERE mark BETWEEN ? AND ? || 'g' AND (until IS NULL OR until > ?)",
            (mark, mark, rfc3339(now.utc)),  # 'g' follows upon every hexadecimal digit
        ).fetchone()
        return None if row is None else Listing(row["listing"])

    def plates(self, now: Now) -> Iterable[SealedPlate]:
        """All that are on a list now."""
        rows = self._sql.execute(
            "SELECT mark, box FROM listed WHERE until IS NULL OR until > ?", (rfc3339(now.utc),)
        ).fetchall()
        return [SealedPlate(row["box"], row["mark"]) for row in rows]
