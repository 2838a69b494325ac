"""Idempotency-Key on POST (as in draft-ietf-httpapi-idempotency-key-header): the same request is answered once.

The first answer is stored before it is sent, and the same key of the same user gets it again for a day. What is stored
of the request is an HMAC, since a body may hold a password or a plate. Answers that invite a retry (5xx, 401) are not
kept. Logging in is exempt: it changes nothing, and its answer is a secret that no disk should hold.
"""

import asyncio
import hashlib
import hmac
import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, update
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud_sync.central.accounts import Tokens
from cloud_sync.central.database import Database
from cloud_sync.central.problems import database_unavailable, problem_of
from cloud_sync.central.tables import IdempotencyRecord
from cloud_sync.link.clock import Clock
from domain.errors import BadInput, GatehouseError, Refused

log = logging.getLogger(__name__)

KEPT_FOR = timedelta(hours=24)
UNDER_WAY_FOR = timedelta(seconds=60)
"""After this long without an answer its process counts as dead, and the request may be made again."""

EXEMPT = frozenset({"/auth/token"})
ANONYMOUS = "anonymous"
KEY_PATTERN = r"[!-~]{1,255}"
_KEY = re.compile(KEY_PATTERN)
_KEPT_HEADERS = ("content-type", "location")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request with a key; `claim` tells this try from others."""

    scope: str
    key: str
    fingerprint: str
    claim: str


class Idempotency:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, *, database: Database, tokens: Tokens, secret: str, clock: Clock) -> None:
        """`secret` keys the fingerprints of requests."""
        self._app = app
        self._database = database
        self._tokens = tokens
        self._secret = hmac.digest(secret.encode(), b"gatehouse request fingerprint", hashlib.sha256)
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = Headers(scope=scope).get("idempotency-key") if scope["type"] == "http" else None
        if key is None or scope["method"] != "POST" or scope["path"] in EXEMPT:
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        if body is None:
            return
        try:
            asked = self._asked(scope, key, body)
            known = await asyncio.to_thread(self._claim, asked)
        except GatehouseError as error:
            await problem_of(error)(scope, receive, send)
            return
        except OperationalError:
            await problem_of(database_unavailable())(scope, receive, send)
            return
        response = known or await self._answer(asked, scope, body)
        await response(scope, receive, send)

    def _asked(self, scope: Scope, key: str, body: bytes) -> _Asked:
        if not _KEY.fullmatch(key):
            raise BadInput("idempotency_key_invalid", "an Idempotency-Key has 1 to 255 visible ASCII characters")
        request = f"{scope['method']} {scope['path']}?{scope['query_string'].decode('latin-1')}\n".encode() + body
        fingerprint = hmac.new(self._secret, request, hashlib.sha256).hexdigest()
        return _Asked(self._user(Headers(scope=scope)), key, fingerprint, uuid4().hex)

    def _user(self, headers: Headers) -> str:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return ANONYMOUS
        try:
            return self._tokens.read(token, self._clock().utc).user_id
        except Refused:
            return ANONYMOUS  # it is refused by the route, and that is not kept

    def _claim(self, asked: _Asked) -> Response | None:
        """The answer given before; none where this request is to be answered now. Raises Refused or BadInput."""
        now = self._clock().utc
        with self._database.transaction() as session:
            session.execute(delete(IdempotencyRecord).where(col(IdempotencyRecord.created_at) < now - KEPT_FOR))
            known = session.get(IdempotencyRecord, (asked.scope, asked.key), with_for_update=True)
            if known is None:
                session.add(
                    IdempotencyRecord(
                        scope=asked.scope,
                        key=asked.key,
                        fingerprint=asked.fingerprint,
                        claim=asked.claim,
                        created_at=now,
                    )
                )
                return None
            if not hmac.compare_digest(known.fingerprint, asked.fingerprint):
                raise BadInput("idempotency_key_reused", "this Idempotency-Key came with another request before")
            if known.status is None:
                _take_over(known, asked.claim, now)
                return None
            headers = {**json.loads(known.headers or "{}"), "Idempotent-Replayed": "true"}
            return Response((known.body or "").encode(), known.status, headers)

    async def _answer(self, asked: _Asked, scope: Scope, body: bytes) -> Response:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        try:
            await self._app(scope, receive, send)
        except BaseException:
            await self._store(self._forget, asked)
            raise
        status, headers = int(sent[0]["status"]), Headers(raw=sent[0]["headers"])
        answer = b"".join(message.get("body", b"") for message in sent[1:])
        if status < 500 and status != 401:
            kept = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
            await self._store(self._keep, asked, status, kept, answer)
        else:
            await self._store(self._forget, asked)
        return Response(answer, status, dict(headers))

    async def _store(self, change: Callable[..., None], *what: Any) -> None:
        """What was answered is answered: without a database it goes out all the same, and the key is under way until
        `UNDER_WAY_FOR` has passed."""
        try:
            await asyncio.to_thread(change, *what)
        except OperationalError as error:
            log.error("idempotency.not_stored", extra={"why": type(error.orig).__name__})

    def _keep(self, asked: _Asked, status: int, headers: dict[str, str], body: bytes) -> None:
        with self._database.transaction() as session:
            session.execute(
                update(IdempotencyRecord)
                .where(*_mine(asked))
                .values(status=status, headers=json.dumps(headers), body=body.decode())
            )

    def _forget(self, asked: _Asked) -> None:
        with self._database.transaction() as session:
            session.execute(delete(IdempotencyRecord).where(*_mine(asked)))


def forget_unanswered(session: Session) -> None:
    """Let every request that was not answered be made again: who was to answer them is known to be dead."""
    session.execute(delete(IdempotencyRecord).where(col(IdempotencyRecord.status).is_(None)))


def _mine(asked: _Asked) -> Any:
    return (
        IdempotencyRecord.scope == asked.scope,
        IdempotencyRecord.key == asked.key,
        IdempotencyRecord.claim == asked.claim,
    )


def _take_over(known: IdempotencyRecord, claim: str, now: datetime) -> None:
    if now - known.created_at < UNDER_WAY_FOR:
        raise Refused("idempotency_under_way", "the same request is being answered; ask again in a moment")
    known.claim, known.created_at = claim, now


async def _read(receive: Receive) -> bytes | None:
    """The whole body; None where the caller hung up before its end: what came of it is not to be kept as asked."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body
