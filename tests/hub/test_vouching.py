"""Vouching on the page: a manager reads what it means, and does it in their own name."""

import httpx

from cloud_sync.link.v1.facts import WithdrawalVouched
from domain.ids import shown
from hub.attendants import Attendant, Attendants
from tests.hub.browsing import ANNA, CODES, RUTH, browsing, log_in
from tests.hub.lane import Lane
from tests.hub.riverside import Riverside, rid
from tests.hub.units import Clock
from tests.parts import ENTRY

PATH = f"/vouch/{shown(rid(1))}/{ENTRY}"


def missed(riverside: Riverside) -> None:
    """Nobody has come, and the entry is silent."""
    riverside.booked(1)
    riverside.woken(0.9)


async def test_a_fee_that_waits_for_a_silent_gate_can_be_vouched_for(
    riverside: Riverside, browser: httpx.AsyncClient
) -> None:
    missed(riverside)
    await log_in(browser, RUTH)
    assert f'href="{PATH}"' in (await browser.get("/")).text
    page = await browser.get(PATH)
    assert page.status_code == 200
    for said in (shown(rid(1)), "the driver pays the fee", "gets the fee back", "I vouch", "Ruth &lt;Adler&gt;"):
        assert said in page.text
    assert RUTH not in page.text
    done = await browser.post(PATH)
    assert (done.status_code, done.headers["location"]) == (303, "/")
    [told] = riverside.told(WithdrawalVouched)
    assert (told.reservation_id, told.gate_id, told.by) == (rid(1), ENTRY, RUTH)
    [no_show] = (await browser.get("/lot.json")).json()["no_shows"]
    assert no_show["silent"] == []
    assert [(vouch["gate_id"], vouch["by"]) for vouch in no_show["vouched"]] == [(ENTRY, RUTH)]
    html = (await browser.get("/")).text
    assert "Ruth &lt;Adler&gt; vouched at 15:00 that nobody came in by entry-1." in html
    assert "/vouch/" not in html


async def test_whoever_has_not_logged_in_may_read_and_is_asked_who_they_are(
    riverside: Riverside, browser: httpx.AsyncClient
) -> None:
    missed(riverside)
    page = await browser.get(PATH)
    assert page.status_code == 200
    assert 'href="/log-in"' in page.text
    assert "I vouch" not in page.text
    answer = await browser.post(PATH)
    assert (answer.status_code, answer.headers["location"]) == (303, "/log-in")
    assert riverside.told(WithdrawalVouched) == []


async def test_whoever_is_no_manager_vouches_for_nothing(riverside: Riverside, browser: httpx.AsyncClient) -> None:
    missed(riverside)
    await log_in(browser, ANNA)
    page = await browser.get(PATH)
    assert "Only a manager of this lot can vouch." in page.text
    assert "I vouch" not in page.text
    answer = await browser.post(PATH)
    assert answer.status_code == 403
    assert "only a manager of this lot can vouch for a gate" in answer.text
    assert riverside.told(WithdrawalVouched) == []


async def test_a_lot_without_managers_offers_nothing(riverside: Riverside, lane: Lane, clock: Clock) -> None:
    missed(riverside)
    async with browsing(riverside, lane, clock, Attendants({Attendant(ANNA): CODES[ANNA]})) as browser:
        assert "/vouch/" not in (await browser.get("/")).text
        page = await browser.get(PATH)
        assert (page.status_code, "names no manager" in page.text) == (404, True)


async def test_what_does_not_wait_is_not_vouched_for(
    riverside: Riverside, lane: Lane, browser: httpx.AsyncClient
) -> None:
    await log_in(browser, RUTH)
    riverside.booked(1)
    for nowhere in (PATH, "/vouch/nothing/nowhere"):
        answer = await browser.get(nowhere)
        assert answer.status_code == 404
        assert "I vouch" not in answer.text
        assert (await browser.post(nowhere)).status_code == 409
    riverside.woken(0.9)
    riverside.heard(ENTRY)
    await lane.is_on_the_link()
    assert "/vouch/" not in (await browser.get("/")).text, "it answers for itself"
    answer = await browser.post(PATH)
    assert answer.status_code == 409
    assert "answers for itself" in answer.text
    assert riverside.told(WithdrawalVouched) == []


async def test_a_hub_that_may_not_hear_a_gate_offers_nothing_for_it(
    riverside: Riverside, browser: httpx.AsyncClient
) -> None:
    await log_in(browser, RUTH)
    missed(riverside)
    riverside.listens(up=False)
    assert "/vouch/" not in (await browser.get("/")).text
    answer = await browser.get(PATH)
    assert answer.status_code == 409
    assert "look again later" in answer.text
    assert "I vouch" not in answer.text
    assert (await browser.post(PATH)).status_code == 409
    assert riverside.told(WithdrawalVouched) == []
