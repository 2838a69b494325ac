"""What a unit tells systemd: on a real datagram socket, in the place of systemd's."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_sync.link.systemd import READY, WELL, keep_saying_it_is_well, notify, watchdog_s
from tests.parts import PATIENCE_S

PERIOD_US = 40_000
SERVES = """
import asyncio, sys
from cloud_sync.link.process import bound_socket, run_unit, serve_http

async def unit():
    with bound_socket("127.0.0.1", 0) as listening:
        await serve_http(None, listening)

run_unit(unit())
"""


class Systemd:
    """Hears what it is told."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.settimeout(PATIENCE_S)

    def hears(self) -> str:
        return self._socket.recv(100).decode()

    def heard(self) -> list[str]:
        """What has come by now."""
        self._socket.setblocking(False)
        words = []
        try:
            while True:
                words.append(self.hears())
        except BlockingIOError:
            return words

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["a path", "an abstract name"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Systemd]:
    name = str(tmp_path / "notify") if request.param == "a path" else f"@gatehouse-{os.getpid()}"
    listening = Systemd(name.replace("@", "\0"))
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    monkeypatch.setenv("WATCHDOG_USEC", str(PERIOD_US))
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    yield listening
    listening.close()


def test_a_word_is_a_datagram(systemd: Systemd) -> None:
    notify(READY)
    assert systemd.hears() == "READY=1"


def test_nothing_is_said_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify(READY)


def test_a_socket_that_is_gone_is_told_to_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    notify(READY)
    assert "systemd.not_told" in caplog.text


@pytest.mark.parametrize(
    ("usec", "pid", "period_s"),
    [
        ("2000000", "", 2.0),
        ("2000000", "ours", 2.0),
        ("2000000", "1", None),  # it is another process that is watched
        ("", "", None),
        ("0", "", None),
        ("soon", "", None),
    ],
)
def test_how_often_systemd_wants_to_hear(
    usec: str, pid: str, period_s: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "ours" else pid)
    assert watchdog_s() == period_s


async def test_it_says_that_it_is_well_only_while_it_is(systemd: Systemd) -> None:
    answers = iter([True, False, None, True])
    asked, over = asyncio.Event(), asyncio.Event()

    async def is_well() -> bool:
        answer = next(answers, True)
        if answer is None:
            asked.set()
            await over.wait()  # for longer than anybody waits
        return bool(answer)

    saying = asyncio.create_task(keep_saying_it_is_well(is_well))
    async with asyncio.timeout(PATIENCE_S):
        await asked.wait()
    assert systemd.heard() == [WELL], "not when it was not well, nor while it does not answer"
    async with asyncio.timeout(PATIENCE_S):
        while not systemd.heard():
            await asyncio.sleep(0.001)
            if saying.done():
                break
    saying.cancel()


async def test_it_says_nothing_where_nobody_watches(systemd: Systemd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHDOG_USEC")
    await keep_saying_it_is_well()
    assert systemd.heard() == []


def test_a_process_says_when_it_serves_and_when_it_stops(systemd: Systemd) -> None:
    with subprocess.Popen([sys.executable, "-c", SERVES], env=os.environ) as process:
        assert systemd.hears() == "READY=1"
        process.terminate()
        assert systemd.hears() == "STOPPING=1"
        assert process.wait(PATIENCE_S) == 0
