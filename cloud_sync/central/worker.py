"""The shell around leased work: finds rows that are due and has each worked on, a bounded number at once."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from sqlalchemy.exc import OperationalError

from cloud_sync.central import lease
from cloud_sync.central.database import Database, Due
from cloud_sync.central.tables import Task
from cloud_sync.link.clock import Clock

log = logging.getLogger(__name__)

POLL_S = 1.0
"""How often rows are looked for while some are due, and where other processes may make them due."""

PAUSE_S_MAX = 300.0
"""How long a worker sleeps at most where no other process does: the wall clock may be set meanwhile."""

AT_ONCE_MAX = 32


class Worker:
    """Works on the due rows of one table."""

    def __init__(
        self, database: Database, table: type[Task], work: Callable[[str], Awaitable[None]], clock: Clock
    ) -> None:
        """`work` takes a row's key; it leases the row itself and does nothing where that is not to be had."""
        self._database = database
        self._table = table
        self._look = lease.look(table)
        self._work = work
        self._clock = clock
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pause_s = 0.0
        self._next_look: datetime | None = None  # none: a look is under way
        database.when_tasks_written(self._written)
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def wake(self) -> None:
        """Look for rows now. May be called in any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake.set)
        else:
            self._wake.set()

    def start(self, key: str) -> asyncio.Task[None]:
        """Work on one row now, or join the work on it that is under way in this process."""
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.ensure_future(self._try(key))
            self._under_way[key] = task
            task.add_done_callback(lambda done: self._ended(key, done))
        return task

    async def run(self) -> None:
        """Until cancelled. What is under way then is left to its lease, as after a crash.

        Where this process is the only one it sleeps until the next row is due, or one is written.
        """
        self._loop = asyncio.get_running_loop()
        try:
            await self._work_on()
        finally:
            self._loop = None

    async def _work_on(self) -> None:
        while True:
            room = max(AT_ONCE_MAX - len(self._under_way), 0)  # `start` is not bounded: a driver waits for each
            for key in await self._find(room):
                self.start(key)
            try:
                async with asyncio.timeout(self._pause_s):
                    await self._wake.wait()
            except TimeoutError:
                continue
            self._wake.clear()

    async def _find(self, limit: int) -> list[str]:
        try:
            return await asyncio.to_thread(self._due, limit)
        except OperationalError as error:  # the database is away for a moment; the rows are still due after it
            self._no_database(error)
            self._pause_s = POLL_S
            return []

    def _due(self, limit: int) -> list[str]:
        self._next_look, now = None, self._clock().utc
        with self._database.reading() as session:
            due, following = lease.due(session, self._look, now, limit)
        if due or limit == 0 or not self._database.only_process:
            self._pause_s = POLL_S
        else:
            left_s = PAUSE_S_MAX if following is None else (following - now).total_seconds()
            self._pause_s = min(left_s, PAUSE_S_MAX)
        self._next_look = now + timedelta(seconds=self._pause_s)
        return due

    def _written(self, due: Due) -> None:
        """Rows were written, in whatever thread: look where one is due before the next look."""
        first = due.get(self._table)
        if first is not None and (self._next_look is None or first < self._next_look):
            self.wake()

    async def _try(self, key: str) -> None:
        try:
            await self._work(key)
        except Exception:
            await asyncio.to_thread(self._push_on, key)
            raise

    def _push_on(self, key: str) -> None:
        """Let a row rest whose work failed before it was leased: due as it is, it would be found again at every look,
        before all others."""
        now = self._clock().utc
        try:
            with self._database.transaction() as session:
                row = session.get(self._table, key, with_for_update=True)
                if row is not None and row.due_at is not None and row.due_at <= now:
                    lease.rest(row, now)
        except OperationalError as error:
            self._no_database(error)

    def _no_database(self, error: OperationalError) -> None:
        log.warning(
            "work.no_database", extra={"table": str(self._table.__tablename__), "why": type(error.orig).__name__}
        )

    def _ended(self, key: str, task: asyncio.Task[None]) -> None:
        del self._under_way[key]
        if not task.cancelled() and (error := task.exception()) is not None:
            # A bug of ours on one row must not stop the others; it rests, or its lease ends, and it is tried again.
            log.error("work.failed", extra={"table": str(self._table.__tablename__), "row": key}, exc_info=error)
