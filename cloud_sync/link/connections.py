"""How many connections a unit's HTTP server holds, and how long each of them may keep it waiting.

Each takes a file, and a process without a free one gets no picture, no secret and no broker any more. So there is room
for so many. Where that is used up, whoever has kept the server waiting for a request the longest goes in the
newcomer's favour; where everybody is being answered, the newcomer is told 503.
"""

import asyncio
import json
import logging
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

log = logging.getLogger(__name__)

REQUEST_S = 10.0
"""From a connection, or the first byte of a later request on it, to the end of a request's body."""

TAKE_S = 30.0
"""How long an answer lies there with nobody taking any of it."""

AT_ONCE = 16
"""Connections that are taken before the first of them is looked at; some four times as many are open beside the others
for a moment, before those for which there is no room are closed."""


def _answer(status: int, reason: str, code: str, detail: str, headers: str = "") -> bytes:
    title = code.replace("_", " ").capitalize()
    document = {"type": f"urn:gatehouse:problem:{code}", "title": title, "status": status, "code": code}
    body = json.dumps(document | {"detail": detail})
    head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}{headers}Connection: close\r\n\r\n{body}".encode("ascii")


_TOO_MANY = _answer(
    503,
    "Service Unavailable",
    "too_many_connections",
    "too many connections are open; close those that are not in use",
    "Retry-After: 5\r\n",
)
_TOO_SLOW = _answer(
    408, "Request Timeout", "request_too_slow", f"a request has to be there, with its body, within {REQUEST_S:.0f} s"
)


class Connections:
    """All that are open on one port."""

    def __init__(self, port: int, room: int) -> None:
        self._port = port
        self._room = room
        self._open: set[Connection] = set()
        self._waited_for: dict[Connection, None] = {}  # the longest first
        self._is_full = False

    def made(self, config: Any, server_state: Any, app_state: Any, _loop: Any = None) -> "Connection":
        """A connection, as uvicorn makes one."""
        return Connection(self, config, server_state, app_state, _loop)

    def take_in(self, one: "Connection") -> bool:
        """Whether there is room for one more, or could be made."""
        if len(self._open) >= self._room:
            if not self._is_full:
                self._is_full = True
                log.warning("http.full", extra={"port": self._port, "connections": len(self._open)})
            if not self._waited_for:
                return False
            longest = next(iter(self._waited_for))
            self.gone(longest)
            longest.drop()
        self._open.add(one)
        return True

    def gone(self, one: "Connection") -> None:
        self._open.discard(one)
        self._waited_for.pop(one, None)
        if self._is_full and len(self._open) <= self._room // 2:
            self._is_full = False
            log.info("http.room_again", extra={"port": self._port, "connections": len(self._open)})

    def is_waited_for(self, one: "Connection") -> None:
        """Its request is not there yet."""
        if one in self._open:
            self._waited_for.setdefault(one)

    def is_waited_for_no_more(self, one: "Connection") -> None:
        self._waited_for.pop(one, None)


class Connection(H11Protocol):
    """One of them. Who is too slow to ask is told 408 and let go, and so is, without a word, who takes no answer."""

    def __init__(self, others: Connections, config: Any, server_state: Any, app_state: Any, loop: Any) -> None:
        super().__init__(config, server_state, app_state, loop)
        self._others = others
        self._patience: asyncio.TimerHandle | None = None
        self._taking: asyncio.TimerHandle | None = None

    def drop(self) -> None:
        """End it at once, and whatever is still to be sent."""
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the parent has it
        super().connection_made(transport)
        if self._others.take_in(self):
            self._look()
        else:
            self._close_with(_TOO_MANY)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        self._is_taken()
        self._others.gone(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.timeout_keep_alive_task is not None:  # the first byte of another request
            self._wait_no_more()
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()
        self._must_be_taken()

    def shutdown(self) -> None:
        if self._patience is not None:  # who has not asked yet is not waited for
            self._close_with(b"")
        else:
            super().shutdown()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._must_be_taken()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._is_taken()

    def _look(self) -> None:
        """Whether a request, or the rest of one, is waited for."""
        if self.transport.is_closing() or self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._wait_no_more()
        elif self._patience is None:
            self._patience = self.loop.call_later(REQUEST_S, self._too_slow)
            self._others.is_waited_for(self)

    def _wait_no_more(self) -> None:
        self._others.is_waited_for_no_more(self)
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _too_slow(self) -> None:
        is_answered = self.cycle is not None and not self.cycle.response_complete and self.cycle.response_started
        self._close_with(b"" if is_answered or self._has_said_nothing else _TOO_SLOW)

    @property
    def _has_said_nothing(self) -> bool:
        return self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]

    def _close_with(self, answer: bytes) -> None:
        self.transport.write(answer)
        self.transport.close()
        self._must_be_taken()

    def _must_be_taken(self) -> None:
        left = self.transport.get_write_buffer_size()
        if left and self._taking is None:
            self._taking = self.loop.call_later(TAKE_S, self._look_what_was_taken, left)

    def _look_what_was_taken(self, left: int) -> None:
        self._taking = None
        if self.transport.get_write_buffer_size() >= left:
            self.drop()
        else:
            self._must_be_taken()

    def _is_taken(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None
