"""`/lanes/...`: what an attendant presses for a lane. The answer stands on the lot's page, for them alone."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response

from cloud_sync.link.clock import Clock
from cloud_sync.link.v1.facts import Mode
from domain.errors import BadInput, NotFound, PeerError, Refused, TryLater
from domain.ids import parse_reservation_id
from hub.attendants import Attendant
from hub.desk import Desk
from hub.lane_words import in_mode, opened, why_not
from hub.screen import Screen, fields
from hub.sessions import Told

Deed = Callable[[Attendant], Awaitable[str]]
"""Does what an attendant wants; what they are told then."""


def lane_routes(screen: Screen, desk: Desk, clock: Clock) -> APIRouter:
    """Each is answered with the way back to the lot, so that a page that is loaded again asks nothing again."""
    routes = APIRouter()

    @routes.post("/lanes/{gate_id}/open")
    async def open_lane(request: Request, gate_id: str) -> Response:
        typed = (await fields(request)).get("reservation_id", "").strip()

        async def open_it(by: Attendant) -> str:
            return opened(await desk.open(gate_id, by, parse_reservation_id(typed) if typed else None))

        return await pressed(request, gate_id, open_it)

    @routes.post("/lanes/{gate_id}/mode")
    async def set_mode(request: Request, gate_id: str) -> Response:
        wanted = (await fields(request)).get("mode", "")

        async def set_it(by: Attendant) -> str:
            return in_mode(await desk.set_mode(gate_id, _mode(wanted), by))

        return await pressed(request, gate_id, set_it)

    async def pressed(request: Request, gate_id: str, deed: Deed) -> Response:
        session = screen.session(request)
        if session is None:
            return RedirectResponse("/log-in", 303)
        try:
            words, done = await deed(session.attendant), True
        except NotFound as error:
            return PlainTextResponse(error.message, 404)
        except (Refused, TryLater, PeerError) as error:
            words, done = why_not(error), False
        session.told[gate_id] = Told(clock().utc, words, done)
        return RedirectResponse("/", 303)

    return routes


def _mode(text: str) -> Mode:
    try:
        return Mode(text)
    except ValueError:
        raise BadInput("mode_unknown", f"a lane has no mode {text[:20]!r}") from None
