"""Nothing is changed by a page of another site, whatever cookies the browser sends along."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

ONLY_LOOK = ("GET", "HEAD")

OURS = ("same-origin", "none")
"""What a browser says in Sec-Fetch-Site of our own pages, and of what the user does past any page."""


class SameSite:
    """Answers 403 where the browser says that a request which may change something comes from another site.

    Who says nothing of where it comes from is no browser, or an old one: there the cookie itself stays away
    (SameSite=Strict).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] == "http" and scope["method"] not in ONLY_LOOK and not _is_ours(Headers(scope=scope)):
            app = PlainTextResponse("this comes from another site; do it on the page of the lot itself", 403)
        await app(scope, receive, send)


def _is_ours(headers: Headers) -> bool:
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site in OURS
    return origin is None or urlsplit(origin).netloc == headers.get("host")
