"""The story: an ordinary day at two parking lots side by side, and what happens when parts of them are gone."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import httpx

from simulator.demo.chapters import credentials, office, overlaps, races, refusals, road, withdrawals
from simulator.demo.configuration import LotSite
from simulator.demo.site import Site
from simulator.demo.steps import HTTP_S, Scene, Steps
from simulator.demo.street import Street
from simulator.demo.supervisor import Supervisor
from simulator.demo.timeline import StepFailed, Timeline

Chapters = Iterable[tuple[str, Callable[[Steps], Awaitable[None]]]]

RIVERSIDE: Chapters = (
    ("A driver books, comes, and leaves early", road.books_comes_and_leaves_early),
    ("Who is not let in", refusals.not_let_in),
    ("Two drivers want the same spot, and the hub is killed between two steps", road.race_and_hub_killed),
    ("The gates are cut off, and bookings come and go", withdrawals.gates_cut_off),
    ("A driver cancels while paying, another while driving in", races.cancels_meanwhile),
    ("Two cars on one booking, and one on none", overlaps.second_car_and_stranger),
    ("An operator pays back by hand", office.refund_by_hand),
    ("What fits where", office.vehicle_types),
)
HILLSIDE: Chapters = (
    ("The plate cannot be read: a code, an id, a phone", credentials.plate_unreadable),
    ("A driver cancels, another one while the lot cannot be reached", withdrawals.cancellations),
    ("Nobody comes, and then somebody does", withdrawals.no_show),
    ("A car stays too long, and the next one is moved", overlaps.overstay),
)
AT_LAST: Chapters = (("Central is gone, the lot goes on", road.without_central),)


class Story:
    """Plays itself once on a running site."""

    def __init__(self, site: Site, supervisor: Supervisor, timeline: Timeline, seed: int, record: Path) -> None:
        """Who drives is noted down in `record`."""
        self._site = site
        self._supervisor = supervisor
        self._timeline = timeline
        self._seed = seed
        self._record = record

    async def play(self) -> None:
        """The lots' chapters side by side, then what needs both. Raises StepFailed where a step does not hold."""
        async with httpx.AsyncClient(base_url=self._site.central.url, timeout=HTTP_S) as http:
            scenes = [self._scene(lot, http) for lot in self._site.lots]
            self._timeline.say("\nThe two lots' chapters play side by side; each is told when it has ended.")
            try:
                async with asyncio.TaskGroup() as lots:
                    for scene, chapters in zip(scenes, (RIVERSIDE, HILLSIDE), strict=True):
                        lots.create_task(self._play(scene, chapters))
            except* StepFailed as failed:
                raise failed.exceptions[0] from None
            await self._play(scenes[-1], AT_LAST)

    def _scene(self, lot: LotSite, http: httpx.AsyncClient) -> Scene:
        """Each lot draws for itself, so that the seed means the same however the two are interleaved."""
        draw = random.Random(f"{self._seed} {lot.lot_id}")  # noqa: S311  a story, not a secret
        street = Street(self._site.folder / "frames", self._record, lot.lot_id, draw.getrandbits(31))
        return Scene(self._site, self._supervisor, http, lot, street, draw)

    async def _play(self, scene: Scene, chapters: Chapters) -> None:
        for title, play in chapters:
            async with self._timeline.chapter(f"{title} · {scene.lot.name}") as chapter:
                await play(Steps(scene, chapter))
