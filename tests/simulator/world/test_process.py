import asyncio
from collections.abc import Callable

import pytest

from simulator.world.process import Died, How, Place, Process
from tests.simulator.world.worlds import Deaths, on_virtual_time


def test_it_dies_at_the_place_and_time_that_was_meant_for_it() -> None:
    async def life() -> tuple[int, Deaths]:
        deaths, commits = Deaths(), 0
        process = Process("hub", deaths)
        process.doom(Place.AFTER_COMMIT, 3, How.POWER_CUT)
        with pytest.raises(Died):
            for _ in range(9):
                process.passes(Place.BEFORE_COMMIT)
                commits += 1
                process.passes(Place.AFTER_COMMIT)
        await process.gone()
        return commits, deaths

    (commits, deaths), _ = on_virtual_time(life())
    assert commits == 3
    assert deaths.seen == [("hub", How.POWER_CUT, "after-commit")]


def test_nothing_that_the_dead_do_has_an_effect() -> None:
    async def life() -> None:
        process = Process("hub", Deaths())
        process.die(How.CRASH, "at random")
        for place in Place:
            with pytest.raises(Died):
                process.passes(place)
        await process.gone()

    on_virtual_time(life())


def test_with_it_die_its_tasks_and_those_that_they_began_and_nobody_elses() -> None:
    async def life() -> list[str]:
        ended: list[str] = []

        async def works(name: str, begins: Callable[[], None] = lambda: None) -> None:
            begins()
            try:
                await asyncio.sleep(3_600)
            finally:
                ended.append(name)

        process, inner = Process("hub", Deaths()), list[asyncio.Task[None]]()
        process.start(works("its own", lambda: inner.append(asyncio.create_task(works("its child")))))
        other = asyncio.create_task(works("another's"))
        await asyncio.sleep(1)
        process.die(How.CRASH, "at random")
        await process.gone()
        assert not other.done()
        other.cancel()
        return ended[:]

    (ended, took_s) = on_virtual_time(life())
    assert (sorted(ended), took_s) == (["its child", "its own"], 1)


def test_code_that_would_go_on_after_being_cancelled_is_cancelled_again() -> None:
    async def life() -> int:
        times = 0

        async def stubborn() -> None:
            nonlocal times
            while times < 3:
                try:
                    await asyncio.sleep(3_600)
                except asyncio.CancelledError:
                    times += 1

        process = Process("hub", Deaths())
        process.start(stubborn())
        await asyncio.sleep(1)
        process.die(How.CRASH, "at random")
        await process.gone()
        return times

    assert on_virtual_time(life())[0] == 3


def test_who_is_spared_lives() -> None:
    async def life() -> bool:
        process = Process("hub", Deaths())
        process.doom(Place.BEFORE_ARM, 1, How.CRASH)
        process.spare()
        process.passes(Place.BEFORE_ARM)
        return process.alive

    assert on_virtual_time(life())[0]
