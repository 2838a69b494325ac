"""The largest request body, in whatever pieces it comes."""

from collections.abc import Sequence

import pytest
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

from cloud_sync.link.limits import BODY_BYTES_MAX, BodyLimit


def refusal(status: int, code: str, detail: str) -> JSONResponse:
    return JSONResponse({"code": code, "detail": detail}, status)


HTTP = {"type": "http", "method": "POST", "path": "/", "headers": []}


class App:
    """Behind the limit: notes what it gets."""

    def __init__(self) -> None:
        self.scopes: list[str] = []
        self.received: list[Message] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope["type"])
        while True:
            self.received.append(await receive())
            if not self.received[-1].get("more_body", False):
                return


class Client:
    """Sends a body in pieces, and hangs up after them."""

    def __init__(self, pieces: Sequence[bytes], *, finishes: bool = True) -> None:
        last = len(pieces) - 1
        self.messages: list[Message] = [
            {"type": "http.request", "body": piece, "more_body": n < last or not finishes}
            for n, piece in enumerate(pieces)
        ]
        self.messages.append({"type": "http.disconnect"})
        self.answers: list[Message] = []

    async def receive(self) -> Message:
        return self.messages.pop(0)

    async def send(self, message: Message) -> None:
        self.answers.append(message)


async def passed(app: App, client: Client, scope: Scope | None = None) -> None:
    await BodyLimit(app, problem=refusal)(scope or HTTP, client.receive, client.send)


@pytest.mark.parametrize(
    "pieces", [[b"x" * BODY_BYTES_MAX], [b"x" * 64] * (BODY_BYTES_MAX // 64), [b""], [b"", b"x", b""]]
)
async def test_what_is_small_enough_comes_through_as_it_was_sent(pieces: list[bytes]) -> None:
    app, client = App(), Client(pieces)
    await passed(app, client)
    assert [message["body"] for message in app.received] == pieces
    assert client.answers == []


@pytest.mark.parametrize("size", [100, 1_000, BODY_BYTES_MAX + 1])
async def test_one_byte_more_is_413_and_no_more_of_it_is_read(size: int) -> None:
    app, client = App(), Client([b"x" * size] * (3 * BODY_BYTES_MAX // size + 1))
    sent = len(client.messages)
    await passed(app, client)
    assert app.scopes == []
    assert client.answers[0]["status"] == 413
    assert b'"code":"body_too_large"' in client.answers[1]["body"]
    assert sent - len(client.messages) == BODY_BYTES_MAX // size + 1


async def test_who_hangs_up_half_way_is_told_so_to_the_app() -> None:
    app, client = App(), Client([b"half"], finishes=False)
    await passed(app, client)
    assert [message["type"] for message in app.received] == ["http.request", "http.disconnect"]


async def test_after_the_body_the_app_still_hears_that_the_client_has_gone() -> None:
    heard: list[Message] = []

    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        heard.extend([await receive(), await receive()])

    client = Client([b"all"])
    await BodyLimit(waits, problem=refusal)(HTTP, client.receive, client.send)
    assert [message["type"] for message in heard] == ["http.request", "http.disconnect"]


async def test_what_has_no_body_is_left_alone() -> None:
    app, client = App(), Client([b"x" * (BODY_BYTES_MAX + 1)])
    await passed(app, client, {"type": "lifespan"})
    assert app.scopes == ["lifespan"]
    assert client.answers == []
