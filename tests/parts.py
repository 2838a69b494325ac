"""Real parts that tests start: a Mosquitto with the configuration we deploy, links to it, and a clock at rest."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from cloud_sync.link.mqtt import Link
from cloud_sync.link.settings import Broker, Secret
from domain.now import Now
from simulator.broker import start, stop, write_broker
from simulator.ports import free_port

T = TypeVar("T")

PATIENCE_S = 20.0
"""How long a test waits for what should come at once."""

LOT, ENTRY, EXIT = "riverside", "riverside.entry-1", "riverside.exit-1"
USERS = {"lot": (LOT, ENTRY, EXIT), "central": ("central", LOT, "hillside")}

NOON = datetime(2026, 5, 14, 12, tzinfo=UTC)


class BrokerSite:
    """A broker on a free port, with the users of `USERS`; their passwords are in files, as in production."""

    def __init__(self, folder: Path, level: Literal["lot", "central"]) -> None:
        self.folder = folder
        self.port = free_port()
        users = {name: f"{name} has a password" for name in USERS[level]}
        for name, password in users.items():
            (folder / name).write_text(password + "\n", encoding="utf-8")
        (folder / "wrong").write_text("not it\n", encoding="utf-8")
        self._config = write_broker(folder / "broker", self.port, users, level)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = start(self._config)

    def stop(self) -> None:
        if self._process is not None:
            stop(self._process)
            self._process = None

    def freeze(self) -> None:
        """It goes on to hold its connections and does nothing more, until it is stopped."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def pull_the_plug(self) -> None:
        """It is gone at once, also when it is frozen."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def seen_by(self, user: str, secret: str | None = None) -> Broker:
        """This broker in the settings of `user`, with their password or the one in the file `secret`."""
        return Broker(port=self.port, username=user, password=Secret(file=self.folder / (secret or user)))

    @property
    def log(self) -> str:
        return (self.folder / "broker" / "broker.log").read_text(encoding="utf-8")


@asynccontextmanager
async def running(*runs: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run these until the `with` ends."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run) for run in runs]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


@asynccontextmanager
async def linked(*links: Link) -> AsyncIterator[None]:
    """Run these links until the `with` ends; they are connected when it begins."""
    waiting = [connection_of(link) for link in links]
    async with running(*(link.run() for link in links)):
        for connected in waiting:
            await soon(connected.wait())
        yield


def connection_of(link: Link) -> asyncio.Event:
    """Set at the link's next connection."""
    connected = asyncio.Event()
    link.when_connected(connected.set)
    return connected


async def soon(coming: Awaitable[T]) -> T:
    """What must come soon; a test fails where it does not."""
    async with asyncio.timeout(PATIENCE_S):
        return await coming


def still(mono_ms: int = 0) -> Callable[[], Now]:
    """A clock that stands."""
    return lambda: Now(mono_ms, NOON)
