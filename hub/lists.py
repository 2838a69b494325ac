"""The lot's lists of plates: its staff come and go without a booking, and who is denied is not let in."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cloud_sync.link.journal import Journal
from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import Listing, PlateListed
from domain.errors import NotFound, Refused
from domain.now import Now, parse_instant, rfc3339
from domain.plate import SealedPlate
from hub.book import instant_or_none

LISTED_MAX = 5_000
"""Plates on lists at most: gates compare what they see with each of them."""


KEPT = timedelta(days=7)
"""How long an entry that is over is kept, so that what comes back of a lost log is known to be older."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A plate on a list; `since` it was put there, or its entry was last changed."""

    plate: SealedPlate
    listing: Listing
    until: datetime | None
    by: str
    note: str
    since: datetime


class Lists:
    """Who is on them. What changes is a fact, so that every gate knows it with or without this hub."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self._store = store
        self._sql = store.connection
        self._journal = journal

    def now(self, now: Now) -> list[Listed]:
        """All entries that are not over, the latest first."""
        rows = self._sql.execute(
            "SELECT * FROM listed WHERE until IS NULL OR until > ? ORDER BY told_at DESC, mark", (rfc3339(now.utc),)
        ).fetchall()
        return [
            Listed(
                plate=SealedPlate(row["box"], row["mark"]),
                listing=Listing(row["listing"]),
                until=instant_or_none(row["until"]),
                by=row["by"],
                note=row["note"],
                since=parse_instant(row["told_at"]),
            )
            for row in rows
        ]

    def put(
        self, plate: SealedPlate, listing: Listing, *, until: datetime | None, by: str, note: str, now: Now
    ) -> None:
        """Put a plate on a list, in place of what was said of it before; `until` none: for good.

        Raises Refused for an end that is over (`already_over`), or where the lists are full (`lists_full`).
        """
        if until is not None and until <= now.utc:
            raise Refused("already_over", "the entry would be over already")
        with self._store.transaction():
            self._sql.execute("DELETE FROM listed WHERE until <= ?", (rfc3339(now.utc - KEPT),))
            others = [listed for listed in self.now(now) if listed.plate.mark != plate.mark]
            if len(others) >= LISTED_MAX:
                raise Refused("lists_full", f"there are {LISTED_MAX} plates on the lists; take some off first")
            self._tell(PlateListed(mark=plate.mark, plate=plate, listing=listing, until=until, by=by, note=note), now)

    def take_off(self, mark: str, *, by: str, now: Now) -> None:
        """Let an entry end now. Raises NotFound where the plate is on no list."""
        with self._store.transaction():
            listed = next((listed for listed in self.now(now) if listed.plate.mark == mark), None)
            if listed is None:
                raise NotFound("not_listed", "this plate is on no list, or not any more")
            over = PlateListed(
                mark=mark, plate=listed.plate, listing=listed.listing, until=now.utc, by=by, note=listed.note
            )
            self._tell(over, now)

    def restore(self, said: PlateListed, told_at: datetime) -> bool:
        """Take an entry over as it was told before, unless more was told of it since; whether that is news."""
        row = self._sql.execute("SELECT told_at FROM listed WHERE mark = ?", (said.mark,)).fetchone()
        if row is not None and row["told_at"] >= rfc3339(told_at):
            return False
        self._save(said, told_at)
        return True

    def _tell(self, said: PlateListed, now: Now) -> None:
        self._save(said, now.utc)
        self._journal.append(said, now)

    def _save(self, said: PlateListed, told_at: datetime) -> None:
        self._sql.execute(
            "INSERT OR REPLACE INTO listed VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                said.mark,
                said.plate.box,
                said.listing.value,
                None if said.until is None else rfc3339(said.until),
                said.by,
                said.note,
                rfc3339(told_at),
            ),
        )
