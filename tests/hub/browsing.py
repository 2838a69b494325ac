"""A lot's page as a browser gets it, with lanes behind it that answer as they are told."""

from collections.abc import Callable

import httpx

from cloud_sync.link.mqtt import Link
from cloud_sync.link.settings import Broker
from hub.attendants import Attendant, Attendants
from hub.desk import Desk
from hub.gates import Gates
from hub.page import page_app
from hub.view import LotView
from tests.hub.lane import Lane
from tests.hub.riverside import GATES, HOUR_MS, NOW, SEAL, Riverside
from tests.hub.units import Clock

LATER = NOW.later(HOUR_MS)
ANNA, RUTH = "Anna Berg", "Ruth <Adler>"
CODES = {ANNA: "correct horse battery", RUTH: "horse battery staple"}


def browsing(riverside: Riverside, lane: Lane, clock: Clock, attendants: Attendants | None = None) -> httpx.AsyncClient:
    """A browser in Berlin before the page of a hub that no broker reaches; Anna works there, and Ruth as a manager."""
    if attendants is None:
        attendants = Attendants({Attendant(name, is_manager=name == RUTH): code for name, code in CODES.items()})
    view = LotView("Riverside <Garage>", riverside.lot, SEAL, lane.presence, Link(Broker(port=1), "riverside@1"))

    async def carry_out(deed: Callable[[], None]) -> None:
        deed()

    gates = Gates(lane, "riverside@1", GATES, lane.presence, clock)
    desk = Desk(riverside.lot, gates, SEAL, carry_out, lambda: None, clock)
    app = page_app(view, desk, attendants, "Europe/Berlin", clock)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub.lan")


async def log_in(browser: httpx.AsyncClient, name: str = ANNA) -> None:
    answer = await browser.post("/log-in", data={"name": name, "code": CODES[name]})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
