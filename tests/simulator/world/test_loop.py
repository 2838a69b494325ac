import asyncio

import pytest

from simulator.world.loop import Stalled, VirtualLoop
from tests.simulator.world.worlds import THREAD_S, on_virtual_time


def test_time_passes_only_while_everybody_waits() -> None:
    async def life() -> list[str]:
        order: list[str] = []

        async def sleeper(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            order.append(name)

        await asyncio.gather(sleeper("late", 86_400), sleeper("early", 1), sleeper("at once", 0))
        return order

    assert on_virtual_time(life()) == (["at once", "early", "late"], 86_400)


def test_a_thread_does_its_work_at_once_and_answers_a_moment_later() -> None:
    done: list[str] = []

    async def life() -> list[str]:
        working = asyncio.ensure_future(asyncio.to_thread(done.append, "work"))
        await asyncio.sleep(0)
        assert done == ["work"]
        assert not working.done()
        await working
        return done

    assert on_virtual_time(life()) == (["work"], THREAD_S)


def test_what_a_thread_raises_comes_to_who_waits_for_it() -> None:
    def fails() -> None:
        raise LookupError("of the thread")

    async def life() -> None:
        with pytest.raises(LookupError, match="of the thread"):
            await asyncio.to_thread(fails)

    on_virtual_time(life())


def test_a_call_from_a_thread_is_heard() -> None:
    async def life() -> bool:
        heard = asyncio.Event()
        asyncio.get_running_loop().call_soon_threadsafe(heard.set)
        async with asyncio.timeout(1):
            return await heard.wait()

    assert on_virtual_time(life()) == (True, 0)


def test_who_waits_for_nothing_is_told_so() -> None:
    async def life() -> None:
        await asyncio.Event().wait()

    loop = VirtualLoop(lambda: THREAD_S)
    waiting = loop.create_task(life())
    with pytest.raises(Stalled):
        loop.run_until_complete(waiting)
    waiting.cancel()
    loop.call_later(1, lambda: None)
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(waiting)
    loop.close()
