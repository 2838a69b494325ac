"""Whoever opens connections and leaves them takes nothing from the others; over real sockets, with time moved."""

import asyncio
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest

from cloud_sync.link.connections import AT_ONCE, REQUEST_S, TAKE_S
from cloud_sync.link.process import CONNECTIONS_MAX, bound_socket, serve_http
from tests.parts import PATIENCE_S, running, soon

ROOM = 8
HALF = b"POST /check-in HTTP/1.1\r\nHost: gate\r\nContent-Length: 100\r\n\r\n{"
WHOLE = b"GET / HTTP/1.1\r\nHost: gate\r\n\r\n"
LARGE = 50_000_000
FILES_MAX = 200
LEAKED = 500

SERVES = """
import asyncio
from cloud_sync.link.logs import setup_logging
from cloud_sync.link.process import bound_socket, run_unit, serve_http

async def app(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})

async def unit():
    setup_logging("gate")
    with bound_socket("127.0.0.1", 0) as listening:
        print(listening.getsockname()[1], flush=True)
        await serve_http(app, listening, connections_max=64)

run_unit(unit())
"""


@dataclass
class Caller:
    """Somebody at the other end of a connection."""

    reads: asyncio.StreamReader
    writes: asyncio.StreamWriter

    def says(self, some: bytes) -> None:
        self.writes.write(some)

    async def is_told(self) -> bytes:
        """Everything, once the connection has ended."""
        told = b""
        with suppress(ConnectionResetError):
            while some := await soon(self.reads.read(65_536)):
                told += some
        return told

    async def status(self) -> int:
        """Of the next answer, which has no body."""
        head = await soon(self.reads.readuntil(b"\r\n\r\n"))
        return int(head.split()[1])


class Time:
    """The event loop's, which can be moved on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        self._ahead_s = 0.0
        real = loop.time
        monkeypatch.setattr(loop, "time", lambda: real() + self._ahead_s)

    def passes(self, seconds: float) -> None:
        self._ahead_s += seconds


class Server:
    """An application that reads what it is asked, and answers 204; or 200 with a lot, or not before it may."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.asked = asyncio.Semaphore(0)
        self.left = asyncio.Semaphore(0)
        self.answers_with = 0
        self.port = 0

    async def __call__(self, _scope: Any, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left.release()
                return
            if not message["more_body"]:
                break
        self.asked.release()
        await self.may_answer.wait()
        length = str(self.answers_with).encode()
        headers = [(b"content-length", length)] if self.answers_with else []
        status = 200 if self.answers_with else 204
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(self.answers_with)})
        self.left.release()

    async def caller(self, says: bytes = b"") -> Caller:
        """One who has connected, and whose connection the server has."""
        reads, writes = await asyncio.open_connection("127.0.0.1", self.port)
        caller = Caller(reads, writes)
        self._callers.callback(writes.close)
        caller.says(says)
        return caller

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        with bound_socket("127.0.0.1", 0) as listening, ExitStack() as self._callers:
            self.port = listening.getsockname()[1]
            async with running(serve_http(self, listening, connections_max=ROOM)):
                yield


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    async with server.running():
        yield server


@pytest.fixture
async def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


async def answered(server: Server) -> Caller:
    """One who has asked and has been answered, and keeps the connection."""
    caller = await server.caller(WHOLE)
    assert await caller.status() == 204
    return caller


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith("http.")]


class TestWhoIsSlow:
    async def test_with_a_body_is_told_so_and_let_go(self, server: Server, time: Time) -> None:
        caller = await server.caller(HALF)
        await answered(server)
        time.passes(REQUEST_S)
        told = await caller.is_told()
        assert told.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert b'"code": "request_too_slow"' in told
        await soon(server.left.acquire())

    async def test_with_a_head_is_too(self, server: Server, time: Time) -> None:
        caller = await server.caller(b"GET / HTTP/1.1\r\nHo")
        await answered(server)
        time.passes(REQUEST_S)
        assert (await caller.is_told()).startswith(b"HTTP/1.1 408 ")

    async def test_or_says_nothing_at_all_is_let_go(self, server: Server, time: Time) -> None:
        caller = await server.caller()
        await answered(server)
        time.passes(REQUEST_S)
        assert await caller.is_told() == b""

    async def test_is_not_one_who_says_a_byte_now_and_then(self, server: Server, time: Time) -> None:
        """The time is for all of a request: a drop now and then does not help."""
        caller = await server.caller(HALF)
        for _ in range(3):
            await answered(server)
            time.passes(REQUEST_S / 4)
            caller.says(b" ")
        await answered(server)
        time.passes(REQUEST_S / 4)
        assert (await caller.is_told()).startswith(b"HTTP/1.1 408 ")

    async def test_with_a_later_request_on_the_same_connection(self, server: Server, time: Time) -> None:
        caller = await answered(server)
        caller.says(HALF)
        await answered(server)
        time.passes(REQUEST_S)
        assert (await caller.is_told()).startswith(b"HTTP/1.1 408 ")

    async def test_is_not_one_who_waits_for_an_answer(self, server: Server, time: Time) -> None:
        server.may_answer.clear()
        caller = await server.caller(WHOLE)
        await soon(server.asked.acquire())
        time.passes(10 * REQUEST_S)
        await asyncio.sleep(0)
        server.may_answer.set()
        assert await caller.status() == 204

    async def test_who_takes_no_answer_is_let_go(self, server: Server, time: Time) -> None:
        server.answers_with = LARGE
        caller = await server.caller(WHOLE)
        await soon(server.asked.acquire())
        caller.writes.transport.pause_reading()  # type: ignore[attr-defined]  # it can read
        server.answers_with = 0
        for _ in range(3):  # the system takes some of it meanwhile
            await answered(server)
            time.passes(TAKE_S)
        await answered(server)
        caller.writes.transport.resume_reading()  # type: ignore[attr-defined]
        assert len(await caller.is_told()) < LARGE

    async def test_but_not_who_takes_it_slowly(self, server: Server, time: Time) -> None:
        server.answers_with = LARGE
        caller = await server.caller(WHOLE)
        await soon(server.asked.acquire())
        server.answers_with = 0
        taken = 0
        while taken < LARGE:
            taken += len(await soon(caller.reads.readexactly(min(LARGE // 4, LARGE - taken))))
            await answered(server)
            time.passes(TAKE_S)
        assert taken == LARGE


class TestWhereThereIsNoRoom:
    async def test_who_keeps_it_waiting_the_longest_goes_for_who_asks(
        self, server: Server, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO")
        idle = [await server.caller(HALF) for _ in range(ROOM)]
        await answered(server)
        assert await idle[0].is_told() == b""
        idle[-1].says(b" " * 99)
        assert await idle[-1].status() == 204
        more = [await server.caller(HALF) for _ in range(3 * ROOM)]
        await answered(server)
        assert events(caplog) == ["http.full"]
        for caller in more:
            caller.writes.close()
        await soon(server.left.acquire())

    async def test_and_everybody_is_being_answered_one_more_is_told_so(
        self, server: Server, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO")
        server.may_answer.clear()
        busy = [await server.caller(WHOLE) for _ in range(ROOM)]
        for _ in busy:
            await soon(server.asked.acquire())
        told = [await (await server.caller()).is_told() for _ in range(3)]
        assert all(one.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: 5\r\n" in one for one in told)
        server.may_answer.set()
        for caller in busy:
            assert await caller.status() == 204
            caller.writes.close()
            await caller.writes.wait_closed()
        await answered(server)
        assert events(caplog) == ["http.full", "http.room_again"]


@pytest.fixture
def unit() -> Iterator[subprocess.Popen[str]]:
    """One that may have few files open."""

    def few_files() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES_MAX, FILES_MAX))

    process = subprocess.Popen(
        [sys.executable, "-c", SERVES],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=few_files,  # noqa: PLW1509  no other thread is there
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_who_leaks_connections_does_not_use_up_a_units_files(unit: subprocess.Popen[str]) -> None:
    assert unit.stdout is not None
    port = int(unit.stdout.readline())
    with ExitStack() as leaked:
        for _ in range(LEAKED):
            caller = leaked.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE_S))
            caller.sendall(HALF)
            leaked.callback(caller.close)
        with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as screen:
            screen.sendall(WHOLE)
            assert screen.recv(1_000).startswith(b"HTTP/1.1 204")
        unit.send_signal(signal.SIGTERM)
        _, said = unit.communicate(timeout=PATIENCE_S)
    assert unit.returncode == 0
    assert said.count("http.full") == 1
    assert "Traceback" not in said
    assert "system resource" not in said
    assert len(said.splitlines()) < 10


def test_there_is_room_within_what_systemd_gives() -> None:
    assert CONNECTIONS_MAX + 4 * AT_ONCE < 1_024 - 256
