"""The local interface's errors as RFC 9457 problem documents: a stable `type` and `code`, a sentence for people."""

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from domain.errors import BadInput, GatehouseError, Refused, TryLater

JSON = "application/json"
MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:gatehouse:problem:"


def answer_with_problems(app: FastAPI) -> None:
    """Make every error that leaves `app` a problem document."""

    @app.exception_handler(GatehouseError)
    def ours(_request: Request, error: GatehouseError) -> JSONResponse:
        return problem(_status(error), error.code, error.message, _headers(error))

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, _error: RequestValidationError) -> JSONResponse:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            return problem(
                422, "input_invalid", f"the body is taken for JSON only with the header Content-Type: {JSON}"
            )
        return problem(422, "input_invalid", 'the request is not as documented: {"reservation_id": "WN2JR-KN83T"}')

    @app.exception_handler(HTTPException)
    def by_framework(_request: Request, error: HTTPException) -> JSONResponse:
        phrase = HTTPStatus(error.status_code).phrase
        return problem(error.status_code, phrase.lower().replace(" ", "_"), phrase)

    @app.exception_handler(Exception)
    def bug(_request: Request, _error: Exception) -> JSONResponse:  # the server logs it
        return problem(500, "internal_error", "something went wrong on our side")


def _status(error: GatehouseError) -> int:
    match error:
        case TryLater(code="too_many_tries"):
            return 429
        case TryLater():
            return 503
        case BadInput():
            return 422
        case Refused():
            return 409
        case _:
            return 500


def _headers(error: GatehouseError) -> dict[str, str]:
    return {"Retry-After": str(error.retry_after_s)} if isinstance(error, TryLater) else {}


def problem(status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """One problem document."""
    title = code.replace("_", " ").capitalize()
    document = {"type": f"{TYPE_PREFIX}{code}", "title": title, "status": status, "code": code, "detail": detail}
    return JSONResponse(document, status, headers, MEDIA_TYPE)
