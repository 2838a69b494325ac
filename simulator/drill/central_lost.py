"""Central's disk is lost while drivers book, and restored from its backup."""

from simulator.drill.backup import Backup
from simulator.drill.hub_lost import PAID_AFTER, PAID_BEFORE
from simulator.drill.stage import Stage, behind


async def central_lost(stage: Stage, backup: Backup) -> None:
    load, log = stage.load, f"{backup.unit_name}:{stage.lot.lot_id}"
    async with stage.timeline.chapter("Central's disk is lost while drivers book") as chapter:
        async with stage.booking():
            async with chapter.step("drivers book and pay"):
                await load.until(len(load.paid) + PAID_BEFORE)
                await stage.some_time()
            async with chapter.step("central and litestream are killed, and their disk is gone"):
                lost = await stage.lose_disk(backup)
                load.enough()
            async with chapter.step("litestream restores central's database, and central starts on it") as notes:
                await backup.restore()
                missing = behind(notes, log, lost, backup.database)
                await stage.supervisor.start(backup.unit_name, backup.name)
        async with chapter.step("drivers go on booking"), stage.booking():
            await load.until(len(load.paid) + PAID_AFTER)
        async with chapter.step("what was promised holds, and all records agree") as notes:
            await stage.settled(notes)
            back = missing.taken_back(log, backup.database)
            notes.say(f"{back} of {len(missing.facts)} missing facts are back; the others were told anew, or to nobody")
