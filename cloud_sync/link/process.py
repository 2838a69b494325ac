"""What every unit's process does alike: take its port, serve HTTP on it, stop when asked, tell the operator why not."""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import uvicorn

from cloud_sync.link import systemd
from cloud_sync.link.connections import AT_ONCE, Connections
from domain.errors import OperatorError

T = TypeVar("T")

log = logging.getLogger(__name__)

EXIT_OPERATOR = 1
"""The exit status of a unit that cannot start until somebody changes something."""

DRAIN_S = 3
"""How long open HTTP connections may take to end when the unit stops."""

CONNECTIONS_MAX = 512
"""HTTP connections at once: with as many files again, a unit is within the 1,024 that systemd gives it."""

QUEUE_MAX = 128
"""Connections that the system holds for a unit until it takes them."""


@contextmanager
def bound_socket(host: str, port: int) -> Iterator[socket.socket]:
    """A listening TCP socket. Raises OperatorError where the address is taken or not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen()
        except OSError as error:
            raise OperatorError(
                "port_taken", f"cannot listen on {host}:{port} ({error.strerror}); stop what uses it or choose another"
            ) from error
        yield listening


def address_of(listening: socket.socket) -> str:
    """Where it is reached, such as `http://127.0.0.1:8080`."""
    host, port, *_ = listening.getsockname()
    return f"http://[{host}]:{port}" if listening.family is socket.AF_INET6 else f"http://{host}:{port}"


async def serve_http(
    app: Any,
    listening: socket.socket,
    ending: Callable[[], None] = lambda: None,
    connections_max: int = CONNECTIONS_MAX,
) -> None:
    """Serve an ASGI app on a bound socket until cancelled. Systemd is told once that can be asked: the unit serves.

    `ending` is called before open connections are waited for: it ends those that would not end by themselves. There are
    `connections_max` at once.
    """
    config = uvicorn.Config(
        app,
        http=Connections(listening.getsockname()[1], connections_max).made,  # type: ignore[arg-type]  # it makes one
        ws="none",
        backlog=AT_ONCE,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=DRAIN_S,
        server_header=False,
    )
    server = _Server(config)
    server.capture_signals = _signals_are_ours  # type: ignore[method-assign]  # the unit stops as a whole
    try:
        await server.serve(sockets=[listening])
    except asyncio.CancelledError:
        ending()
        server.should_exit = True
        await server.shutdown(sockets=[listening])
        raise


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listening in sockets or ():
            listening.listen(QUEUE_MAX)  # who is not taken at once waits
        systemd.notify(systemd.READY)


@contextmanager
def _signals_are_ours() -> Iterator[None]:
    yield


def run_unit(unit: Coroutine[Any, Any, T]) -> T | None:
    """Run a unit until it ends, or SIGTERM or SIGINT ends it; what it returned, None where it was stopped.

    An OperatorError ends the process with one line for people and status 1.
    """
    try:
        return asyncio.run(_until_stopped(unit))
    except* OperatorError as group:
        for error in _leaves(group):
            print(f"gatehouse: {error}", file=sys.stderr)
        sys.exit(EXIT_OPERATOR)


async def _until_stopped(unit: Coroutine[Any, Any, T]) -> T | None:
    task = asyncio.ensure_future(unit)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        systemd.notify(systemd.STOPPING)
        task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        return await task
    except asyncio.CancelledError:
        log.info("unit.stopped")
        return None


def _leaves(group: BaseExceptionGroup[OperatorError]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
