"""Searching over HTTP: from central's copy, and honest about its age."""

from datetime import timedelta

import httpx
import pytest

from cloud_sync.link.v1.facts import SpotChanged
from domain.reservation import Status
from domain.spot import SpotKind
from tests.cloud_sync.central.site import Site
from tests.cloud_sync.central.street import COMPACT_SPOT, END, LOT, SPOT, START

WANTED = {"lot_id": LOT, "vehicle_type": "compact", "start_time": START.isoformat(), "end_time": END.isoformat()}


async def found(site: Site, **change: str) -> list[str]:
    transport = httpx.ASGITransport(site.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://central") as anybody:
        answer = await anybody.get("/spots/available", params={**WANTED, **change})
    assert answer.status_code == 200
    return [spot["spot_id"] for spot in answer.json()["spots"]]


async def test_an_offer_names_spot_price_and_age(site: Site) -> None:
    http = (await site.driver()).http
    answer = (await http.get("/spots/available", params=WANTED)).json()
    assert answer == {
        "lot_id": LOT,
        "vehicle_type": "compact",
        "start_time": "2026-05-14T14:00:00.000Z",
        "end_time": "2026-05-14T16:00:00.000Z",
        "bookable": True,
        "as_of": "2026-05-14T12:00:00.000Z",
        "spots": [
            {"spot_id": spot, "lot_id": LOT, "kind": kind, "price": {"amount_minor": 800, "currency": "EUR"}}
            for spot, kind in ((COMPACT_SPOT, "compact"), (SPOT, "standard"))
        ],
    }


async def test_what_does_not_fit_or_is_held_or_out_of_service_is_not_offered(site: Site) -> None:
    assert await found(site, vehicle_type="standard") == [SPOT]
    driver = await site.driver()
    await driver.book()
    assert await found(site) == [COMPACT_SPOT]
    later = {"start_time": END.isoformat(), "end_time": (END + timedelta(hours=1)).isoformat()}
    assert await found(site, **later) == [COMPACT_SPOT, SPOT]
    site.street.tell(SpotChanged(spot_id=COMPACT_SPOT, spot_kind=SpotKind.COMPACT, in_service=False))
    site.take_in()
    assert await found(site) == []
    site.watch.pass_by(timedelta(minutes=11))
    assert await found(site) == [SPOT], "a hold that has run out holds nothing"


async def test_a_spot_that_a_car_stands_on_is_not_offered_from_now_on(site: Site) -> None:
    driver = await site.driver()
    reservation_id = (await driver.book()).json()["reservation_id"]
    site.street.step(reservation_id, Status.COMPLETED, "left")
    site.watch.pass_by(END - site.watch().utc)
    site.street.stay(reservation_id, left_at=None)  # it overstays
    site.take_in()
    now, soon = site.watch().utc, site.watch().utc + timedelta(minutes=1)
    end = (now + timedelta(hours=1)).isoformat()
    assert await found(site, start_time=now.isoformat(), end_time=end) == [COMPACT_SPOT]
    assert SPOT in await found(site, start_time=soon.isoformat(), end_time=end, vehicle_type="standard")


async def test_a_spot_is_available_then_reserved_then_occupied(site: Site) -> None:
    driver = await site.driver()
    reservation_id = (await driver.book()).json()["reservation_id"]
    seen = [(await driver.get(f"/spots/{SPOT}")).json()["status"]]
    site.street.step(reservation_id, Status.CONFIRMED, "paid")
    site.watch.pass_by(START - site.watch().utc)
    site.take_in()
    seen.append((await driver.get(f"/spots/{SPOT}")).json()["status"])
    site.street.step(reservation_id, Status.CHECKED_IN, "entered")
    site.street.stay(reservation_id, left_at=None)
    site.take_in()
    seen.append((await driver.get(f"/spots/{SPOT}")).json()["status"])
    assert seen == ["available", "reserved", "occupied"]
    lot = (await driver.get(f"/lots/{LOT}")).json()
    assert {name: lot[name] for name in ("spots", "available", "reserved", "occupied")} == {
        "spots": 2,
        "available": 1,
        "reserved": 0,
        "occupied": 1,
    }


async def test_a_lot_whose_hub_is_away_is_shown_with_the_age_of_the_copy(site: Site) -> None:
    driver = await site.driver()
    site.street.away = True
    site.watch.pass_by(timedelta(minutes=30))
    for path in (f"/lots/{LOT}", f"/spots/{SPOT}"):
        assert (await driver.get(path)).json()["bookable"] is False
    (lot,) = (await driver.get("/lots")).json()["lots"]
    assert (lot["bookable"], lot["as_of"]) == (False, "2026-05-14T12:00:00.000Z"), "its last fact's instant"
    assert (lot["name"], lot["timezone"], lot["tariff"]["step_minor"]) == ("Riverside", "Europe/Berlin", 100)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"lot_id": "nowhere"}, 404, "lot_unknown"),
        ({"vehicle_type": "tank"}, 422, "input_invalid"),
        ({"start_time": "soon"}, 422, "input_invalid"),
        ({"start_time": END.isoformat(), "end_time": START.isoformat()}, 422, "window_invalid"),
        ({"start_time": "2026-05-14T11:58:00Z"}, 422, "window_past"),
        ({"end_time": "2099-05-14T11:58:00Z"}, 422, "window_invalid"),
        ({"end_time": "9999-12-31T23:59:59-23:59"}, 422, "input_invalid"),
    ],
)
async def test_junk_is_refused(site: Site, change: dict[str, str], status: int, code: str) -> None:
    http = (await site.driver()).http
    answer = await http.get("/spots/available", params={**WANTED, **change})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_what_there_is_not_is_404(site: Site) -> None:
    driver = await site.driver()
    for path in ("/lots/nowhere", "/spots/riverside.9-999", "/spots/%00", "/nothing", "/users"):
        answer = await driver.get(path)
        assert answer.status_code in (404, 405, 422)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == f"urn:gatehouse:problem:{answer.json()['code']}"
