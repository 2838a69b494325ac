"""`/stays/...`: an attendant says that a car has left which no exit has known."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from cloud_sync.link.clock import Clock
from domain.errors import NotFound, Refused, TryLater
from hub.desk import Desk
from hub.screen import Screen, fields
from hub.view import LotView

UNSEEN = "unseen"
"""In place of an exit, on the page."""


def leaving_routes(screen: Screen, view: LotView, desk: Desk, clock: Clock) -> APIRouter:
    """Looking is for everybody; only an attendant who has logged in can say so."""
    routes = APIRouter()

    @routes.get("/stays/{stay_id:path}", response_class=HTMLResponse)
    async def stay_page(request: Request, stay_id: str) -> Response:
        return stay(request, stay_id)

    @routes.post("/stays/{stay_id:path}", response_class=HTMLResponse)
    async def end_stay(request: Request, stay_id: str) -> Response:
        session = screen.session(request)
        if session is None:
            return RedirectResponse("/log-in", 303)
        exit_id = (await fields(request)).get("exit_id", "")
        if not exit_id:
            return stay(request, stay_id, status=422, why="Say at which exit it left, or that nobody saw it leave.")
        try:
            await desk.end_stay(stay_id, None if exit_id == UNSEEN else exit_id, session.attendant)
        except (Refused, TryLater) as error:
            return stay(request, stay_id, status=409 if isinstance(error, Refused) else 503, why=error.message)
        return RedirectResponse("/", 303)

    def stay(request: Request, stay_id: str, *, status: int = 200, why: str = "") -> Response:
        car, exits, now = None, [], clock()
        try:
            car = view.car(stay_id)
            exits = view.exits_of(car, now)
        except NotFound as error:
            status, why = 404, why or error.message
        return screen.show(request, "stay.html", status, car=car, exits=exits, as_of=now.utc, why=why)

    return routes
