"""The attendants' page: one lot on one screen, served by the hub itself, also with the internet down."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates

from cloud_sync.link.clock import Clock
from hub.view import LotView

STATES = ("available", "held", "reserved", "occupied", "overstayed", "closed")
ALWAYS_COUNTED = ("available", "occupied")
"""Also where there is none: that, too, is what somebody looks for."""

TEMPLATES = Path(__file__).parent / "templates"


def page_app(view: LotView, timezone: str, clock: Clock) -> FastAPI:
    """`/` for people, in the lot's own time; `/lot.json` for programs, in UTC."""
    app = FastAPI(title=f"Gatehouse hub {view.lot_id}", docs_url=None, redoc_url=None, openapi_url=None)
    templates = Jinja2Templates(TEMPLATES)
    local = ZoneInfo(timezone)
    templates.env.filters["clock"] = lambda at, form="%H:%M": at.astimezone(local).strftime(form)

    @app.get("/", response_class=HTMLResponse)
    async def lot_page(request: Request) -> HTMLResponse:
        contents = _contents(view, clock)
        counts = Counter(spot["state"] for spot in contents["spots"])
        shown = [(state, counts[state]) for state in STATES if counts[state] or state in ALWAYS_COUNTED]
        return templates.TemplateResponse(request, "lot.html", {**contents, "counts": shown})

    @app.get("/lot.json")
    async def lot_json() -> dict[str, Any]:
        return _contents(view, clock)

    return app


def _contents(view: LotView, clock: Clock) -> dict[str, Any]:
    now = clock()
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
