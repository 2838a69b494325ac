"""A process in a simulated world: the tasks that are its, and its death, which may come between any two of its deeds.

Whatever it does to the world outside goes through `passes`: a commit, a message, an answer, a command to the arm, a
call to the bank. A process that is told to die at such a place dies there: nothing that it does from then on has an
effect, so that the unwinding of its code, which real death does not have, does no harm.
"""

import asyncio
import contextvars
import sqlite3
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from typing import Any

CURRENT: ContextVar["Process | None"] = ContextVar("the process whose code is running", default=None)


class Died(BaseException):
    """The process is dead from this instant. Not an Exception: no code of the process may go on after it."""


class Place(Enum):
    """Where one deed ends and the next has not begun."""

    BEFORE_COMMIT = "before-commit"
    AFTER_COMMIT = "after-commit"
    BEFORE_PUBLISH = "before-publish"
    AFTER_PUBLISH = "after-publish"  # the broker has it, and the unit may not know
    BEFORE_ACKNOWLEDGE = "before-acknowledge"  # facts are taken in, and who sent them is not told
    BEFORE_ANSWER = "before-answer"  # a request is carried out, and who asked is not told
    BEFORE_ARM = "before-arm"
    AFTER_ARM = "after-arm"
    BEFORE_BANK = "before-bank"
    AFTER_BANK = "after-bank"  # the bank has done it, and central does not know


class How(Enum):
    CRASH = "crash"  # the process is killed: all that it has written is there
    POWER_CUT = "power-cut"  # its machine is off: what was not synced is gone
    STOPPED = "stopped"  # somebody stops it: all that it has written is there
    STOP = "stop"  # the world ends


@dataclass(slots=True)
class _Doom:
    place: Place
    left: int
    how: How


class Process:
    """One process's life, from its start to its death."""

    def __init__(self, unit: str, on_death: Callable[["Process", How, str], None]) -> None:
        """`on_death` is called at the instant of death, before anything else happens, with how and where."""
        self.unit = unit
        self.alive = True
        self.died: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.connections: list[sqlite3.Connection] = []
        """To its stores; whoever buries it closes them."""
        self._on_death = on_death
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._doom: _Doom | None = None
        self.context = contextvars.copy_context()
        self.context.run(CURRENT.set, self)

    def began(self, task: "asyncio.Task[Any]") -> None:
        """A task of this process has begun."""
        self._tasks[task] = None
        task.add_done_callback(self._ended)
        if not self.alive:
            asyncio.get_running_loop().call_soon(task.cancel)

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.pop(task, None)
        if not task.cancelled():
            task.exception()  # whose it was has it; nobody need be told that it was not looked at

    @property
    def is_doomed(self) -> bool:
        return self._doom is not None

    def doom(self, place: Place, count: int, how: How) -> None:
        """Have it die when it comes to `place` for the `count`th time from now on."""
        self._doom = _Doom(place, count, how)

    def spare(self) -> None:
        """Let it live after all."""
        self._doom = None

    def passes(self, place: Place) -> None:
        """The process's code has come here. Raises Died where it is dead."""
        if not self.alive:
            raise Died
        doom = self._doom
        if doom is None or doom.place is not place:
            return
        doom.left -= 1
        if doom.left <= 0:
            self.die(doom.how, place.value)
            raise Died

    def die(self, how: How, where: str) -> None:
        """Be dead from this instant."""
        if not self.alive:
            return
        self.alive = False
        self._on_death(self, how, where)
        asyncio.get_running_loop().call_soon(self._unwind)

    def _unwind(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        if not self.died.done():
            self.died.set_result(None)

    async def gone(self) -> None:
        """Wait until its code has unwound."""
        await self.died
        for _ in range(UNWINDING_MAX):
            tasks = list(self._tasks)
            if not tasks:
                return
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=1)
        raise AssertionError(f"{self.unit}: a dead process goes on: {tasks}")

    def start(self, coroutine: Any) -> "asyncio.Task[Any]":
        """Run a coroutine as this process's."""
        return asyncio.get_running_loop().create_task(coroutine, context=self.context)


UNWINDING_MAX = 60
