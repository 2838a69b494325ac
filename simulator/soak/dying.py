"""A unit that dies by SIGKILL at one of its own boundaries.

    python -m simulator.soak.dying before-acknowledgement 3 hub --config riverside.toml

runs `gatehouse hub --config riverside.toml`. Once it is sent SIGUSR1, it lives until it comes to that boundary for the
third time. The boundaries are put
around the unit from here, so that what is shipped has no switch for it.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import Enum
from typing import Any

import gatehouse
from cloud_sync.link.mqtt import Link
from cloud_sync.link.store import Store

ARM = signal.SIGUSR1


class Boundary(Enum):
    """Where a command ends and the next one has not begun."""

    AFTER_STORE = "after-store"  # committed, and nobody was told
    AFTER_SEND = "after-send"  # the broker has the message, and the unit does not know
    BEFORE_ACKNOWLEDGEMENT = "before-acknowledgement"  # a fact is taken in, and its sender is not told
    BEFORE_ANSWER = "before-answer"  # a request is carried out, and who asked is not told


def die_at(boundary: Boundary, count: int) -> None:
    """Once armed, this process kills itself when it comes to `boundary` for the `count`th time."""
    armed, left = False, count

    def arm(*_: object) -> None:
        nonlocal armed
        armed = True

    def passed() -> None:
        nonlocal left
        left -= armed
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    signal.signal(ARM, arm)

    if boundary is Boundary.AFTER_STORE:
        _after_commits(passed)
    else:
        _around_publish(boundary, passed)


def _after_commits(passed: Callable[[], None]) -> None:
    stored = Store.transaction

    @contextmanager
    def at_unit(self: Store) -> Iterator[None]:
        outermost = not self.connection.in_transaction
        with stored(self):
            yield
        if outermost:
            passed()

    Store.transaction = at_unit  # type: ignore[method-assign]  # that is the point
    if "central" not in sys.argv:
        return
    from cloud_sync.central.database import Database  # noqa: PLC0415  a gate has no SQLAlchemy

    committed = Database.transaction

    @contextmanager
    def at_central(self: Database) -> Iterator[Any]:
        outermost = not self.in_transaction
        with committed(self) as session:
            yield session
        if outermost:
            passed()

    transaction: Callable[[Database], AbstractContextManager[Any]] = at_central
    Database.transaction = transaction  # type: ignore[method-assign,assignment]


def _around_publish(boundary: Boundary, passed: Callable[[], None]) -> None:
    publish = Link._publish

    async def around(self: Link, topic: str, message: Any, **options: Any) -> None:
        acknowledges, answers = topic.endswith("/ack"), "/replies/" in topic
        if acknowledges and boundary is Boundary.BEFORE_ACKNOWLEDGEMENT:
            passed()
        if answers and boundary is Boundary.BEFORE_ANSWER:
            passed()
        await publish(self, topic, message, **options)
        if boundary is Boundary.AFTER_SEND and not acknowledges:
            passed()

    Link._publish = around  # type: ignore[method-assign]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m simulator.soak.dying")
    parser.add_argument("boundary", type=Boundary, choices=list(Boundary))
    parser.add_argument("count", type=int)
    parser.add_argument("command", nargs=argparse.REMAINDER, help="as after gatehouse")
    arguments = parser.parse_args()
    die_at(arguments.boundary, arguments.count)
    sys.argv = ["gatehouse", *arguments.command]
    gatehouse.main()


if __name__ == "__main__":
    main()
