"""Two hubs are started from one backup: one goes on, the other one stops and says so."""

import asyncio

from simulator.demo.steps import expect
from simulator.drill.backup import Backup
from simulator.drill.hub_lost import PAID_AFTER, PAID_BEFORE
from simulator.drill.outside import reservations
from simulator.drill.stage import Stage, behind, seen
from simulator.drill.twin import FENCED, Twin, is_fenced


async def two_hubs(stage: Stage, backup: Backup, twin: Twin) -> None:
    """The hub of the site and `twin`, beside each other on the same brokers."""
    load, hub = stage.load, stage.lot.lot_id
    databases = {stage.lot.page_url: backup.database, twin.page_url: twin.database}
    fenced: list[str] = []

    async def one_is_fenced() -> bool:
        fenced[:] = [url for url in databases if await is_fenced(url)]
        return bool(fenced)

    async with stage.timeline.chapter("Two hubs are started from one backup") as chapter, stage.booking():
        async with chapter.step("drivers book and pay"):
            await load.until(len(load.paid) + PAID_BEFORE)
            await stage.some_time()
        async with chapter.step("hub and litestream are killed, and their disk is gone"):
            lost = await stage.lose_disk(backup)
        async with chapter.step("the backup is restored on two machines, and both are started") as notes:
            twin.database.parent.mkdir()
            await asyncio.gather(backup.restore(), backup.restore(twin.database))
            behind(notes, hub, lost, backup.database)
            await stage.supervisor.start(hub, twin.unit.name)
        async with chapter.step("one of them stops, and says so on its page") as notes:
            await seen(one_is_fenced, "fenced")
            notes.say(f"{'the twin' if fenced == [twin.page_url] else 'the hub'}, by the alarm {FENCED}")
        async with chapter.step("the other one sells on, alone") as notes:
            stopped, going_on = fenced[0], next(url for url in databases if url != fenced[0])
            # What the stopped one decided while it still spoke counts; a driver may be told of it only now.
            before = reservations(databases[stopped])
            await load.until(len(load.paid) + PAID_AFTER)
            load.enough()
            expect(not await is_fenced(going_on), "one that goes on")
            decided = reservations(databases[stopped]) - before
            expect(not decided, f"nothing new at the one that stopped, not {len(decided)} bookings")
            sold = load.promises.keys() - before
            unknown = sold - reservations(databases[going_on])
            expect(not unknown, f"{len(sold)} new bookings at the one that goes on; it lacks {len(unknown)}")
            notes.say(f"{len(sold)} new bookings are known to it, and none of them to the other one")
        async with chapter.step("what was promised holds, and all records agree") as notes:
            stage.onlooker.moved[hub] = databases[going_on]
            await stage.settled(notes)
