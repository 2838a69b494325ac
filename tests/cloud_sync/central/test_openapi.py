"""What the OpenAPI document promises of every operation."""

from typing import Any

from cloud_sync.central.app import api

DOCUMENT = api().openapi()
OPERATIONS: dict[str, dict[str, Any]] = {
    f"{method} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}


def test_every_refusal_is_a_problem_and_a_503_says_when_to_come_back() -> None:
    for name, operation in OPERATIONS.items():
        refusals = {status: told for status, told in operation["responses"].items() if status >= "400"}
        assert {"413", "503"} <= refusals.keys(), name
        for status, told in refusals.items():
            assert told["content"].keys() == {"application/problem+json"}, (name, status)
        assert "Retry-After" in refusals["503"]["headers"]
    assert not {"HTTPValidationError", "ValidationError"} & DOCUMENT["components"]["schemas"].keys()


def test_who_needs_a_token_is_said_and_what_happens_without() -> None:
    for name, operation in OPERATIONS.items():
        assert ("security" in operation or name == "post /auth/token") == ("401" in operation["responses"]), name


def test_every_post_but_the_log_in_takes_an_idempotency_key() -> None:
    for name, operation in OPERATIONS.items():
        takes = any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", []))
        assert takes == (name.startswith("post") and name != "post /auth/token"), name


def test_nothing_is_left_unavailable() -> None:
    assert not any("501" in operation["responses"] for operation in OPERATIONS.values())
