"""A call that will be made once: what ends a pulse. It comes from outside, so that tests move time."""

from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A call that will be made once; `threading.Timer` is one."""

    def start(self) -> None: ...
    def cancel(self) -> None: ...


TimerFactory = Callable[[float, Callable[[], None]], Timer]
"""Makes a timer from seconds and the call; the call may come in any thread."""
