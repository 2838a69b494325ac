"""A cable that is cut carries nothing, and what waited comes through when it is joined."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from simulator.demo.configuration import LOOPBACK
from simulator.ports import free_port
from simulator.soak.street.cable import Cable

SOON_S = 0.2


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(100):
        writer.write(data)
    writer.close()


@asynccontextmanager
async def cabled() -> AsyncIterator[tuple[Cable, int]]:
    """A cable to what says back what it is told, and its port."""
    there, here = free_port(), free_port()
    server = await asyncio.start_server(echo, LOOPBACK, there)
    cable = Cable(there)
    await cable.start(here)
    try:
        yield cable, here
    finally:
        await cable.stop()
        server.close()


async def test_what_is_sent_comes_through_and_back() -> None:
    async with cabled() as (_, port):
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        writer.close()
        assert await reader.read() == b"", "the other end hangs up, too"


@pytest.mark.parametrize("before", [True, False])
async def test_nothing_comes_through_while_it_is_cut(before: bool) -> None:
    async with cabled() as (cable, port):
        if before:
            cable.cut()
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        cable.cut()
        writer.write(b"hello")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readexactly(5), SOON_S)
        cable.join()
        assert await reader.readexactly(5) == b"hello"
        writer.close()


async def test_an_end_that_is_not_there_is_like_a_connection_that_ends() -> None:
    cable, port = Cable(free_port()), free_port()
    await cable.start(port)
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    assert await reader.read() == b""
    writer.close()
    await cable.stop()
