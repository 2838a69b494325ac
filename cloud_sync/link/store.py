"""A unit's SQLite file: how it is opened, and the one way to change it."""

import errno
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from domain.errors import OperatorError

BUSY_TIMEOUT_MS = 5_000
"""How long a write waits for another process on the file, such as a backup's checkpoint."""

STORE_FAILS = "store_fails"
"""The code of the OperatorError where it is the disk that fails: some unit may go on without it."""

_OF_A_FACT = frozenset(("unit", "epoch", "seq", "kind", "payload"))
"""Some columns of the table of facts; others than units have tables of that name, too."""

_DISK_FAILS = frozenset(
    (errno.EIO, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENXIO, errno.ENODEV, errno.ENOMEDIUM, errno.EUCLEAN)
)
_STORE_FAILS = frozenset(
    (
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    )
)


def is_failing(error: BaseException) -> bool:
    """Whether an error says that a disk, or the file on it, fails: it is full, broken, read-only or gone.

    A missing table, a broken constraint or a lock that is not to be had say nothing of the kind.
    """
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in _STORE_FAILS  # without what SQLite adds to a code
    return isinstance(error, OSError) and error.errno in _DISK_FAILS


def damaged(what: str) -> sqlite3.DatabaseError:
    """The error for a store in which SQLite finds nothing wrong, and a unit what it cannot have written."""
    error = sqlite3.DatabaseError(what)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


@contextmanager
def alone_on(path: Path) -> Iterator[None]:
    """While this lasts, no other process of this machine is on the file.

    Raises OperatorError: `store_in_use` where one is, as two of them would write one log; `store_fails` where the disk
    does not take the lock.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise _cannot_open(path, error) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OperatorError("store_in_use", f"another process uses {path}; stop it first") from None
        yield
    finally:
        os.close(lock)


class Store:
    """One connection, used by one thread at a time; WAL, and every commit on disk before it returns."""

    def __init__(self, path: Path | None) -> None:
        """Open or create the file; None: in memory, and gone with the process. Raises OperatorError where that cannot
        be done, with the code `store_fails` where it is the disk that fails."""
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            connection = _opened(path)
        except (OSError, sqlite3.DatabaseError) as error:
            assert path is not None, "memory is there"
            raise _cannot_open(path, error) from error
        connection.row_factory = sqlite3.Row
        self._path = path
        self._open_files: dict[Path, tuple[int, int]] = {}  # as they were first seen
        if path is not None and (opened := _identity(path)) is not None:
            self._open_files[path] = opened
        self.db = Database(connection)
        self.connection = connection
        self.when_failed: Callable[[sqlite3.DatabaseError], None] | None = None
        """Told of each transaction that fails with its disk, whatever becomes of the error then."""
        self.commits = 0
        """Transactions that this connection has brought to its disk."""

    @property
    def is_in_memory(self) -> bool:
        return self._path is None

    @property
    def is_in_place(self) -> bool:
        """Whether the files that this connection has open are still those at their paths: SQLite goes on with files
        that were deleted or replaced, and whoever opens the store next does not find what it writes."""
        return self._path is None or all(self._is_in_place(path) for path in (self._path, _wal(self._path)))

    def _is_in_place(self, path: Path) -> bool:
        now = _identity(path)
        if now is not None:
            self._open_files.setdefault(path, now)
        return now == self._open_files.get(path)

    def claim(self, unit: str) -> None:
        """The file is this unit's from now on. Raises OperatorError (`store_foreign`) where it is anybody else's."""
        with self.transaction():
            tables = {row["name"] for row in self.connection.execute("SELECT name FROM sqlite_master")}
            if "unit" in self._columns("owner"):
                row = self.connection.execute("SELECT unit FROM owner").fetchone()
                owner = "nobody: it does not say whose it is" if row is None else row["unit"]
            elif not tables or ("owner" not in tables and self._columns("fact") >= _OF_A_FACT):
                # New, or of a version that did not write it down yet.
                self.connection.execute("CREATE TABLE owner (unit TEXT NOT NULL)")
                self.connection.execute("INSERT INTO owner VALUES (?)", (unit,))
                owner = unit
            else:
                owner = "something else"
        if owner != unit:
            raise OperatorError(
                "store_foreign", f"{self._path} is the database of {owner}; give {unit} its own in store.path"
            )

    def _columns(self, table: str) -> set[str]:
        return {row["name"] for row in self.connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; the write lock is taken at once. Inside another one it is a savepoint."""
        if self.connection.in_transaction:
            with self._savepoint():
                yield
            return
        try:
            with self._whole():
                yield
        except sqlite3.DatabaseError as error:
            if self.when_failed is not None and is_failing(error):
                self.when_failed(error)
            raise

    @contextmanager
    def _whole(self) -> Iterator[None]:
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.connection.execute("COMMIT")
            self.commits += 1
        except BaseException:
            self.connection.rollback()  # also after a COMMIT that failed, which leaves the transaction open
            raise

    @contextmanager
    def _savepoint(self) -> Iterator[None]:
        """One name for all, the innermost is meant: so SQLite's statements are compiled once."""
        self.connection.execute("SAVEPOINT inner_one")
        try:
            yield
        except BaseException:
            if self.connection.in_transaction:  # else SQLite itself has taken all of it back
                self.connection.execute("ROLLBACK TO inner_one")
                self.connection.execute("RELEASE inner_one")
            raise
        self.connection.execute("RELEASE inner_one")

    def close(self) -> None:
        self.db.close()


class _Connection(sqlite3.Connection):
    def executescript(self, script: str, /) -> sqlite3.Cursor:
        """Run the statements in the open transaction, such as a migration's; Python's own commits that first."""
        cursor, statement = self.cursor(), ""
        for part in script.split(";"):
            statement += part + ";"
            if sqlite3.complete_statement(statement):
                cursor.execute(statement)
                statement = ""
        return cursor


def _wal(path: Path) -> Path:
    """Where SQLite writes first, from the first transaction on."""
    return path.with_name(f"{path.name}-wal")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _cannot_open(path: Path, error: Exception) -> OperatorError:
    code = STORE_FAILS if is_failing(error) and not _is_denied(path) else "store_unusable"
    return OperatorError(code, f"the database {path} cannot be opened: {error}")


def _is_denied(path: Path) -> bool:
    """Whether the system itself refuses the file, for another reason than a disk that fails: SQLite does not say."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o644))
    except OSError as error:
        return not is_failing(error)
    return False


def _opened(path: Path | None) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path or "file::memory:", isolation_level=None, factory=_Connection, uri=path is None, check_same_thread=False
    )
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")  # what a savepoint would undo needs no file: 20 us a hold
    except BaseException:
        connection.close()
        raise
    return connection
