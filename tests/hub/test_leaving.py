"""The page on which an attendant says that a car has left which no exit has known."""

import httpx

from cloud_sync.link.v1.facts import StayEnded
from tests.hub.browsing import ANNA, log_in
from tests.hub.riverside import PLATE, Riverside, at


def parked(riverside: Riverside) -> str:
    """A car inside since noon; the path of its page."""
    riverside.booked()
    return f"/stays/{riverside.came_in(plate=PLATE).ref.stay_id}"


async def test_the_lots_page_leads_there_for_who_has_logged_in(
    riverside: Riverside, browser: httpx.AsyncClient
) -> None:
    path = parked(riverside)
    assert f'href="{path}"' not in (await browser.get("/")).text
    await log_in(browser)
    assert f'href="{path}"' in (await browser.get("/")).text
    page = await browser.get(path)
    assert page.status_code == 200
    assert "Has this car left?" in page.text
    assert PLATE.open not in page.text


async def test_at_an_exit_at_which_nobody_knew_it(riverside: Riverside, browser: httpx.AsyncClient) -> None:
    path = parked(riverside)
    exit_id = riverside.went_out(None, hours=0.5).ref.stay_id
    await log_in(browser)
    assert f'value="{exit_id}"' in (await browser.get(path)).text
    done = await browser.post(path, data={"exit_id": exit_id})
    assert (done.status_code, done.headers["location"]) == (303, "/")
    [told] = riverside.told(StayEnded)
    assert (told.exit_id, told.by) == (exit_id, ANNA)
    lot = (await browser.get("/lot.json")).json()
    assert (lot["cars"], lot["conflicts"]) == ([], [])


async def test_exits_before_it_came_are_not_offered(riverside: Riverside, browser: httpx.AsyncClient) -> None:
    early = riverside.went_out(None, hours=-0.5).ref.stay_id
    path = parked(riverside)
    await log_in(browser)
    assert f'value="{early}"' not in (await browser.get(path)).text


async def test_unseen(riverside: Riverside, browser: httpx.AsyncClient) -> None:
    path = parked(riverside)
    await log_in(browser)
    assert (await browser.post(path, data={"exit_id": "unseen"})).status_code == 303
    assert riverside.stays()[-1].left_at == at(1)


async def test_who_does_not_say_how_is_asked(riverside: Riverside, browser: httpx.AsyncClient) -> None:
    path = parked(riverside)
    await log_in(browser)
    answer = await browser.post(path)
    assert (answer.status_code, "Say at which exit" in answer.text) == (422, True)
    assert riverside.told(StayEnded) == []


async def test_whoever_has_not_logged_in_ends_nothing(riverside: Riverside, browser: httpx.AsyncClient) -> None:
    path = parked(riverside)
    assert "This car has left" not in (await browser.get(path)).text
    answer = await browser.post(path, data={"exit_id": "unseen"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/log-in")
    assert riverside.told(StayEnded) == []


async def test_a_car_that_is_gone_already(riverside: Riverside, browser: httpx.AsyncClient) -> None:
    path = parked(riverside)
    await log_in(browser)
    await browser.post(path, data={"exit_id": "unseen"})
    page = await browser.get(path)
    assert (page.status_code, "not inside, or not any more" in page.text) == (404, True)
    again = await browser.post(path, data={"exit_id": "unseen"})
    assert again.status_code == 404
    assert len(riverside.told(StayEnded)) == 1
