"""Central's database: how it is opened, and the one way to read and to change it.

SQLite is one file for one process, which a lock beside the file enforces. PostgreSQL takes as many processes as there
are: every row that two of them might decide on is locked first (`with_for_update`, which SQLite has no need of, since
there a transaction takes the whole file's write lock at once).
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import URL, ColumnElement, Connection, Engine, collate, create_engine, event
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Mapped
from sqlmodel import Session, SQLModel

from cloud_sync.central.tables import SCHEMA_VERSION, SchemaVersion, Task
from domain.errors import OperatorError

BUSY_TIMEOUT_MS = 5_000
"""How long a write waits for another one."""

CONNECTIONS_MAX = 48
"""Above the threads that FastAPI (40) and asyncio use, so that none waits for a connection in vain."""

_READING = "gatehouse_reading"
_DUE = "gatehouse_due"
"""In a session's info: of the tables of tasks that it has written to, when the first of the rows written is due."""

Due = Mapping[type[Task], datetime]


class _Session(Session):
    """A session that remembers when the tasks that it has written are due."""


@event.listens_for(_Session, "after_flush")
def _remember_due(session: Session, _context: object) -> None:
    for row in (*session.new, *session.dirty):
        if isinstance(row, Task) and row.due_at is not None:
            due: dict[type[Task], datetime] = session.info.setdefault(_DUE, {})
            due[type(row)] = min(due.get(type(row), row.due_at), row.due_at)


class Database:
    """Sessions of one thread at a time; a transaction inside another one of the same thread is a savepoint."""

    def __init__(self, url: URL) -> None:
        """Open the database, and create its tables where it is new.

        Raises OperatorError where it cannot be opened, is in use by another process, or was made by a newer version.
        """
        self._here = threading.local()
        self._listeners: list[Callable[[Due], None]] = []
        # In one process SQLite's writers queue up here: its own waiting is polling, in which one may starve.
        self._turn: AbstractContextManager[Any] = (
            threading.Lock() if url.get_backend_name() == "sqlite" else nullcontext()
        )
        self._lock = _lock_file(url)
        try:
            self._engine = _engine(url)
            self._reader = self._engine.execution_options(**{_READING: True})
            self._create_tables()
        except (SQLAlchemyError, OSError, ImportError, ArgumentError) as error:
            self._unlock()
            raise OperatorError("database_unusable", f"{url} cannot be opened: {_reason(error)}") from error
        except OperatorError:
            self.close()
            raise

    @property
    def only_process(self) -> bool:
        """Whether no other process can be at work on this database."""
        return self._lock is not None

    @property
    def in_transaction(self) -> bool:
        """Whether this thread is in one."""
        return self._current() is not None

    def when_tasks_written(self, listener: Callable[[Due], None]) -> None:
        """Have `listener` told of each transaction that wrote rows of tasks here that are due at some time, and of the
        first such time in each table; in the thread that made it.

        It is told neither of rows that an UPDATE changed without loading them, nor of other processes' rows.
        """
        self._listeners.append(listener)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """All or nothing; on disk when it returns."""
        outer = self._current()
        if outer is not None:
            with outer.begin_nested():
                yield outer
            return
        with self._turn, _Session(self._engine, expire_on_commit=False) as session, session.begin():
            self._here.session = session
            try:
                yield session
            finally:
                self._here.session = None
        if due := session.info.get(_DUE):
            for listener in self._listeners:
                listener(due)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One consistent view, without waiting for who writes; inside a transaction, that transaction's own."""
        outer = self._current()
        if outer is not None:
            yield outer
            return
        with Session(self._reader, expire_on_commit=False) as session:
            yield session

    def by_code_points(self, text: Mapped[str]) -> ColumnElement[str]:
        """`text`, to be put in the order that Python has too; PostgreSQL's own is that of its locale."""
        return collate(text, "BINARY" if self._engine.dialect.name == "sqlite" else "C")

    def close(self) -> None:
        self._engine.dispose()
        self._unlock()

    def _current(self) -> Session | None:
        return getattr(self._here, "session", None)

    def _create_tables(self) -> None:
        # The version comes first: a database of another one is left as it is.
        SQLModel.metadata.create_all(self._engine, [SQLModel.metadata.tables[str(SchemaVersion.__tablename__)]])
        with self.transaction() as session:
            version = session.get(SchemaVersion, 1)
            if version is None:
                session.add(SchemaVersion(only_one=1, version=SCHEMA_VERSION))
            elif version.version != SCHEMA_VERSION:
                raise OperatorError(
                    "database_version",
                    f"the database has schema {version.version}, this version of Gatehouse wants {SCHEMA_VERSION};"
                    " run the version that made it, or start with a new database",
                )
        SQLModel.metadata.create_all(self._engine)

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()


def _lock_file(url: URL) -> FileLock | None:
    if url.get_backend_name() != "sqlite":
        return None
    path = Path(url.database or "")
    lock = FileLock(f"{path}.lock", thread_local=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout:
        raise OperatorError(
            "database_in_use",
            f"another process uses {path}; stop it first, or use PostgreSQL for more than one process",
        ) from None
    except OSError as error:
        raise OperatorError("database_unusable", f"{path} cannot be opened: {error.strerror}") from error
    return lock


def _engine(url: URL) -> Engine:
    # Parameters may be plates' marks and tokens: they stay out of errors and logs.
    engine = create_engine(url, hide_parameters=True, pool_size=8, max_overflow=CONNECTIONS_MAX - 8)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself: see _begin
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection: Connection) -> None:
    # A deferred BEGIN that writes after reading fails at once where another one wrote in between.
    reading = connection.get_execution_options().get(_READING, False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _reason(error: BaseException) -> str:
    return str(getattr(error, "orig", None) or error)
