"""The attendants' page: one lot on one screen, served by the hub itself, also with the internet down.

Anybody on the lot's network may look. Who has logged in may act, and each thing that can be done has a file of its own.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, PlainTextResponse

from cloud_sync.link.clock import Clock
from cloud_sync.link.limits import BodyLimit
from domain.now import Now
from hub.attendants import Attendants
from hub.desk import Desk
from hub.lane_buttons import lane_routes
from hub.leaving import leaving_routes
from hub.listing import listing_routes
from hub.log_in import log_in_routes
from hub.same_site import SameSite
from hub.screen import Screen
from hub.sessions import Told
from hub.view import LotView
from hub.vouching import vouching_routes

STATES = ("available", "held", "reserved", "occupied", "overstayed", "closed")
ALWAYS_COUNTED = ("available", "occupied")
"""Also where there is none: that, too, is what somebody looks for."""

TOLD_FOR = timedelta(minutes=2)
"""How long the page says what has come of a button that was pressed."""


def page_app(view: LotView, desk: Desk, attendants: Attendants, timezone: str, clock: Clock) -> FastAPI:
    """`/` for people, in the lot's own time, with what they can do there; `/lot.json` for programs, in UTC."""
    app = FastAPI(title=f"Gatehouse hub {view.lot_id}", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(SameSite)
    app.add_middleware(BodyLimit, problem=lambda status, _code, why: PlainTextResponse(why, status))
    screen = Screen(view.lot_id, view.name, timezone, attendants, clock)

    @app.get("/", response_class=HTMLResponse)
    async def lot_page(request: Request) -> HTMLResponse:
        now = clock()
        contents = _contents(view, now)
        counts = Counter(spot["state"] for spot in contents["spots"])
        shown = [(state, counts[state]) for state in STATES if counts[state] or state in ALWAYS_COUNTED]
        told = {} if (session := screen.session(request)) is None else _lately(session.told, now)
        return screen.show(request, "lot.html", **contents, counts=shown, told=told)

    @app.get("/lot.json")
    async def lot_json() -> dict[str, Any]:
        return _contents(view, clock())

    app.include_router(log_in_routes(screen, attendants, clock))
    app.include_router(lane_routes(screen, desk, clock))
    app.include_router(leaving_routes(screen, view, desk, clock))
    app.include_router(listing_routes(screen, view, desk, timezone, clock))
    app.include_router(vouching_routes(screen, view, desk, attendants, clock))
    return app


def _lately(told: Mapping[str, Told], now: Now) -> dict[str, Told]:
    return {gate_id: one for gate_id, one in told.items() if now.utc - one.at < TOLD_FOR}


def _contents(view: LotView, now: Now) -> dict[str, Any]:
    return {
        "lot_id": view.lot_id,
        "name": view.name,
        "as_of": now.utc,
        "central_online": view.central_online,
        "spots": [asdict(spot) for spot in view.spots(now)],
        "cars": [asdict(car) for car in view.cars()],
        "conflicts": [asdict(conflict) for conflict in view.conflicts(now)],
        "moves": [asdict(move) for move in view.moves(now)],
        "no_shows": [asdict(no_show) for no_show in view.no_shows(now)],
        "lanes": [asdict(lane) for lane in view.lanes()],
        "decisions": [asdict(decision) for decision in view.decisions()],
        "alarms": [asdict(alarm) for alarm in view.alarms()],
    }
