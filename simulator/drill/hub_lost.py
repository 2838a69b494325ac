"""A hub's disk is lost while drivers book, and restored from its backup."""

import time

from simulator.drill.backup import Backup
from simulator.drill.stage import Stage, behind, seen
from simulator.drill.visitor import Visitor

PAID_BEFORE, PAID_AFTER = 5, 10


async def hub_lost(stage: Stage, backup: Backup, visitor: Visitor | None) -> None:
    """`visitor` comes in while the hub is gone, and leaves when it is back."""
    load, onlooker, hub = stage.load, stage.onlooker, stage.lot.lot_id
    async with stage.timeline.chapter("The hub's disk is lost while drivers book") as chapter, stage.booking():
        async with chapter.step("drivers book and pay") as notes:
            if visitor is not None:
                await visitor.book()
            await load.until(PAID_BEFORE)
            await stage.some_time()
            notes.say(f"{len(load.promises)} bookings, {len(load.paid)} of them paid for")
        async with chapter.step("hub and litestream are killed, and their disk is gone"):
            epoch, lost_s = onlooker.epoch(), time.monotonic()
            lost = await stage.lose_disk(backup)
        if visitor is not None:
            async with chapter.step("a car comes in without the hub"):
                await visitor.come_in()
        async with chapter.step("litestream restores the hub's database") as notes:
            await backup.restore()
            missing = behind(notes, hub, lost, backup.database)
        async with chapter.step("the hub starts on it and is granted a new epoch") as notes:

            async def granted() -> bool:
                return onlooker.epoch() > epoch

            started_s = time.monotonic()
            await stage.supervisor.start(hub, backup.name)
            await seen(granted, "granted an epoch")
            now_s = time.monotonic()
            notes.say(f"epoch {onlooker.epoch()} after {epoch}")
            notes.say(f"{now_s - started_s:.1f} s after its start, {now_s - lost_s:.1f} s after the loss")
        async with chapter.step("drivers go on booking"):
            await load.until(len(load.paid) + PAID_AFTER)
        if visitor is not None:
            async with chapter.step("the car leaves, and its driver is paid back what they did not use"):
                await visitor.leave()
        async with chapter.step("what was promised holds, and all records agree") as notes:
            await stage.settled(notes)
            back = missing.taken_back(hub, backup.database)
            notes.say(f"{back} of {len(missing.facts)} missing facts are back; of the others nobody had been told")
