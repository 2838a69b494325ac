"""Booking over HTTP, with a street side that answers, refuses, is away, or loses what is said."""

import asyncio
import json
from datetime import timedelta

import pytest

from cloud_sync.central import booking
from cloud_sync.central.booking import State
from cloud_sync.central.hubs import Answer
from cloud_sync.central.tables import Booking
from cloud_sync.link.seal import Seal
from cloud_sync.link.v1.messages import HoldRequest
from cloud_sync.link.v1.wire import Envelope
from domain.plate import Plate
from domain.reservation import Status
from tests.cloud_sync.central.site import PLATE, Driver, Site
from tests.cloud_sync.central.street import COMPACT_SPOT, END, HOLD, LOT, SPOT, START

LONG = timedelta(seconds=90)
"""Longer than a hold's answer is waited for, and than any pause between two tries."""


async def test_a_hold_is_asked_of_the_hub_and_shown_as_the_hub_granted_it(site: Site) -> None:
    driver = await site.driver()
    answer = await driver.book()
    assert answer.status_code == 201
    shown = answer.json()
    assert shown == {
        "reservation_id": shown["reservation_id"],
        "lot_id": LOT,
        "spot_id": SPOT,
        "user_id": driver.user_id,
        "vehicle_id": driver.vehicle_id,
        "start_time": "2026-05-14T14:00:00.000Z",
        "end_time": "2026-05-14T16:00:00.000Z",
        "status": "held",
        "hold_expires_at": "2026-05-14T12:10:00.000Z",
        "price": {"amount_minor": 800, "currency": "EUR"},
        "payment_id": None,
        "entered_at": None,
        "left_at": None,
        "created_at": "2026-05-14T12:00:00.000Z",
    }
    (asked,) = site.street.requests("hold")
    assert isinstance(asked, HoldRequest)
    assert asked.driver_name == "Dana Driver"
    assert Seal(bytes.fromhex("2" * 64)).open(asked.plate) == Plate.parse(PLATE), "sealed with the lot's key"
    site.take_in()
    assert (await driver.get(f"/reservations/{shown['reservation_id']}")).json() == shown


async def test_the_fact_may_be_quicker_than_the_answer(site: Site) -> None:
    driver = await site.driver()
    carry_out = site.street._carry_out

    def and_tell(message: object) -> dict[str, object]:
        result = carry_out(message)  # type: ignore[arg-type]
        site.take_in()
        return result

    site.street._carry_out = and_tell  # type: ignore[method-assign]
    answer = await driver.book()
    assert answer.status_code == 201
    assert answer.json()["status"] == "held"


async def test_a_taken_spot_is_409(site: Site) -> None:
    first, second = await site.driver(), await site.driver("second@example.com")
    assert (await first.book()).status_code == 201
    answer = await second.book()
    assert (answer.status_code, answer.json()["code"]) == (409, "spot_taken")
    assert answer.headers["content-type"] == "application/problem+json"
    after = await second.book(start=END, end=END + timedelta(hours=1))
    assert after.status_code == 201, "windows that touch do not overlap"


async def test_a_hub_that_is_known_to_be_away_is_503_at_once_and_nothing_is_written(site: Site) -> None:
    driver = await site.driver()
    site.street.away = True
    answer = await driver.book()
    assert (answer.status_code, answer.json()["code"]) == (503, "hub_offline")
    assert int(answer.headers["retry-after"]) > 0
    assert site.bookings() == []


@pytest.mark.parametrize("lost", ["deaf", "mute"])
async def test_a_hold_whose_answer_is_lost_is_released_until_the_hub_has_answered(site: Site, lost: str) -> None:
    driver = await site.driver()
    setattr(site.street, lost, True)
    answer = await driver.book()
    assert (answer.status_code, answer.json()["code"]) == (503, "no_answer")
    await site.work()
    assert site.bookings()[0].state == State.RELEASING.value
    setattr(site.street, lost, False)
    site.watch.pass_by(timedelta(minutes=2))
    await site.work()
    assert site.bookings()[0].state == State.RELEASED.value
    assert Status.HELD not in site.street.status.values()
    site.watch.pass_by(timedelta(minutes=2))
    asked = len(site.street.asked)
    await site.work()
    assert len(site.street.asked) == asked, "an answered release is not repeated"


async def test_who_asks_again_does_not_meet_their_own_ghost(site: Site) -> None:
    driver = await site.driver()
    site.street.mute = True
    assert (await driver.book()).status_code == 503
    site.street.mute = False
    answer = await driver.book()
    assert answer.status_code == 201
    held = [known for known, status in site.street.status.items() if status is Status.HELD]
    assert held == [answer.json()["reservation_id"]]
    assert [name for name, _ in site.street.asked] == ["hold", "release", "hold"]


async def test_who_asks_again_gets_the_hold_whose_fact_comes_while_they_wait_their_turn(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = await killed_while_asking(site, monkeypatch)
    give_up = booking.Bookings._give_up

    def too_late(bookings: booking.Bookings, ghost: str) -> bool:
        site.take_in()
        return give_up(bookings, ghost)

    monkeypatch.setattr(booking.Bookings, "_give_up", too_late)
    answer = await driver.book()
    assert answer.status_code == 201, "not refused because of their own hold"
    assert answer.json()["reservation_id"] == site.bookings()[0].reservation_id
    assert [name for name, _ in site.street.asked] == ["hold"]


async def killed_while_asking(site: Site, monkeypatch: pytest.MonkeyPatch) -> Driver:
    """Who has asked for a hold that the lot has granted; central died before the answer was on its disk, and nothing
    else of the lot has come to it either. So it is where its disk was set back, and the answer was passed on."""
    driver = await site.driver()
    with monkeypatch.context() as dying:
        ask = site.street.ask

        async def die_after(*args: object) -> object:
            await ask(*args)  # type: ignore[arg-type]
            raise RuntimeError("kill -9")

        dying.setattr(site.street, "ask", die_after)
        assert (await driver.book()).status_code == 500
        dying.setattr(site, "take_in", lambda: None)
        site.restart()
    assert site.bookings()[0].state == State.ASKED.value
    site.watch.pass_by(LONG)
    return driver.with_app(site.app)


async def test_killed_between_asking_and_the_answer_what_the_lot_does_not_tell_is_released(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await killed_while_asking(site, monkeypatch)
    await site.work()
    assert site.bookings()[0].state == State.RELEASED.value
    assert list(site.street.status.values()) == [Status.CANCELLED]


async def test_a_hold_that_was_granted_before_the_disk_was_set_back_stands(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = await killed_while_asking(site, monkeypatch)
    site.catch_up(True)
    await site.work()
    assert site.street.requests("release") == [], "its driver may have been told 201"
    answer = await driver.book()
    assert (answer.status_code, answer.json()["code"]) == (503, "catching_up"), "nor is it taken for a ghost"
    site.catch_up(False)
    site.watch.pass_by(LONG)
    await site.hear()
    assert (await driver.book()).json()["reservation_id"] == site.bookings()[0].reservation_id
    assert (await driver.pay(site.bookings()[0].reservation_id)).status_code == 201
    assert [name for name, _ in site.street.asked] == ["hold", "confirm"]


async def test_it_is_given_up_once_it_has_run_out_although_the_lot_has_told_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await killed_while_asking(site, monkeypatch)
    site.catch_up(True)
    site.watch.pass_by(HOLD - LONG)
    await site.work()
    assert site.bookings()[0].state == State.ASKED.value
    site.watch.pass_by(LONG)
    await site.work()
    assert site.bookings()[0].state == State.RELEASED.value


async def test_what_was_paid_for_is_held_also_where_it_was_given_up(site: Site) -> None:
    reservation_id = await site.paid()
    with site.office.database.transaction() as session:
        session.get_one(Booking, reservation_id).state = State.RELEASED.value
    site.take_in()
    assert site.bookings()[0].state == State.HELD.value


async def test_the_fact_of_a_hold_is_as_good_as_its_answer(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = await site.driver()
    carry_out = site.street._carry_out

    def and_tell(message: Envelope) -> dict[str, object]:
        result = carry_out(message)
        site.take_in()
        return result

    monkeypatch.setattr(site.street, "_carry_out", and_tell)
    site.street.mute = True
    assert (await driver.book()).status_code == 201
    await site.work()
    assert site.street.requests("release") == []


async def test_asking_again_for_what_one_holds_gets_it(site: Site) -> None:
    driver = await site.driver()
    first, again = await driver.book(), await driver.book()
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert len(site.street.requests("hold")) == 1


async def test_pressing_the_button_twice_asks_once(site: Site) -> None:
    driver = await site.driver()
    answers = await asyncio.gather(driver.book(), driver.book(), driver.book())
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["reservation_id"] for answer in answers}) == 1
    assert len(site.street.requests("hold")) == 1


async def test_an_answer_that_comes_after_the_release_does_not_count(site: Site) -> None:
    driver = await site.driver()
    ask = site.street.ask

    async def slowly(lot_id: str, name: str, message: Envelope, answer: type[Answer]) -> Answer:
        said = await ask(lot_id, name, message, answer)
        if name == "hold":
            site.watch.pass_by(timedelta(seconds=30))
            await site.work()
        return said

    site.street.ask = slowly  # type: ignore[method-assign]
    assert (await driver.book()).status_code == 503
    assert list(site.street.status.values()) == [Status.CANCELLED]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"start_time": END.isoformat(), "end_time": START.isoformat()}, 422, "window_invalid"),
        ({"start_time": "2026-05-14T11:00:00Z"}, 422, "window_past"),
        ({"end_time": "2026-07-14T11:00:00Z"}, 422, "window_invalid"),
        ({"start_time": "2026-05-14T14:00:00"}, 422, "input_invalid"),
        ({"start_time": 17, "end_time": None}, 422, "input_invalid"),
        ({"spot_id": "riverside.9-999"}, 404, "spot_unknown"),
        ({"spot_id": ["riverside.1-001"]}, 422, "input_invalid"),
        ({"spot_id": "\ud800"}, 422, "input_invalid"),
        ({"spot_id": COMPACT_SPOT}, 422, "spot_unfit"),
        ({"vehicle_id": "veh_unknown"}, 404, "vehicle_unknown"),
        ({"user_id": "usr_other"}, 404, "user_unknown"),
        ({"user_id": "x" * 5_000}, 422, "input_invalid"),
    ],
)
async def test_junk_is_refused_before_the_hub_hears_of_it(
    site: Site, change: dict[str, object], status: int, code: str
) -> None:
    driver = await site.driver()
    body = json.dumps({**driver.wish(), **change})  # httpx would not send half a surrogate pair
    headers = {**driver.headers, "Content-Type": "application/json"}
    answer = await driver.http.post("/reservations", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert site.street.asked == []


async def test_a_car_of_somebody_else_is_unknown(site: Site) -> None:
    mine, other = await site.driver(), await site.driver("other@example.com")
    answer = await mine.post("/reservations", {**mine.wish(), "vehicle_id": other.vehicle_id})
    assert (answer.status_code, answer.json()["code"]) == (404, "vehicle_unknown")


async def test_a_rush_waits_its_turn_and_its_time_runs_from_when_the_lot_is_asked(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(booking, "AT_ONCE_MAX", 1)
    drivers = [await site.driver(f"{number}@example.com") for number in range(3)]
    ask, at_once, most = site.street.ask, 0, 0

    async def slowly(lot_id: str, name: str, message: Envelope, answer: type[Answer]) -> Answer:
        nonlocal at_once, most
        assert isinstance(message, HoldRequest)
        assert message.answer_by > site.watch().utc
        at_once += 1
        most = max(most, at_once)
        site.watch.pass_by(timedelta(seconds=10))
        await asyncio.sleep(0)
        at_once -= 1
        return await ask(lot_id, name, message, answer)

    monkeypatch.setattr(site.street, "ask", slowly)
    answers = await asyncio.gather(*(driver.book() for driver in drivers))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert most == 1


async def test_more_than_can_wait_are_told_to_come_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(booking, "WAITING_MAX", 0)
    answer = await (await site.driver()).book()
    assert (answer.status_code, answer.json()["code"]) == (503, "lot_busy")
