"""Which problems a route answers with, as its OpenAPI document says; `openapi.py` gives them their media type."""

from typing import Any

from cloud_sync.central.problems import Problem

_WHY = {
    400: "the request cannot be read at all",
    401: "no bearer token, or one that is not valid any more; or a wrong password",
    402: "the card was declined; `code` says by whom",
    403: "for operators only",
    404: "there is no such thing, or it is somebody else's",
    406: "no representation that the client takes",
    409: "the rules do not allow it now; `code` says which",
    413: "the body is too large",
    422: "the request is not as documented",
    429: "too many wrong tries; try again after `Retry-After` seconds",
    503: "a part is out of reach for now: the lot, its gate, or the database; try again after `Retry-After` seconds",
}

_ALWAYS = (413, 422, 503)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that can be refused with these, beside what can happen to every request."""
    return {status: {"model": Problem, "description": _WHY[status]} for status in sorted({*statuses, *_ALWAYS})}
