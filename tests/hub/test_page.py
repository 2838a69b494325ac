"""The attendants' page as a browser and a program get it."""

import re

import httpx
import pytest

from cloud_sync.link import topics
from cloud_sync.link.v1.facts import AlarmRaised, Mode
from cloud_sync.link.v1.messages import UnitStatus
from domain.admission import Reason, Verdict
from domain.ids import shown
from domain.now import parse_instant
from domain.plate import Plate
from domain.spot import SpotKind
from tests.hub.browsing import LATER
from tests.hub.lane import Lane
from tests.hub.riverside import (
    GATES,
    HOUR_MS,
    NOW,
    PLATE,
    SEAL,
    Riverside,
    at,
    decided,
    hold_request,
    rid,
)
from tests.parts import ENTRY, EXIT

SIX = {f"riverside.1-00{n}": SpotKind.STANDARD for n in range(1, 7)}


@pytest.fixture
def full(riverside: Riverside) -> Riverside:
    """A lot with a spot in every state: available, held, reserved, occupied, overstayed, closed."""
    riverside.lot.lay_out(SIX, GATES, NOW)
    for number, (start, end) in enumerate([(1, 3), (1, 3), (0, 3), (0, 1)], 2):
        riverside.hold(
            hold_request(number, spot_id=f"riverside.1-00{number}", start=start, end=end), LATER.later(-1000)
        )
        if number > 2:
            riverside.confirm(number, LATER.later(-1000))
    riverside.came_in(4, hours=0.2)
    riverside.came_in(5, hours=0.3, plate=PLATE)
    riverside.lot.lay_out({spot: kind for spot, kind in SIX.items() if spot != "riverside.1-006"}, GATES, NOW)
    return riverside


STATES = ["available", "held", "reserved", "occupied", "overstayed", "closed"]


async def test_every_state_is_shown_to_people(full: Riverside, browser: httpx.AsyncClient) -> None:
    html = (await browser.get("/")).text
    cells = re.findall(r'<div class="spot (\w+)" title="riverside\.(1-\d+)', html)
    assert [(state, spot) for state, spot in cells if spot.startswith("1-")] == [
        (state, f"1-00{number}") for number, state in enumerate(STATES, 1)
    ]


async def test_and_to_programs(full: Riverside, browser: httpx.AsyncClient) -> None:
    document = (await browser.get("/lot.json")).json()
    by_id = {spot["spot_id"]: spot for spot in document["spots"]}
    assert [by_id[f"riverside.1-00{n}"]["state"] for n in range(1, 7)] == STATES
    assert by_id["riverside.1-004"]["reservation"] == shown(rid(4))
    assert parse_instant(document["as_of"]) == LATER.utc
    assert parse_instant(by_id["riverside.1-004"]["until"]) == at(3)
    assert document["central_online"] is False
    assert {car["plate"] for car in document["cars"]} == {"••23"}


async def test_what_ought_not_to_be_is_shown_although_no_car_is_inside(
    full: Riverside, browser: httpx.AsyncClient
) -> None:
    full.booked(7, hold_request(7, spot_id="riverside.1-001", start=1, end=3), LATER.later(-1000))
    full.went_out(None, hours=0.9, plate=Plate("XYZ987"))
    full.came_in(4, hours=0.8)
    document = (await browser.get("/lot.json")).json()
    exit_, second = sorted(document["conflicts"], key=lambda one: one["conflict"], reverse=True)
    assert (exit_["conflict"], second["conflict"]) == ("exit-without-entry", "double-entry")
    assert (exit_["plate"], exit_["gate_id"], exit_["inside"]) == ("••87", EXIT, False)
    assert exit_["stay_id"] == f"{EXIT}/1/1"
    assert (second["reservation"], second["spot_id"], second["plate"]) == (shown(rid(4)), None, "••23")
    html = (await browser.get("/")).text
    assert "Conflicts, open or of the last 24 hours" in html
    assert "exit-without-entry" in html[html.index("Conflicts, open") :]


async def test_a_conflict_of_days_ago_says_its_day(riverside: Riverside, browser: httpx.AsyncClient) -> None:
    exit_ = riverside.crossed(EXIT, at(-48), plate=PLATE)
    riverside.take(exit_)
    html = (await browser.get("/")).text
    assert "<td>12.05. 14:00</td>" in html


async def test_who_was_moved_and_who_did_not_come(riverside: Riverside, browser: httpx.AsyncClient) -> None:
    assert "Moved and not come" not in (await browser.get("/")).text
    riverside.booked(1)
    riverside.booked(2, hold_request(2, start=1, end=2))
    riverside.booked(3, hold_request(3, spot_id="riverside.2-001", end=2))
    riverside.came_in(1)
    riverside.woken(0.95)
    document = (await browser.get("/lot.json")).json()
    [move], [no_show] = document["moves"], document["no_shows"]
    assert (move["reservation"], move["from_spot_id"], move["spot_id"]) == (
        shown(rid(2)),
        "riverside.1-001",
        "riverside.1-002",
    )
    assert (parse_instant(move["at"]), parse_instant(move["start"])) == (at(0.95), at(1))
    assert (no_show["reservation"], no_show["spot_id"]) == (shown(rid(3)), "riverside.2-001")
    html = (await browser.get("/")).text
    assert "1-001 → 1-002" in html
    assert ">no-show</span>" in html


async def test_a_free_spot_does_not_say_so_again(full: Riverside, browser: httpx.AsyncClient) -> None:
    """The legend says it once; the words for the others stay, for who does not see colours."""
    html = (await browser.get("/")).text
    assert len(re.findall(r">\s*available", html)) == 1
    assert re.search(r"overstayed<br>since 15:00", html)


async def test_no_plate_is_ever_in_clear(full: Riverside, browser: httpx.AsyncClient) -> None:
    full.tells(ENTRY, decided())
    full.came_in(None, hours=0.4, plate=Plate("XYZ987"))
    for path in ("/", "/lot.json"):
        body = (await browser.get(path)).text
        assert "••23" in body or "\\u2022" in body
        for plate in (PLATE, Plate("XYZ987")):
            assert plate.open not in body
            assert SEAL.mark(plate) not in body


async def test_a_drivers_name_is_only_text(riverside: Riverside, browser: httpx.AsyncClient) -> None:
    evil = "<script>alert(1)</script>\"' onload=x <img src=x onerror=alert(2)>"
    riverside.booked(1, hold_request(1, end=3, driver_name=evil))
    riverside.came_in(1, hours=0.1)
    riverside.tells(ENTRY, AlarmRaised(alarm="<b>x</b>", detail="<i>y</i>"))
    html = (await browser.get("/")).text
    assert "<script>alert" not in html
    assert "<img" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<b>x</b>" not in html
    assert "<i>y</i>" not in html
    assert "Riverside &lt;Garage&gt;" in html
    assert (await browser.get("/lot.json")).json()["cars"][0]["driver"] == evil


async def test_how_each_gate_is(riverside: Riverside, lane: Lane, browser: httpx.AsyncClient) -> None:
    html = (await browser.get("/")).text
    assert html.count("not heard of") == len(GATES)
    online = UnitStatus(unit=ENTRY, online=True, epoch=1, boot="b", at=at(0.5))
    await lane.presence.heard(topics.gate_status(ENTRY), online.encode())
    html = (await browser.get("/")).text
    assert html.count("connected</span>") == 1
    assert "since 14:30:00" in html  # in the lot's own time
    await lane.presence.heard(topics.gate_status(ENTRY), online.model_copy(update={"online": False}).encode())
    html = (await browser.get("/")).text
    assert "decides alone" in html
    assert "since 15:00:00" in html
    assert "no new bookings" in html
    lanes = (await browser.get("/lot.json")).json()["lanes"]
    assert [(one["gate_id"], one["online"]) for one in lanes] == [(ENTRY, False), (EXIT, None)]


@pytest.mark.parametrize(
    ("mode", "shown_as"), [(Mode.AUTOMATIC, "automatic"), (Mode.HELD_OPEN, "held open"), (Mode.CLOSED, "closed")]
)
async def test_what_each_lane_does(lane: Lane, browser: httpx.AsyncClient, mode: Mode, shown_as: str) -> None:
    await lane.is_on_the_link(mode=mode)
    assert f'<span class="tag {mode.value}">{shown_as}</span>' in (await browser.get("/")).text
    lanes = (await browser.get("/lot.json")).json()["lanes"]
    assert [(one["gate_id"], one["mode"]) for one in lanes] == [(ENTRY, mode.value), (EXIT, None)]


async def test_who_has_opened_a_lane(riverside: Riverside, browser: httpx.AsyncClient) -> None:
    riverside.tells(ENTRY, decided(verdict=Verdict.ADMIT, reason=Reason.ATTENDANT, by="Anna <Berg>"))
    assert "attendant <b>Anna &lt;Berg&gt;</b>" in (await browser.get("/")).text
    [decision] = (await browser.get("/lot.json")).json()["decisions"]
    assert (decision["reason"], decision["by"]) == ("attendant", "Anna <Berg>")


async def test_times_are_the_lots_own_for_people_and_utc_for_programs(
    full: Riverside, browser: httpx.AsyncClient
) -> None:
    html = (await browser.get("/")).text
    assert ">15:00:00</time>" in html
    assert "until 17:00" in html
    assert (await browser.get("/lot.json")).json()["as_of"].startswith("2026-05-14T13:00:00")


async def test_an_empty_lot_says_so(browser: httpx.AsyncClient) -> None:
    html = (await browser.get("/")).text
    assert "No car is known to be inside." in html
    assert "No car has come yet." in html


async def test_a_fee_that_waits_longer_than_a_day_stays_on_the_page(
    riverside: Riverside, browser: httpx.AsyncClient
) -> None:
    riverside.booked(1, hold_request(1, start=-30, end=20), NOW.later(-30 * HOUR_MS))
    riverside.woken(-29)
    html = (await browser.get("/")).text
    assert "Its fee waits for <b>entry-1</b>" in html
    assert ">13.05. 09:00</td>" in html


async def test_there_is_nothing_else(browser: httpx.AsyncClient) -> None:
    for path in ("/docs", "/openapi.json", "/static/x", "/lot"):
        assert (await browser.get(path)).status_code == 404
    for path in ("/", "/lot.json"):
        assert (await browser.post(path)).status_code == 405
