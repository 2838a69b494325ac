"""The page of the lot's lists: a manager puts plates on them, and takes them off."""

import re

import httpx
import pytest

from cloud_sync.link.v1.facts import Listing, PlateListed
from domain.plate import Plate
from tests.hub.browsing import ANNA, LATER, RUTH, log_in
from tests.hub.riverside import SEAL, Riverside, at

PLATE = "HH-AB 123"
STAFF = {"plate": PLATE, "listing": "staff", "note": "Cleaning <firm>", "until": ""}


async def test_a_manager_puts_a_plate_on_a_list(riverside: Riverside, browser: httpx.AsyncClient) -> None:
    await log_in(browser, RUTH)
    answer = await browser.post("/lists", data=STAFF)
    assert (answer.status_code, answer.headers["location"]) == (303, "/lists")
    [told] = riverside.told(PlateListed)
    assert (told.listing, told.by, told.note, told.until) == (Listing.STAFF, RUTH, "Cleaning <firm>", None)
    assert told.mark == SEAL.mark(Plate.parse(PLATE))
    page = (await browser.get("/lists")).text
    for said in ("staff", "Cleaning &lt;firm&gt;", "for good", "Ruth &lt;Adler&gt;", "••23"):
        assert said in page
    assert "HHAB123" not in re.sub("[^A-Z0-9]", "", page.upper())


async def test_until_an_instant_in_the_lots_own_time(riverside: Riverside, browser: httpx.AsyncClient) -> None:
    await log_in(browser, RUTH)
    await browser.post("/lists", data=STAFF | {"until": "2026-05-14T16:30"})
    [told] = riverside.told(PlateListed)
    assert told.until == at(2.5), "half past four in Berlin"
    assert "14.05.26 16:30" in (await browser.get("/lists")).text


async def test_a_manager_takes_it_off_again(riverside: Riverside, browser: httpx.AsyncClient) -> None:
    await log_in(browser, RUTH)
    await browser.post("/lists", data=STAFF)
    answer = await browser.post("/lists/off", data={"mark": SEAL.mark(Plate.parse(PLATE))})
    assert answer.status_code == 303
    assert riverside.lot.lists.now(LATER) == []
    again = await browser.post("/lists/off", data={"mark": SEAL.mark(Plate.parse(PLATE))})
    assert (again.status_code, "on no list" in again.text) == (409, True)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"plate": "!"}, "a plate has 2 to 10 letters"),
        ({"listing": "guests"}, "say which list"),
        ({"until": "tomorrow"}, "no date and time"),
        ({"until": "2020-01-01T00:00"}, "over already"),
    ],
)
async def test_what_is_typed_wrong_is_said_and_can_be_mended(
    riverside: Riverside, browser: httpx.AsyncClient, wrong: dict[str, str], why: str
) -> None:
    await log_in(browser, RUTH)
    answer = await browser.post("/lists", data=STAFF | wrong)
    assert answer.status_code in (409, 422)
    assert why in answer.text
    assert 'value="Cleaning &lt;firm&gt;"' in answer.text, "nothing is to be typed again"
    assert riverside.told(PlateListed) == []


@pytest.mark.parametrize("path", ["/lists", "/lists/off"])
async def test_only_a_manager_who_has_logged_in_changes_them(
    riverside: Riverside, browser: httpx.AsyncClient, path: str
) -> None:
    answer = await browser.post(path, data=STAFF)
    assert (answer.status_code, answer.headers["location"]) == (303, "/log-in")
    await log_in(browser, ANNA)
    assert (await browser.post(path, data=STAFF)).status_code == 403
    page = (await browser.get("/lists")).text
    assert "Only a manager of this lot can change the lists." in page
    assert 'name="plate"' not in page
    assert riverside.told(PlateListed) == []
