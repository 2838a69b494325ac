"""The disk of one machine: SQLite files on a real file system, and what is left of them when a process or its machine
dies.

Each life of a process has a folder of its own. When it dies, what the next one finds is copied at that instant, so that
whatever the dead one's code does while it unwinds touches nothing. A process that is killed leaves all that it has
written. A machine that goes dark leaves what was synced: SQLite's WAL up to the last commit of a connection with
`synchronous` FULL, and what it has checkpointed, which it syncs first.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from simulator.world.process import CURRENT, Place, Process

FULL = 2
"""`PRAGMA synchronous`: the WAL is synced by each commit."""

_SALTS = slice(16, 24)
"""Where a WAL's header has what changes whenever it begins anew."""


class Disk:
    """A unit's store through its lives."""

    def __init__(self, folder: Path, unit: str) -> None:
        self._folder = folder / unit
        self._unit = unit
        self._life = 0
        self._synced: tuple[bytes, int] | None = None  # the WAL's salts and length at the last sync
        self._backups: dict[str, Path] = {}
        self.path.parent.mkdir(parents=True)

    @property
    def path(self) -> Path:
        """Where the unit's store is in this life."""
        return self._folder / str(self._life) / f"{self._unit}.db"

    def committed(self, synchronous: int) -> None:
        """A commit has returned."""
        if synchronous >= FULL:
            self._synced = _end_of(_wal(self.path))

    def keep_all(self) -> None:
        """The process was killed."""
        _copy(self.path, self._next())

    def keep_synced(self) -> None:
        """The machine has gone dark."""
        before, after = self.path, self._next()
        _copy(before, after)
        wal = _wal(after)
        if not wal.exists():
            return
        end = _end_of(wal)
        is_older = self._synced is None or end is None or self._synced[0] != end[0]  # what it held was checkpointed
        with wal.open("r+b") as file:
            file.truncate(0 if self._synced is None or is_older else self._synced[1])

    def keep_nothing(self) -> None:
        """The disk was lost; its owner put an empty one in."""
        self._next()
        self._synced = None

    def back_up(self, name: str) -> None:
        """Keep a copy of the store as it is now."""
        self._backups[name] = self._aside(f"backup-{name}")

    def restore(self, name: str) -> None:
        """The next life begins with this backup."""
        _copy(self._backups.pop(name), self._next())
        self._synced = _end_of(_wal(self.path))

    def begin_with(self, name: str, other: "Disk") -> None:
        """This machine's first life begins with a backup of another one."""
        _copy(other._backups.pop(name), self.path)
        self._synced = _end_of(_wal(self.path))

    def lost_copy(self, name: str) -> Path:
        """Keep what an onlooker can compare with, of a disk that is about to be lost."""
        return self._aside(f"lost-{name}")

    def _aside(self, name: str) -> Path:
        kept = self._folder / name / self.path.name
        kept.parent.mkdir()
        _copy(self.path, kept)
        return kept

    def forget(self, before: Path) -> None:
        """The process that used `before` is gone."""
        if before != self.path:
            shutil.rmtree(before.parent, ignore_errors=True)

    def _next(self) -> Path:
        self._life += 1
        self.path.parent.mkdir()
        return self.path


def _wal(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _end_of(wal: Path) -> tuple[bytes, int] | None:
    """What tells this WAL from the one before it in the same file, and how long it is."""
    try:
        with wal.open("rb") as file:
            return file.read(_SALTS.stop)[_SALTS], wal.stat().st_size
    except FileNotFoundError:
        return None


def _copy(source: Path, target: Path) -> None:
    for here, there in ((source, target), (_wal(source), _wal(target))):
        if here.exists():
            shutil.copyfile(here, there)


Committed = Callable[[Process, int], None]
"""Told of each commit of a process, and the `PRAGMA synchronous` of its connection."""


@contextmanager
def watched(committed: Committed) -> Iterator[None]:
    """Put boundaries around the commits of all processes while this lasts."""
    connect = sqlite3.connect

    def connect_watched(*args: Any, **options: Any) -> Any:
        process = CURRENT.get()
        if process is None:
            return connect(*args, **options)
        options["factory"] = _watched(options.get("factory", sqlite3.Connection))
        connection = connect(*args, **options)
        connection.process, connection.committed = process, committed
        process.connections.append(connection)
        return connection

    sqlite3.connect = sqlite3.dbapi2.connect = connect_watched
    try:
        yield
    finally:
        sqlite3.connect = sqlite3.dbapi2.connect = connect


@cache
def _watched(factory: type[sqlite3.Connection]) -> type[sqlite3.Connection]:
    class Watched(factory):  # type: ignore[valid-type,misc]  # whatever the unit itself has asked for
        process: Process | None = None
        committed: Committed

        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            if sql[:6].upper() != "COMMIT":
                return super().execute(sql, *parameters)  # type: ignore[no-any-return]
            return self._between(lambda: super(Watched, self).execute(sql))  # type: ignore[no-any-return]

        def commit(self) -> None:
            if self.in_transaction:
                self._between(super().commit)

        def _between(self, commit: Callable[[], Any]) -> Any:
            if self.process is None:
                return commit()
            self.process.passes(Place.BEFORE_COMMIT)
            done = commit()
            self.committed(self.process, super().execute("PRAGMA synchronous").fetchone()[0])
            self.process.passes(Place.AFTER_COMMIT)
            return done

    return Watched
