"""An asyncio event loop on virtual time: when nothing is ready it jumps to the next timer. One thread, no sockets.

What product code gives to a thread runs at once, in the one thread there is, and its answer comes a drawn moment later:
others go on in between, as they would beside a real thread.
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from simulator.world.process import CURRENT

T = TypeVar("T")


class Stalled(Exception):
    """Nothing is left to happen, and somebody still waits."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Begins at time 0. Give it to `asyncio.Runner`, or run it until something is complete."""

    def __init__(self, thread_s: Callable[[], float]) -> None:
        """`thread_s` draws how long a thread takes."""
        super().__init__()
        self._thread_s = thread_s
        self._now_s = 0.0
        self._selector = self  # the base class asks it for what is ready
        self._clock_resolution = 1e-6
        self.set_task_factory(_task_of_a_process)

    def time(self) -> float:
        return self._now_s

    @property
    def now_ms(self) -> int:
        """True time in whole milliseconds."""
        return int(self._now_s * 1000 + 1e-4)

    def select(self, timeout: float | None) -> list[Any]:
        """In place of waiting for I/O: time passes."""
        if timeout is None:
            raise Stalled("nothing is left to happen")
        if timeout > 0:
            self._now_s = max(self._now_s, self._scheduled[0].when())  # type: ignore[attr-defined]  # the base class's
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        """Who calls from a thread calls from ours: the loop is awake."""

    def run_in_executor(  # type: ignore[override]  # a plain future is what the base class returns too
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        answer: asyncio.Future[T] = self.create_future()
        try:
            result = func(*args)
        except BaseException as error:  # a thread would carry it over, whatever it is
            self.call_later(self._thread_s(), _fail, answer, error)
        else:
            self.call_later(self._thread_s(), _succeed, answer, result)
        return answer


def _succeed(answer: "asyncio.Future[T]", result: T) -> None:
    if not answer.done():
        answer.set_result(result)


def _fail(answer: "asyncio.Future[Any]", error: BaseException) -> None:
    if not answer.done():
        answer.set_exception(error)


def _task_of_a_process(
    loop: asyncio.AbstractEventLoop, coroutine: Any, context: Any = None, **options: Any
) -> "asyncio.Task[Any]":
    """Each task belongs to the process whose code began it, and dies with it."""
    task = asyncio.Task(coroutine, loop=loop, context=context, **options)
    process = CURRENT.get() if context is None else context.get(CURRENT)
    if process is not None:
        process.began(task)
    return task
