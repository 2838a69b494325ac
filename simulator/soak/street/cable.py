"""The network between a hub and central's broker: a cable that can be cut, and joined again."""

import asyncio
from contextlib import suppress

from simulator.demo.configuration import LOOPBACK

CHUNK = 65_536


class Cable:
    """Passes on what comes to its port. Cut, it takes what is sent and passes nothing on, as a dead line does."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._server: asyncio.Server | None = None
        self._joined = asyncio.Event()
        self._joined.set()
        self._ways: set[asyncio.Task[None]] = set()

    async def start(self, port: int) -> None:
        """Listen on this loopback port."""
        self._server = await asyncio.start_server(self._plugged_in, LOOPBACK, port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for way in self._ways:
            way.cancel()
        await asyncio.gather(*self._ways, return_exceptions=True)

    def cut(self) -> None:
        self._joined.clear()

    def join(self) -> None:
        self._joined.set()

    async def _plugged_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        way = asyncio.create_task(self._carry(reader, writer))
        self._ways.add(way)
        way.add_done_callback(self._ways.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there: asyncio.StreamWriter | None = None
        try:
            with suppress(OSError):
                await self._joined.wait()
                back, there = await asyncio.open_connection(LOOPBACK, self._to_port)
                ends = [
                    asyncio.create_task(self._one_way(reader, there)),
                    asyncio.create_task(self._one_way(back, writer)),
                ]
                try:
                    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for end in ends:
                        end.cancel()
                    await asyncio.gather(*ends, return_exceptions=True)
        finally:
            for end_of_it in (writer, there):
                if end_of_it is not None:
                    end_of_it.close()

    async def _one_way(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._joined.wait()
                writer.write(data)
                await writer.drain()
