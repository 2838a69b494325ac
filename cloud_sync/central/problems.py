"""Errors as RFC 9457 problem documents: a stable `type` and `code`, a sentence for people, never what was sent."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from domain.errors import BadInput, GatehouseError, NotFound, OperatorError, PeerError, Refused, TryLater

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:gatehouse:problem:"
RETRY_AFTER_S = 5

_STATUS_OF_KIND: tuple[tuple[type[GatehouseError], int], ...] = (
    (NotFound, 404),
    (BadInput, 422),
    (Refused, 409),
    (TryLater, 503),
    (PeerError, 502),
    (OperatorError, 500),
)

_STATUS_OF_CODE = {
    "not_authenticated": 401,
    "token_invalid": 401,
    "token_expired": 401,
    "credentials_wrong": 401,
    "operators_only": 403,
    "not_acceptable": 406,
    "payment_failed": 402,
    "too_many_tries": 429,
    "gate_unknown": 404,  # also where it is the hub that does not know it
    "gate_offline": 503,  # also where the hub is sure of it: it will be back
}


class WrongInput(BaseModel):
    """What is wrong at one place of a request; never what was sent."""

    loc: list[str]
    msg: str


class Problem(BaseModel):
    """RFC 9457. `type` and `code` are stable, `detail` is for people; `errors` comes with `input_invalid`, `payment_id`
    with a payment that failed."""

    type: str = Field(examples=["urn:gatehouse:problem:hub_offline"])
    title: str
    status: int
    code: str = Field(examples=["hub_offline"])
    detail: str
    errors: list[WrongInput] | None = None
    payment_id: str | None = None


_MAY_BECOME_KNOWN = ("reservation_unknown", "payment_unknown", "ticket_not_valid")
"""What is not said right after a start, when it may not be true."""


def problem(
    status: int, code: str, detail: str, headers: Mapping[str, str] | None = None, **more: object
) -> JSONResponse:
    """A problem document; `more` are members beyond RFC 9457's own."""
    document = {
        "type": f"{TYPE_PREFIX}{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "code": code,
        "detail": detail,
        **more,
    }
    return JSONResponse(document, status, dict(headers or {}), MEDIA_TYPE)


def problem_of(error: GatehouseError, **more: object) -> JSONResponse:
    """The document of one of our own errors."""
    status = _STATUS_OF_CODE.get(error.code) or next(
        status for kind, status in _STATUS_OF_KIND if isinstance(error, kind)
    )
    headers = {}
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        headers["Retry-After"] = str(getattr(error, "retry_after_s", RETRY_AFTER_S))
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return problem(status, error.code, error.message, headers, **more)


def database_unavailable() -> TryLater:
    return TryLater("database_unavailable", "the database does not answer; try again", RETRY_AFTER_S)


def answer_with_problems(app: FastAPI) -> None:
    """Make every error that leaves `app` a problem document."""

    @app.exception_handler(GatehouseError)
    def ours(request: Request, error: GatehouseError) -> JSONResponse:
        if error.code in _MAY_BECOME_KNOWN and request.app.state.office.catching_up.is_under_way():
            return problem_of(TryLater("catching_up", "bookings are still being put together; try again in a moment"))
        return problem_of(error)

    @app.exception_handler(RequestValidationError)
    def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        wrong = [{"loc": [str(part) for part in e["loc"]], "msg": e["msg"]} for e in error.errors()]
        return problem(422, "input_invalid", "the request is not as documented; see `errors`", errors=wrong)

    @app.exception_handler(HTTPException)
    def by_framework(_request: Request, error: HTTPException) -> JSONResponse:
        phrase = HTTPStatus(error.status_code).phrase
        return problem(error.status_code, phrase.lower().replace(" ", "_"), phrase, error.headers)

    @app.exception_handler(OperationalError)
    def no_database(_request: Request, _error: OperationalError) -> JSONResponse:
        return problem_of(database_unavailable())

    @app.exception_handler(UnicodeEncodeError)
    def no_text(_request: Request, _error: UnicodeEncodeError) -> JSONResponse:
        return problem(422, "input_invalid", "the request holds what is no Unicode text: a lone surrogate")

    @app.exception_handler(Exception)
    def bug(_request: Request, _error: Exception) -> JSONResponse:
        return problem(500, "internal_error", "something went wrong on our side")
