"""The control socket of a simulated lane: cars come and go by JSON lines on a loopback TCP port.

It exists beside simulated pins only (`SimulatedLane` makes it) and listens on 127.0.0.1. Bad input is answered with
an error; a line that is too long also ends its connection, because where the next one begins cannot be known.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from domain.errors import BadInput, GatehouseError, OperatorError
from hardware.control_protocol import Command, Watch, parse_command

HOST = "127.0.0.1"
LINE_BYTES_MAX = 24_000_000
CONNECTIONS_MAX = 16
EVENTS_WAITING_MAX = 1_000  # for a watcher that does not read; then it is cut off

Answer = dict[str, Any]
Perform = Callable[[Command], Awaitable[Answer]]


class ControlSocket:
    """Serves one lane; `perform` carries out each command and returns the fields of its answer."""

    def __init__(self, perform: Perform) -> None:
        self._perform = perform
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._watchers: set[asyncio.Queue[bytes | None]] = set()

    @property
    def port(self) -> int | None:
        """The port that is listened on, or None before `start` and after `stop`."""
        return self._server.sockets[0].getsockname()[1] if self._server is not None else None

    async def start(self, port: int) -> None:
        """Listen on a loopback port, 0 for any. Raises OperatorError (`port_busy`)."""
        try:
            self._server = await asyncio.start_server(self._accept_later, HOST, port, limit=LINE_BYTES_MAX)
        except OSError as error:
            raise OperatorError(
                "port_busy", f"control port {HOST}:{port}: {error.strerror}; choose another control_port"
            ) from error

    async def stop(self) -> None:
        """End every connection and stop listening."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def publish(self, event: Answer) -> None:
        """Send an event to every watcher; must be called in the event loop's thread."""
        line = _line(event)
        for watcher in list(self._watchers):
            if watcher.qsize() < EVENTS_WAITING_MAX:
                watcher.put_nowait(line)
            else:
                self._watchers.discard(watcher)
                watcher.put_nowait(None)

    def _accept_later(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of ours: of its own ones asyncio reports the cancellation as an error.
        task = asyncio.create_task(self._accept(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if len(self._connections) > CONNECTIONS_MAX:
                writer.write(_refusal(BadInput("too_many_connections", f"at most {CONNECTIONS_MAX}; close one")))
            else:
                await self._serve(reader, writer)
            await writer.drain()
        except ConnectionError:
            return  # the client is gone, and with it whoever could be told
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                line = await reader.readuntil(b"\n")
            except asyncio.IncompleteReadError:
                return
            except asyncio.LimitOverrunError:
                writer.write(_refusal(BadInput("line_too_long", f"a line has at most {LINE_BYTES_MAX} bytes")))
                return
            try:
                command = parse_command(line)
                if isinstance(command, Watch):
                    await self._stream(writer)
                    return
                writer.write(_line({"ok": True, **await self._perform(command)}))
            except GatehouseError as error:
                writer.write(_refusal(error))
            await writer.drain()

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        events: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._watchers.add(events)
        try:
            writer.write(_line({"ok": True}))
            while (line := await events.get()) is not None:
                writer.write(line)
                await writer.drain()
        finally:
            self._watchers.discard(events)


def _line(answer: Answer) -> bytes:
    return json.dumps(answer, separators=(",", ":")).encode() + b"\n"


def _refusal(error: GatehouseError) -> bytes:
    return _line({"ok": False, "error": {"code": error.code, "message": error.message}})
