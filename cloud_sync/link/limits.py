"""No request body is larger than any that makes sense."""

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_BYTES_MAX = 16 * 1024


class BodyLimit:
    """Answers 413 to a body over `BODY_BYTES_MAX`; reads no more of it than that."""

    def __init__(self, app: ASGIApp, *, problem: Callable[[int, str, str], ASGIApp]) -> None:
        """`problem` makes an answer of a status, a code and a sentence."""
        self._app = app
        self._problem = problem

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        messages: list[Message] = []
        size, more = 0, True
        while more:
            message = await receive()
            messages.append(message)
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
            if size > BODY_BYTES_MAX:
                refusal = self._problem(413, "body_too_large", f"a request body has {BODY_BYTES_MAX} bytes at most")
                await refusal(scope, receive, send)
                return

        async def read_already() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._app(scope, read_already, send)
