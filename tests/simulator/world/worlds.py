"""Parts of a world for tests: a loop on virtual time, processes on it, and what befalls them."""

from collections.abc import Coroutine
from typing import Any, TypeVar

from simulator.world.loop import VirtualLoop
from simulator.world.process import How, Process

T = TypeVar("T")

THREAD_S = 0.001


def on_virtual_time(life: Coroutine[Any, Any, T]) -> tuple[T, float]:
    """What `life` came to, and how many virtual seconds it took."""
    loop = VirtualLoop(lambda: THREAD_S)
    try:
        return loop.run_until_complete(life), loop.time()
    finally:
        loop.close()


class Deaths:
    """What a process's world is told of."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, How, str]] = []

    def __call__(self, process: Process, how: How, where: str) -> None:
        self.seen.append((process.unit, how, where))
