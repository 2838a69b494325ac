"""The hub's page as the lot's people use it: what they press is done by the hub's process, and dies with it."""

import asyncio
from collections.abc import Awaitable, Callable

from domain.errors import GatehouseError
from hub.service import HubService
from simulator.world.process import Died
from simulator.world.units import HubUnit


async def pressed(hub: HubUnit, deed: Callable[[HubService], Awaitable[None]]) -> bool:
    """Do something by the page; whether the hub says that it is done. It is not where the hub is down, or refuses."""
    process, service = hub.process, hub.service
    if process is None or service is None or not process.alive:
        return False

    async def do() -> bool:
        try:
            await deed(service)
        except GatehouseError:
            return False
        return True

    doing = process.start(do())
    await asyncio.wait([doing, process.died], return_when=asyncio.FIRST_COMPLETED)
    if not doing.done() or doing.cancelled():
        return False
    error = doing.exception()
    if error is not None and not isinstance(error, Died):
        raise error
    return error is None and doing.result()
