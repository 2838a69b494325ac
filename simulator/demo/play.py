"""From the command to the story: a folder, a site, its processes, the story, and then the addresses."""

import random
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from simulator.cli import street_record
from simulator.demo.configuration import attendant_code
from simulator.demo.site import Ports, Site
from simulator.demo.story import Story
from simulator.demo.supervisor import Supervisor
from simulator.demo.timeline import StepFailed, Timeline


async def play(*, once: bool, as_json: bool, seed: int, keep: Path | None, ports: Ports) -> bool:
    """Play the story; whether every step held. Without `once`, serve until stopped."""
    with ExitStack() as stack:
        temporary = None if keep else stack.enter_context(tempfile.TemporaryDirectory(prefix="gatehouse-"))
        folder = keep or Path(str(temporary)) / "demo"
        timeline = Timeline(as_json=as_json)
        timeline.say(f"seed {seed}" + (f", kept in {keep}" if keep else ""))
        try:
            await _play(folder, seed, ports, timeline, once=once)
        except StepFailed as failed:
            print(f"gatehouse: the story ended at: {failed}; repeat it with --seed {seed}", file=sys.stderr)
            if keep is None:
                print("gatehouse: add --keep DIR to keep its logs", file=sys.stderr)
            return False
    return True


async def _play(folder: Path, seed: int, ports: Ports, timeline: Timeline, *, once: bool) -> None:
    rng = random.Random(seed)  # noqa: S311  a story, not a secret
    site = Site(folder, rng, ports)
    async with Supervisor() as supervisor:
        units = site.write()
        for unit in units:
            supervisor.add(unit)
        async with timeline.chapter("Two lots, central, a bank") as chapter, chapter.step("every unit is up") as notes:
            brokers_and_bank = [unit.name for unit in units if unit.name == "bank" or unit.name.endswith(".broker")]
            await supervisor.start(*brokers_and_bank)
            await supervisor.start(*(unit.name for unit in units if unit.name not in brokers_and_bank))
            notes.say(", ".join(unit.name for unit in units))
        await Story(site, supervisor, timeline, seed, street_record(folder)).play()
        timeline.end()
        if once:
            return
        timeline.headline("Serving until you press Ctrl-C")
        timeline.say(f"  central           {site.central.url}/lots")
        for lot in site.lots:
            timeline.say(f"  {lot.name:<17} {lot.page_url}")
            timeline.say(f"    log in as {lot.attendant}, code in {folder / attendant_code(lot.lot_id)}")
            for gate in lot.gates:
                timeline.say(f"    {gate.gate_id:<19} {gate.url}/state")
        await supervisor.serve()
