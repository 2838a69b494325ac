"""The bank's stand-in for the demo and the tests: localstripe on the loopback, made to keep what real Stripe promises.

    python -m simulator.bank --port 8420 --record bank.jsonl

localstripe knows customers, cards, intents and refunds, and forgets four things that money hangs on, which are added
here: an Idempotency-Key is answered once and replayed after that; nothing is captured that was given back, nor
refunded beyond what was captured; a card that was set up for future use stays with its customer, and no other card is
charged without its holder; and every request is recorded with its answer, one JSON object a line, so that others can
check what the bank really did. Its state lives in memory only (localstripe would write it to /tmp), and it
listens on 127.0.0.1 only.
"""

import argparse
import asyncio
import hashlib
import json
import re
import signal
import sys
import warnings
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import parse_qsl

from aiohttp import web

from domain.now import rfc3339

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # localstripe adds routes the old way
    from localstripe import resources
    from localstripe.errors import UserError
    from localstripe.server import app as localstripe_app

HOST = "127.0.0.1"
_CAPTURE = re.compile(r"/v1/payment_intents/(\w+)/capture")
_SECRET = re.compile(r"card|cvc|iban|client_secret|authorization", re.IGNORECASE)
_NOT_KEPT = frozenset({401, 409, 429})
"""Answers that were given before the request was begun: real Stripe does not keep these for a key."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: dict[str, Any]


class Bank:
    """Stands between the caller and localstripe."""

    def __init__(self, record: TextIO) -> None:
        self._record = record
        self._answers: dict[str, tuple[str, Answer]] = {}
        self._under_way: set[str] = set()

    async def serve(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer one request, from memory where its Idempotency-Key was seen before, and record it."""
        body = await request.read()
        key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
        params = dict(parse_qsl(body.decode() or request.query_string))
        answer, replayed = await self._answer(request, handler, params, body, key)
        self._write(request, key, params, answer, replayed)
        headers = {"Idempotent-Replayed": "true"} if replayed else {}
        return web.json_response(answer.body, status=answer.status, headers=headers)

    async def _answer(
        self, request: web.Request, handler: Handler, params: dict[str, str], body: bytes, key: str | None
    ) -> tuple[Answer, bool]:
        if key is None:
            return await self._perform(request, handler, params), False
        asked = hashlib.sha256(f"{request.method} {request.path}\n".encode() + body).hexdigest()
        if key in self._answers:
            known, answer = self._answers[key]
            if known != asked:
                return _error(400, "idempotency_error", "this Idempotency-Key came with other parameters before"), False
            return answer, True
        if key in self._under_way:
            return _error(409, "idempotency_error", "a request with this Idempotency-Key is under way"), False
        self._under_way.add(key)
        try:
            answer = await self._perform(request, handler, params)
        finally:
            self._under_way.discard(key)
        if answer.status not in _NOT_KEPT:
            self._answers[key] = (asked, answer)
        return answer, False

    async def _perform(self, request: web.Request, handler: Handler, params: dict[str, str]) -> Answer:
        if request.method == "POST" and (refusal := _refusal(request.path, params)):
            return refusal
        try:
            response = await handler(request)
        except web.HTTPException as error:
            return _error(error.status, "invalid_request_error", error.reason)
        assert isinstance(response, web.Response), "localstripe streams nothing"
        return Answer(response.status, json.loads(response.text or "{}"))

    def _write(
        self, request: web.Request, key: str | None, params: dict[str, str], answer: Answer, replayed: bool
    ) -> None:
        line = {
            "at": rfc3339(datetime.now(UTC)),
            "method": request.method,
            "path": request.path,
            "idempotency_key": key,
            "replayed": replayed,
            "params": _without_secrets(params),
            "status": answer.status,
            "answer": _without_secrets(answer.body),
        }
        self._record.write(json.dumps(line) + "\n")
        self._record.flush()


def _refusal(path: str, params: dict[str, str]) -> Answer | None:
    """What real Stripe refuses and localstripe would do."""
    if path == "/v1/refunds":
        return _refund_refusal(params)
    if captured := _CAPTURE.fullmatch(path):
        intent = resources.store.get(f"payment_intent:{captured[1]}")
        if intent is not None and intent.status != "requires_capture":
            message = f"this PaymentIntent has the status {intent.status} and cannot be captured"
            return _error(400, "invalid_request_error", message, "payment_intent_unexpected_state")
    return None


def _refund_refusal(params: dict[str, str]) -> Answer | None:
    charge = _charge(params)
    if charge is None:
        return None  # localstripe knows what to say
    if not charge.captured or charge.status != "succeeded":
        return _error(400, "invalid_request_error", "this payment has no captured charge to refund")
    left = charge.amount - charge.amount_refunded
    wanted = int(params["amount"]) if params.get("amount", "").isdigit() else charge.amount
    if left == 0:
        return _error(400, "invalid_request_error", "the charge was refunded already", "charge_already_refunded")
    if wanted > left:
        return _error(400, "invalid_request_error", f"the refund of {wanted} is more than the {left} that is left")
    return None


def _charge(params: dict[str, str]) -> Any:
    if "payment_intent" in params:
        intent = resources.store.get(f"payment_intent:{params['payment_intent']}")
        return None if intent is None else intent.latest_charge
    return resources.store.get(f"charge:{params.get('charge')}")


def _keep_cards_on_file() -> None:
    """Teach localstripe `setup_future_usage`, what may be charged off session, and lists by customer and time."""
    intents, methods = resources.PaymentIntent, resources.PaymentMethod
    create, list_all = intents._api_create, intents._api_list_all

    def create_and_keep(setup_future_usage: str | None = None, **asked: Any) -> Any:
        card, customer = methods._api_retrieve(asked.get("payment_method") or ""), asked.get("customer")
        if card.customer not in (None, customer):
            raise UserError(400, "this payment method belongs to another customer")
        if asked.get("off_session") == "true" and (customer is None or card.customer != customer):
            raise UserError(400, "this payment method was not set up for future use")
        intent = create(**{**asked, "payment_method": card.id})
        if setup_future_usage is not None and customer is not None:
            methods._api_attach(card.id, customer=customer)
        return intent

    def list_of(url: str, customer: str | None = None, created: Any = None, **page: Any) -> Any:
        found = list_all(url, **page)
        found._list = [intent for intent in _made_since(found._list, created) if customer in (None, intent.customer)]
        return found

    intents._api_create, intents._api_list_all = create_and_keep, list_of
    refunds = resources.Refund
    list_refunds = refunds._api_list_all

    def list_of_refunds(url: str, created: Any = None, **asked: Any) -> Any:
        found = list_refunds(url, **asked)
        found._list = _made_since(found._list, created)
        return found

    refunds._api_list_all = list_of_refunds


def _made_since(things: list[Any], created: Any) -> list[Any]:
    """Those that were made at `created[gte]` or later; all where nothing is asked."""
    since = int(created["gte"]) if created else 0
    return [thing for thing in things if thing.created >= since]


def _error(status: int, kind: str, message: str, code: str | None = None) -> Answer:
    return Answer(status, {"error": {"type": kind, "message": message, **({"code": code} if code else {})}})


def _without_secrets(value: Any) -> Any:
    """The same, without card numbers and secrets, which no record may hold."""
    if isinstance(value, dict):
        return {
            name: "..." if _SECRET.match(str(name)) and not isinstance(inner, dict | bool) else _without_secrets(inner)
            for name, inner in value.items()
        }
    return [_without_secrets(inner) for inner in value] if isinstance(value, list) else value


async def serve(port: int, record: Path) -> None:
    """Serve until SIGTERM or SIGINT. Port 0 takes a free one; the first line on standard output says which."""
    resources.store.dump_to_disk = lambda: None
    _keep_cards_on_file()
    with record.open("a", encoding="utf-8") as lines:
        bank = Bank(lines)

        @web.middleware
        async def before_localstripe(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await bank.serve(request, handler)

        localstripe_app.middlewares.insert(0, before_localstripe)
        runner = web.AppRunner(localstripe_app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, HOST, port)
        await site.start()
        address = runner.addresses[0]
        print(f"bank: http://{address[0]}:{address[1]}", flush=True)
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await stop.wait()
        await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m simulator.bank", description="A stand-in for Stripe.")
    parser.add_argument("--port", type=int, default=8420, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--record", type=Path, required=True, help="file that each request and answer is appended to")
    arguments = parser.parse_args()
    try:
        asyncio.run(serve(arguments.port, arguments.record))
    except OSError as error:
        sys.exit(f"bank: cannot serve: {error.strerror}")


if __name__ == "__main__":
    main()
