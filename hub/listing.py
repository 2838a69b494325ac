"""`/lists`: the plates that need no booking, and those that none helps. A manager changes them."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from cloud_sync.link.clock import Clock
from cloud_sync.link.v1.facts import Listing
from domain.errors import BadInput, Refused, TryLater
from domain.plate import Plate
from hub.attendants import Attendant
from hub.desk import Desk
from hub.screen import Screen, fields
from hub.view import LotView

NOTE_MAX = 80


def listing_routes(screen: Screen, view: LotView, desk: Desk, timezone: str, clock: Clock) -> APIRouter:
    """Ends of entries are typed in the lot's own time, to the minute."""
    routes = APIRouter()
    local = ZoneInfo(timezone)

    @routes.get("/lists", response_class=HTMLResponse)
    async def lists_page(request: Request) -> Response:
        return lists(request)

    @routes.post("/lists", response_class=HTMLResponse)
    async def put(request: Request) -> Response:
        typed = await fields(request)

        async def put_it(by: Attendant) -> None:
            plate, listing = Plate.parse(typed.get("plate", "")), _listing(typed.get("listing", ""))
            note = typed.get("note", "").strip()[:NOTE_MAX]
            await desk.put_on_list(plate, listing, until=_until(typed.get("until", ""), local), note=note, by=by)

        return await changed(request, put_it, typed)

    @routes.post("/lists/off", response_class=HTMLResponse)
    async def take_off(request: Request) -> Response:
        mark = (await fields(request)).get("mark", "")
        return await changed(request, lambda by: desk.take_off_list(mark, by), {})

    async def changed(
        request: Request, deed: Callable[[Attendant], Awaitable[None]], typed: dict[str, str]
    ) -> Response:
        session = screen.session(request)
        if session is None:
            return RedirectResponse("/log-in", 303)
        try:
            await deed(session.attendant)
        except BadInput as error:
            return lists(request, status=422, why=error.message, typed=typed)
        except Refused as error:
            status = 403 if error.code == "manager_only" else 409
            return lists(request, status=status, why=error.message, typed=typed)
        except TryLater as error:
            return lists(request, status=503, why=error.message, typed=typed)
        return RedirectResponse("/lists", 303)

    def lists(
        request: Request, *, status: int = 200, why: str = "", typed: dict[str, str] | None = None
    ) -> HTMLResponse:
        now = clock()
        listed = view.lists(now)
        return screen.show(request, "lists.html", status, listed=listed, as_of=now.utc, why=why, typed=typed or {})

    return routes


def _listing(text: str) -> Listing:
    try:
        return Listing(text)
    except ValueError:
        raise BadInput("listing_unknown", "say which list the plate is for") from None


def _until(text: str, local: ZoneInfo) -> datetime | None:
    """As a browser sends a date and time, `2026-05-14T18:30`; none: for good."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=local)
    except ValueError:
        raise BadInput("until_invalid", "the end is no date and time such as 2026-05-14T18:30") from None
