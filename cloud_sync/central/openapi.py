"""The OpenAPI document: what FastAPI finds out by itself, and what it cannot know of this API.

Every refusal is a problem document with its own media type, says when to come back where it is a 503, and how to log in
where it is a 401; every POST but the one that logs in takes an Idempotency-Key.
"""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from cloud_sync.central.idempotency import EXEMPT, KEY_PATTERN
from cloud_sync.central.problems import MEDIA_TYPE

_PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_HEADERS = {
    "429": {"Retry-After": {"description": "seconds", "required": True, "schema": {"type": "string"}}},
    "503": {"Retry-After": {"description": "seconds", "required": True, "schema": {"type": "string"}}},
    "401": {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}},
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "the same request with the same key is answered once, for 24 hours",
    "schema": {"type": "string", "pattern": f"^{KEY_PATTERN}$"},
}


def describe(app: FastAPI) -> None:
    """Have `app` give this document out as its own."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            app.openapi_schema = _completed(found)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # as FastAPI's documentation has it


def _completed(found: dict[str, Any]) -> dict[str, Any]:
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            if method == "post" and path not in EXEMPT:
                operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
            if not operation.get("parameters") and "requestBody" not in operation:
                for impossible in ("404", "422"):
                    operation["responses"].pop(impossible, None)
            if "requestBody" in operation:
                operation["responses"].setdefault("400", {"description": "the body is no text"})
            for status, response in operation["responses"].items():
                if status >= "400":
                    response["content"] = _PROBLEM
                    response.update({"headers": _HEADERS[status]} if status in _HEADERS else {})
    for unused in ("HTTPValidationError", "ValidationError"):
        found["components"]["schemas"].pop(unused, None)
    return found
