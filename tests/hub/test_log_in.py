"""Logging in and out on the page, and what nobody can do who has not."""

import httpx
import pytest

from hub.attendants import Attendants
from hub.sessions import LIFE_S
from tests.hub.browsing import ANNA, CODES, RUTH, browsing, log_in
from tests.hub.lane import Lane
from tests.hub.riverside import Riverside
from tests.hub.units import Clock


async def test_an_attendant_logs_in_and_out(browser: httpx.AsyncClient) -> None:
    assert 'href="/log-in"' in (await browser.get("/")).text
    form = (await browser.get("/log-in")).text
    assert "<option>Anna Berg</option><option>Ruth &lt;Adler&gt;</option>" in form
    await log_in(browser, RUTH)
    html = (await browser.get("/")).text
    assert "Ruth &lt;Adler&gt;" in html
    assert "Log out" in html
    assert 'href="/log-in"' not in html
    out = await browser.post("/log-out")
    assert (out.status_code, out.headers["location"]) == (303, "/")
    assert "Log out" not in (await browser.get("/")).text


async def test_no_script_and_no_other_site_gets_the_cookie(browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/log-in", data={"name": ANNA, "code": CODES[ANNA]})
    [cookie] = answer.headers.get_list("set-cookie")
    assert cookie.startswith("gatehouse-riverside=")
    assert {"httponly", "samesite=strict", f"max-age={LIFE_S}", "path=/"} <= set(cookie.lower().split("; "))
    assert "secure" not in cookie.lower(), "on the lot's own network there is no TLS"


async def test_behind_tls_it_stays_there(browser: httpx.AsyncClient) -> None:
    answer = await browser.post("https://hub.lan/log-in", data={"name": ANNA, "code": CODES[ANNA]})
    assert "; secure" in answer.headers["set-cookie"].lower()


async def test_after_a_shift_it_is_over(browser: httpx.AsyncClient, clock: Clock) -> None:
    await log_in(browser)
    clock.now = clock.now.later(LIFE_S * 1_000 - 1)
    assert "Log out" in (await browser.get("/")).text
    clock.now = clock.now.later(1)
    assert "Log out" not in (await browser.get("/")).text


async def test_whoever_logs_out_takes_the_session_along(browser: httpx.AsyncClient) -> None:
    """Who has kept the cookie cannot go on with it."""
    await log_in(browser)
    kept = dict(browser.cookies)
    await browser.post("/log-out")
    browser.cookies.update(kept)
    assert "Log out" not in (await browser.get("/")).text


async def test_who_logs_in_anew_has_one_session(browser: httpx.AsyncClient) -> None:
    await log_in(browser, ANNA)
    before = dict(browser.cookies)
    await log_in(browser, RUTH)
    assert "Ruth" in (await browser.get("/")).text
    browser.cookies.update(before)
    assert "Log out" not in (await browser.get("/")).text


@pytest.mark.parametrize("form", [{}, {"name": ANNA}, {"name": ANNA, "code": CODES[RUTH]}, {"code": CODES[ANNA]}])
async def test_whoever_is_not_known_is_not_let_in(browser: httpx.AsyncClient, form: dict[str, str]) -> None:
    answer = await browser.post("/log-in", data=form)
    assert answer.status_code == 403
    assert "name and code do not go together" in answer.text
    assert "set-cookie" not in answer.headers
    assert ("selected" in answer.text) == (form.get("name") == ANNA), "what was right is not asked again"


async def test_too_many_tries_are_told_to_wait(browser: httpx.AsyncClient) -> None:
    await browser.post("/log-in", data={"name": ANNA, "code": "wrong"})
    answer = await browser.post("/log-in", data={"name": ANNA, "code": CODES[ANNA]})
    assert answer.status_code == 429
    assert "too many wrong codes; try again in 1 s" in answer.text
    await log_in(browser, RUTH)


async def test_what_is_no_form_logs_nobody_in(browser: httpx.AsyncClient) -> None:
    assert (await browser.post("/log-in", content=b"\xff=\xfe&name")).status_code == 403
    assert (await browser.post("/log-in", content=b"x" * 20_000)).status_code == 413


async def test_where_nobody_can_log_in_nothing_says_so(riverside: Riverside, lane: Lane, clock: Clock) -> None:
    async with browsing(riverside, lane, clock, Attendants({})) as browser:
        assert "/log-in" not in (await browser.get("/")).text
        page = await browser.get("/log-in")
        assert (page.status_code, "names nobody" in page.text) == (404, True)
