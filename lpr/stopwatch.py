"""How long each stage of a reading takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter_ns


class Stopwatch:
    """Adds up the milliseconds of each stage since the last `reset`; stages are named by whoever has them timed."""

    def __init__(self) -> None:
        self.ms: dict[str, float] = {}

    def reset(self) -> None:
        """Begin anew at nothing."""
        self.ms = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what is done within."""
        start_ns = perf_counter_ns()
        try:
            yield
        finally:
            self.ms[name] = self.ms.get(name, 0.0) + (perf_counter_ns() - start_ns) / 1e6
