"""Keeps processes up: starts them in order, starts again what dies, and stops everything that it started."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from domain.errors import OperatorError

READY_S_MAX = 30.0
READY_EVERY_S = 0.05
RESTART_S = 0.3
RESTARTS_MAX = 5
"""Deaths of one process before the supervisor gives up on it: those that were asked for, or came after `HEALTHY_S`,
do not count."""
HEALTHY_S = 60.0
STOP_S_MAX = 8.0
LOG_TAIL = 1_500
DIES_WITH_US = ("setpriv", "--pdeathsig", "TERM", "--")
"""Of util-linux: should the supervisor itself be killed, its processes end too."""

Ready = Callable[[], Awaitable[bool]]


@dataclass(slots=True)
class Unit:
    """A process to keep up; `ready` says whether it serves."""

    name: str
    command: Sequence[str]
    log: Path
    ready: Ready
    environment: Mapping[str, str] = field(default_factory=dict)
    process: asyncio.subprocess.Process | None = None
    keeper: asyncio.Task[None] | None = None
    deaths: int = 0
    once: Sequence[str] | None = None


class Supervisor:
    """`async with Supervisor() as supervisor`: what was started in it is stopped at its end, last first."""

    def __init__(self) -> None:
        self._units: dict[str, Unit] = {}
        self._given_up: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> "Supervisor":
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(self.stop(name) for name in reversed(self._units)))

    async def serve(self) -> NoReturn:
        """Keep everything up until cancelled. Raises OperatorError where a process does not stay up."""
        name = await self._given_up
        raise OperatorError("unit_died", f"{name} does not stay up:\n{_tail(self._units[name].log)}")

    def add(self, unit: Unit) -> None:
        self._units[unit.name] = unit

    async def start(self, *names: str) -> None:
        """Start these processes and wait until all of them serve. Raises OperatorError where one does not."""
        for name in names:
            unit = self._units[name]
            unit.deaths = 0
            await self._spawn(unit)
            unit.keeper = asyncio.create_task(self._keep(unit))
        await asyncio.gather(*(self.wait_ready(name) for name in names))

    async def wait_ready(self, name: str) -> None:
        """Wait until the process serves."""
        unit = self._units[name]
        try:
            async with asyncio.timeout(READY_S_MAX):
                while self.process_id(name) is None or not await unit.ready():
                    if unit.keeper is not None and unit.keeper.done():
                        raise OperatorError("unit_died", f"{name} does not stay up:\n{_tail(unit.log)}")
                    await asyncio.sleep(READY_EVERY_S)
        except TimeoutError:
            raise OperatorError("unit_silent", f"{name} is not ready after {READY_S_MAX:g} s; see {unit.log}") from None

    async def stop(self, name: str) -> None:
        """Ask a process to end and see that it does; it stays down."""
        unit = self._units[name]
        await self._let_go(unit)
        if unit.process is None or unit.process.returncode is not None:
            return
        unit.process.terminate()
        try:
            async with asyncio.timeout(STOP_S_MAX):
                await unit.process.wait()
        except TimeoutError:
            unit.process.kill()
            await unit.process.wait()

    async def kill(self, name: str) -> int:
        """`kill -9`, as a power cut would; the process is dead when this returns, and comes back by itself.

        Returns the id that it had.
        """
        unit = self._units[name]
        assert unit.process is not None, "only what runs can be killed"
        killed = unit.process
        unit.deaths -= 1
        killed.kill()
        await killed.wait()
        return killed.pid

    async def switch_off(self, name: str) -> None:
        """`kill -9`, and it stays down until it is started again."""
        unit = self._units[name]
        assert unit.process is not None, "only what runs can be switched off"
        unit.process.kill()  # before anything is waited for: what is switched off together ends together
        await self._let_go(unit)
        await unit.process.wait()

    def next_run(self, name: str, command: Sequence[str]) -> None:
        """When this process is started the next time, start `command` in its place; its death is expected."""
        unit = self._units[name]
        unit.once = command
        unit.deaths -= 1

    def command(self, name: str) -> Sequence[str]:
        """What is run under this name."""
        return self._units[name].command

    def process_id(self, name: str) -> int | None:
        """The id of the process that serves under this name now."""
        process = self._units[name].process
        return None if process is None or process.returncode is not None else process.pid

    async def _let_go(self, unit: Unit) -> None:
        """Keep a process up no longer."""
        if unit.keeper is not None:
            unit.keeper.cancel()
            await asyncio.gather(unit.keeper, return_exceptions=True)
            unit.keeper = None

    async def _spawn(self, unit: Unit) -> None:
        unit.log.parent.mkdir(parents=True, exist_ok=True)
        command, unit.once = unit.once or unit.command, None
        with unit.log.open("ab") as log:
            unit.process = await asyncio.create_subprocess_exec(
                *DIES_WITH_US,
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **unit.environment},
                process_group=0,  # a Ctrl-C in the terminal is for the supervisor, which stops them in order
            )

    async def _keep(self, unit: Unit) -> None:
        while True:
            assert unit.process is not None
            began_s = time.monotonic()
            await unit.process.wait()
            unit.deaths = 1 if time.monotonic() - began_s > HEALTHY_S else unit.deaths + 1
            if unit.deaths >= RESTARTS_MAX:
                if not self._given_up.done():
                    self._given_up.set_result(unit.name)
                return
            await asyncio.sleep(RESTART_S)
            await self._spawn(unit)


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL:]
