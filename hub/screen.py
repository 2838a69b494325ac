"""The pages of one lot as a browser shows them: in the lot's own time, for whoever has logged in."""

from pathlib import Path
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates

from cloud_sync.link.clock import Clock
from hub.attendants import Attendant, Attendants
from hub.sessions import LIFE_S, Session, Sessions

TEMPLATES = Path(__file__).parent / "templates"


class Screen:
    """Shows templates, and keeps in the browser's cookie who has logged in there."""

    def __init__(self, lot_id: str, name: str, timezone: str, attendants: Attendants, clock: Clock) -> None:
        self._lot = {"lot_id": lot_id, "name": name, "attendants": attendants}
        self._cookie = f"gatehouse-{lot_id}"  # one machine's hubs share a browser's jar, whatever their ports
        self._sessions = Sessions()
        self._clock = clock
        self._templates = Jinja2Templates(TEMPLATES)
        local = ZoneInfo(timezone)
        self._templates.env.filters["clock"] = lambda at, form="%H:%M": at.astimezone(local).strftime(form)

    def show(self, request: Request, template: str, status: int = 200, **what: object) -> HTMLResponse:
        """A page with `what` there is to show beside the lot and its attendant."""
        session = self.session(request)
        about = {**self._lot, "attendant": session and session.attendant, **what}
        return self._templates.TemplateResponse(request, template, about, status)

    def session(self, request: Request) -> Session | None:
        """The log-in of this browser, while it lasts."""
        return self._sessions.of(request.cookies.get(self._cookie), self._clock())

    def log_in(self, request: Request, attendant: Attendant) -> Response:
        """Begin a session in this browser, which ends the one before, and show the lot."""
        self._sessions.end(request.cookies.get(self._cookie))
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            self._cookie,
            self._sessions.begin(attendant, self._clock()),
            max_age=LIFE_S,
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return answer

    def log_out(self, request: Request) -> Response:
        """End this browser's session, if it has one, and show the lot."""
        self._sessions.end(request.cookies.get(self._cookie))
        answer = RedirectResponse("/", 303)
        answer.delete_cookie(self._cookie)
        return answer


async def fields(request: Request) -> dict[str, str]:
    """What was typed into a form, by the names of its fields; of one that comes twice the first."""
    form = parse_qs((await request.body()).decode(errors="replace"))
    return {name: values[0] for name, values in form.items()}
