"""A gate's store in memory: what it goes on with when its disk fails, and how that comes home to a disk.

It has all that a decision needs, and of this gate's own log what the hub has not acknowledged, the newest facts, and
the latest of what lasts: as a log of which the older part was pruned. The facts of the hub are left behind: their
effect is in the tables.

A disk that fails may not be readable any more. So a copy is made ahead now and then, and put in its place then.
"""

import asyncio
import logging
import sqlite3
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from cloud_sync.link.journal import Journal
from cloud_sync.link.log import Position
from cloud_sync.link.pruning import Limits
from cloud_sync.link.store import STORE_FAILS, Store
from cloud_sync.link.v1.facts import GateDecided, LaneModeChanged
from domain.errors import OperatorError
from gate_firmware.replica import Replica
from gate_firmware.resuming import DECISIONS_MAX

log = logging.getLogger(__name__)

COPY_EVERY_S = 60.0
"""How old a copy made ahead may become while the store changes."""

COPY_S_MAX = 1.0
"""How long the disk that has failed is tried once more for a newer copy: a car may be waiting."""

NEWEST = 100
"""Facts of this gate's own that are in the copy in any case: a passage that was begun is ended by them."""

FACTS_MAX = 100_000
"""Facts of a log in memory at most, some 80 MB; beyond it the oldest are forgotten, acknowledged or not."""

IN_MEMORY = Limits(timedelta(hours=1), FACTS_MAX, untold_too=True)
"""What is kept in memory, of this gate's log and of the hub's."""

_WAYS = ("mode=ro", "mode=ro&immutable=1")
"""How to read what another connection has open, and what is on a disk that cannot be written any more."""


class Spare:
    """The store in memory of one gate, made ahead."""

    def __init__(self, path: Path, gate_id: str) -> None:
        """`path` is the store on the disk."""
        self._path = path
        self._gate_id = gate_id
        self._ahead: Store | None = None

    async def keep_ahead(self, store: Store) -> None:
        """Copy the store whenever it has changed, but not too often, until cancelled."""
        copied: int | None = None
        while True:
            changes = store.connection.total_changes
            if changes != copied:
                await self._copy_ahead()
                copied = changes
            await asyncio.sleep(COPY_EVERY_S)

    async def take(self, written: Position = Position()) -> tuple[Store, bool]:
        """A store to go on with: all that the disk still gives, else the copy made ahead, else an empty one; and
        whether it has all of this gate's own log that the hub has not. `written` is where that ends."""
        ahead, self._ahead = self._ahead, None
        try:
            async with asyncio.timeout(COPY_S_MAX):
                store = await asyncio.to_thread(copied, self._path, self._gate_id)
        except (sqlite3.Error, TimeoutError) as error:
            log.error("gate.store_unreadable", extra={"why": str(error), "copy": ahead is not None})
        else:
            if ahead is not None:
                ahead.close()
            return store, self._has_untold(store, Position())
        return (Store(None), False) if ahead is None else (ahead, self._has_untold(ahead, written))

    def _has_untold(self, store: Store, written: Position) -> bool:
        journal, _ = _opened(store, self._gate_id)
        ends = max((mark.position for mark in journal.marks(1)), default=Position())
        return ends >= written and journal.whole_from() <= journal.acknowledged(self._gate_id.partition(".")[0])

    async def _copy_ahead(self) -> None:
        try:
            ahead = await asyncio.to_thread(copied, self._path, self._gate_id)
        except sqlite3.Error as error:  # the next write says what it is
            log.warning("gate.not_copied", extra={"why": str(error)})
            return
        if self._ahead is not None:
            self._ahead.close()
        self._ahead = ahead


def copied(path: Path, gate_id: str) -> Store:
    """A store in memory with what the one at `path` has by now. Raises sqlite3.Error where that cannot be read."""
    failed: sqlite3.Error | None = None
    for way in _WAYS:
        store = Store(None)
        try:
            store.connection.execute("ATTACH ? AS disk", (f"file:{quote(str(path.absolute()))}?{way}",))
            store.connection.execute("BEGIN")
            _copy(store.connection, gate_id)
            store.connection.execute("COMMIT")
            store.connection.execute("DETACH disk")
            _opened(store, gate_id)  # what is damaged may be readable all the same
        except sqlite3.Error as error:
            failed = error
            store.close()
        else:
            return _looked_through(store, gate_id)  # the other way would only show an older state
    assert failed is not None, "each way has been tried"
    raise failed


def tried(path: Path, gate_id: str) -> Store:
    """The store on a disk that works again, looked through. Raises OperatorError or sqlite3.Error where it does not."""
    store = Store(path)
    try:
        store.claim(gate_id)
        store.connection.execute("PRAGMA user_version = 0")  # writes, whatever it was
        found = store.connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except BaseException:
        store.close()
        raise
    if found != "ok":
        store.close()
        raise OperatorError(STORE_FAILS, f"the database {path} is damaged: {found}")
    return _looked_through(store, gate_id)


def bring_home(memory: Journal, disk: Store) -> None:
    """Put what was written in memory into the store on the disk, at once and whole.

    Only of this gate's own log, and once the hub has acknowledged it: what follows from it, the hub tells.
    """
    journal, replica = _opened(disk, memory.unit)
    journal.when_renumbered = replica.renumbered
    with disk.transaction():
        if memory.epoch >= journal.epoch:
            journal.begin(memory.epoch + 1)
        replica.take_back(journal, memory.after(Position(), FACTS_MAX), insert=True)


def _opened(store: Store, gate_id: str) -> tuple[Journal, Replica]:
    """The log and the replica in a store, in the shape of this version, for nothing that tells of this boot. Raises
    sqlite3.Error where they are not there and cannot be made."""
    return Journal(store, gate_id, boot=""), Replica(store)


def _looked_through(store: Store, gate_id: str) -> Store:
    """The store, if a lane can begin with it. Else it is closed, and this raises sqlite3.Error."""
    try:
        journal, _ = _opened(store, gate_id)
        journal.own(GateDecided.kind, DECISIONS_MAX)
        journal.about(LaneModeChanged.kind, gate_id)
    except BaseException:
        store.close()
        raise
    return store


def _copy(sql: sqlite3.Connection, gate_id: str) -> None:
    made = sql.execute(
        "SELECT type, name, sql FROM disk.sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite%'"
        " ORDER BY type = 'table' DESC"
    ).fetchall()
    for each in made:
        sql.execute(each["sql"])
        if each["type"] == "table" and each["name"] not in ("fact", "latest"):
            sql.execute(f'INSERT INTO main."{each["name"]}" SELECT * FROM disk."{each["name"]}"')  # noqa: S608
    if any(each["name"] == "fact" for each in made):
        _copy_log(sql, gate_id)


def _copy_log(sql: sqlite3.Connection, gate_id: str) -> None:
    """This gate's own log, from the place on that the hub has; of what is before it, what lasts."""
    acknowledged = sql.execute("SELECT epoch, seq FROM disk.acknowledged ORDER BY epoch, seq LIMIT 1").fetchone()
    has = (0, 0) if acknowledged is None else tuple(acknowledged)
    place = max(min(_newest(sql, gate_id, NEWEST), has), _newest(sql, gate_id, FACTS_MAX, behind=has))
    own = "SELECT * FROM disk.fact WHERE unit = ?1 AND (epoch, seq) >= (?2, ?3)"
    sql.execute(f"INSERT INTO main.fact {own}", (gate_id, *place))
    lasting = "SELECT fact.* FROM disk.latest JOIN disk.fact USING (unit, epoch, seq) WHERE unit = ?"
    sql.execute(f"INSERT OR IGNORE INTO main.fact {lasting}", (gate_id,))
    sql.execute("INSERT INTO main.latest SELECT * FROM disk.latest WHERE unit = ?", (gate_id,))
    sql.execute("INSERT OR REPLACE INTO main.thinned SELECT unit, epoch, seq FROM main.applied")
    if place == (0, 0):
        return  # it is whole
    sql.execute(
        f"INSERT INTO main.thinned SELECT unit, epoch, seq FROM ({own} ORDER BY epoch, seq LIMIT 1) WHERE true"  # noqa: S608
        " ON CONFLICT (unit) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq"
        " WHERE (thinned.epoch, thinned.seq) < (excluded.epoch, excluded.seq)",
        (gate_id, *place),
    )


def _newest(sql: sqlite3.Connection, gate_id: str, count: int, behind: tuple[int, int] = (0, 0)) -> tuple[int, int]:
    """Where the newest `count` facts of the log begin; before its beginning, where there are not so many."""
    row = sql.execute(
        "SELECT epoch, seq FROM disk.fact WHERE unit = ? AND (epoch, seq) > (?, ?)"
        " ORDER BY epoch DESC, seq DESC LIMIT 1 OFFSET ?",
        (gate_id, *behind, count - 1),
    ).fetchone()
    return (0, 0) if row is None else (row["epoch"], row["seq"])
