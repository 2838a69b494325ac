"""`/vouch/...`: a manager reads what they vouch for, and does."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from cloud_sync.link.clock import Clock
from domain.errors import Refused, TryLater
from domain.ids import parse_reservation_id
from hub.attendants import Attendants
from hub.desk import Desk
from hub.screen import Screen
from hub.view import LotView

NOT_NOW = ("gate_answers", "gates_not_heard")
"""A fee does wait for the gate, and nobody can vouch for it as things are."""


def vouching_routes(screen: Screen, view: LotView, desk: Desk, attendants: Attendants, clock: Clock) -> APIRouter:
    """Looking is for everybody; only a manager who has logged in can vouch."""
    routes = APIRouter()

    @routes.get("/vouch/{reservation}/{gate_id}", response_class=HTMLResponse)
    async def vouch_page(request: Request, reservation: str, gate_id: str) -> Response:
        return vouching(request, reservation, gate_id)

    @routes.post("/vouch/{reservation}/{gate_id}", response_class=HTMLResponse)
    async def vouch(request: Request, reservation: str, gate_id: str) -> Response:
        session = screen.session(request)
        if session is None:
            return RedirectResponse("/log-in", 303)
        try:
            await desk.vouch(parse_reservation_id(reservation), gate_id, session.attendant)
        except Refused as error:
            status = 403 if error.code == "manager_only" else 409
            return vouching(request, reservation, gate_id, status=status, why=error.message)
        except TryLater as error:
            return vouching(request, reservation, gate_id, status=503, why=error.message)
        return RedirectResponse("/", 303)

    def vouching(request: Request, reservation: str, gate_id: str, *, status: int = 200, why: str = "") -> Response:
        """What is to be vouched for; where nothing is, only `why` not, and the way back."""
        no_show = None
        try:
            if attendants.managers:
                no_show = view.vouchable(parse_reservation_id(reservation), gate_id, clock())
            elif not why:
                status, why = 404, "this hub's configuration names no manager who could vouch"
        except Refused as error:
            if not why:
                status, why = 409 if error.code in NOT_NOW else 404, error.message
        return screen.show(request, "vouch.html", status, no_show=no_show, gate_id=gate_id, why=why)

    return routes
