"""The attendants' page: one lot on one screen, served by the hub itself, also with the internet down.

What can be done by it has a page of its own that explains it, and asks who does it.
"""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates

from cloud_sync.link.clock import Clock
from cloud_sync.link.limits import BodyLimit
from domain.errors import Refused, TryLater
from domain.ids import parse_reservation_id
from hub.desk import Desk
from hub.view import LotView

STATES = ("available", "held", "reserved", "occupied", "overstayed", "closed")
ALWAYS_COUNTED = ("available", "occupied")
"""Also where there is none: that, too, is what somebody looks for."""

NOT_NOW = ("gate_answers", "gates_not_heard")
"""A fee does wait for the gate, and nobody can vouch for it as things are."""

TEMPLATES = Path(__file__).parent / "templates"


def page_app(view: LotView, desk: Desk, timezone: str, clock: Clock) -> FastAPI:
    """`/` for people, in the lot's own time; `/lot.json` for programs, in UTC; `/vouch/...` to vouch for a gate."""
    app = FastAPI(title=f"Gatehouse hub {view.lot_id}", docs_url=None, redoc_url=None, openapi_url=None)
    templates = Jinja2Templates(TEMPLATES)
    app.add_middleware(BodyLimit, problem=lambda status, _code, why: PlainTextResponse(why, status))
    local = ZoneInfo(timezone)
    templates.env.filters["clock"] = lambda at, form="%H:%M": at.astimezone(local).strftime(form)

    @app.get("/", response_class=HTMLResponse)
    async def lot_page(request: Request) -> HTMLResponse:
        contents = _contents(view, clock)
        counts = Counter(spot["state"] for spot in contents["spots"])
        shown = [(state, counts[state]) for state in STATES if counts[state] or state in ALWAYS_COUNTED]
        return templates.TemplateResponse(request, "lot.html", {**contents, "counts": shown, "managers": desk.managers})

    @app.get("/lot.json")
    async def lot_json() -> dict[str, Any]:
        return _contents(view, clock)

    @app.get("/vouch/{reservation}/{gate_id}", response_class=HTMLResponse)
    async def vouch_page(request: Request, reservation: str, gate_id: str) -> Response:
        return vouching(request, reservation, gate_id)

    @app.post("/vouch/{reservation}/{gate_id}", response_class=HTMLResponse)
    async def vouch(request: Request, reservation: str, gate_id: str) -> Response:
        form = parse_qs((await request.body()).decode(errors="replace"))
        by, code = (form.get(name, [""])[0] for name in ("name", "code"))
        try:
            await desk.vouch(parse_reservation_id(reservation), gate_id, name=by, code=code)
        except Refused as error:
            status = 403 if error.code == "manager_unknown" else 409
            return vouching(request, reservation, gate_id, status=status, why=error.message, by=by)
        except TryLater as error:
            status = 429 if error.code == "too_many_tries" else 503
            return vouching(request, reservation, gate_id, status=status, why=error.message, by=by)
        return RedirectResponse("/", 303)

    def vouching(
        request: Request, reservation: str, gate_id: str, *, status: int = 200, why: str = "", by: str = ""
    ) -> Response:
        """What is to be vouched for; where nothing is, only `why` not, and the way back."""
        no_show = None
        try:
            if desk.managers:
                no_show = view.vouchable(parse_reservation_id(reservation), gate_id, clock())
            elif not why:
                status, why = 404, "this hub's configuration names no manager who could vouch"
        except Refused as error:
            if not why:
                status, why = 409 if error.code in NOT_NOW else 404, error.message
        shown = {"name": view.name, "lot_id": view.lot_id, "managers": desk.managers}
        about = {"no_show": no_show, "gate_id": gate_id, "why": why, "by": by}
        return templates.TemplateResponse(request, "vouch.html", {**shown, **about}, status)

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
