"""A unit's process: how it starts, stops when asked, and says why it cannot; in real processes."""

import signal
import socket
import subprocess
import sys

import pytest

from cloud_sync.link.process import EXIT_OPERATOR, bound_socket, run_unit
from domain.errors import OperatorError, Refused
from tests.parts import PATIENCE_S

IMPORTS = """
import asyncio, sys
from cloud_sync.link.process import bound_socket, run_unit, serve_http
from domain.errors import OperatorError
"""

SERVES = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})

async def unit():
    try:
        with bound_socket("127.0.0.1", int(sys.argv[1])) as listening:
            print(listening.getsockname()[1], flush=True)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(serve_http(app, listening))
    finally:
        print("left in order", flush=True)

run_unit(unit())
"""

SEVERAL = """
async def wrong(code):
    raise OperatorError(code, f"the {code} is missing; write one")

async def waits():
    await asyncio.Event().wait()

async def unit():
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(wrong("key"))
        tasks.create_task(inner())
        tasks.create_task(waits())

async def inner():
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(wrong("disk"))

run_unit(unit())
"""

WITH_A_BUG = """
async def fails(error):
    raise error

async def unit():
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(fails(OperatorError("key", "no key")))
        tasks.create_task(fails(ValueError("a bug")))

run_unit(unit())
"""


def child(program: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", IMPORTS + program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Its exit status, and what it wrote on standard output and standard error."""
    try:
        out, err = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return process.returncode, out, err


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_leaves_in_order_with_0_also_with_a_connection_open(by: signal.Signals) -> None:
    process = child(SERVES, "0")
    assert process.stdout is not None
    port = int(process.stdout.readline())
    with socket.create_connection(("127.0.0.1", port)) as browser:
        browser.sendall(b"GET / HTTP/1.1\r\nHost: gate\r\n\r\n")
        assert browser.recv(1_000).startswith(b"HTTP/1.1 204")
        process.send_signal(by)
        assert ended(process) == (0, "left in order\n", "")
    with bound_socket("127.0.0.1", port):
        pass  # and the port is free again at once


def test_a_port_that_is_taken_is_one_line_and_1() -> None:
    with bound_socket("127.0.0.1", 0) as other:
        port = str(other.getsockname()[1])
        code, out, err = ended(child(SERVES, port))
    assert (code, out) == (EXIT_OPERATOR, "left in order\n")
    (line,) = err.splitlines()
    assert line.startswith(f"gatehouse: cannot listen on 127.0.0.1:{port} (")
    assert line.endswith("stop what uses it or choose another")


def test_each_error_of_the_operators_in_nested_groups_is_one_line() -> None:
    code, _, err = ended(child(SEVERAL))
    assert code == EXIT_OPERATOR
    assert sorted(err.splitlines()) == [
        "gatehouse: the disk is missing; write one",
        "gatehouse: the key is missing; write one",
    ]


def test_a_bug_beside_it_is_not_hidden() -> None:
    code, _, err = ended(child(WITH_A_BUG))
    assert code == 1
    assert "ValueError: a bug" in err
    assert "Traceback" in err


def test_what_the_unit_returns_and_raises_otherwise_is_the_callers() -> None:
    async def unit() -> int:
        return 7

    async def refused() -> None:
        raise Refused("no", "no")

    assert run_unit(unit()) == 7
    with pytest.raises(Refused):
        run_unit(refused())


@pytest.mark.parametrize("host", ["203.0.113.1", "::2"])
def test_an_address_of_another_machine_is_the_operators_error(host: str) -> None:
    with pytest.raises(OperatorError) as refused, bound_socket(host, 0):
        pass
    assert refused.value.code == "port_taken"
    assert host in refused.value.message


def test_a_port_that_was_just_let_go_can_be_taken_again() -> None:
    """After a restart, while the old connections are still in TIME_WAIT."""
    with bound_socket("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            listening.accept()[0].close()
    with bound_socket("127.0.0.1", port) as again:
        assert again.getsockname()[1] == port
