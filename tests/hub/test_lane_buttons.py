"""The lanes' buttons: who may press them, what is asked of the gate, and what the attendant is told."""

import re

import httpx
import pytest

from cloud_sync.link.v1.facts import Mode
from cloud_sync.link.v1.messages import ModeRequest, OpenRequest, Reply
from domain.errors import TryLater
from domain.ids import shown
from hub.page import TOLD_FOR
from tests.hub.browsing import ANNA, RUTH, log_in
from tests.hub.lane import Lane, in_mode, opened, refused
from tests.hub.riverside import rid
from tests.hub.units import Clock
from tests.parts import ENTRY, EXIT

NOTHING_YET = "Open lets one car pass; on its booking, where you know the id."
OPEN, MODE = f"/lanes/{ENTRY}/open", f"/lanes/{ENTRY}/mode"


async def press(browser: httpx.AsyncClient, path: str = OPEN, **form: str) -> str:
    """What the page says of the lane afterwards."""
    answer = await browser.post(path, data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    return await told(browser, path.split("/")[2])


async def told(browser: httpx.AsyncClient, gate_id: str = ENTRY) -> str:
    """What the page says of a lane's last button: `done` or `wrong`, and words."""
    html = (await browser.get("/")).text
    one = re.search(rf'id="{gate_id}".*?<p class="told( \w+)?" role="status"><span>(.*?)</span>', html, re.DOTALL)
    return "" if one is None else f"{(one[1] or '').strip()} {one[2].strip()}".strip()


def shown_of(html: str, gate_id: str) -> str:
    """What the page has of a lane."""
    return html.split(f'<div class="lane" id="{gate_id}"')[1].split('<div class="lane"', maxsplit=1)[0]


def buttons(html: str, gate_id: str) -> list[str]:
    """What a lane offers to press."""
    return re.findall(r"<button[^>]*>([^<]*)</button>", shown_of(html, gate_id))


async def test_who_has_not_logged_in_sees_no_button_and_can_press_none(browser: httpx.AsyncClient, lane: Lane) -> None:
    await lane.is_on_the_link()
    assert "<button" not in (await browser.get("/")).text
    for path, form in ((OPEN, {}), (MODE, {"mode": "closed"})):
        answer = await browser.post(path, data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, "/log-in")
    assert lane.asked == []


async def test_an_entry_can_be_closed_and_an_exit_never(browser: httpx.AsyncClient) -> None:
    await log_in(browser)
    html = (await browser.get("/")).text
    assert buttons(html, ENTRY) == ["Open", "Hold open", "Automatic", "Close"]
    assert buttons(html, EXIT) == ["Open", "Hold open", "Automatic"]


async def test_one_press_opens_in_the_attendants_name(browser: httpx.AsyncClient, lane: Lane) -> None:
    await log_in(browser)
    await lane.is_on_the_link()
    lane.answers = [opened()]
    words = await press(browser)
    assert words == "done 15:00:00 It opens: show the driver where to park."
    [one] = lane.asked
    assert isinstance(one.message, OpenRequest)
    assert (one.message.gate_id, one.message.by, one.message.reservation_id) == (ENTRY, ANNA, None)


async def test_on_the_booking_of_a_driver_whose_phone_is_dead(browser: httpx.AsyncClient, lane: Lane) -> None:
    await log_in(browser)
    await lane.is_on_the_link()
    lane.answers = [opened(reservation_id=rid(1), spot_id="riverside.1-002")]
    words = await press(browser, reservation_id=f" {shown(rid(1)).lower()} ")
    assert words.endswith(f"It opens for booking {shown(rid(1))}: spot 1-002.")
    [one] = lane.asked
    assert isinstance(one.message, OpenRequest)
    assert one.message.reservation_id == rid(1)


async def test_an_id_with_a_typing_error_asks_nobody(browser: httpx.AsyncClient, lane: Lane) -> None:
    await log_in(browser)
    await lane.is_on_the_link()
    assert "wrong 15:00:00 This is no booking id." in await press(browser, reservation_id="7K3MQ-2XD9Q<")
    assert lane.asked == []


@pytest.mark.parametrize("mode", list(Mode))
async def test_a_lanes_mode_is_set_in_the_attendants_name(browser: httpx.AsyncClient, lane: Lane, mode: Mode) -> None:
    await log_in(browser, RUTH)
    await lane.is_on_the_link()
    lane.answers = [in_mode(mode)]
    assert (await press(browser, MODE, mode=mode.value)).startswith("done 15:00:00 It ")
    [one] = lane.asked
    assert isinstance(one.message, ModeRequest)
    assert (one.message.gate_id, one.message.by, one.message.mode) == (ENTRY, RUTH, mode)


@pytest.mark.parametrize("form", [{}, {"mode": "ajar<b>"}])
async def test_there_is_no_other_mode(browser: httpx.AsyncClient, lane: Lane, form: dict[str, str]) -> None:
    await log_in(browser)
    await lane.is_on_the_link()
    words = await press(browser, MODE, **form)
    assert "A lane has no mode" in words
    assert "<b>" not in words
    assert lane.asked == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refused("lane_busy", final=False), "This is lane_busy."),
        (refused("reservation_unknown"), "The gate does not know this booking"),
        (refused("exit_never_closed"), "an exit is never closed"),
        (refused("request_unknown"), "Its software is too old for this."),
        (TryLater("no_answer", "none came"), "look before you press again"),
        (Reply(ok=True, result={"verdict": "perhaps"}), "This hub cannot read its answer."),
    ],
)
async def test_what_a_gate_does_not_do_is_told_in_words(
    browser: httpx.AsyncClient, lane: Lane, answer: Reply | TryLater, words: str
) -> None:
    await log_in(browser)
    await lane.is_on_the_link()
    lane.answers = [answer]
    said = await press(browser)
    assert said.startswith("wrong ")
    assert words in said


async def test_a_lane_whose_gate_is_off_says_where_to_go(browser: httpx.AsyncClient, lane: Lane) -> None:
    await log_in(browser)
    await lane.is_on_the_link(online=False)
    html = (await browser.get("/")).text
    assert html.count("<fieldset disabled>") == 4, "two for each lane"
    assert await told(browser) == "It cannot be reached from here. Its key switch opens it."
    for path, form in ((OPEN, {}), (MODE, {"mode": "held_open"})):
        said = await press(browser, path, **form)
        assert "wrong 15:00:00 It cannot be reached from here" in said
        assert "key switch" in said
    assert lane.asked == []
    await lane.is_on_the_link()
    assert (await browser.get("/")).text.count("<fieldset disabled>") == 2


async def test_a_lane_that_is_not_this_lots_is_not_found(browser: httpx.AsyncClient) -> None:
    await log_in(browser)
    for gate_id in ("hillside.entry-1", "riverside.+"):
        assert (await browser.post(f"/lanes/{gate_id}/open")).status_code == 404
        assert (await browser.post(f"/lanes/{gate_id}/mode", data={"mode": "closed"})).status_code == 404


async def test_each_lane_tells_its_own_for_a_while(browser: httpx.AsyncClient, lane: Lane, clock: Clock) -> None:
    await log_in(browser)
    await lane.is_on_the_link()
    await lane.is_on_the_link(gate_id=EXIT)
    lane.answers = [opened(release=True), refused("lane_busy", final=False)]
    assert (await press(browser, f"/lanes/{EXIT}/open")).endswith("It opens.")
    await press(browser)
    clock.now = clock.now.later(round(TOLD_FOR.total_seconds() * 1_000) - 1)
    assert (await told(browser, EXIT)).startswith("done ")
    assert (await told(browser)).startswith("wrong ")
    clock.now = clock.now.later(1)
    assert await told(browser) == NOTHING_YET


async def test_and_to_nobody_else(browser: httpx.AsyncClient, lane: Lane) -> None:
    await log_in(browser, ANNA)
    await lane.is_on_the_link()
    lane.answers = [opened()]
    assert await press(browser)
    await log_in(browser, RUTH)
    assert await told(browser) == NOTHING_YET


async def test_whatever_happens_a_lane_has_the_same_fields_and_buttons(browser: httpx.AsyncClient, lane: Lane) -> None:
    """By that the page's refresh knows them again, and leaves alone what somebody types or presses."""
    await log_in(browser)
    elements = []
    for online, mode in (
        (False, None),
        (True, None),
        (True, Mode.AUTOMATIC),
        (True, Mode.HELD_OPEN),
        (True, Mode.CLOSED),
    ):
        await lane.is_on_the_link(online=online, mode=mode)
        lane.answers = [opened()]
        await press(browser)
        html = shown_of((await browser.get("/")).text, ENTRY)
        elements.append(re.findall(r"</?\w+", re.sub(r'<p class="tags">.*?</p>', "", html, flags=re.DOTALL)))
    assert elements[0].count("<button") == 4
    assert elements == [elements[0]] * 5


@pytest.mark.parametrize("mode", list(Mode))
async def test_which_mode_a_lane_is_in_is_pressed(browser: httpx.AsyncClient, lane: Lane, mode: Mode) -> None:
    await log_in(browser)
    await lane.is_on_the_link(mode=mode)
    pressed = re.findall(r'value="(\w+)" aria-pressed="true"', (await browser.get("/")).text)
    assert pressed == [mode.value]


async def test_a_lane_that_is_held_open_needs_not_be_opened(browser: httpx.AsyncClient, lane: Lane) -> None:
    await log_in(browser)
    for gate_id in (ENTRY, EXIT):
        await lane.is_on_the_link(gate_id=gate_id, mode=Mode.AUTOMATIC)
    assert "<fieldset disabled>" not in (await browser.get("/")).text
    await lane.is_on_the_link(mode=Mode.HELD_OPEN)
    assert (await browser.get("/")).text.count("<fieldset disabled>") == 1
    assert await told(browser) == "Its arm stays up, and everyone passes."
