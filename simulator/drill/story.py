"""The story of a drill: a hub's disk is lost while drivers book, two hubs are started from one backup, and central's
disk is lost as well."""

from pathlib import Path

from simulator.demo.timeline import Timeline
from simulator.drill.backup import backup
from simulator.drill.central_lost import central_lost
from simulator.drill.hub_lost import hub_lost
from simulator.drill.stage import Stage, stage
from simulator.drill.twin import twin_of
from simulator.drill.two_hubs import two_hubs
from simulator.drill.visitor import Visitor
from simulator.ports import free_port


async def drill(folder: Path, seed: int, timeline: Timeline, *, cars: bool = True, central: bool = True) -> None:
    """Play it in `folder`, which is empty; without `cars` nobody comes to the lot, without `central` its disk is kept.

    Raises StepFailed where something does not hold.
    """
    async with stage(folder, seed, timeline) as running:
        await _play(running, cars=cars, central=central)


async def _play(running: Stage, *, cars: bool, central: bool) -> None:
    hub, folder = running.lot.lot_id, running.site.folder
    units = {unit.name: unit for unit in running.site.write()}
    below = ["central.broker", f"{hub}.broker", "bank"]
    ours = ["central", hub, *(gate.gate_id for gate in running.lot.gates)]
    of_hub, of_central = backup(folder, "hub", hub), backup(folder, "central", "central")
    twin = twin_of(units[hub], folder, free_port())
    for unit in (*(units[name] for name in (*below, *ours)), of_hub.unit, of_central.unit, twin.unit):
        running.supervisor.add(unit)
    async with running.timeline.chapter("A lot, central, a bank, and a backup") as chapter:
        async with chapter.step("every unit is up") as notes:
            await running.supervisor.start(*below)
            await running.supervisor.start(*ours)
            notes.say(", ".join((*below, *ours)))
        async with chapter.step("litestream copies the databases of hub and central"):
            await running.supervisor.start(of_hub.name, of_central.name)
        async with chapter.step("drivers sign up"):
            await running.load.sign_up()
    await hub_lost(running, of_hub, Visitor(running) if cars else None)
    await two_hubs(running, of_hub, twin)
    if central:
        await central_lost(running, of_central)
