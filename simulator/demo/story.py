"""The story: an ordinary day at two parking lots, and what happens when parts of them are gone."""

import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

from simulator.demo.chapters import credentials, office, overlaps, road, withdrawals
from simulator.demo.site import Site
from simulator.demo.steps import HTTP_S, Steps
from simulator.demo.street import Street
from simulator.demo.supervisor import Supervisor
from simulator.demo.timeline import Timeline

CHAPTERS: tuple[tuple[str, Callable[[Steps], Awaitable[None]]], ...] = (
    ("A driver books, comes, and leaves early", road.books_comes_and_leaves_early),
    ("A car without a booking", road.comes_without_a_booking),
    ("The plate cannot be read: a code, an id, a phone", credentials.plate_unreadable),
    ("Two drivers want the same spot, and the hub is killed between two steps", road.race_and_hub_killed),
    ("Central is gone, the lot goes on", road.without_central),
    ("The gates are cut off, and bookings come and go", withdrawals.gates_cut_off),
    ("A driver cancels, another one while the lot cannot be reached", withdrawals.cancellations),
    ("Nobody comes, and then somebody does", withdrawals.no_show),
    ("A car stays too long, and the next one is moved", overlaps.overstay),
    ("Two cars on one booking, and one on none", overlaps.second_car_and_stranger),
    ("An operator pays back by hand", office.refund_by_hand),
    ("What fits where", office.vehicle_types),
)


async def play(
    site: Site, supervisor: Supervisor, street: Street, timeline: Timeline, rng: random.Random, tickets: Path
) -> None:
    """Every chapter in order, once, on a running site. Raises StepFailed at the first step that does not hold."""
    async with httpx.AsyncClient(base_url=site.central.url, timeout=HTTP_S) as http:
        steps = Steps(site, supervisor, street, timeline, rng, tickets, http)
        for title, chapter in CHAPTERS:
            timeline.headline(title)
            await chapter(steps)
