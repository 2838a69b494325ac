"""A page of another site changes nothing here, whatever the browser sends along for it."""

import httpx
import pytest

from tests.hub.browsing import ANNA, CODES, log_in
from tests.hub.lane import Lane
from tests.parts import ENTRY

OURS = {"origin": "http://hub.lan"}
OTHERS = [
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site", "origin": "http://hub.lan"},
    {"origin": "http://evil.example"},
    {"origin": "http://hub.lan:8081"},
    {"origin": "null"},
]


@pytest.mark.parametrize("headers", OTHERS)
async def test_what_another_site_asks_is_refused(
    browser: httpx.AsyncClient, lane: Lane, headers: dict[str, str]
) -> None:
    await log_in(browser)
    await lane.is_on_the_link()
    for path in (f"/lanes/{ENTRY}/open", f"/lanes/{ENTRY}/mode", "/log-out"):
        answer = await browser.post(path, headers=headers)
        assert (answer.status_code, "another site" in answer.text) == (403, True)
    assert lane.asked == []
    assert "Log out" in (await browser.get("/")).text


@pytest.mark.parametrize("headers", OTHERS)
async def test_nor_can_it_log_anybody_in(browser: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await browser.post("/log-in", data={"name": ANNA, "code": CODES[ANNA]}, headers=headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("headers", [{}, OURS, {"sec-fetch-site": "same-origin", **OURS}, {"sec-fetch-site": "none"}])
async def test_our_own_pages_may(browser: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await browser.post("/log-in", data={"name": ANNA, "code": CODES[ANNA]}, headers=headers)
    assert answer.status_code == 303


@pytest.mark.parametrize("headers", OTHERS)
async def test_looking_is_for_everybody(browser: httpx.AsyncClient, headers: dict[str, str]) -> None:
    for path in ("/", "/lot.json", "/log-in"):
        assert (await browser.get(path, headers=headers)).status_code == 200
