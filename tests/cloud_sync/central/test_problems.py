"""Every error is a problem document, and none gives anything away."""

import pytest

from cloud_sync.central.problems import MEDIA_TYPE
from cloud_sync.link.limits import BODY_BYTES_MAX
from tests.cloud_sync.central.site import Site


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "/nowhere", b"", 404),
        ("DELETE", "/lots", b"", 405),
        ("POST", "/users", b"{", 422),
        ("POST", "/users", b"\xff\xfe", 422),
        ("POST", "/users", b"[" * 5_000, 422),
        ("POST", "/auth/token", b"{}", 422),
        ("POST", "/users", b"x" * (BODY_BYTES_MAX + 1), 413),
    ],
)
async def test_the_frameworks_own_errors(site: Site, method: str, path: str, content: bytes, status: int) -> None:
    http = (await site.driver()).http
    answer = await http.request(method, path, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in (status, 400)
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.json().keys() >= {"type", "title", "status", "code", "detail"}
    assert answer.json()["status"] == answer.status_code


async def test_a_bug_is_a_500_that_says_nothing(site: Site) -> None:
    driver = await site.driver()

    def burst(*_: object) -> None:
        raise ZeroDivisionError("B-GH 1234")

    site.office.bookings._plan = burst  # type: ignore[method-assign,assignment]
    answer = await driver.book()
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "1234" not in answer.text
    assert "Zero" not in answer.text


async def test_readiness_is_the_databases_alone(site: Site) -> None:
    http = (await site.driver()).http
    site.street.away = True
    assert (await http.get("/readyz")).json() == {"status": "ok"}
    site.office.database.close()
    (site.folder / "central.db").rename(site.folder / "elsewhere.db")
    (site.folder / "central.db").mkdir()
    lost = await http.get("/readyz")
    assert (lost.status_code, lost.json()["code"]) == (503, "database_unavailable")
    assert (await http.get("/healthz")).status_code == 200
