"""`/log-in` and `/log-out`: an attendant says who they are once in a shift."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from cloud_sync.link.clock import Clock
from domain.errors import Refused, TryLater
from hub.attendants import Attendants
from hub.screen import Screen, fields


def log_in_routes(screen: Screen, attendants: Attendants, clock: Clock) -> APIRouter:
    """A wrong code is answered 403, one try too many 429; both with the form again."""
    routes = APIRouter()

    @routes.get("/log-in", response_class=HTMLResponse)
    async def log_in_page(request: Request) -> Response:
        if attendants.names:
            return screen.show(request, "log_in.html")
        nobody = "this hub's configuration names nobody who could log in"
        return screen.show(request, "log_in.html", 404, why=nobody)

    @routes.post("/log-in", response_class=HTMLResponse)
    async def log_in(request: Request) -> Response:
        typed = await fields(request)
        name, code = typed.get("name", ""), typed.get("code", "")
        try:
            return screen.log_in(request, attendants.known_by(name, code, clock()))
        except Refused as error:
            return screen.show(request, "log_in.html", 403, why=error.message, typed=name)
        except TryLater as error:
            return screen.show(request, "log_in.html", 429, why=error.message, typed=name)

    @routes.post("/log-out")
    async def log_out(request: Request) -> Response:
        return screen.log_out(request)

    return routes
